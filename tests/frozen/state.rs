//! What a daemon leaves to the next one: a terminal's checkpoint with its history, a face's whole memory.

use crate::{bless, kept};
use facemux::face::memory::{Memory, layout, total_bytes};
use facemux::face::{Face, InFlight};
use facemux::region::Region;
use facemux::sys::memory::{Mapping, create_memfd};
use facemux::term::render::{Format, render};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::{Offset, Size};
use facemux::wire::upgrade::VERSIONS;
use std::os::fd::OwnedFd;

const HISTORY_BYTES: usize = 16 * 1024;
const LINES: usize = 100;
/// A small journal: the layout of the memory follows from it.
const JOURNAL: usize = 4096;
const VIEWER: u64 = 0x1122_3344_5566_7788;

/// Something of everything that a checkpoint holds, and an unfinished sequence at the end.
fn output() -> Vec<u8> {
    let mut bytes = Vec::new();
    for line in 0..40 {
        let colour = line % 8;
        let text =
            format!("\x1b[3{colour};4:3;58:2::1:2:3mline {line} \u{1f980}e\u{301}\x1b[m\r\n");
        bytes.extend_from_slice(text.as_bytes());
    }
    let rest: [&[u8]; 12] = [
        b"\x1b]0;a title\x07\x1b[22t\x1b]2;another\x07",
        b"\x1b[2;5r\x1b[3;4H\x1b7\x1b[?6h",
        b"\x1b(0\x1b)B\x0e\x1b[?25l\x1b[?1000;1006;1004;2004h\x1b[?7l",
        b"\x1b[>1u\x1b[>4;2m\x1b[5 q\x1b[?2026h\x1b[?2031h",
        b"\x1b]4;3;#123456\x07\x1b]10;#ffffff\x07",
        b"\x1b]8;id=k;https://example.org/\x1b\\link\x1b]8;;\x1b\\",
        b"\x1b[38;2;1;2;3;48;5;200;1;2;3;5;7;9;53mstyled\x1b[1\"qkept",
        b"\x1b[3g\x1b[10G\x1bH\x1b[5;1H",
        "wide \u{8a9e}\u{8a9e} and a line that is longer than the screen is".as_bytes(),
        b"\x1b[?1049h\x1b[2;2Halternate\x1b[>3u\x1b[31m",
        b"\x1b[?66h\x1b[?1h\x1b[4h",
        b"\x1b[38;5;1",
    ];
    rest.iter().for_each(|piece| bytes.extend_from_slice(piece));
    bytes
}

fn size() -> Size {
    Size::new(6, 40).unwrap()
}

fn region(bytes: &[u8], len: usize) -> Box<dyn Region> {
    let mut region = bytes.to_vec();
    region.resize(len, 0);
    Box::new(region)
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let used = bytes.iter().rposition(|b| *b != 0).map_or(0, |at| at + 1);
    &bytes[..used]
}

fn shown(terminal: &Terminal) -> (String, Vec<u8>, Vec<u8>) {
    let screen = render(terminal, Format::Json, LINES).unwrap();
    (screen, terminal.restore(LINES), terminal.unfinished())
}

#[test]
fn a_terminals_checkpoint_is_the_bytes_it_was_and_reads_as_it_did() {
    let newest = VERSIONS.checkpoint[1];
    let fresh = || Terminal::new(size(), History::new(region(&[], HISTORY_BYTES), LINES));
    let mut terminal = fresh();
    terminal.feed(&output(), &mut Unwatched);
    let mut checkpoint = Vec::new();
    terminal.checkpoint(&mut checkpoint);
    let expected = shown(&terminal);
    let history = terminal.into_history_region();
    let names = [format!("checkpoint/v{newest}.terminal"), format!("checkpoint/v{newest}.history")];
    bless(&names[0], &checkpoint);
    bless(&names[1], trimmed(history.bytes()));
    let frozen = names.clone().map(|name| std::fs::read(kept(&name)).unwrap());
    assert!(checkpoint == frozen[0], "{} is not what is written today", names[0]);
    assert!(trimmed(history.bytes()) == frozen[1], "{} is not what is written today", names[1]);
    for version in VERSIONS.checkpoint[0]..=newest {
        let read =
            |kind: &str| std::fs::read(kept(&format!("checkpoint/v{version}.{kind}"))).unwrap();
        let history = region(&read("history"), HISTORY_BYTES);
        let mut old = Terminal::from_checkpoint(&read("terminal"), history, LINES).unwrap();
        // What it begins with is the last complete token: the journal has the rest.
        let rest = &output()[old.offset() as usize..];
        assert!(!rest.is_empty());
        old.feed(rest, &mut Unwatched);
        assert_eq!(shown(&old), expected, "version {version}");
        // They go on alike.
        let mut other = fresh();
        other.feed(&output(), &mut Unwatched);
        let more = b";1mgoes on\x1b[?1049l\x1b8 after\r\n\x1b[23t\x1b[?6l\x1b[H\x0fx";
        old.feed(more, &mut Unwatched);
        other.feed(more, &mut Unwatched);
        assert_eq!(shown(&old), shown(&other), "version {version}");
    }
}

