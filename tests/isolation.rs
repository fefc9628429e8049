//! Faces are strangers: whatever fifty of them print in whatever order, no byte of one is in another's screen, journal,
//! input or viewer, also after the daemon was killed and another took over.
//!
//! Each face prints and is typed a letter of its own, two bytes in UTF-8 of which the second names the face, among
//! line ends, colours, cursor moves and titles that all of them share. With the feature `planted` a viewer is given
//! another face's output on purpose, and that is found.

#![allow(clippy::unwrap_used)]

#[path = "common/following.rs"]
mod following;

use facemux::face::InFlight;
use facemux::face::memory::{Memory, layout, total_bytes};
use facemux::mux::{Chunk, ClientId, Effect, Kernel, Mux, Now, Recovered, Surroundings};
use facemux::region::Region;
use facemux::sys::memory::{Mapping, create_memfd};
use facemux::term::render::{Format as Form, render};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::{FaceId, Offset, Size};
use facemux::wire::keeper::{KeptFace, Settings, ToKeeper};
use facemux::wire::{
    Attach, Format, Kind, Message, NewFace, Reply, Request, SizePolicy, ViewerNote,
};
use following::following;
use proptest::prelude::*;
use proptest::test_runner::{TestCaseResult, TestError, TestRunner};
use std::os::fd::OwnedFd;
use std::time::Duration;

const FACES: usize = 50;
/// Small, so that viewers are lapped.
const JOURNAL: usize = 4096;
const CONTROL: ClientId = 1;

/// What is done to the house, one after the other.
#[derive(Clone, Copy, Debug)]
enum Act {
    Print { face: usize, what: u16 },
    Come { face: usize, journal: bool },
    Leave { seat: usize },
    Look { seat: usize, most: usize },
    Type { seat: usize, times: usize },
    Write { face: usize },
    Snap { face: usize },
    Wait { ms: u64 },
    Kill,
}

fn act() -> impl Strategy<Value = Act> {
    let face = || 0..FACES;
    prop_oneof![
        40 => (face(), any::<u16>()).prop_map(|(face, what)| Act::Print { face, what }),
        8 => (face(), any::<bool>()).prop_map(|(face, journal)| Act::Come { face, journal }),
        2 => (0..FACES).prop_map(|seat| Act::Leave { seat }),
        30 => (0..FACES, 1..6000usize).prop_map(|(seat, most)| Act::Look { seat, most }),
        8 => (0..FACES, 1..40usize).prop_map(|(seat, times)| Act::Type { seat, times }),
        8 => face().prop_map(|face| Act::Write { face }),
        3 => face().prop_map(|face| Act::Snap { face }),
        4 => (1..400u64).prop_map(|ms| Act::Wait { ms }),
        1 => Just(Act::Kill),
    ]
}

/// The letter of a face.
fn letter(face: usize) -> [u8; 2] {
    [0xc4, 0x80 + face as u8]
}

/// Fails when a byte is another face's letter.
fn assert_own(bytes: &[u8], face: usize, what: &str) {
    let [lead, own] = letter(face);
    let foreign = bytes.iter().find(|b| **b >= 0x80 && **b != lead && **b != own);
    if let Some(byte) = foreign {
        panic!("{what} of face {} has a byte of face {}", face + 1, byte.wrapping_sub(0x7f));
    }
}

/// What a restore prints to make a row wrap, U+4E00. No face's letter has its first two bytes.
const WRAPS: [u8; 3] = [0xe4, 0xb8, 0x80];

/// The same of a restore, or of a piece of one: a piece may begin with the rest of that character.
fn assert_restore_own(bytes: &[u8], face: usize, what: &str) {
    let [first, second, third] = WRAPS;
    let others = bytes.iter().enumerate().filter(|(at, b)| {
        let last = **b == third && (*at == 0 || bytes[at - 1] == second);
        **b != first && **b != second && !last
    });
    let others: Vec<u8> = others.map(|(_, b)| *b).collect();
    assert_own(&others, face, what);
}

/// What a face prints.
fn utterance(face: usize, what: u16) -> Vec<u8> {
    let n = usize::from(what >> 4);
    let name = |times| letter(face).repeat(times);
    match what & 15 {
        0..8 => [name(1 + n % 100), b"\r\n".to_vec()].concat(),
        8 => [format!("\x1b[{};{}H", 1 + n % 24, 1 + n % 80).into_bytes(), name(3)].concat(),
        9 => [format!("\x1b[3{}m", n % 8).into_bytes(), name(90)].concat(),
        10 => [b"\x1b]2;".to_vec(), name(9), b"\x07".to_vec()].concat(),
        11 => [b"\x1b[?1049h".to_vec(), name(20)].concat(),
        12 => [b"\x1b[?1049l".to_vec(), name(20)].concat(),
        13 => [name(n % 800), b"\r\n".to_vec()].concat(),
        // Half a letter: the other half comes with what is printed next, or never.
        14 => letter(face)[..1].to_vec(),
        _ => [b"\x1b[6n\x1b[2J".to_vec(), name(1)].concat(),
    }
}

