//! Rows as few bytes that explain themselves: text with inline marks for what changes.
//!
//! History and checkpoints are made of them. A line begins in the default style. Bytes 0x20 and up are
//! UTF-8 text; bytes below are marks with arguments below 0x80; 0xFD to 0xFF occur nowhere, so they
//! can end lines and be searched for from either side. Decoding accepts any bytes without panic.

mod marks;
mod plain;

use self::marks::{Marks, word};
use super::cell::{Cell, Content};
use super::link::Link;
use super::style::{self, Attrs, Color, Style, StyleId, StyleTable, Underline};
use super::tables::Tables;
use super::width::width;

/// Ends a line.
pub const END: u8 = 0xff;
/// Ends a piece of a line too long to be kept in one.
pub const BREAK: u8 = 0xfe;
/// Ends a number: so many bytes before it are not lines any more.
pub const HOLE: u8 = 0xfd;

const RESET: u8 = 0x01;
const FG: ColorMarks = ColorMarks { low: 0x02, high: 0x03, default: 0x04, rgb: 0x05 };
const BG: ColorMarks = ColorMarks { low: 0x06, high: 0x07, default: 0x08, rgb: 0x09 };
const LINE: ColorMarks = ColorMarks { low: 0x0a, high: 0x0b, default: 0x0c, rgb: 0x0d };
const ATTRS: u8 = 0x0e;
const LINK: u8 = 0x0f;
const LINK_NONE: u8 = 0x10;
const BLANKS: u8 = 0x11;
const GAP: u8 = 0x12;
const WIDTH: u8 = 0x13;
/// A width: two columns, of which the right one was taken.
const HALVED: u8 = 3;
const RIGHT_HALF: u8 = 0x14;
const ROW: u8 = 0x15;
const TAIL: u8 = 0x16;

/// A style no cell has: its bits mean a place in the table beyond its bound.
const NO_STYLE: StyleId = StyleId::MAX;

struct ColorMarks {
    /// Palette 0 to 127.
    low: u8,
    /// Palette 128 to 255.
    high: u8,
    default: u8,
    rgb: u8,
}

impl ColorMarks {
    #[inline]
    fn of_palette(&self, n: u8) -> (u64, usize) {
        (word([self.low + (n >> 7), n & 0x7f]), 2)
    }

    /// The marks for a colour, the first byte lowest, and how many they are.
    #[inline]
    fn of(&self, color: Color) -> (u64, usize) {
        match color {
            Color::Default => (self.default.into(), 1),
            // The mark for the upper half comes after that for the lower.
            Color::Palette(n) => self.of_palette(n),
            Color::Rgb(r, g, b) => {
                let top = r >> 7 | (g >> 7) << 1 | (b >> 7) << 2;
                (word([self.rgb, r & 0x7f, g & 0x7f, b & 0x7f, top]), 5)
            }
        }
    }

    fn get(&self, mark: u8, bytes: &mut Bytes<'_>) -> Option<Color> {
        Some(match mark {
            m if m == self.low => Color::Palette(bytes.next()? & 0x7f),
            m if m == self.high => Color::Palette(bytes.next()? | 0x80),
            m if m == self.default => Color::Default,
            m if m == self.rgb => {
                let [r, g, b, top] = [bytes.next()?, bytes.next()?, bytes.next()?, bytes.next()?];
                Color::Rgb(r | top << 7, g | (top >> 1) << 7, b | (top >> 2) << 7)
            }
            _ => return None,
        })
    }
}

