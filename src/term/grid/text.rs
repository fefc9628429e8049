//! Rows as text, in the form in which the history keeps them.
//!
//! Most rows are written once from left to right and leave the screen before anybody looks at them. Such a row never
//! becomes cells: what is printed is measured and copied, and what is copied goes into the history as it is. The first
//! who wants a cell of it has all of them made. The bytes are those that `pack` makes of the cells, to the last one: a
//! daemon that comes back has the cells only and must write the same.
//!
//! What the bytes say but tables number (characters with marks, styles with RGB colours) has its numbers beside them,
//! in the order in which they occur.

use super::run::{self, Run};
use super::{Cell, Grid, Row};
use crate::term::cluster::ClusterId;
use crate::term::pack;
use crate::term::style::{self, StyleId, StyleTable};
use crate::term::token::printable;
use crate::term::width::width;

/// Texts of so many rows, and the numbers that belong to them.
#[derive(Debug, Default)]
pub struct Texts {
    bytes: Vec<u8>,
    /// Bytes for each row; 0 when none is ever text.
    room: usize,
    /// None until there is one.
    numbers: Vec<u32>,
    /// Numbers for each row.
    numbers_room: usize,
}

impl Texts {
    /// Room for half as many bytes again as there are columns: enough for CJK and for some colours. What needs more
    /// becomes cells, and from then on there is more room.
    pub fn new(rows: usize, cols: usize) -> Texts {
        let room = cols + cols / 2;
        Texts { bytes: vec![0; rows * room], room, numbers: Vec::new(), numbers_room: cols / 2 }
    }

    #[inline]
    fn bytes(&self, row: Row) -> &[u8] {
        let start = usize::from(row.slot) * self.room;
        &self.bytes[start..start + usize::from(row.text)]
    }

    /// Where more bytes go.
    #[inline]
    fn free(&mut self, row: Row) -> &mut [u8] {
        let start = usize::from(row.slot) * self.room;
        self.bytes.get_mut(start + usize::from(row.text)..start + self.room).unwrap_or_default()
    }

    fn numbers(&self, row: Row) -> &[u32] {
        let start = usize::from(row.slot) * self.numbers_room;
        self.numbers.get(start..start + usize::from(row.numbers)).unwrap_or_default()
    }

    /// Where a row's number `at` goes; None when there is no room for it.
    fn number_mut(&mut self, row: Row, at: usize, rows: usize) -> Option<&mut u32> {
        if self.numbers.is_empty() {
            self.numbers = vec![0; rows * self.numbers_room];
        }
        let start = usize::from(row.slot) * self.numbers_room;
        (at < self.numbers_room).then(|| self.numbers.get_mut(start + at))?
    }

