//! A terminal as bytes, from which a new daemon goes on as if nothing had happened.
//!
//! Everything but the history's own bytes, which stay where they are. Rows are packed as the history
//! packs them. Layout: magic, state, checksum of both; numbers in `pack::put_number`'s form. Reading
//! accepts any bytes: what is not whole is an error.

use super::cell::Cell;
use super::grid::Grid;
use super::history::History;
use super::link::Link;
use super::modes::{CursorShape, Modes, Mouse, MouseEncoding};
use super::pack::{Bytes, END, pack, put_number, unpack};
use super::reflow::LooseRow;
use super::screen::charset::Charset;
use super::screen::pen::{Pen, SavedPen};
use super::screen::{MAIN, Page, PaletteKey, Saved, Screen, Tabs, Titles};
use super::style::{Attrs, Color, Style, Underline};
use super::tables::Tables;
use super::token::Machine;
use super::{CheckpointError, Terminal};
use crate::limits::{COLS_MAX, KITTY_MAX, ROWS_MAX, TITLES_MAX};
use crate::region::Region;
use crate::units::Size;

const MAGIC: &[u8; 4] = b"fmT2";

/// Appends the checkpoint.
pub fn write(terminal: &Terminal, out: &mut Vec<u8>) {
    let begin = out.len();
    out.extend_from_slice(MAGIC);
    let screen = &terminal.screen;
    put_number(screen.rows, out);
    put_number(screen.cols, out);
    terminal.machine.checkpoint(out);
    screen.history.checkpoint(&screen.tables, out);
    put_number(screen.above as usize, out);
    put_number(screen.active, out);
    for page in &screen.pages {
        put_page(page, &screen.tables, out);
    }
    put_number(screen.below.len(), out);
    for row in &screen.below {
        put_row(&row.cells, row.wrapped, &screen.tables, out);
    }
    put_pen(screen, out);
    out.extend(screen.charsets.iter().map(|c| c.last()));
    out.extend([screen.charset.last(), screen.shift as u8, screen.preceding]);
    put_modes(&screen.modes, out);
    put_titles(&screen.titles, out);
    put_number(screen.palette.len(), out);
    for (key, spec) in &screen.palette {
        match key {
            PaletteKey::Indexed(n) => out.extend([0, n & 0x7f, n >> 7]),
            PaletteKey::Special(n) => out.extend([1, *n, 0]),
        }
        put_text(spec, out);
    }
    let sum = checksum(&out[begin..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The terminal of a checkpoint.
pub fn read(
    bytes: &[u8],
    region: Box<dyn Region>,
    lines_max: usize,
) -> Result<Terminal, CheckpointError> {
    let body = bytes.len().checked_sub(8).ok_or(CheckpointError::Malformed("too short"))?;
    let (body, sum) = bytes.split_at(body);
    if checksum(body).to_le_bytes() != sum {
        return Err(CheckpointError::Checksum);
    }
    let body = body.strip_prefix(MAGIC).ok_or(CheckpointError::Malformed("no magic"))?;
    get(&mut Bytes::new(body), region, lines_max).ok_or(CheckpointError::Malformed("cut short"))
}

fn get(bytes: &mut Bytes<'_>, region: Box<dyn Region>, lines_max: usize) -> Option<Terminal> {
    let rows = bytes.number().filter(|n| (1..=usize::from(ROWS_MAX)).contains(n))?;
    let cols = bytes.number().filter(|n| (2..=usize::from(COLS_MAX)).contains(n))?;
    let machine = Machine::resume(bytes)?;
    let mut tables = Tables::default();
    let history = History::resume(region, lines_max, bytes, &mut tables)?;
    let size = Size::clamped(rows as u16, cols as u16);
    let mut screen = Screen::new(size, history);
    screen.tables = tables;
    screen.above = bytes.number()? as u32;
    screen.active = bytes.number()?.min(1);
    for which in 0..2 {
        screen.pages[which] = get_page(bytes, which, (rows, cols), &mut screen.tables)?;
    }
    (screen.page().grid.rows() == rows).then_some(())?;
    for _ in 0..bytes.number()? {
        let (cells, wrapped) = get_row(bytes, cols, &mut screen.tables)?;
        screen.below.push(LooseRow { cells, wrapped });
    }
    screen.pen = get_pen(bytes, &mut screen.tables)?;
    screen.pen_changed();
    for slot in 0..4 {
        screen.charsets[slot] = Charset::from_final(bytes.next()?)?;
    }
    screen.charset = Charset::from_final(bytes.next()?)?;
    screen.shift = usize::from(bytes.next()?.min(3));
    screen.preceding = bytes.next()?.min(2);
    screen.modes = get_modes(bytes)?;
    screen.titles = get_titles(bytes)?;
    for _ in 0..bytes.number()?.min(512) {
        let (kind, low, high) = (bytes.next()?, bytes.next()?, bytes.next()?);
        let key =
            if kind == 0 { PaletteKey::Indexed(low | high << 7) } else { PaletteKey::Special(low) };
        screen.palette.push((key, get_text(bytes)?));
    }
    Some(Terminal { machine, screen, report: super::Report::default() })
}

fn put_page(page: &Page, tables: &Tables, out: &mut Vec<u8>) {
    for n in [page.x, page.y, page.top, page.bottom, page.saved.x] {
        put_number(n, out);
    }
    out.extend_from_slice(&page.saved.y.to_le_bytes());
    put_saved_pen(&page.saved.pen, out);
    out.push(page.saved.charset.last());
    for word in page.tabs.words() {
        out.extend_from_slice(&word.to_le_bytes());
    }
    put_number(page.kitty.len(), out);
    page.kitty.iter().for_each(|&flags| put_number(flags as usize, out));
    put_number(page.grid.rows(), out);
    for y in 0..page.grid.rows() {
        match page.grid.text(y) {
            Some(text) => {
                out.push(u8::from(page.grid.wrapped(y)));
                out.extend_from_slice(text.bytes);
                out.push(END);
            }
            None => {
                put_row(page.grid.used(y, &mut Vec::new()), page.grid.wrapped(y), tables, out);
            }
        }
    }
}

fn get_page(
    bytes: &mut Bytes<'_>,
    which: usize,
    (rows, cols): (usize, usize),
    tables: &mut Tables,
) -> Option<Page> {
    let mut page = Page::new(rows, cols, Grid::default());
    page.x = bytes.number()?.min(cols);
    page.y = bytes.number()?.min(rows - 1);
    page.top = bytes.number()?;
    page.bottom = bytes.number()?;
    (page.top <= page.bottom && page.bottom < rows).then_some(())?;
    let x = bytes.number()?.min(usize::from(COLS_MAX));
    let y = i64::from_le_bytes(bytes.take(8)?.try_into().ok()?);
    let pen = get_saved_pen(bytes)?;
    page.saved = Saved { x, y, pen, charset: Charset::from_final(bytes.next()?)? };
    let mut words = [0; 16];
    for word in &mut words {
        *word = u64::from_le_bytes(bytes.take(8)?.try_into().ok()?);
    }
    page.tabs = Tabs::from_words(words);
    page.kitty.clear();
    for _ in 0..bytes.number()?.clamp(1, KITTY_MAX) {
        let _ = page.kitty.push(bytes.number()? as u32);
    }
    match bytes.number()? {
        0 => {}
        n if n == rows => {
            page.grid =
                if which == MAIN { Grid::scrolling(rows, cols) } else { Grid::new(rows, cols) };
            for y in 0..rows {
                let (cells, wrapped) = get_row(bytes, cols, tables)?;
                page.grid.put_row(y, &cells, wrapped);
            }
        }
        _ => return None,
    }
    Some(page)
}

fn put_row(cells: &[Cell], wrapped: bool, tables: &Tables, out: &mut Vec<u8>) {
    out.push(u8::from(wrapped));
    pack(cells, &mut Style::default(), tables, out);
    out.push(END);
}

fn get_row(bytes: &mut Bytes<'_>, cols: usize, tables: &mut Tables) -> Option<(Vec<Cell>, bool)> {
    let wrapped = bytes.next()? != 0;
    let packed = bytes.take_to(END)?;
    let mut cells = Vec::new();
    unpack(packed, tables, cols, &mut cells);
    cells.truncate(cols);
    Some((cells, wrapped))
}

fn put_color(color: Color, out: &mut Vec<u8>) {
    match color {
        Color::Default => out.extend([0, 0, 0, 0]),
        Color::Palette(n) => out.extend([1, n, 0, 0]),
        Color::Rgb(r, g, b) => out.extend([2, r, g, b]),
    }
}

fn get_color(bytes: &mut Bytes<'_>) -> Option<Color> {
    Some(match *bytes.take(4)? {
        [1, n, _, _] => Color::Palette(n),
        [2, r, g, b] => Color::Rgb(r, g, b),
        _ => Color::Default,
    })
}

fn put_saved_pen(pen: &SavedPen, out: &mut Vec<u8>) {
    put_color(pen.fg, out);
    put_color(pen.bg, out);
    out.extend_from_slice(&pen.attrs.bits().to_le_bytes());
    out.extend([u8::from(pen.underlined), u8::from(pen.extended)]);
}

fn get_saved_pen(bytes: &mut Bytes<'_>) -> Option<SavedPen> {
    Some(SavedPen {
        fg: get_color(bytes)?,
        bg: get_color(bytes)?,
        attrs: Attrs::from_bits(u16::from_le_bytes(bytes.take(2)?.try_into().ok()?)),
        underlined: bytes.next()? != 0,
        extended: bytes.next()? != 0,
    })
}

fn put_pen(screen: &Screen, out: &mut Vec<u8>) {
    let pen = &screen.pen;
    put_saved_pen(&pen.base, out);
    put_color(pen.underline_color, out);
    out.extend([pen.underline.number(), u8::from(pen.underline_color_reset)]);
    let link = screen.tables.links.get(pen.link);
    out.push(u8::from(link.is_some()));
    if let Some(link) = link {
        put_text(&link.id, out);
        put_text(&link.uri, out);
    }
}

fn get_pen(bytes: &mut Bytes<'_>, tables: &mut Tables) -> Option<Pen> {
    let base = get_saved_pen(bytes)?;
    let underline_color = get_color(bytes)?;
    let underline = Underline::from_number(bytes.next()?);
    let underline_color_reset = bytes.next()? != 0;
    let mut link = 0;
    if bytes.next()? != 0 {
        let (id, uri) = (get_text(bytes)?.into(), get_text(bytes)?.into());
        link = tables.links.intern(&Link { id, uri });
    }
    Some(Pen { base, underline, underline_color, underline_color_reset, link })
}

/// The flags of the modes, in the order they are written.
fn flags(modes: &mut Modes) -> [&mut bool; 13] {
    [
        &mut modes.app_cursor,
        &mut modes.app_keypad,
        &mut modes.insert,
        &mut modes.newline,
        &mut modes.reverse_video,
        &mut modes.origin,
        &mut modes.wrap,
        &mut modes.reverse_wrap,
        &mut modes.blink,
        &mut modes.cursor_visible,
        &mut modes.focus,
        &mut modes.bracketed_paste,
        &mut modes.sync,
    ]
}

const SHAPES: [Option<CursorShape>; 4] =
    [None, Some(CursorShape::Block), Some(CursorShape::Underline), Some(CursorShape::Bar)];
const BLINKS: [Option<bool>; 3] = [None, Some(false), Some(true)];
const MICE: [Mouse; 5] = [Mouse::Off, Mouse::X10, Mouse::Vt200, Mouse::Drag, Mouse::Any];
const ENCODINGS: [MouseEncoding; 3] =
    [MouseEncoding::Default, MouseEncoding::Sgr, MouseEncoding::SgrPixels];

/// Where a value stands in the list of all.
fn index<T: PartialEq>(all: &[T], value: &T) -> u8 {
    all.iter().position(|one| one == value).unwrap_or(0) as u8
}

fn put_modes(modes: &Modes, out: &mut Vec<u8>) {
    let mut modes = *modes;
    out.extend(flags(&mut modes).map(|flag| u8::from(*flag)));
    out.extend([
        u8::from(modes.color_scheme),
        index(&SHAPES, &modes.cursor_shape),
        index(&BLINKS, &modes.cursor_blink),
        index(&MICE, &modes.mouse),
        index(&ENCODINGS, &modes.mouse_encoding),
    ]);
    put_number(modes.modify_other_keys as usize, out);
}

fn get_modes(bytes: &mut Bytes<'_>) -> Option<Modes> {
    let mut modes = Modes::default();
    for flag in flags(&mut modes) {
        *flag = bytes.next()? != 0;
    }
    modes.color_scheme = bytes.next()? != 0;
    modes.cursor_shape = *SHAPES.get(usize::from(bytes.next()?))?;
    modes.cursor_blink = *BLINKS.get(usize::from(bytes.next()?))?;
    modes.mouse = *MICE.get(usize::from(bytes.next()?))?;
    modes.mouse_encoding = *ENCODINGS.get(usize::from(bytes.next()?))?;
    modes.modify_other_keys = bytes.number()? as u32;
    Some(modes)
}

fn put_titles(titles: &Titles, out: &mut Vec<u8>) {
    put_text(&titles.title, out);
    put_text(&titles.icon, out);
    for stack in [&titles.titles, &titles.icons] {
        put_number(stack.len(), out);
        stack.iter().for_each(|text| put_text(text, out));
    }
}

fn get_titles(bytes: &mut Bytes<'_>) -> Option<Titles> {
    let (title, icon) = (get_text(bytes)?, get_text(bytes)?);
    let mut stack = || -> Option<Vec<String>> {
        (0..bytes.number()?.min(TITLES_MAX)).map(|_| get_text(bytes)).collect()
    };
    Some(Titles { title, icon, titles: stack()?, icons: stack()? })
}

/// Appends a text with its length.
pub fn put_text(text: &str, out: &mut Vec<u8>) {
    put_number(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

fn get_text(bytes: &mut Bytes<'_>) -> Option<String> {
    let len = bytes.number()?;
    std::str::from_utf8(bytes.take(len)?).ok().map(str::to_owned)
}

/// FNV-1a over words: finds torn and stray writes, not forgers.
fn checksum(bytes: &[u8]) -> u64 {
    let mut sum = 0xcbf2_9ce4_8422_2325_u64 ^ bytes.len() as u64;
    let mut mix = |word: u64| {
        sum = (sum ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        sum ^= sum >> 32;
    };
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        mix(word.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b)));
    }
    words.remainder().iter().for_each(|&b| mix(u64::from(b)));
    sum
}