/// Appends `cells`, without the blank default ones at their end. `style` is the one in force before
/// and after; its link is always closed at the end, so that no link number outlives a call. Returns where the blank
/// ones begin.
pub fn pack(cells: &[Cell], style: &mut Style, tables: &Tables, out: &mut Vec<u8>) -> usize {
    let end = cells.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
    let cells = &cells[..end];
    // No cell's: the first one is looked at whatever its style.
    let mut id = NO_STYLE;
    let mut at = 0;
    while at < end {
        if cells[at].is_right_half() && at > 0 && cells[at - 1].width() == 2 {
            at += 1;
            continue;
        }
        let wanted = cells[at].style();
        if wanted != id {
            match direct_marks(id, wanted) {
                Some((word, len)) => {
                    out.extend_from_slice(&word.to_le_bytes());
                    out.truncate(out.len() + len - 8);
                }
                None => {
                    let from = if id == NO_STYLE { *style } else { tables.styles.get(id) };
                    put_style(from, &tables.styles.get(wanted), tables, out);
                }
            }
            id = wanted;
        }
        if let (Some(byte), true) =
            (cells[at].ascii_byte(), at + 1 < end && cells[at + 1].style() != id)
        {
            // A style for one cell is not worth the loops.
            out.push(byte);
            at += 1;
            continue;
        }
        at += plain::pack(&cells[at..], id, out);
        if let Some(&cell) = cells.get(at).filter(|cell| cell.style() == id)
            && !(cell.is_right_half() && at > 0 && cells[at - 1].width() == 2)
        {
            at += put_cell(cells, at, cell, tables, out);
        }
    }
    if id != NO_STYLE {
        *style = tables.styles.get(id);
    }
    close_link(style, out);
    end
}

/// Appends any cell, in the style in force. Returns how many cells that were.
fn put_cell(cells: &[Cell], at: usize, cell: Cell, tables: &Tables, out: &mut Vec<u8>) -> usize {
    if cell.is_right_half() {
        out.push(RIGHT_HALF);
        return 1;
    }
    if cell.content() == Content::Blank {
        let run = cells[at..].iter().take_while(|&&c| c == cell).count();
        out.push(BLANKS);
        put_number(run, out);
        return run;
    }
    if is_gap(cell) {
        out.push(GAP);
        return 1;
    }
    let mut buffer = [0; 4];
    let text = tables.text(cell, &mut buffer);
    let first = text.chars().next().unwrap_or(' ');
    let halved = cell.width() == 2 && !cells.get(at + 1).is_some_and(|c| c.is_right_half());
    let columns = if halved { HALVED } else { cell.width() };
    if width(first) == 0 || width(first) != columns {
        out.extend([WIDTH, columns]);
    }
    out.extend_from_slice(text.as_bytes());
    1
}

/// The cell left over at the end of a row because a wide character did not fit. When a line is
/// wrapped anew it stays only where that is so again.
pub fn gap(style: u32) -> Cell {
    Cell::cluster(0x1f_ffff, 1, style)
}

/// Whether a cell is such a gap.
pub fn is_gap(cell: Cell) -> bool {
    cell.content() == Content::Cluster(0x1f_ffff)
}

/// What a line says of the rows it was made of, for as long as the width is the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mark {
    /// Here begins a row that the cells alone would not show: one without text, or one that continues
    /// what is gone.
    Row,
    /// Behind the last row's text: blanks that another width does not show, unless there is one row only.
    Tail,
}

/// Appends a mark for rows of `cols`.
pub fn put_mark(mark: Mark, cols: usize, out: &mut Vec<u8>) {
    out.push(if mark == Mark::Row { ROW } else { TAIL });
    put_number(cols, out);
}

const ROW_CELL: u32 = 0x1f_fffe;
const TAIL_CELL: u32 = 0x1f_fffd;

/// A mark among the cells, and the width it is for.
pub fn mark(cell: Cell) -> Option<(Mark, usize)> {
    let mark = match cell.content() {
        Content::Cluster(ROW_CELL) => Mark::Row,
        Content::Cluster(TAIL_CELL) => Mark::Tail,
        _ => return None,
    };
    Some((mark, cell.style() as usize))
}

