//! Lines that left the screen, packed into one region of memory as a ring.
//!
//! Rows joined by soft wraps are one line; reading wraps it for the width of the day. Bytes are only
//! appended, so a recovering daemon that appends the same again writes the same bytes to the same
//! places, and a checkpoint stays true whatever came after it. Lines that go back to the screen leave
//! a hole, which the next line jumps over backwards. Never reads what it drops: at recovery those
//! bytes may be newer ones already.
//!
//! The ring is cut into segments. A segment knows where its first line begins and how many begin in
//! it; the oldest is dropped whole when a bound is reached.

mod memory;
mod spans;

pub use self::spans::{LineSpan, Spans};

use self::memory::Memory;
use super::cell::Cell;
use super::grid::RowText;
use super::pack::{self, BREAK, Bytes, END, HOLE, put_number};
use super::style::{Style, StyleTable};
use super::tables::Tables;
use crate::limits::HISTORY_LINE_BYTES_MAX;
use crate::region::Region;
use std::ops::Range;

/// Segments of the ring: one of them, 1/64 of the memory, may be waiting to be overwritten.
const SEGMENTS: usize = 64;
/// Bytes of the number before a `HOLE`: seven bits each.
const HOLE_BYTES: u64 = 6;
/// No line begins here.
const NONE: u64 = u64::MAX;

#[derive(Clone, Copy, Debug)]
struct Segment {
    /// Position of the first line that begins here.
    first: u64,
    lines: u32,
}

const EMPTY: Segment = Segment { first: NONE, lines: 0 };

/// Packed lines.
pub struct History {
    memory: Memory,
    lines_max: usize,
    segments: Box<[Segment; SEGMENTS]>,
    /// Positions count bytes ever written; the ring's place is their remainder.
    end: u64,
    /// Where the last line ends; before `end` after lines were taken out.
    top: u64,
    /// Where the last line begins.
    line: u64,
    /// The last line has no end mark yet: a wrapped row may still follow.
    open: bool,
    /// Cells of the last row, without the blanks at its end.
    row_cells: usize,
    /// Style in force at the end.
    style: Style,
    lines: usize,
    scratch: Vec<u8>,
    /// Bytes of a segment, and of all.
    segment_bytes: usize,
    ring: usize,
    /// Where `end` is in the ring, and where the segment entered last ends: within it nothing has to be worked out.
    place: usize,
    edge: u64,
    /// That segment's slot.
    slot: usize,
    /// With fewer lines than this none can be dropped.
    drop_from: usize,
}

impl History {
    /// A history of at most `lines_max` lines in `region`.
    pub fn new(region: Box<dyn Region>, lines_max: usize) -> History {
        History::in_memory(Memory::Lent(region), lines_max)
    }

    /// The same in memory of its own that grows as it is used, to `bytes_max` at most.
    pub fn growing(bytes_max: usize, lines_max: usize) -> History {
        History::in_memory(Memory::Own(Vec::new(), bytes_max), lines_max)
    }

    fn in_memory(memory: Memory, lines_max: usize) -> History {
        let segment_bytes = memory.len() / SEGMENTS;
        History {
            memory,
            lines_max,
            segment_bytes,
            ring: segment_bytes * SEGMENTS,
            place: 0,
            edge: 0,
            slot: 0,
            drop_from: 0,
            segments: Box::new([EMPTY; SEGMENTS]),
            end: 0,
            top: 0,
            line: 0,
            open: false,
            row_cells: 0,
            style: Style::DEFAULT,
            lines: 0,
            scratch: Vec::new(),
        }
    }

    /// The memory itself.
    pub fn into_region(self) -> Box<dyn Region> {
        match self.memory {
            Memory::Lent(region) => region,
            Memory::Own(bytes, _) => Box::new(bytes),
        }
    }

    /// Lines kept now, at most about `lines_max`.
    pub fn lines(&self) -> usize {
        self.lines
    }

    /// Bytes they take.
    pub fn bytes(&self) -> usize {
        (self.end - self.begin()) as usize
    }

