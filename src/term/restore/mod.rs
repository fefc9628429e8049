//! The screen as bytes that rebuild it, exactly, in a fresh terminal of its size.
//!
//! Its length depends on what is shown and on the history asked for, never on how much was printed.
//! Holds no query, no bell and no clipboard write. The order matters: what a step needs and what it
//! disturbs is said where it is taken.

mod exact;
mod modes;
mod sgr;
mod writer;

pub use exact::is_exact;
pub use modes::undo;

use self::writer::Writer;
use super::cell::Cell;
use super::pack;
use super::screen::charset::Charset;
use super::screen::pen::Pen;
use super::screen::{ALT, MAIN, Page, PaletteKey, Saved, Screen, Tabs};
use super::style::{Color, Style};
use super::tables::Tables;

/// Styles a scratch table may hold before it is begun anew.
const SCRATCH_STYLES_MAX: usize = 4096;

/// The bytes, with the last `history_rows` rows of history before the screen.
pub fn restore(screen: &Screen, history_rows: usize) -> Vec<u8> {
    let mut writer = Writer::new(screen.rows, screen.cols);
    let scrolled = history(screen, history_rows, &mut writer);
    if screen.pages[MAIN].grid.wrapped(0) && !scrolled {
        writer.continue_nothing();
    }
    page_rows(screen, MAIN, scrolled, &mut writer);
    let blank = Tables::default();
    // The hidden page first: what belongs to it can only be said while it is shown.
    if screen.active == ALT {
        page_state(screen, MAIN, &mut writer);
        enter_alternate(screen, &mut writer);
        writer.begin_page();
        if screen.pages[ALT].grid.wrapped(0) {
            writer.continue_nothing();
        }
        page_rows(screen, ALT, false, &mut writer);
    } else if has_state(&screen.pages[ALT]) {
        writer.exact_pen(&Style::DEFAULT, &blank);
        writer.send("\x1b[?47h");
        kitty(&screen.pages[ALT], &mut writer);
        saved(screen, &screen.pages[ALT].saved, &mut writer);
        writer.send("\x1b[?47l");
    }
    page_state(screen, screen.active, &mut writer);
    if !is_unset(screen, screen.active) || charset_is_stray(screen) {
        saved(screen, &screen.pages[screen.active].saved, &mut writer);
    }
    titles(screen, &mut writer);
    modes::put(&screen.modes, &mut writer);
    ending(screen, &mut writer);
    writer.out
}

/// Writes history. Returns whether there was any.
fn history(screen: &Screen, rows: usize, writer: &mut Writer) -> bool {
    let mut any = false;
    history_rows(screen, rows, &mut |row, tables| {
        let continues = any && row.wrapped;
        if any && !continues {
            writer.next_row();
        } else if row.wrapped && !any {
            writer.continue_nothing();
        }
        let goes_on = row.goes_on || (row.newest && screen.pages[MAIN].grid.wrapped(0));
        writer.row(row.cells, continues, goes_on, tables);
        any = true;
    });
    any
}

/// A row of the history.
pub struct HistoryRow<'a> {
    /// Its cells.
    pub cells: &'a [Cell],
    /// It continues the row before it.
    pub wrapped: bool,
    /// Another continues it.
    pub goes_on: bool,
    /// It is the last one.
    pub newest: bool,
}

