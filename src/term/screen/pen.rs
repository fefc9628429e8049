//! The pen: what SGR, DECSCA and OSC 8 set and the next character gets.
//!
//! xterm.js keeps underline style, underline colour and link apart from the rest, with one flag that
//! says whether cells get them. DECSC saves the flag but not what it stands for. We do the same.

use crate::term::link::LinkId;
use crate::term::style::{self, Attrs, Color, Style, StyleId, Underline};
use crate::term::token::Params;

/// What DECSC saves of the pen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SavedPen {
    /// Foreground.
    pub fg: Color,
    /// Background.
    pub bg: Color,
    /// Attributes but those of the underline.
    pub attrs: Attrs,
    /// SGR 4 is on.
    pub underlined: bool,
    /// Cells get underline style, underline colour and link.
    pub extended: bool,
}

/// The pen.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pen {
    /// What DECSC saves.
    pub base: SavedPen,
    /// Underline style.
    pub underline: Underline,
    /// Underline colour.
    pub underline_color: Color,
    /// SGR 59 came after the last underline colour.
    pub underline_color_reset: bool,
    /// Link of what is printed.
    pub link: LinkId,
}

impl Pen {
    /// The style of what is printed now.
    pub fn style(&self) -> Style {
        let base = self.base;
        let mut style = Style { fg: base.fg, bg: base.bg, attrs: base.attrs, ..Style::DEFAULT };
        if base.extended {
            style.link = self.link;
        }
        if base.underlined {
            style.underline = Underline::Single;
            if base.extended {
                if self.underline != Underline::None {
                    style.underline = self.underline;
                }
                style.underline_color = self.underline_color;
                style.attrs.set(Attrs::UNDERLINE_COLOR_RESET, self.underline_color_reset);
            }
        }
        style
    }

    /// The number of that style, where it is simple enough to need no table.
    #[inline]
    pub fn direct_id(&self) -> Option<StyleId> {
        let base = &self.base;
        if base.extended {
            return style::direct(&self.style());
        }
        let underline = if base.underlined { u32::from(Underline::Single.number()) } else { 0 };
        let looks = style::looks_part(base.attrs, underline);
        Some(style::of_parts([style::color_part(base.fg)?, style::color_part(base.bg)?, looks]))
    }

    /// The style without what only `extended` brings (DECALN).
    pub fn plain_style(&self) -> Style {
        Pen { base: self.base, ..Pen::default() }.style()
    }

    /// Opens or closes a link.
    pub fn set_link(&mut self, link: LinkId) {
        self.link = link;
        self.update();
    }

    /// Whether underline style or link ask for `extended`.
    pub fn wants_extended(&self) -> bool {
        self.underline != Underline::None || self.link != 0
    }

    fn update(&mut self) {
        self.base.extended = self.wants_extended();
    }

    fn set_underline(&mut self, underline: Underline) {
        self.underline = underline;
        self.base.underlined = underline != Underline::None;
        self.update();
    }

    fn reset(&mut self) {
        self.base = SavedPen::default();
        self.underline = Underline::None;
        self.underline_color = Color::Default;
        self.underline_color_reset = false;
        self.update();
    }

    /// DECSCA.
    pub fn protect(&mut self, what: i32) {
        match what {
            1 => self.base.attrs.set(Attrs::PROTECTED, true),
            0 | 2 => self.base.attrs.set(Attrs::PROTECTED, false),
            _ => {}
        }
    }

    /// SGR.
    pub fn select(&mut self, params: &Params) {
        let mut at = 0;
        while at < params.len() {
            let value = params.get(at);
            match value {
                0 => self.reset(),
                4 => {
                    let style =
                        params.subs(at).first().map_or(1, |&n| u8::try_from(n).unwrap_or(1));
                    self.set_underline(Underline::from_number(style));
                }
                21 => self.set_underline(Underline::Double),
                24 => self.set_underline(Underline::None),
                38 | 48 | 58 => at += self.color(params, at),
                30..=37 => self.base.fg = Color::Palette(value as u8 - 30),
                40..=47 => self.base.bg = Color::Palette(value as u8 - 40),
                90..=97 => self.base.fg = Color::Palette(value as u8 - 90 + 8),
                100..=107 => self.base.bg = Color::Palette(value as u8 - 100 + 8),
                39 => self.base.fg = Color::Default,
                49 => self.base.bg = Color::Default,
                59 => {
                    self.underline_color = Color::Default;
                    self.underline_color_reset = true;
                    self.update();
                }
                _ => self.attribute(value),
            }
            at += 1;
        }
    }

