//! Operating system commands: titles, colours, links, and what is only told to others.
//!
//! Sources: xterm's control sequences, the hyperlinks note of Egmont Koblinger, iTerm2's and ConEmu's
//! notification and progress codes, FinalTerm's prompt marks.

use super::Screen;
use crate::limits::{COLOR_BYTES_MAX, TITLE_BYTES_MAX, TITLES_MAX};
use crate::term::link::Link;
use crate::term::reply::parse_color;
use crate::term::token::Params;
use crate::term::watch::{Event, PromptMark, Watch};

/// Title and icon name, and what `CSI 22 t` has put aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Titles {
    /// The title.
    pub title: String,
    /// Titles put aside, the oldest first.
    pub titles: Vec<String>,
    /// The icon name.
    pub icon: String,
    /// Icon names put aside.
    pub icons: Vec<String>,
}

/// Which colour a program set.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PaletteKey {
    /// OSC 4.
    Indexed(u8),
    /// OSC 10, 11, 12: foreground, background, cursor.
    Special(u8),
}

impl Screen {
    /// Carries out an OSC.
    pub(super) fn osc(&mut self, number: u32, payload: &str, watch: &mut impl Watch) {
        match number {
            0 => {
                self.set_title(payload, watch);
                self.titles.icon = cut(payload).to_owned();
            }
            1 => self.titles.icon = cut(payload).to_owned(),
            2 => self.set_title(payload, watch),
            4 => self.set_indexed(payload),
            7 => watch.event(Event::Cwd(payload)),
            8 => self.hyperlink(payload),
            9 => notification(payload, watch),
            10..=12 => self.set_special(number as u8, payload),
            52 => clipboard(payload, watch),
            99 | 777 => notify(number, payload, watch),
            104 => self.reset_indexed(payload),
            110..=112 => {
                self.palette.retain(|(k, _)| *k != PaletteKey::Special(number as u8 - 100))
            }
            133 => prompt(payload, watch),
            _ => {}
        }
    }

    fn set_title(&mut self, title: &str, watch: &mut impl Watch) {
        self.titles.title = cut(title).to_owned();
        watch.event(Event::Title(&self.titles.title));
    }

    /// XTWINOPS 22 and 23: title and icon name are put aside and brought back.
    pub(super) fn title_stack(&mut self, params: &Params, watch: &mut impl Watch) {
        let which = params.get(1);
        let (title, icon) = (which == 0 || which == 2, which == 0 || which == 1);
        let titles = &mut self.titles;
        match params.get(0) {
            22 => {
                if title {
                    put_aside(&mut titles.titles, titles.title.clone());
                }
                if icon {
                    put_aside(&mut titles.icons, titles.icon.clone());
                }
            }
            23 => {
                if title && let Some(old) = titles.titles.pop() {
                    titles.title = old;
                    watch.event(Event::Title(&titles.title));
                }
                if icon && let Some(old) = titles.icons.pop() {
                    titles.icon = old;
                }
            }
            _ => {}
        }
    }

    fn set_indexed(&mut self, payload: &str) {
        let mut parts = payload.split(';');
        while let (Some(index), Some(spec)) = (parts.next(), parts.next()) {
            if let Ok(index) = index.parse::<u8>() {
                self.set_color(PaletteKey::Indexed(index), spec);
            }
        }
    }

    /// One after the other from `first` on, up to the cursor's.
    fn set_special(&mut self, first: u8, payload: &str) {
        for (which, spec) in (first..=12).zip(payload.split(';')) {
            self.set_color(PaletteKey::Special(which), spec);
        }
    }

    /// What is no colour sets none.
    fn set_color(&mut self, key: PaletteKey, spec: &str) {
        if spec.len() > COLOR_BYTES_MAX || parse_color(spec).is_none() {
            return;
        }
        match self.palette.binary_search_by_key(&key, |(k, _)| *k) {
            Ok(at) => self.palette[at].1 = spec.to_owned(),
            Err(at) => self.palette.insert(at, (key, spec.to_owned())),
        }
    }

    fn reset_indexed(&mut self, payload: &str) {
        let indexed = |key: &PaletteKey| matches!(key, PaletteKey::Indexed(_));
        if payload.is_empty() {
            return self.palette.retain(|(key, _)| !indexed(key));
        }
        for index in payload.split(';').filter_map(|part| part.parse::<u8>().ok()) {
            self.palette.retain(|(key, _)| *key != PaletteKey::Indexed(index));
        }
    }

    /// OSC 8: `params ; uri`. A link without a URI ends the one before.
    fn hyperlink(&mut self, payload: &str) {
        let Some((params, uri)) = payload.split_once(';') else { return };
        if uri.is_empty() {
            if params.trim().is_empty() {
                self.pen.set_link(0);
                self.pen_changed();
            }
            return;
        }
        if self.tables.links.wants_sweep() {
            self.sweep();
        }
        let id = params.trim().split(':').find_map(|p| p.strip_prefix("id=")).unwrap_or_default();
        let link = self.tables.links.intern(&Link { id: id.into(), uri: uri.into() });
        self.pen.set_link(link);
        self.pen_changed();
    }
}

/// A text cut to `TITLE_BYTES_MAX`, at a character.
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TITLE_BYTES_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

fn put_aside(stack: &mut Vec<String>, text: String) {
    stack.push(text);
    if stack.len() > TITLES_MAX {
        stack.remove(0);
    }
}

/// OSC 9: progress (`4;state;percent`) or a notification.
fn notification(payload: &str, watch: &mut impl Watch) {
    let Some(progress) = payload.strip_prefix("4;") else {
        return watch.event(Event::Notify(payload));
    };
    let mut parts = progress.split(';');
    let state = parts.next().and_then(|s| s.parse::<u8>().ok()).filter(|&s| s <= 4);
    let percent = parts.next().and_then(|p| p.parse::<u8>().ok()).unwrap_or(0).min(100);
    if let Some(state) = state {
        watch.event(Event::Progress { state, percent });
    }
}

/// OSC 99 (kitty: `metadata ; text`) and OSC 777 (`notify ; title ; text`).
fn notify(number: u32, payload: &str, watch: &mut impl Watch) {
    let text = match number {
        99 => payload.split_once(';').filter(|(meta, _)| !meta.contains("p=?")).map(|(_, t)| t),
        _ => payload.strip_prefix("notify;"),
    };
    if let Some(text) = text {
        watch.event(Event::Notify(text));
    }
}

/// OSC 52: a write only; what asks for the clipboard gets nothing.
fn clipboard(payload: &str, watch: &mut impl Watch) {
    if let Some((selection, base64)) = payload.split_once(';')
        && base64 != "?"
    {
        watch.event(Event::Clipboard { selection, base64 });
    }
}

/// OSC 133.
fn prompt(payload: &str, watch: &mut impl Watch) {
    let mut parts = payload.split(';');
    let mark = match parts.next() {
        Some("A") => PromptMark::PromptStart,
        Some("B") => PromptMark::CommandStart,
        Some("C") => PromptMark::OutputStart,
        Some("D") => PromptMark::CommandEnd(parts.next().and_then(|code| code.parse().ok())),
        _ => return,
    };
    watch.event(Event::Prompt(mark));
}