/// Calls `each` with the last `rows` rows of history, the oldest first.
pub fn history_rows(screen: &Screen, rows: usize, each: &mut impl FnMut(HistoryRow<'_>, &Tables)) {
    let mut tables = Tables::default();
    let (mut cells, mut row) = (Vec::new(), Vec::new());
    let mut spans = Vec::new();
    let mut found = 0;
    for span in screen.history.spans().take(rows) {
        screen.history.cells(&span, &mut tables, &mut cells);
        found += lay(&cells, screen.cols, &mut row, &mut |_, _, _| {});
        spans.push(span);
        renew(&mut tables);
        if found >= rows {
            break;
        }
    }
    let skip = found.saturating_sub(rows);
    let mut at = 0;
    for span in spans.iter().rev() {
        screen.history.cells(span, &mut tables, &mut cells);
        let begun =
            cells.first().is_some_and(|&c| pack::mark(c) == Some((pack::Mark::Row, screen.cols)));
        lay(&cells, screen.cols, &mut row, &mut |cells, first, goes_on| {
            at += 1;
            if at > skip {
                let wrapped = !first || span.continues || begun;
                each(HistoryRow { cells, wrapped, goes_on, newest: at == found }, &tables);
            }
        });
        renew(&mut tables);
    }
}

/// Calls `each` with every row of a line, whether it is its first, and whether another follows. Returns
/// their number.
fn lay(
    cells: &[Cell],
    cols: usize,
    row: &mut Vec<Cell>,
    each: &mut impl FnMut(&[Cell], bool, bool),
) -> usize {
    let end = pack::text_end(cells, cols);
    let (mut at, mut rows) = (0, 0);
    loop {
        at = pack::lay_row(cells, at, end, cols, row);
        each(row, rows == 0, at < cells.len());
        rows += 1;
        if at >= cells.len() {
            return rows;
        }
    }
}

/// A scratch table must not grow with the history.
fn renew(tables: &mut Tables) {
    if tables.styles.end() > SCRATCH_STYLES_MAX || tables.clusters.end() > SCRATCH_STYLES_MAX {
        *tables = Tables::default();
    }
}

/// Writes a page's rows. `scrolled`: rows were written before, so all of them count.
fn page_rows(screen: &Screen, page: usize, scrolled: bool, writer: &mut Writer) {
    let grid = &screen.pages[page].grid;
    let mut scratch = Vec::new();
    for y in 0..grid.rows() {
        let continues = grid.wrapped(y) && (y > 0 || scrolled);
        if !continues && (y > 0 || scrolled) {
            writer.next_row();
        }
        let goes_on = y + 1 < grid.rows() && grid.wrapped(y + 1);
        writer.row(grid.used(y, &mut scratch), continues, goes_on, &screen.tables);
    }
    if scrolled {
        // Blank rows at the end are needed to push the history off the screen.
        writer.flush_feeds();
    }
}

/// Whether a page's saved cursor is that of a fresh terminal, which is the first row of all.
fn is_unset(screen: &Screen, page: usize) -> bool {
    let above = if page == MAIN { i64::from(screen.above) } else { 0 };
    screen.pages[page].saved == Saved { y: -above, ..Saved::default() }
}

/// Whether a hidden alternate page keeps anything.
fn has_state(page: &Page) -> bool {
    page.saved != Saved::default() || page.kitty.len() > 1 || page.kitty.first() != Some(&0)
}

/// What belongs to a page beside its rows: tab stops, keyboard stack, region.
fn page_state(screen: &Screen, which: usize, writer: &mut Writer) {
    let page = &screen.pages[which];
    if !screen.has_default_tabs(which) {
        tabs(&page.tabs, screen.cols, writer);
    }
    kitty(page, writer);
    if page.top != 0 || page.bottom != screen.rows - 1 {
        writer.send(&format!("\x1b[{};{}r", page.top + 1, page.bottom + 1));
        writer.moved();
    }
}

fn tabs(tabs: &Tabs, cols: usize, writer: &mut Writer) {
    let default = Tabs::every_eight(cols);
    let changed = (0..cols).filter(|&x| tabs.get(x) != default.get(x));
    let stops = (0..cols).filter(|&x| tabs.get(x));
    if changed.clone().count() <= stops.clone().count() {
        for x in changed {
            let what = if tabs.get(x) { "\x1bH" } else { "\x1b[g" };
            writer.send(&format!("\x1b[{}G{what}", x + 1));
        }
    } else {
        writer.send("\x1b[3g");
        stops.for_each(|x| writer.send(&format!("\x1b[{}G\x1bH", x + 1)));
    }
    writer.moved();
}

fn kitty(page: &Page, writer: &mut Writer) {
    let mut flags = page.kitty.iter();
    if let Some(base) = flags.next().filter(|&&base| base != 0) {
        writer.send(&format!("\x1b[={base}u"));
    }
    flags.for_each(|flags| writer.send(&format!("\x1b[>{flags}u")));
}

/// Shows the alternate page; the main page's saved cursor is set on the way.
fn enter_alternate(screen: &Screen, writer: &mut Writer) {
    let state = &screen.pages[MAIN].saved;
    let none = Tables::default();
    if is_unset(screen, MAIN) {
        writer.exact_pen(&Style::DEFAULT, &none);
        writer.send("\x1b[?47h");
    } else if state.pen.bg == Color::Default && state.charset == Charset::US {
        // 1049 saves the cursor itself.
        place_saved(screen, state, writer);
        writer.send("\x1b[?1049h");
    } else {
        saved(screen, state, writer);
        writer.exact_pen(&Style::DEFAULT, &none);
        writer.send("\x1b[?47h");
    }
}

/// Goes to a saved position with the saved pen.
fn place_saved(screen: &Screen, state: &Saved, writer: &mut Writer) {
    let y = state.y.clamp(0, screen.rows as i64 - 1) as usize;
    writer.go(y, state.x.min(screen.cols - 1), 0);
    // With it the flag that lets cells have a link is saved: it takes a link to set it.
    let link = if state.pen.extended { screen.pen.link } else { 0 };
    let style = Pen { base: state.pen, link, ..Pen::default() }.style();
    writer.exact_pen(&style, &screen.tables);
    if state.pen.extended && style.link == 0 && !state.pen.underlined {
        writer.any_link();
    }
}

/// DECSC with this state.
fn saved(screen: &Screen, state: &Saved, writer: &mut Writer) {
    place_saved(screen, state, writer);
    if state.charset != Charset::US {
        writer.send(&format!("\x1b({}\x1b7\x1b(B", char::from(state.charset.last())));
    } else {
        writer.send("\x1b7");
    }
}

/// The set in force is not the one shifted in: DECRC did that.
fn charset_is_stray(screen: &Screen) -> bool {
    screen.charset != screen.charsets[screen.shift]
}

fn titles(screen: &Screen, writer: &mut Writer) {
    let titles = &screen.titles;
    for title in &titles.titles {
        writer.send(&format!("\x1b]2;{title}\x1b\\\x1b[22;2t"));
    }
    for icon in &titles.icons {
        writer.send(&format!("\x1b]1;{icon}\x1b\\\x1b[22;1t"));
    }
    let pushed = |stack: &[String], now: &str| stack.last().map_or("", String::as_str) != now;
    match (pushed(&titles.titles, &titles.title), pushed(&titles.icons, &titles.icon)) {
        (true, true) if titles.title == titles.icon => {
            writer.send(&format!("\x1b]0;{}\x1b\\", titles.title));
        }
        (title, icon) => {
            if title {
                writer.send(&format!("\x1b]2;{}\x1b\\", titles.title));
            }
            if icon {
                writer.send(&format!("\x1b]1;{}\x1b\\", titles.icon));
            }
        }
    }
    for (key, spec) in &screen.palette {
        match key {
            PaletteKey::Indexed(n) => writer.send(&format!("\x1b]4;{n};{spec}\x1b\\")),
            PaletteKey::Special(n) => writer.send(&format!("\x1b]{n};{spec}\x1b\\")),
        }
    }
}

/// Charsets, origin, cursor, pen and the character printed last.
fn ending(screen: &Screen, writer: &mut Writer) {
    let page = screen.page();
    let top = if screen.modes.origin { page.top } else { 0 };
    // Another page's cursor may be outside the region.
    let (x, y) = (page.x.min(screen.cols), page.y.max(top));
    let last = last_printed(screen);
    let pending = x == screen.cols;
    if screen.modes.origin {
        writer.send("\x1b[?6h");
        writer.moved();
    }
    if pending && last.is_none() {
        // Printing the last column again makes the next character wrap; the charsets come after it.
        let right = page.grid.cell(y, x - 1);
        let before = page.grid.cell(y, x - 2);
        writer.go(y, if before.width() == 2 { x - 2 } else { x - 1 }, top);
        if before.width() == 2 && right.has_content() {
            writer.cut(before, right, screen.modes.wrap, &screen.tables);
        } else {
            let cell = if before.width() == 2 { before } else { right };
            writer.fill(cell, &screen.tables);
        }
        if (0..screen.cols).all(|x| page.grid.cell(y, x) == right) && !right.has_content() {
            // Erasing up to the cursor leaves it behind the last column.
            writer.erase_to_here(&screen.tables.style(right));
        }
    } else if last.is_none() && writer.at() != Some((y, x)) {
        writer.go(y, x, top);
    }
    charsets(screen, writer);
    let printed = last.map(|at| (at, page.grid.cell(y, at)));
    if let Some(at) = last.filter(|&at| cuts(screen, at)) {
        writer.go(y, at - 1, top);
        writer.fill(page.grid.cell(y, at - 1), &screen.tables);
    } else if let Some(at) = last {
        writer.go(y, at, top);
    }
    pen(screen, writer);
    if screen.modes.insert {
        if let Some((_, cell)) = printed {
            // Printing it will insert it: it is taken out first.
            writer.send(if cell.width() == 2 { "\x1b[2P" } else { "\x1b[P" });
        }
        writer.send("\x1b[4h");
    }
    match printed {
        Some((_, cell)) => writer.again(cell, screen.charset, &screen.tables),
        None => writer.part(),
    }
}

/// The column of the character printed last, if a mark or REP could still follow it.
fn last_printed(screen: &Screen) -> Option<usize> {
    let page = screen.page();
    let at = page.x.checked_sub(usize::from(screen.preceding)).filter(|_| screen.preceding > 0)?;
    let cell = page.grid.cell(page.y, at.min(screen.cols - 1));
    let same = screen.tables.style(cell) == screen.pen.style();
    (same && cell.has_content() && cell.width() == screen.preceding).then_some(at)
}

fn charsets(screen: &Screen, writer: &mut Writer) {
    for (slot, charset) in screen.charsets.iter().enumerate() {
        if *charset != Charset::US {
            let slot = ['(', ')', '*', '+'][slot];
            writer.send(&format!("\x1b{slot}{}", char::from(charset.last())));
        }
    }
    if screen.shift != 0 {
        writer.send(shift(screen.shift));
    }
    if charset_is_stray(screen) && screen.page().saved.charset == screen.charset {
        // DECRC brings the set and the cursor; the cursor goes back to its place.
        writer.send("\x1b8");
        let page = screen.page();
        let top = if screen.modes.origin { page.top } else { 0 };
        writer.moved();
        writer.forget_pen();
        writer.go(page.y.max(top), page.x.min(screen.cols - 1), top);
    }
}

/// The control that shifts in G0 to G3.
fn shift(slot: usize) -> &'static str {
    ["\x0f", "\x0e", "\x1bn", "\x1bo"][slot]
}