    /// Makes room for four bytes a column.
    fn grow(&mut self, rows: usize, cols: usize) {
        let (old, new) = (self.room, 4 * cols);
        if old == 0 || old >= new {
            return;
        }
        let mut bytes = vec![0; rows * new];
        for (from, to) in self.bytes.chunks_exact(old).zip(bytes.chunks_exact_mut(new)) {
            to[..old].copy_from_slice(from);
        }
        self.bytes = bytes;
        self.room = new;
    }
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
        (style, styles): (StyleId, &StyleTable),
        start: bool,
    ) -> Run {
        let place = self.place(y);
        let row = self.rows[place];
        if x == usize::from(row.used)
            && (row.text > 0 || x == 0)
            && let Some(run) = self.append(place, bytes, style, styles)
        {
            return run;
        }
        self.settle_at(place);
        self.overwrite((place, x), bytes, style, start)
    }

    /// Appends to a row that is text or blank. None when there is no room.
    #[inline]
    fn append(
        &mut self,
        place: usize,
        bytes: &[u8],
        style: StyleId,
        styles: &StyleTable,
    ) -> Option<Run> {
        let row = &mut self.rows[place];
        let mut room = self.texts.free(*row);
        let mut marks = 0;
        if style != row.style {
            let Some(put) = pack::put_marks(row.style, style, styles, room) else {
                return self.no_room(place);
            };
            room = &mut room[put..];
            marks = put;
        }
        let most = bytes.len().min(room.len());
        let run = run::measure(&bytes[..most], self.cols - usize::from(row.used));
        if run.bytes == 0 {
            let cut = most < bytes.len().min(8);
            return if cut { self.no_room(place) } else { Some(run) };
        }
        match (room.first_chunk_mut::<8>(), bytes.first_chunk::<8>()) {
            (Some(room), Some(bytes)) if run.bytes <= 8 => *room = *bytes,
            _ => room[..run.bytes].copy_from_slice(&bytes[..run.bytes]),
        }
        if style != row.style && !self.take_number(place, style) {
            return None;
        }
        let row = &mut self.rows[place];
        row.text += (marks + run.bytes) as u16;
        row.used += run.columns as u16;
        row.style = style;
        row.marked = false;
        Some(run)
    }

    /// Notes the number of a style that its marks do not tell. Whether there was room.
    #[inline]
    fn take_number(&mut self, place: usize, style: StyleId) -> bool {
        style::parts(style).is_some() || self.push_number(place, style)
    }

    fn push_number(&mut self, place: usize, number: u32) -> bool {
        let (row, rows) = (self.rows[place], self.rows.len());
        let Some(room) = self.texts.number_mut(row, usize::from(row.numbers), rows) else {
            return false;
        };
        *room = number;
        self.rows[place].numbers += 1;
        true
    }

    /// A row has no room left: the next ones may have more.
    #[inline(never)]
    fn no_room(&mut self, place: usize) -> Option<Run> {
        if self.rows[place].text > 0 {
            self.texts.grow(self.rows.len(), self.cols);
        }
        None
    }

    /// The last character of row `y`, when the row is text and ends at column `x`: its number when it has marks.
    pub fn last(&self, y: usize, x: usize) -> Option<Result<ClusterId, char>> {
        let row = self.at(y);
        if row.text == 0 || usize::from(row.used) != x {
            return None;
        }
        if row.marked {
            return self.texts.numbers(row).last().copied().map(Ok);
        }
        let bytes = self.texts.bytes(row);
        let start = bytes.iter().rposition(|b| b & 0xc0 != 0x80)?;
        printable(&bytes[start..]).map(|(c, _)| Err(c))
    }

    /// The last character of row `y`, which is text, has got `mark` and this number. Whether there was room.
    pub fn mark_last(&mut self, y: usize, mark: char, number: ClusterId) -> bool {
        let (place, rows) = (self.place(y), self.rows.len());
        let row = self.rows[place];
        let Some(room) = self.texts.free(row).get_mut(..mark.len_utf8()) else { return false };
        mark.encode_utf8(room);
        let at = usize::from(row.numbers) - usize::from(row.marked);
        let Some(room) = self.texts.number_mut(row, at, rows) else { return false };
        *room = number;
        let row = &mut self.rows[place];
        row.numbers = at as u16 + 1;
        row.text += mark.len_utf8() as u16;
        row.marked = true;
        true
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

    /// Row `y` when it is text or blank.
    #[inline]
    pub fn text(&self, y: usize) -> Option<RowText<'_>> {
        let row = self.at(y);
        let (columns, style) = (usize::from(row.used), row.style);
        let bytes = || self.texts.bytes(row);
        (row.text > 0 || columns == 0).then(|| RowText { bytes: bytes(), columns, style })
    }

    /// Whether row `y` is text or blank and ends at column `x` or before it.
    #[inline]
    pub fn ends_before(&self, y: usize, x: usize) -> bool {
        let row = self.at(y);
        (row.text > 0 || row.used == 0) && usize::from(row.used) <= x
    }

    /// The numbers of clusters and interned styles in rows that are text, in no order: for sweeps.
    pub fn numbers(&self) -> impl Iterator<Item = u32> + '_ {
        let texts = self.rows.iter().filter(|row| row.text > 0);
        texts.flat_map(|row| self.texts.numbers(*row).iter().copied())
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

    #[inline(never)]
    fn make_cells(&mut self, place: usize) {
        let row = self.rows[place];
        let start = usize::from(row.slot) * self.cols;
        let cells = &mut self.cells[start..start + usize::from(row.used)];
        self.texts.decode(row, cells);
        self.rows[place] = Row { used: row.used, wrapped: row.wrapped, ..Row::blank(row.slot) };
    }
}

impl Texts {
    /// The cells of a row's text.
    pub(super) fn decode(&self, row: Row, cells: &mut [Cell]) {
        let bytes = self.bytes(row);
        let mut numbers = self.numbers(row).iter().copied();
        let (mut at, mut x, mut id) = (0, 0, 0);
        let mut style = style::Style::DEFAULT;
        let mut marked = false;
        while at < bytes.len() {
            let mut run = run::put(&mut cells[x..], &bytes[at..], id);
            if run.bytes == 0 {
                run = run::put_one(&mut cells[x..], &bytes[at..], id).unwrap_or_default();
            }
            if run.bytes > 0 {
                at += run.bytes;
                x += run.columns;
                marked = false;
            } else if let Some((c, len)) = printable(&bytes[at..]).filter(|(c, _)| width(*c) == 0) {
                if !std::mem::replace(&mut marked, true) {
                    mark(&mut cells[..x], numbers.next().unwrap_or(u32::from(c)));
                }
                at += len;
            } else {
                let taken = pack::take_marks(&bytes[at..], &mut style);
                if taken == 0 {
                    return;
                }
                at += taken;
                id = style::direct(&style).or_else(|| numbers.next()).unwrap_or(0);
            }
        }
    }
}

/// Gives the last character of the cells its marks.
fn mark(cells: &mut [Cell], number: ClusterId) {
    if let Some(last) = cells.iter_mut().rev().find(|cell| !cell.is_right_half()) {
        *last = Cell::cluster(number, last.width(), last.style());
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
            let mut run = grid.put_run((y, x), bytes, (style, &StyleTable::default()), true);
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
        let (mut grid, styles) = (Grid::scrolling(ROWS, COLS), StyleTable::default());
        grid.put_run((1, 0), b"plain text", (0, &styles), true);
        assert_eq!(grid.text(1).unwrap().bytes, b"plain text");
        grid.settle(1);
        assert!(grid.text(1).is_none());
        assert_eq!(grid.cell(1, 9), Cell::ascii(b't', 0));
        // What needs more room than there is.
        for (x, byte) in (0..COLS).zip(b'a'..) {
            grid.put_run((2, x), &[byte], (1 + x as StyleId % 2, &styles), true);
        }
        assert!(grid.text(2).is_none());
        assert_eq!(grid.cell(2, COLS - 1), Cell::ascii(b'l', 2));
    }
}
