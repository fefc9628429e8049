//! Rows as text, in the form in which the history keeps them.
//!
//! Most rows are written once from left to right and leave the screen before anybody looks at them. Such a row never
//! becomes cells: what is printed is measured and copied, and what is copied goes into the history as it is. The first
//! who wants a cell of it has all of them made. The bytes are those that `pack` makes of the cells, to the last one: a
//! daemon that comes back has the cells only and must write the same.

use super::run::{self, Run};
use super::{Cell, Grid};
use crate::term::pack;
use crate::term::style::{self, StyleId};

/// Bytes of text a row of `cols` may have: half as many again, which is enough for CJK and for some colours. What needs
/// more becomes cells.
pub fn room(cols: usize) -> usize {
    cols + cols / 2
}

/// A row that is text.
#[derive(Clone, Copy, Debug)]
pub struct RowText<'a> {
    /// Packed, from the default style on.
    pub bytes: &'a [u8],
    /// Columns it takes.
    pub columns: usize,
    /// Style in force at its end.
    pub style: StyleId,
}

impl Grid {
    /// Writes what `bytes` begins with from cell `x` of row `y` on: as far as the row goes and as long as each
    /// character takes one or two cells. Stops before whatever asks for more thought. A wide character that is cut on
    /// the right becomes a blank, and with `start` one on the left as well.
    #[inline]
    pub fn put_run(
        &mut self,
        (y, x): (usize, usize),
        bytes: &[u8],
        style: StyleId,
        start: bool,
    ) -> Run {
        let place = self.place(y);
        let row = self.rows[place];
        if x == usize::from(row.used) && (row.text > 0 || x == 0) {
            let run = self.append(place, bytes, style);
            if run.bytes > 0 || x >= self.cols {
                return run;
            }
        }
        self.settle_at(place);
        self.overwrite((place, x), bytes, style, start)
    }

    /// Appends to a row that is text or blank, if there is room.
    #[inline]
    fn append(&mut self, place: usize, bytes: &[u8], style: StyleId) -> Run {
        let row = &mut self.rows[place];
        let start = usize::from(row.slot) * self.text_max;
        let (from, to) = (start + usize::from(row.text), start + self.text_max);
        let Some(room) = self.texts.get_mut(from..to) else { return Run::default() };
        let mut marks = 0;
        if style != row.style {
            let Some(put) = pack::put_marks(row.style, style, room) else { return Run::default() };
            marks = put;
        }
        let room = &mut room[marks..];
        let most = bytes.len().min(room.len());
        let run = run::measure(&bytes[..most], self.cols - usize::from(row.used));
        if run.bytes > 0 {
            room[..run.bytes].copy_from_slice(&bytes[..run.bytes]);
            row.text += (marks + run.bytes) as u16;
            row.used += run.columns as u16;
            row.style = style;
        }
        run
    }

    /// Writes cells.
    #[inline]
    fn overwrite(
        &mut self,
        (place, x): (usize, usize),
        bytes: &[u8],
        style: StyleId,
        start: bool,
    ) -> Run {
        let row = &mut self.rows[place];
        let first = usize::from(row.slot) * self.cols;
        let cells = self.cells.get_mut(first..first + self.cols);
        let Some((before, cells)) = cells.and_then(|cells| cells.split_at_mut_checked(x)) else {
            return Run::default();
        };
        let run = run::put(cells, bytes, style);
        if run.bytes > 0 {
            if let Some(left) = before.last_mut().filter(|left| start && left.width() == 2) {
                *left = Cell::blank(style);
            }
            if let Some(right) = cells.get_mut(run.columns).filter(|right| right.is_right_half()) {
                *right = Cell::blank(style);
            }
            row.used = row.used.max((x + run.columns) as u16);
        }
        run
    }

    /// Row `y` when it is text.
    #[inline]
    pub fn text(&self, y: usize) -> Option<RowText<'_>> {
        let row = self.at(y);
        let columns = usize::from(row.used);
        (row.text > 0).then(|| RowText { bytes: self.text_of(row), columns, style: row.style })
    }

    #[inline]
    pub(super) fn text_of(&self, row: super::Row) -> &[u8] {
        let start = usize::from(row.slot) * self.text_max;
        &self.texts[start..start + usize::from(row.text)]
    }

    /// Whether row `y` is text or blank and ends at column `x` or before it.
    #[inline]
    pub fn ends_before(&self, y: usize, x: usize) -> bool {
        let row = self.at(y);
        (row.text > 0 || row.used == 0) && usize::from(row.used) <= x
    }

    /// Makes cells of row `y` when it is text.
    pub fn settle(&mut self, y: usize) {
        self.settle_at(self.place(y));
    }

    #[inline]
    pub(super) fn settle_at(&mut self, place: usize) {
        if self.rows[place].text > 0 {
            self.make_cells(place);
        }
    }

    fn make_cells(&mut self, place: usize) {
        let row = self.rows[place];
        let start = usize::from(row.slot) * self.cols;
        let text = usize::from(row.slot) * self.text_max;
        let bytes = &self.texts[text..text + usize::from(row.text)];
        decode(bytes, &mut self.cells[start..start + usize::from(row.used)]);
        self.rows[place].text = 0;
        self.rows[place].style = 0;
    }
}