/// Whether the character in this column has cut a wide one: printing behind one takes it away, unless both are
/// printed in one go.
fn cuts(screen: &Screen, at: usize) -> bool {
    let page = screen.page();
    at > 0 && page.grid.cell(page.y, at - 1).width() == 2
}

/// The column to which the cursor can still be sent when the pen is set: that of the character printed last, or its
/// own.
fn place_of_pen(screen: &Screen) -> Option<usize> {
    let x = screen.page().x;
    last_printed(screen)
        .or((x < screen.cols).then_some(x))
        .filter(|&at| !cuts(screen, at) || at == x)
}

/// The pen.
fn pen(screen: &Screen, writer: &mut Writer) {
    let pen = &screen.pen;
    let shown = pen.style();
    let mut style = Style { underline_color: pen.underline_color, link: pen.link, ..shown };
    style.attrs.set(super::style::Attrs::UNDERLINE_COLOR_RESET, pen.underline_color_reset);
    if pen.base.extended || !pen.wants_extended() {
        return writer.exact_pen(&style, &screen.tables);
    }
    // DECRC took the flag from a pen that still has underline style or link: the same happens here.
    let Some(x) = place_of_pen(screen).filter(|_| strips(screen)) else {
        return writer.exact_pen(&shown, &screen.tables);
    };
    let saved = &screen.page().saved;
    style.underline = pen.underline;
    writer.exact_pen(&style, &screen.tables);
    writer.send("\x1b8");
    if saved.charset != screen.charset {
        writer.send(shift(screen.shift));
    }
    let base = |base| Pen { base, ..Pen::default() }.style();
    writer.step_pen(&base(saved.pen), &base(pen.base));
    let top = if screen.modes.origin { screen.page().top } else { 0 };
    writer.go(screen.page().y.max(top), x, top);
}

/// Whether DECRC with the cursor now saved takes from the pen what is set but does not show.
fn strips(screen: &Screen) -> bool {
    let saved = &screen.page().saved;
    !saved.pen.extended && (saved.charset == screen.charset || !charset_is_stray(screen))
}