/// A client that watches a face.
struct Seat {
    client: ClientId,
    face: usize,
    terminal: Terminal,
    /// It asked for the journal from its beginning: what it has is no screen.
    journal: bool,
    at: Offset,
    typed: Vec<u8>,
    accepted: u64,
    open: bool,
}

struct Face {
    memfd: OwnedFd,
    meta: Vec<u8>,
    printed: Vec<u8>,
}

/// Nobody's terminal is in line mode.
struct Plain;

impl Kernel for Plain {
    fn line_mode(&mut self, _: FaceId) -> bool {
        false
    }

    fn waiting(&mut self, _: FaceId) -> bool {
        true
    }
}

struct House {
    now: Now,
    mux: Mux,
    faces: Vec<Face>,
    seats: Vec<Seat>,
    next_client: ClientId,
    snapshot: Vec<u8>,
}

fn registry(next_id: u64) -> Mux {
    let settings = Settings {
        max_faces: FACES as u32,
        max_faces_per_user: 0,
        idle_timeout_ms: 0,
        evict_after_ms: 0,
        history_lines: 50,
        journal_bytes: JOURNAL as u32,
        certificate_ms: 0,
        linger_ms: 0,
        grace_ms: 100,
        size_policy: SizePolicy::Fixed,
    };
    let mut mux = Mux::new(settings, Surroundings::default(), next_id, 1000);
    mux.handle_connect(CONTROL);
    mux
}

