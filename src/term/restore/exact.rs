//! What a restore cannot carry, as a question that tests can ask: everywhere else it must be exact.
//!
//! Each kind is named, with its reason, in docs/decisions.md, "what a restore cannot carry".

use super::{charset_is_stray, history_rows, is_unset, last_printed, place_of_pen, strips};
use crate::term::cell::{Cell, Content};
use crate::term::screen::{ALT, MAIN, Screen};
use crate::term::style::{Style, Underline};
use crate::term::tables::Tables;
use crate::term::width::width;

/// Whether a restore rebuilds everything, also what does not show, as long as the size stays.
pub fn is_exact(screen: &Screen) -> bool {
    pen(screen)
        && cursor(screen)
        && history(screen)
        && [MAIN, ALT].into_iter().all(|page| saved(screen, page) && cells(screen, page))
}

/// DECRC has left the pen with what is set but does not show, or with an underline that nothing set.
fn pen(screen: &Screen) -> bool {
    let pen = &screen.pen;
    let hides = pen.wants_extended() && !pen.base.extended;
    let underlined = pen.base.extended && pen.underline != Underline::None;
    let even = pen.base.underlined == underlined;
    even && (!hides || (place_of_pen(screen).is_some() && strips(screen)))
}

/// The cursor waits behind the last column where no character can be printed again, or with a charset that
/// DECRC brought; that charset is brought again only by the same cursor saved. Or it is outside the region under
/// DECOM, where it came from the other page.
fn cursor(screen: &Screen) -> bool {
    let page = screen.page();
    let stray = charset_is_stray(screen);
    let waits = page.x >= screen.cols && last_printed(screen).is_none();
    let right = page.grid.cell(page.y, screen.cols - 1);
    let uniform = (0..screen.cols).all(|x| page.grid.cell(page.y, x) == right);
    let again = right.has_content() || right.is_right_half() || uniform;
    let inside = !screen.modes.origin || (page.top..=page.bottom).contains(&page.y);
    inside && (!stray || page.saved.charset == screen.charset) && (!waits || (again && !stray))
}

/// A saved cursor outside the screen, or rows above it that are counted otherwise than the history has them, after
/// resizes or when it is full: both show when ED 3 comes and then DECRC.
fn saved(screen: &Screen, page: usize) -> bool {
    let saved = &screen.pages[page].saved;
    let inside = usize::try_from(saved.y).is_ok_and(|y| y < screen.rows);
    let bare = saved.pen.underlined && !saved.pen.extended;
    let unset = is_unset(screen, page) && !(page == screen.active && charset_is_stray(screen));
    let mut above = 0;
    history_rows(screen, usize::MAX, &mut |_, _| above += 1);
    (unset || inside) && (page == ALT || above == screen.above) && !bare
}

/// A screen with rows that printing leaves again.
fn cells(screen: &Screen, page: usize) -> bool {
    let grid = &screen.pages[page].grid;
    let mut scratch = Vec::new();
    (0..grid.rows()).all(|y| {
        let goes_on = y + 1 < grid.rows() && grid.wrapped(y + 1);
        can_be_left(grid.used(y, &mut scratch), goes_on, &screen.tables)
    })
}

/// The same of rows that have left the screen.
fn history(screen: &Screen) -> bool {
    let mut all = true;
    history_rows(screen, usize::MAX, &mut |row, tables| {
        all &= can_be_left(row.cells, row.goes_on, tables);
    });
    all
}

/// Whether printing leaves a row so again: not parts of characters that were cut, marks that stand alone, and
/// blanks with more than a background where something follows.
fn can_be_left(row: &[Cell], goes_on: bool, tables: &Tables) -> bool {
    whole(row, tables)
        && (0..row.len()).all(|x| {
            let ends = row.get(x + 1).is_none_or(|next| *next == Cell::BLANK) && !goes_on;
            row[x].has_content() || row[x].width() == 0 || ends || plain(row[x], tables)
        })
}

/// Whether a row holds whole characters only.
fn whole(row: &[Cell], tables: &Tables) -> bool {
    (0..row.len()).all(|x| match row[x].width() {
        0 => x > 0 && row[x].is_right_half() && row[x - 1].width() == 2,
        1 => !mark_alone(row[x], tables),
        _ => row.get(x + 1).is_some_and(|next| next.is_right_half()),
    })
}

fn plain(cell: Cell, tables: &Tables) -> bool {
    let style = tables.style(cell);
    style == Style::erased(style.bg)
}

fn mark_alone(cell: Cell, tables: &Tables) -> bool {
    let mut text = String::new();
    if cell.content() != Content::Blank {
        tables.push_text(cell, &mut text);
    }
    text.chars().next().is_some_and(|c| width(c) == 0)
}