/// Appends a row that leaves the screen, `cols` wide: its text, then the blanks behind it. Returns where the blank
/// default ones begin.
pub fn pack_row(
    cells: &[Cell],
    cols: usize,
    style: &mut Style,
    tables: &Tables,
    out: &mut Vec<u8>,
) -> usize {
    let end = cells.iter().rposition(|&c| c != Cell::BLANK).map_or(0, |x| x + 1);
    let written = |c: &Cell| c.has_content() || c.is_right_half();
    let text = cells[..end].iter().rposition(written).map_or(0, |x| x + 1);
    pack(&cells[..text], style, tables, out);
    if text == end {
        return end;
    }
    put_mark(Mark::Tail, cols, out);
    if end < cols {
        pack(&cells[text..end], style, tables, out);
        return end;
    }
    // The last column may be left over by a wide character that begins the next row.
    let rest = text + pack(&cells[text..end - 1], style, tables, out);
    if rest < end - 1 {
        put_style(*style, &Style::DEFAULT, tables, out);
        *style = Style::DEFAULT;
        out.push(BLANKS);
        put_number(end - 1 - rest, out);
    }
    let last = tables.style(cells[end - 1]);
    put_style(*style, &last, tables, out);
    *style = last;
    out.push(GAP);
    close_link(style, out);
    end
}

fn close_link(style: &mut Style, out: &mut Vec<u8>) {
    if style.link != 0 {
        style.link = 0;
        out.push(LINK_NONE);
    }
}

/// The marks for attributes and an underline, as `style::looks_part` has them.
#[inline]
fn looks_marks(looks: u32) -> (u64, usize) {
    (word([ATTRS, looks as u8 & 0x7f, (looks >> 7) as u8]), 3)
}

/// What turns one style into another, but for the link.
#[inline]
fn marks(style: &Style, wanted: &Style) -> Marks {
    let mut out = Marks::default();
    if *wanted == Style::DEFAULT {
        out.put((RESET.into(), 1));
        return out;
    }
    if style.fg != wanted.fg {
        out.put(FG.of(wanted.fg));
    }
    if style.bg != wanted.bg {
        out.put(BG.of(wanted.bg));
    }
    if style.underline_color != wanted.underline_color {
        out.put(LINE.of(wanted.underline_color));
    }
    if style.attrs != wanted.attrs || style.underline != wanted.underline {
        out.put(looks_marks(style::looks_part(wanted.attrs, wanted.underline.number().into())));
    }
    out
}

/// Writes what turns one style into another at the start of `room`. Returns the bytes; None when there is no room, or
/// the second one has a link.
#[inline]
pub fn put_marks(
    style: StyleId,
    wanted: StyleId,
    styles: &StyleTable,
    room: &mut [u8],
) -> Option<usize> {
    if let Some((word, len)) = direct_marks(style, wanted) {
        *room.first_chunk_mut()? = word.to_le_bytes();
        return Some(len);
    }
    let wanted = styles.get(wanted);
    if wanted.link != 0 {
        return None;
    }
    let marks = marks(&styles.get(style), &wanted);
    room.get_mut(..marks.len())?.copy_from_slice(&marks);
    Some(marks.len())
}

/// The marks between two styles that need no table, the first byte lowest, and how many they are.
#[inline]
fn direct_marks(style: StyleId, wanted: StyleId) -> Option<(u64, usize)> {
    let ([fg, bg, looks], to) = (style::parts(style)?, style::parts(wanted)?);
    if wanted == 0 {
        return Some((RESET.into(), 1));
    }
    let (mut word, mut len) = (0, 0);
    let mut put = |(marks, bytes): (u64, usize)| {
        word |= marks << (8 * len);
        len += bytes;
    };
    for (marks, from, to) in [(FG, fg, to[0]), (BG, bg, to[1])] {
        match to.checked_sub(1) {
            _ if from == to => {}
            Some(n) => put(marks.of_palette(n as u8)),
            None => put(marks.of(Color::Default)),
        }
    }
    if looks != to[2] {
        put(looks_marks(to[2]));
    }
    Some((word, len))
}

/// Carries out the marks at the start of `bytes`. Returns how many bytes they are.
pub fn take_marks(bytes: &[u8], style: &mut Style) -> usize {
    let mut rest = Bytes::new(bytes);
    while rest.rest.first().is_some_and(|&mark| mark < 0x20) {
        let Some(()) = rest.next().and_then(|mark| get_looks(mark, &mut rest, style)) else {
            break;
        };
    }
    bytes.len() - rest.rest.len()
}