#[test]
fn a_checkpoint_names_its_version() {
    let mut checkpoint = Vec::new();
    Terminal::new(size(), History::growing(1024, 10)).checkpoint(&mut checkpoint);
    let [_, newest] = VERSIONS.checkpoint;
    assert_eq!(&checkpoint[..4], format!("fmT{newest}").as_bytes());
}

/// The memory of a face that has printed, been resized, been typed to and has answered.
fn lived() -> OwnedFd {
    let memfd = create_memfd("frozen", total_bytes(JOURNAL)).unwrap();
    let mut face = Face::new(map(&memfd), size(), LINES);
    let mut scratch = Vec::new();
    print(&mut face, &output());
    face.resize(Size::new(8, 44).unwrap());
    assert!(face.checkpoint(b"meta", &mut scratch));
    print(&mut face, b"mafter\x1b[c\x1b[6n");
    face.accept(b"typed", VIEWER, 5, false).unwrap();
    face.handle_written(3);
    memfd
}

/// What a face's program prints.
fn print(face: &mut Face, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        let space = face.space(Offset::UNKNOWN, bytes.len());
        let len = space.len().min(bytes.len());
        space[..len].copy_from_slice(&bytes[..len]);
        face.handle_output(len);
        bytes = &bytes[len..];
    }
}

fn map(memfd: &OwnedFd) -> Memory {
    let pieces = Mapping::of(memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    let pieces = pieces.into_iter().map(|piece| Box::new(piece) as Box<dyn Region>).collect();
    Memory::from_pieces(pieces).unwrap()
}

/// The pieces of a memory without the zeros at their ends, each with its length before it.
fn packed(memfd: &OwnedFd) -> Vec<u8> {
    let pieces = Mapping::of(memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    let mut bytes = Vec::new();
    for piece in &pieces {
        let used = trimmed(piece.bytes());
        bytes.extend_from_slice(&(used.len() as u32).to_le_bytes());
        bytes.extend_from_slice(used);
    }
    bytes
}

fn unpacked(mut bytes: &[u8]) -> OwnedFd {
    let memfd = create_memfd("frozen", total_bytes(JOURNAL)).unwrap();
    let mut pieces = Mapping::of(&memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    for piece in &mut pieces {
        let (len, rest) = bytes.split_first_chunk::<4>().unwrap();
        let (used, rest) = rest.split_at(u32::from_le_bytes(*len) as usize);
        piece.bytes_mut()[..used.len()].copy_from_slice(used);
        bytes = rest;
    }
    memfd
}

#[test]
fn a_faces_memory_is_the_bytes_it_was_and_is_taken_over() {
    let newest = VERSIONS.memory[1];
    let memfd = lived();
    let name = format!("checkpoint/v{newest}.face");
    bless(&name, &packed(&memfd));
    assert!(packed(&memfd) == std::fs::read(kept(&name)).unwrap(), "{name} is written otherwise");
    let taken = |memfd: &OwnedFd| {
        Face::recover(map(memfd), size(), LINES, InFlight::default(), false, |_| None)
    };
    let (expected, _) = taken(&memfd);
    let expected_screen = shown(expected.terminal().unwrap());
    assert!(expected_screen.0.contains("after"), "what came after the checkpoint is read again");
    for version in VERSIONS.memory[0]..=newest {
        let old = unpacked(&std::fs::read(kept(&format!("checkpoint/v{version}.face"))).unwrap());
        let (face, meta) = taken(&old);
        assert_eq!(meta.as_deref(), Some(&b"meta"[..]));
        assert_eq!(shown(face.terminal().unwrap()), expected_screen, "version {version}");
        assert_eq!(face.size(), Size::new(8, 44).unwrap());
        assert_eq!(face.accepted_of(VIEWER), 5);
        assert_eq!(face.journal().head(), expected.journal().head());
        assert_eq!(face.input().waiting(), expected.input().waiting());
        assert!(face.input().waiting() > 5, "answers and what was typed wait");
    }
}