/// The cells of a row's text.
pub fn decode(bytes: &[u8], cells: &mut [Cell]) {
    let (mut at, mut x) = (0, 0);
    let mut style = style::Style::DEFAULT;
    let mut id = 0;
    while at < bytes.len() && x < cells.len() {
        let run = run::put(&mut cells[x..], &bytes[at..], id);
        at += run.bytes;
        x += run.columns;
        if let Some(one) = run::put_one(&mut cells[x..], &bytes[at..], id) {
            at += one.bytes;
            x += one.columns;
            continue;
        }
        match pack::take_marks(&bytes[at..], &mut style) {
            0 => return,
            taken => at += taken,
        }
        id = style::direct(&style).unwrap_or(0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::term::style::{Color, Style};
    use crate::term::tables::Tables;
    use proptest::prelude::*;

    const ROWS: usize = 4;
    const COLS: usize = 12;

    #[derive(Clone, Debug)]
    enum Step {
        /// At the column, or where the row ends.
        Put(Option<usize>, String, StyleId),
        Fill(usize, usize),
        Delete(usize),
        Insert(usize),
        Erase(usize, usize),
        Scroll(usize, usize),
        Back(usize, usize),
    }

    fn style() -> impl Strategy<Value = StyleId> {
        let color = || prop_oneof![Just(Color::Default), any::<u8>().prop_map(Color::Palette)];
        let style = (color(), color(), 0u16..4).prop_map(|(fg, bg, bits)| {
            let attrs = style::Attrs::from_bits(bits);
            style::direct(&Style { fg, bg, attrs, ..Style::DEFAULT }).unwrap()
        });
        prop_oneof![Just(0), style]
    }

    fn step() -> impl Strategy<Value = Step> {
        let x = 0..COLS;
        prop_oneof![
            6 => (prop::option::weighted(0.2, x.clone()), "[ -~]{0,9}|[a-zé語🦀─]{0,9}", style())
                .prop_map(|(x, text, style)| Step::Put(x, text, style)),
            1 => (x.clone(), x.clone()).prop_map(|(from, to)| Step::Fill(from, to)),
            1 => x.clone().prop_map(Step::Delete),
            1 => x.clone().prop_map(Step::Insert),
            1 => (x.clone(), x).prop_map(|(from, to)| Step::Erase(from, to)),
            2 => (0..ROWS, 1usize..3).prop_map(|(top, n)| Step::Scroll(top, n)),
            1 => (0..ROWS, 1usize..3).prop_map(|(top, n)| Step::Back(top, n)),
        ]
    }

    /// As the screen does: by runs, and one by one what is left over.
    fn put(grid: &mut Grid, y: usize, mut x: usize, mut bytes: &[u8], style: StyleId) {
        while !bytes.is_empty() && x < COLS {
            let mut run = grid.put_run((y, x), bytes, style, true);
            if run.bytes == 0 {
                let mut two = [Cell::BLANK; 2];
                let Some(one) = run::put_one(&mut two, bytes, style) else { return };
                if x + one.columns > COLS {
                    return;
                }
                grid.cells_mut(y, x, x + one.columns).copy_from_slice(&two[..one.columns]);
                run = one;
            }
            x += run.columns;
            bytes = &bytes[run.bytes..];
        }
    }

    fn take(grid: &mut Grid, y: usize, step: &Step) {
        let blank = Cell::BLANK;
        match step {
            Step::Put(x, text, style) => {
                let x = x.unwrap_or_else(|| grid.used(y, &mut Vec::new()).len());
                put(grid, y, x.min(COLS), text.as_bytes(), *style);
            }
            Step::Fill(from, to) => grid.fill(y, *from.min(to), *from.max(to), blank),
            Step::Delete(at) => grid.delete_cells(y, *at, 2, blank),
            Step::Insert(at) => grid.insert_cells(y, *at, 2, blank),
            Step::Erase(from, to) => grid.erase(y, *from.min(to), *from.max(to), blank, None),
            Step::Scroll(top, n) => grid.scroll_up(*top, ROWS - 1, *n, blank),
            Step::Back(top, n) => grid.scroll_down(*top, ROWS - 1, *n, blank),
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn text_stands_for_the_cells_it_would_be(steps in prop::collection::vec((0..ROWS, step()), 0..40)) {
            let (mut texts, mut cells) = (Grid::scrolling(ROWS, COLS), Grid::new(ROWS, COLS));
            for (y, step) in steps {
                take(&mut texts, y, &step);
                take(&mut cells, y, &step);
                for y in 0..ROWS {
                    for x in 0..COLS {
                        prop_assert_eq!(texts.cell(y, x), cells.cell(y, x), "{:?}: row {} column {}", step, y, x);
                    }
                    let mut packed = Vec::new();
                    let (mut scratch, mut style) = (Vec::new(), Style::DEFAULT);
                    pack::pack(cells.used(y, &mut scratch), &mut style, &Tables::default(), &mut packed);
                    if let Some(text) = texts.text(y) {
                        prop_assert_eq!(text.bytes, &packed);
                        prop_assert_eq!(style::of_direct(text.style), Some(style));
                    }
                }
            }
        }
    }

    #[test]
    fn a_plain_line_is_text_and_one_looked_at_is_cells() {
        let mut grid = Grid::scrolling(ROWS, COLS);
        grid.put_run((1, 0), b"plain text", 0, true);
        assert_eq!(grid.text(1).unwrap().bytes, b"plain text");
        grid.settle(1);
        assert!(grid.text(1).is_none());
        assert_eq!(grid.cell(1, 9), Cell::ascii(b't', 0));
        // What needs more room than there is.
        for (x, byte) in (0..COLS).zip(b'a'..) {
            grid.put_run((2, x), &[byte], 1 + x as StyleId % 2, true);
        }
        assert!(grid.text(2).is_none());
        assert_eq!(grid.cell(2, COLS - 1), Cell::ascii(b'l', 2));
    }
}