/// Appends what turns one style into another.
pub fn put_style(style: Style, wanted: &Style, tables: &Tables, out: &mut Vec<u8>) {
    if style == *wanted {
        return;
    }
    out.extend_from_slice(&marks(&style, wanted));
    if style.link != wanted.link && *wanted != Style::DEFAULT {
        match tables.links.get(wanted.link) {
            Some(link) => {
                out.push(LINK);
                for part in [&link.id, &link.uri] {
                    put_number(part.len(), out);
                    out.extend_from_slice(part.as_bytes());
                }
            }
            None => out.push(LINK_NONE),
        }
    }
}

/// A number in groups of six bits, so that no byte reaches 0x80.
pub fn put_number(mut n: usize, out: &mut Vec<u8>) {
    while n >= 0x40 {
        out.push((n & 0x3f) as u8 | 0x40);
        n >>= 6;
    }
    out.push(n as u8);
}

/// Bytes being decoded.
pub struct Bytes<'a> {
    rest: &'a [u8],
}

impl<'a> Bytes<'a> {
    /// To be decoded.
    pub fn new(rest: &'a [u8]) -> Bytes<'a> {
        Bytes { rest }
    }

    /// The next byte.
    pub fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// A number made by `put_number`.
    pub fn number(&mut self) -> Option<usize> {
        let mut n = 0usize;
        for shift in (0..60).step_by(6) {
            let b = self.next()?;
            n |= usize::from(b & 0x3f) << shift;
            if b & 0x40 == 0 {
                break;
            }
        }
        Some(n)
    }

    /// The next `len` bytes.
    pub fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.rest.split_at_checked(len)?;
        self.rest = rest;
        Some(taken)
    }

    /// The bytes before the next `mark`, which is taken too.
    pub fn take_to(&mut self, mark: u8) -> Option<&'a [u8]> {
        let at = memchr::memchr(mark, self.rest)?;
        let taken = &self.rest[..at];
        self.rest = &self.rest[at + 1..];
        Some(taken)
    }
}

/// Turns packed bytes back into cells, at most `max` of them. Returns the style in force at their end.
pub fn unpack(bytes: &[u8], tables: &mut Tables, max: usize, out: &mut Vec<Cell>) -> Style {
    let mut style = Style::DEFAULT;
    let mut id = 0;
    let mut bytes = Bytes::new(bytes);
    let mut alone = None;
    while let Some(&first) = bytes.rest.first() {
        if out.len() >= max {
            break;
        }
        if (0x20..0x80).contains(&first) && bytes.rest.get(1).is_none_or(|&b| b < 0x80) {
            bytes.rest = &bytes.rest[1..];
            let cell = Cell::ascii(first, id);
            out.push(cell);
            continue;
        }
        if first >= 0x20 {
            let text = cluster(bytes.rest);
            bytes.rest = &bytes.rest[text.len().max(1)..];
            let halved = alone == Some(HALVED);
            let cell = tables.cell(text, alone.take().map(|columns| columns.min(2)), id);
            out.push(cell);
            if cell.width() == 2 && !halved {
                out.push(Cell::right_half(id));
            }
            continue;
        }
        bytes.rest = &bytes.rest[1..];
        match first {
            BLANKS => {
                let n = bytes.number().unwrap_or(0).min(max - out.len());
                out.extend(std::iter::repeat_n(Cell::blank(id), n));
            }
            GAP => out.push(gap(id)),
            RIGHT_HALF => out.push(Cell::right_half(id)),
            ROW | TAIL => {
                let id = if first == ROW { ROW_CELL } else { TAIL_CELL };
                out.push(Cell::cluster(id, 1, bytes.number().unwrap_or(0) as u32));
            }
            WIDTH => alone = bytes.next().map(|w| w & 3),
            mark => {
                let _ = get_style(mark, &mut bytes, &mut style, tables);
                id = tables.styles.intern(&style);
            }
        }
    }
    style
}

fn get_style(
    mark: u8,
    bytes: &mut Bytes<'_>,
    style: &mut Style,
    tables: &mut Tables,
) -> Option<()> {
    match mark {
        LINK => {
            let mut part = || {
                let len = bytes.number()?;
                std::str::from_utf8(bytes.take(len)?).ok().map(Box::from)
            };
            let (id, uri) = (part()?, part()?);
            style.link = tables.links.intern(&Link { id, uri });
            Some(())
        }
        LINK_NONE => {
            style.link = 0;
            Some(())
        }
        _ => get_looks(mark, bytes, style),
    }
}