    /// Whether anything can be kept at all.
    fn is_off(&self) -> bool {
        self.lines_max == 0 || self.segment_bytes < 16
    }

    /// Position of the oldest line.
    fn begin(&self) -> u64 {
        let size = self.segment_bytes as u64;
        if size == 0 || self.lines == 0 {
            return self.end;
        }
        let newest = self.end / size;
        let oldest = newest.saturating_sub(SEGMENTS as u64 - 1);
        let firsts = (oldest..=newest).map(|s| self.segments[s as usize % SEGMENTS].first);
        firsts.filter(|&f| f != NONE).min().unwrap_or(self.end)
    }

    /// Takes in a row that leaves the screen: its cells up to the last that is not blank.
    pub fn push(&mut self, cells: &[Cell], cols: usize, wrapped: bool, tables: &Tables) {
        if self.is_off() {
            return;
        }
        if self.end > self.top {
            self.close_hole();
        }
        let continues = wrapped && self.open;
        if continues {
            self.continue_line(cells, cols, tables);
        } else {
            if self.open {
                self.write(&[END]);
            }
            self.begin_line();
        }
        let mut bytes = std::mem::take(&mut self.scratch);
        bytes.clear();
        if wrapped && (!continues || !cells.iter().any(|c| c.has_content())) {
            pack::put_mark(pack::Mark::Row, cols, &mut bytes);
        }
        self.row_cells = pack::pack_row(cells, cols, &mut self.style, tables, &mut bytes);
        self.write(&bytes);
        self.scratch = bytes;
        self.open = true;
        self.top = self.end;
    }

    /// The same for a row that is text already. Returns `false`, and does nothing, where its cells are needed.
    pub fn push_text(
        &mut self,
        row: RowText<'_>,
        cols: usize,
        wrapped: bool,
        styles: &StyleTable,
    ) -> bool {
        if self.is_off() {
            return true;
        }
        let continues = wrapped && self.open;
        // A blank row that continues a line takes a mark.
        let even = !continues
            || (self.style == Style::DEFAULT
                && self.row_cells == cols
                && !row.bytes.is_empty()
                && !self.is_long());
        if self.end > self.top || !even || (wrapped && !continues) {
            return false;
        }
        let ends = self.open && !continues;
        let (len, place) = (usize::from(ends) + row.bytes.len(), self.place);
        if self.end + (len as u64).max(2) <= self.edge {
            let memory = &mut self.memory.bytes_mut(place + len)[place..place + len];
            let text = memory.len() - row.bytes.len();
            if ends {
                memory[0] = END;
            }
            memory[text..].copy_from_slice(row.bytes);
            self.end += text as u64;
            if !continues {
                self.begin_line();
            }
            self.end += row.bytes.len() as u64;
            self.place = place + len;
        } else {
            if ends {
                self.write(&[END]);
            }
            if !continues {
                self.begin_line();
            }
            self.write(row.bytes);
        }
        self.row_cells = row.columns;
        self.style = styles.get(row.style);
        self.open = true;
        self.top = self.end;
        true
    }

    /// Says how far back the line before the hole ends.
    fn close_hole(&mut self) {
        let len = self.end - self.top;
        if self.lines > 0 {
            let mut record = [0; HOLE_BYTES as usize + 1];
            for (at, byte) in record.iter_mut().enumerate() {
                *byte = (len >> (7 * at)) as u8 & 0x7f;
            }
            record[HOLE_BYTES as usize] = HOLE;
            self.write(&record);
        }
    }

    #[inline]
    fn begin_line(&mut self) {
        self.line = self.end;
        self.style = Style::DEFAULT;
        self.row_cells = 0;
        self.lines += 1;
        if self.end >= self.edge {
            // A line that begins at a segment's very first byte enters it.
            self.enter(self.end / self.segment_bytes as u64);
        }
        let segment = &mut self.segments[self.slot % SEGMENTS];
        if segment.first == NONE {
            segment.first = self.end;
        }
        segment.lines += 1;
        while self.lines > self.lines_max && self.lines >= self.drop_from && self.drop_oldest() {}
    }