fn map(memfd: &OwnedFd) -> Memory {
    let pieces = Mapping::of(memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    let pieces = pieces.into_iter().map(|piece| Box::new(piece) as Box<dyn Region>).collect();
    Memory::from_pieces(pieces).unwrap()
}

fn fresh() -> Terminal {
    Terminal::new(Size::DEFAULT, History::new(Box::new(vec![0; 1 << 14]), 50))
}

fn id(face: usize) -> FaceId {
    FaceId(face as u64 + 1)
}

impl House {
    fn new() -> House {
        let now = Now { mono: Duration::from_secs(1000), wall_ms: 1_000_000 };
        let (faces, seats, snapshot) = (Vec::new(), Vec::new(), Vec::new());
        let mut house = House { now, mux: registry(1), faces, seats, next_client: 2, snapshot };
        for _ in 0..FACES {
            let new = NewFace {
                name: None,
                kind: Kind::Cli,
                side_of: None,
                size: Size::DEFAULT,
                cwd: "/".into(),
                env: Vec::new(),
                argv: vec!["program".into()],
                modes: Vec::new(),
                keep_orphans: false,
            };
            house.ask(CONTROL, Request::New(Box::new(new)));
        }
        assert_eq!(house.faces.len(), FACES);
        house
    }

    fn ask(&mut self, client: ClientId, request: Request) {
        self.mux.handle_request(self.now, client, request, &mut Plain);
        self.settle();
    }

    fn settle(&mut self) {
        while let Some(effect) = self.mux.poll_effect() {
            match effect {
                Effect::Keeper(ToKeeper::Spawn(spawn)) => {
                    let memfd = create_memfd("isolation", spawn.memory_bytes as usize).unwrap();
                    assert_eq!(spawn.id, id(self.faces.len()));
                    self.mux.handle_spawned(self.now, spawn.id, 1, map(&memfd));
                    self.faces.push(Face { memfd, meta: spawn.meta, printed: Vec::new() });
                }
                Effect::Send { client: CONTROL, message: Message::Bytes(bytes) } => {
                    self.snapshot.extend_from_slice(&bytes);
                }
                Effect::Send { client, message } => self.hear(client, &message),
                Effect::Close { client } => self.close(client),
                _ => {}
            }
        }
    }

    fn hear(&mut self, client: ClientId, message: &Message) {
        let Some(seat) = self.seats.iter_mut().find(|s| s.open && s.client == client) else {
            return;
        };
        match message {
            Message::Reply(reply) => match &**reply {
                Reply::Attached { id: told, offset, .. } => {
                    assert_eq!(*told, id(seat.face));
                    // Anywhere but where it was: a restore comes first.
                    seat.at = if seat.at == *offset { *offset } else { Offset::UNKNOWN };
                }
                other => panic!("asked to attach, answered {other:?}"),
            },
            Message::Viewer(ViewerNote::Accepted { upto }) => seat.accepted = *upto,
            _ => {}
        }
    }

    fn close(&mut self, client: ClientId) {
        self.mux.handle_disconnect(self.now, client);
        for seat in self.seats.iter_mut().filter(|s| s.client == client) {
            seat.open = false;
        }
    }

    fn attach(&mut self, at: usize, resume: Option<Offset>) {
        let client = self.next_client;
        self.next_client += 1;
        let seat = &mut self.seats[at];
        (seat.client, seat.open) = (client, true);
        seat.at = resume.unwrap_or(Offset::UNKNOWN);
        let attach = Attach { resume, ..following(&id(seat.face).to_string(), at as u64 + 1) };
        self.mux.handle_connect(client);
        self.ask(client, Request::Attach(Box::new(attach)));
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Print { face, what } => self.print(face, what),
            Act::Come { face, journal } => {
                let seat = Seat {
                    client: 0,
                    face,
                    terminal: fresh(),
                    journal,
                    at: Offset(0),
                    typed: Vec::new(),
                    accepted: 0,
                    open: false,
                };
                self.seats.push(seat);
                let head = self.faces[face].printed.len();
                let tail = Offset(head.saturating_sub(JOURNAL) as u64);
                self.attach(self.seats.len() - 1, journal.then_some(tail));
            }
            Act::Leave { seat } => {
                if let Some(client) = self.seats.get(seat).filter(|s| s.open).map(|s| s.client) {
                    self.close(client);
                }
            }
            Act::Look { seat, most } => self.look(seat, most),
            Act::Type { seat, times } => self.type_letters(seat, times),
            Act::Write { face } => self.write(face),
            Act::Snap { face } => self.snap(face),
            Act::Wait { ms } => {
                self.now.mono += Duration::from_millis(ms);
                self.mux.handle_time(self.now, &mut Plain);
            }
            Act::Kill => self.kill(),
        }
        self.settle();
    }

    /// A face prints, and the daemon reads it, in as many pieces as there is room for.
    fn print(&mut self, face: usize, what: u16) {
        let bytes = utterance(face, what);
        let mut left = &bytes[..];
        while !left.is_empty() {
            let Some((offset, space)) = self.mux.space(self.now, id(face), left.len()) else {
                return;
            };
            if space.is_empty() {
                return;
            }
            let n = space.len();
            assert_eq!(offset.0, self.faces[face].printed.len() as u64);
            space.copy_from_slice(&left[..n]);
            self.faces[face].printed.extend_from_slice(&left[..n]);
            self.mux.handle_output(self.now, id(face), n);
            left = &left[n..];
        }
    }

    /// A viewer takes what it is given.
    fn look(&mut self, at: usize, most: usize) {
        let Some(seat) = self.seats.get_mut(at).filter(|s| s.open) else { return };
        let Some(chunk) = self.mux.chunk(self.now, seat.client, most) else { return };
        let n = chunk.len();
        match &chunk {
            Chunk::Restore { offset, first, last, bytes } => {
                if *first {
                    (seat.terminal, seat.journal) = (fresh(), false);
                }
                assert_restore_own(bytes, seat.face, "a restore");
                seat.terminal.feed(bytes, &mut Unwatched);
                // Half a restore is nowhere to go on from.
                seat.at = if *last { *offset } else { Offset::UNKNOWN };
            }
            Chunk::Output { offset, first, second } => {
                assert_eq!(*offset, seat.at, "output goes on where it stopped");
                let bytes = [*first, *second].concat();
                assert_own(&bytes, seat.face, "a viewer");
                let printed = &self.faces[seat.face].printed;
                let printed = printed.get(seat.at.0 as usize..).unwrap_or_default();
                let same =
                    bytes.iter().zip(printed).all(|(b, told)| b == told || matches!(*b, 0 | 0x7f));
                assert!(same && n <= printed.len(), "not what face {} printed", seat.face + 1);
                seat.terminal.feed(&bytes, &mut Unwatched);
                seat.at = seat.at.plus(n);
            }
        }
        let client = seat.client;
        self.mux.handle_sent(self.now, client, n);
    }

    fn type_letters(&mut self, at: usize, times: usize) {
        let Some(seat) = self.seats.get_mut(at).filter(|s| s.open) else { return };
        let from = seat.typed.len();
        seat.typed.extend(letter(seat.face).repeat(times));
        let client = seat.client;
        self.mux.handle_input(self.now, client, from as u64, &seat.typed[from..], &mut Plain);
    }

    /// A program reads what was typed, and the answers to its queries.
    fn write(&mut self, face: usize) {
        if let Some((_, bytes)) = self.mux.pending_input(id(face)) {
            assert_own(bytes, face, "the input");
            let n = bytes.len();
            self.mux.handle_written(self.now, id(face), n, &mut Plain);
        }
    }

    fn snap(&mut self, face: usize) {
        for format in [Format::Text, Format::Ansi, Format::Json] {
            self.snapshot.clear();
            let face_name = id(face).to_string();
            self.ask(CONTROL, Request::Snap { face: face_name, format, history: 50 });
            // A letter half printed when the screen was left is shown as U+FFFD.
            let text = String::from_utf8_lossy(&self.snapshot).replace('\u{fffd}', "");
            match format {
                Format::Ansi => assert_restore_own(text.as_bytes(), face, "the screen"),
                _ => assert_own(text.as_bytes(), face, "the screen"),
            }
        }
    }

    /// SIGKILL to the daemon; the next one takes every face over, and viewers come back where they were.
    fn kill(&mut self) {
        self.mux = registry(FACES as u64 + 1);
        for (face, kept) in self.faces.iter().enumerate() {
            let there = KeptFace { id: id(face), pid: 1, meta: kept.meta.clone(), exited: None };
            let flight = InFlight::default();
            let whole = self.mux.handle_kept(self.now, there, map(&kept.memfd), flight, false);
            assert_eq!(whole, Recovered::Whole, "face {}", face + 1);
        }
        self.settle();
        for at in 0..self.seats.len() {
            if std::mem::take(&mut self.seats[at].open) {
                let (offset, accepted) = (self.seats[at].at, self.seats[at].accepted);
                self.seats[at].typed.truncate(accepted as usize);
                self.attach(at, Some(offset));
            }
        }
    }

    /// At the end everybody sees everything: each screen is the one its face alone would have.
    fn check(&mut self) {
        for face in 0..FACES {
            self.write(face);
            self.snap(face);
            self.snapshot.clear();
            let (face_name, format) = (id(face).to_string(), Format::Text);
            self.ask(CONTROL, Request::Snap { face: face_name, format, history: 0 });
            let mut alone = fresh();
            alone.feed(&self.faces[face].printed, &mut Unwatched);
            let shown = String::from_utf8_lossy(&self.snapshot).into_owned();
            assert_eq!(shown.trim_end(), text(&alone).trim_end(), "face {}", face + 1);
        }
        self.now.mono += Duration::from_secs(1);
        self.mux.handle_time(self.now, &mut Plain);
        for at in 0..self.seats.len() {
            for _ in 0..50 {
                self.look(at, 8192);
                self.settle();
            }
            let seat = &self.seats[at];
            if seat.open && !seat.journal {
                let mut alone = fresh();
                alone.feed(&self.faces[seat.face].printed, &mut Unwatched);
                let who = format!("a viewer of face {}", seat.face + 1);
                assert_eq!(text(&seat.terminal), text(&alone), "{who}");
            }
        }
    }
}

/// The screen as text.
fn text(terminal: &Terminal) -> String {
    render(terminal, Form::Text, 0).unwrap()
}

fn strangers(acts: Vec<Act>) -> TestCaseResult {
    let mut house = House::new();
    for act in acts {
        house.act(act);
    }
    house.check();
    Ok(())
}

fn property(cases: u32) -> Result<(), TestError<Vec<Act>>> {
    let config = ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() };
    TestRunner::new(config).run(&prop::collection::vec(act(), 200..1000), strangers)
}

#[test]
fn no_byte_of_a_face_is_ever_in_another() {
    property(32).unwrap_or_else(|failure| panic!("{failure}"));
}

#[cfg(feature = "planted")]
#[test]
fn a_swap_of_two_faces_is_found() {
    use facemux::planted::{Bug, plant};
    // The panics that are looked for here are not printed; those of the other test are.
    let (loud, here) = (std::panic::take_hook(), std::thread::current().id());
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().id() != here {
            loud(panic);
        }
    }));
    plant(Some(Bug::SwappedFaces));
    let found = property(8);
    plant(None);
    let failure =
        found.expect_err("viewers got other faces' output, and nobody noticed").to_string();
    assert!(failure.contains("byte of face"), "{failure}");
}