/// Marks but those of links.
fn get_looks(mark: u8, bytes: &mut Bytes<'_>, style: &mut Style) -> Option<()> {
    match mark {
        RESET => *style = Style::DEFAULT,
        0x02..=0x05 => style.fg = FG.get(mark, bytes)?,
        0x06..=0x09 => style.bg = BG.get(mark, bytes)?,
        0x0a..=0x0d => style.underline_color = LINE.get(mark, bytes)?,
        ATTRS => {
            let bits = u16::from(bytes.next()? & 0x7f) | u16::from(bytes.next()?) << 7;
            style.attrs = Attrs::from_bits(bits);
            style.underline = Underline::from_number((bits >> 10) as u8 & 7);
        }
        _ => {}
    }
    Some(())
}

/// The character at the start of `bytes` with the marks that follow it; empty when it is not UTF-8.
fn cluster(bytes: &[u8]) -> &str {
    let mut end = char_len(bytes);
    if end == 0 {
        return "";
    }
    while bytes.get(end).is_some_and(|&b| b >= 0x80) {
        let len = char_len(&bytes[end..]);
        let next = std::str::from_utf8(&bytes[end..end + len]).unwrap_or_default();
        match next.chars().next() {
            Some(c) if width(c) == 0 => end += len,
            _ => break,
        }
    }
    std::str::from_utf8(&bytes[..end]).unwrap_or_default()
}

/// Bytes of the character at the start; 0 when it is none.
fn char_len(bytes: &[u8]) -> usize {
    let len = match bytes.first() {
        Some(0..=0x7f) => 1,
        Some(0xc0..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf7) => 4,
        _ => 0,
    };
    if std::str::from_utf8(bytes.get(..len).unwrap_or_default()).is_ok() && bytes.len() >= len {
        len
    } else {
        0
    }
}

/// Lays out the cells of one line, from `at` on, as one row of `cols` in `row`. Returns where the next
/// row begins; the line is done when that is `cells.len()`. `end` is where the written text ends: blanks
/// behind it never begin a row.
pub fn lay_row(cells: &[Cell], at: usize, end: usize, cols: usize, row: &mut Vec<Cell>) -> usize {
    row.clear();
    let begin = at;
    let mut at = at;
    while at < cells.len() {
        let cell = cells[at];
        match mark(cell) {
            Some((Mark::Row, width)) if width == cols && !row.is_empty() => return at,
            // Blanks behind the text of several rows, or of one that has become several.
            Some((Mark::Tail, width))
                if width != cols && at >= end && (begin > 0 || at > width) =>
            {
                return cells.len();
            }
            _ => {}
        }
        if mark(cell).is_some() {
            at += 1;
            continue;
        }
        let next_wide = cells.get(at + 1).is_some_and(|c| c.width() == 2);
        let columns = if cell.width() == 2 { 2 } else { 1 };
        if is_gap(cell) && next_wide && row.len() + 1 < cols {
            // The wide character fits here now.
            at += 1;
            continue;
        }
        if row.len() + columns > cols {
            return if at >= end { cells.len() } else { at };
        }
        row.push(if is_gap(cell) { Cell::blank(cell.style()) } else { cell });
        if columns == 2 {
            row.push(cells.get(at + 1).copied().unwrap_or(Cell::right_half(cell.style())));
        }
        at += columns;
    }
    cells.len()
}

/// Where the written text of a line ends, when it is laid out in rows of `cols`.
pub fn text_end(cells: &[Cell], cols: usize) -> usize {
    let counts = |c: Cell| match mark(c) {
        Some((mark, width)) => mark == Mark::Row && width == cols,
        None => !is_gap(c),
    };
    cells
        .iter()
        .rposition(|&c| c.has_content() && counts(c))
        .map_or(0, |x| x + usize::from(cells[x].width() == 2) + 1)
}