    /// Makes the open line ready for a row that continues it.
    fn continue_line(&mut self, next: &[Cell], cols: usize, tables: &Tables) {
        let wide = next.first().is_some_and(|c| c.width() == 2);
        // A wide character leaves one column over.
        let missing = cols.saturating_sub(self.row_cells + usize::from(wide));
        if missing > 0 {
            let mut bytes = Vec::new();
            let mut style = self.style;
            // Blanks at the end of cells are not packed, so a stop follows them.
            let mut blanks = vec![Cell::BLANK; missing];
            blanks.push(Cell::ascii(b'.', 0));
            pack::pack(&blanks, &mut style, tables, &mut bytes);
            bytes.pop();
            self.style = style;
            self.write(&bytes);
        }
        if self.is_long() {
            self.write(&[BREAK]);
            self.begin_line();
        }
    }

    /// Whether what follows goes into a piece of its own.
    fn is_long(&self) -> bool {
        (self.end - self.line) as usize > HISTORY_LINE_BYTES_MAX.min(self.segment_bytes)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        let (len, place) = (bytes.len(), self.place);
        if self.end + len as u64 > self.edge {
            return self.write_on(bytes);
        }
        self.memory.bytes_mut(place + len)[place..place + len].copy_from_slice(bytes);
        self.end += len as u64;
        self.place = place + len;
    }

    /// Writes beyond the segment entered last, or round the ring's end.
    fn write_on(&mut self, bytes: &[u8]) {
        if bytes.is_empty() || bytes.len() > self.memory.len() {
            return;
        }
        let size = self.segment_bytes as u64;
        let (from, to) = (self.end / size, (self.end + bytes.len() as u64 - 1) / size);
        for segment in from..=to {
            self.enter(segment);
        }
        let at = self.place;
        let first = bytes.len().min(self.ring - at);
        let memory = self.memory.bytes_mut(at + first);
        memory[at..at + first].copy_from_slice(&bytes[..first]);
        memory[..bytes.len() - first].copy_from_slice(&bytes[first..]);
        self.end += bytes.len() as u64;
        self.place = (self.end % self.ring as u64) as usize;
    }

    /// The writer comes into a segment: what the ring held there before is gone.
    fn enter(&mut self, segment: u64) {
        let size = self.segment_bytes as u64;
        let slot = &mut self.segments[segment as usize % SEGMENTS];
        if slot.first != NONE && slot.first / size != segment {
            self.lines -= slot.lines as usize;
            *slot = EMPTY;
        }
        self.edge = (segment + 1) * size;
        self.slot = segment as usize % SEGMENTS;
        self.place = (self.end % self.ring as u64) as usize;
        self.drop_from = 0;
    }

    /// Drops the oldest segment's lines unless they are the last ones or too few to matter.
    fn drop_oldest(&mut self) -> bool {
        let size = self.segment_bytes as u64;
        let oldest = (self.begin() / size) as usize % SEGMENTS;
        let newest = (self.line / size) as usize % SEGMENTS;
        let lines = self.segments[oldest].lines as usize;
        if oldest == newest || self.lines - lines < self.lines_max {
            // Until another segment is entered the newest alone gets more lines.
            self.drop_from = if oldest == newest { usize::MAX } else { self.lines_max + lines };
            return false;
        }
        self.lines -= lines;
        self.segments[oldest] = EMPTY;
        self.drop_from = 0;
        true
    }

    /// Forgets everything (ED 3).
    pub fn clear(&mut self) {
        *self.segments = [EMPTY; SEGMENTS];
        self.lines = 0;
        self.drop_from = 0;
        self.top = self.end;
        self.line = self.end;
        self.open = false;
        self.row_cells = 0;
        self.style = Style::DEFAULT;
    }

    /// The packed bytes of a span, in one piece.
    fn read(&self, span: &Range<u64>, out: &mut Vec<u8>) {
        out.clear();
        let ring = self.ring;
        let len = ((span.end - span.start) as usize).min(ring);
        let memory = self.memory.bytes();
        let at = (span.start % ring as u64) as usize;
        let first = len.min(ring - at);
        out.extend_from_slice(memory.get(at..at + first).unwrap_or_default());
        out.extend_from_slice(memory.get(..len - first).unwrap_or_default());
    }