    fn attribute(&mut self, value: i32) {
        let attrs = &mut self.base.attrs;
        match value {
            1 => attrs.set(Attrs::BOLD, true),
            2 => attrs.set(Attrs::DIM, true),
            3 => attrs.set(Attrs::ITALIC, true),
            5 => attrs.set(Attrs::BLINK, true),
            7 => attrs.set(Attrs::INVERSE, true),
            8 => attrs.set(Attrs::INVISIBLE, true),
            9 => attrs.set(Attrs::STRIKE, true),
            22 => {
                attrs.set(Attrs::BOLD, false);
                attrs.set(Attrs::DIM, false);
            }
            23 => attrs.set(Attrs::ITALIC, false),
            25 => attrs.set(Attrs::BLINK, false),
            27 => attrs.set(Attrs::INVERSE, false),
            28 => attrs.set(Attrs::INVISIBLE, false),
            29 => attrs.set(Attrs::STRIKE, false),
            53 => attrs.set(Attrs::OVERLINE, true),
            55 => attrs.set(Attrs::OVERLINE, false),
            _ => {}
        }
    }

    /// SGR 38, 48, 58 in all their forms: `38;5;n`, `38:5:n`, `38;2;r;g;b`, `38:2:r:g:b`,
    /// `38:2::r:g:b` and mixtures. Returns how many further parameters it took.
    fn color(&mut self, params: &Params, at: usize) -> usize {
        if params.is_plain() {
            let value = |n| (params.get(at + n) & 0xff) as u8;
            let target = params.get(at);
            match params.get(at + 1) {
                5 if at + 2 < params.len() => {
                    self.set_color(target, Color::Palette(value(2)));
                    return 2;
                }
                2 if at + 4 < params.len() => {
                    self.set_color(target, Color::Rgb(value(2), value(3), value(4)));
                    return 4;
                }
                _ => {}
            }
        }
        self.color_of_parts(params, at)
    }

    /// The forms with sub-parameters, and those cut short.
    fn color_of_parts(&mut self, params: &Params, at: usize) -> usize {
        // Target, kind, colour space, then the values; the space is given by colons alone.
        let mut slots = [0, 0, -1, 0, 0, 0];
        let (mut taken, mut shift) = (0, 0);
        loop {
            slots[taken + shift] = params.get(at + taken);
            let subs = params.subs(at + taken);
            if !subs.is_empty() {
                for (i, &sub) in subs.iter().enumerate() {
                    if slots[1] == 5 {
                        shift = 1;
                    }
                    match slots.get_mut(taken + i + 1 + shift) {
                        Some(slot) => *slot = sub,
                        None => break,
                    }
                }
                break;
            }
            let decided =
                (slots[1] == 5 && taken + shift >= 2) || (slots[1] == 2 && taken + shift >= 5);
            if decided {
                break;
            }
            if slots[1] != 0 {
                shift = 1;
            }
            taken += 1;
            if at + taken >= params.len() || taken + shift >= slots.len() {
                break;
            }
        }
        let byte = |slot: i32| if slot == -1 { 0 } else { (slot & 0xff) as u8 };
        let color = match slots[1] {
            2 => Some(Color::Rgb(byte(slots[3]), byte(slots[4]), byte(slots[5]))),
            5 => Some(Color::Palette(byte(slots[3]))),
            _ => None,
        };
        if let Some(color) = color {
            self.set_color(slots[0], color);
        }
        taken
    }

    fn set_color(&mut self, target: i32, color: Color) {
        match target {
            38 => self.base.fg = color,
            48 => self.base.bg = color,
            58 => {
                self.underline_color = color;
                self.underline_color_reset = false;
            }
            _ => {}
        }
    }
}