    /// The byte before a position.
    fn byte_before(&self, position: u64) -> u8 {
        let ring = self.ring as u64;
        let at = (position.saturating_sub(1) % ring) as usize;
        self.memory.bytes().get(at).copied().unwrap_or(END)
    }

    /// Where the text before `position` ends: before any holes.
    fn before_holes(&self, mut position: u64, begin: u64) -> u64 {
        while position > begin && self.byte_before(position) == HOLE {
            let number = position - 1;
            let digits = (0..HOLE_BYTES).map(|at| u64::from(self.byte_before(number - at) & 0x7f));
            let len = digits.fold(0, |len, digit| len << 7 | digit);
            position = number.saturating_sub(HOLE_BYTES).saturating_sub(len);
        }
        position
    }

    /// The last END, BREAK or HOLE in `from..to`.
    fn mark_before(&self, from: u64, to: u64) -> Option<u64> {
        let ring = self.ring as u64;
        let memory = self.memory.bytes();
        let mut to = to;
        while to > from {
            // A stretch that does not wrap around.
            let begin = from.max((to - 1) / ring * ring);
            let base = (begin % ring) as usize;
            let bytes = memory.get(base..base + (to - begin) as usize)?;
            if let Some(at) = memchr::memrchr3(END, BREAK, HOLE, bytes) {
                return Some(begin + at as u64);
            }
            to = begin;
        }
        None
    }

    /// The cells of a line.
    pub fn cells(&self, span: &LineSpan, tables: &mut Tables, out: &mut Vec<Cell>) -> Style {
        let mut bytes = Vec::new();
        self.read(&span.bytes, &mut bytes);
        out.clear();
        pack::unpack(&bytes, tables, usize::MAX, out)
    }

    /// Takes the last line out: its cells, and whether it continues the line before it (a piece).
    pub fn pop_line(&mut self, tables: &mut Tables) -> Option<(Vec<Cell>, bool)> {
        let span = self.spans().next()?;
        let mut cells = Vec::new();
        self.cells(&span, tables, &mut cells);
        let size = self.segment_bytes as u64;
        let slot = &mut self.segments[(span.bytes.start / size) as usize % SEGMENTS];
        slot.lines = slot.lines.saturating_sub(1);
        if slot.first == span.bytes.start {
            *slot = EMPTY;
        }
        self.lines = self.lines.saturating_sub(1);
        self.drop_from = 0;
        self.top = span.bytes.start;
        self.open = false;
        Some((cells, span.continues))
    }

    /// Writes down what the bytes do not tell.
    pub fn checkpoint(&self, tables: &Tables, out: &mut Vec<u8>) {
        for n in [self.end, self.top, self.line] {
            out.extend_from_slice(&n.to_le_bytes());
        }
        out.push(u8::from(self.open));
        put_number(self.row_cells, out);
        let mut style = Vec::new();
        pack::put_style(Style::DEFAULT, &self.style, tables, &mut style);
        put_number(style.len(), out);
        out.extend_from_slice(&style);
        let known = self.segments.iter().enumerate().filter(|(_, s)| s.first != NONE);
        put_number(known.clone().count(), out);
        for (slot, segment) in known {
            put_number(slot, out);
            put_number((self.end - segment.first) as usize, out);
            put_number(segment.lines as usize, out);
        }
    }

    /// Takes up again where `checkpoint` was written, over the same memory.
    pub fn resume(
        region: Box<dyn Region>,
        lines_max: usize,
        bytes: &mut Bytes<'_>,
        tables: &mut Tables,
    ) -> Option<History> {
        let mut history = History::new(region, lines_max);
        let word =
            |bytes: &mut Bytes<'_>| Some(u64::from_le_bytes(bytes.take(8)?.try_into().ok()?));
        history.end = word(bytes)?;
        history.place = history.end.checked_rem(history.ring as u64).unwrap_or(0) as usize;
        history.top = word(bytes)?.min(history.end);
        history.line = word(bytes)?.min(history.end);
        history.open = bytes.next()? != 0;
        history.row_cells = bytes.number()?;
        let style = bytes.number()?;
        history.style = pack::unpack(bytes.take(style)?, tables, usize::MAX, &mut Vec::new());
        for _ in 0..bytes.number()?.min(SEGMENTS) {
            let slot = bytes.number()?;
            let first = history.end.checked_sub(bytes.number()? as u64)?;
            let lines = bytes.number()? as u32;
            *history.segments.get_mut(slot)? = Segment { first, lines };
            history.lines += lines as usize;
        }
        if history.is_off() {
            return Some(History { lines: 0, ..history });
        }
        Some(history)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn push(history: &mut History, text: &str, wrapped: bool) {
        let cells: Vec<Cell> = text.bytes().map(|b| Cell::ascii(b, 0)).collect();
        history.push(&cells, 10, wrapped, &Tables::default());
    }

    fn texts(history: &History) -> Vec<(String, bool)> {
        let mut tables = Tables::default();
        let mut cells = Vec::new();
        let text = |span: LineSpan| {
            history.cells(&span, &mut tables, &mut cells);
            let text = cells.iter().map(|c| char::from(c.bits() as u8)).collect();
            (text, span.continues)
        };
        let mut all: Vec<_> = history.spans().map(text).collect();
        all.reverse();
        all
    }

    fn line(text: &str) -> (String, bool) {
        (text.to_string(), false)
    }

    #[test]
    fn lines_taken_out_leave_a_hole_and_a_checkpoint_stays_true() {
        let mut tables = Tables::default();
        let mut history = History::new(Box::new(vec![0; 64 * 256]), 100);
        for text in ["one", "two", "three"] {
            push(&mut history, text, false);
        }
        let mut checkpoint = Vec::new();
        history.checkpoint(&tables, &mut checkpoint);
        for _ in 0..3 {
            // Down to one line and up again, twice over in between.
            history.pop_line(&mut tables).unwrap();
            history.pop_line(&mut tables).unwrap();
            push(&mut history, "2", false);
            history.pop_line(&mut tables).unwrap();
            push(&mut history, "zwei", false);
            push(&mut history, "drei", false);
            assert_eq!(texts(&history), [line("one"), line("zwei"), line("drei")]);
        }
        let region = history.into_region();
        let mut bytes = Bytes::new(&checkpoint);
        let history = History::resume(region, 100, &mut bytes, &mut tables).unwrap();
        assert_eq!(texts(&history), [line("one"), line("two"), line("three")]);
    }

    #[test]
    fn the_oldest_lines_go_as_soon_as_enough_are_left() {
        let mut history = History::new(Box::new(vec![0; 64 * 32]), 20);
        for n in 0..2000usize {
            push(&mut history, &"x".repeat(n * n % 37), false);
            let oldest = (history.begin() / 32) as usize % SEGMENTS;
            let rest = history.lines - history.segments[oldest].lines as usize;
            assert!(history.lines <= 20 || rest < 20, "{} lines, {rest} without the oldest", n);
            let known: usize = history.segments.iter().map(|s| s.lines as usize).sum();
            assert_eq!(history.lines, known);
        }
        assert!(history.lines >= 20);
    }

    #[test]
    fn a_checkpoint_of_a_hole_resumes_as_it_was() {
        let mut tables = Tables::default();
        let mut history = History::new(Box::new(vec![0; 64 * 256]), 100);
        push(&mut history, "first", false);
        push(&mut history, "0123456789", false);
        push(&mut history, "and more", true);
        history.pop_line(&mut tables).unwrap();
        let mut checkpoint = Vec::new();
        history.checkpoint(&tables, &mut checkpoint);
        let region = history.into_region();
        let mut bytes = Bytes::new(&checkpoint);
        let mut history = History::resume(region, 100, &mut bytes, &mut tables).unwrap();
        assert_eq!(texts(&history), [line("first")]);
        push(&mut history, "last", false);
        assert_eq!(texts(&history), [line("first"), line("last")]);
    }
}
