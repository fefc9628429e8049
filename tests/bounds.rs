//! Hostile output: none of it grows memory past the bounds, none of it costs more than its length allows.

// Counting allocations takes an allocator, and an allocator is unsafe to write.
#![allow(unsafe_code, clippy::unwrap_used)]

use facemux::limits::HISTORY_LINES;
use facemux::term::{History, Terminal, Watch};
use facemux::units::Size;
use nix::time::{ClockId, clock_gettime};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

struct Counting;

static LIVE: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is passed on unchanged to the system's allocator; only numbers are kept.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(LIVE.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller's contract is the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static COUNTING: Counting = Counting;

/// Bytes of output a case is fed. A debug build is slow: `cargo test --release --test bounds` says more.
const OUTPUT_BYTES: usize = if cfg!(debug_assertions) { 256 << 10 } else { 8 << 20 };
/// The stretch over which cost is averaged.
const STRETCH_BYTES: usize = 64 * 1024;
/// Processor time a byte may cost in nanoseconds; a build without optimisation is some thirty times slower.
const BYTE_NANOSECONDS: u128 = if cfg!(debug_assertions) { 60_000 } else { 2_000 };
/// History in this test, in bytes.
const HISTORY_BYTES: usize = 256 * 1024;
/// What a terminal may hold beyond its history whatever it is told: tables of styles, clusters and links.
const REST_BYTES: usize = 24 << 20;

/// Counts answers and forgets them.
#[derive(Default)]
struct Answered(usize);

impl Watch for Answered {
    fn reply(&mut self, _at: u64, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

type Case = (&'static str, Box<dyn Fn(usize) -> String>);

/// What is printed first, again and again: the n-th time with its number.
fn cases() -> Vec<Case> {
    fn same(name: &'static str, text: &'static str) -> Case {
        (name, Box::new(move |_| text.into()))
    }
    fn once(name: &'static str, first: &'static str, then: &'static str) -> Case {
        (name, Box::new(move |n| if n == 0 { first.into() } else { then.into() }))
    }
    vec![
        once("a title without end", "\x1b]2;", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        once("a clipboard write without end", "\x1b]52;c;", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        once("a DCS without end", "\x1bP$q", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        once("an XTGETTCAP without end", "\x1bP+q", "544e;"),
        once("an APC without end", "\x1b_G", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
        once("parameters without end", "\x1b[", "1;22:333;"),
        once("a number without end", "\x1b[", "99999999"),
        once("marks without end", "e", "\u{301}\u{302}\u{303}"),
        once("joiners without end", "\u{1f469}", "\u{200d}\u{fe0f}"),
        once("two rows scroll", "\x1b[5;6r\x1b[6;1H", "\x1b[41mab\n"),
        once("origin, insert, wide", "\x1b[?6h\x1b[4h\x1b[3;20r", "\u{4e16}\r"),
        same("repeat", "x\x1b[65535b"),
        same("repeat wide", "\u{4e16}\x1b[65535b"),
        same("repeat marks", "e\u{301}\u{302}\u{303}\x1b[65535b"),
        same("insert lines", "\x1b[65535L"),
        same("delete lines", "\x1b[65535M"),
        same("insert characters", "\x1b[65535@"),
        same("delete characters", "\x1b[65535P"),
        same("erase characters", "\x1b[65535X"),
        same("scroll up", "\x1b[65535S"),
        same("scroll down", "\x1b[65535T"),
        same("tabs", "\x1b[65535I\x1b[65535Z"),
        same("columns", "\x1b[65535'}\x1b[65535'~\x1b[65535 @\x1b[65535 A"),
        same("clear", "\x1b[2J"),
        same("clear with colour", "\x1b[41m\x1b[2J\x1b[42m\x1b[2J"),
        same("alignment", "\x1b#8"),
        same("reset", "\x1bc"),
        same("soft reset", "\x1b[!p"),
        same("alternate screens", "\x1b[?1049h\x1b[?1049l"),
        same("forget history", "x\r\n\x1b[3J"),
        same("line feeds", "\n"),
        same("coloured line feeds", "\x1b[44m\n\x1b[K"),
        same("queries", "\x1b[c\x1b[6n\x1b[?1$p\x1b]11;?\x07\x1bP$qm\x1b\\"),
        same("title stack", "\x1b[22t"),
        same("keyboard stack", "\x1b[>31u"),
        same("save", "\x1b7"),
        same("tab stops", "\x1bH "),
        same("all colours", "\x1b]4;1;#111;2;#222;3;#333;4;#444;5;#555\x07\x1b]104\x07"),
        same("sequences cut short", "\u{10ffff}\x18\x1b\x1b\x1b["),
        (
            "new styles",
            Box::new(|n| format!("\x1b[38;2;{};{};{};4:3mx", n >> 16 & 255, n >> 8 & 255, n & 255)),
        ),
        (
            "new links",
            Box::new(|n| format!("\x1b]8;id={n};https://example.org/{n}/{}\x07x", "y".repeat(900))),
        ),
        (
            "new clusters",
            Box::new(|n| {
                let mark = |n| char::from_u32(0x300 + n as u32 % 0x60).unwrap();
                format!("e{}{}{}{}", mark(n), mark(n / 0x60), mark(n / 0x2400), mark(n / 7))
            }),
        ),
        ("new titles", Box::new(|n| format!("\x1b]2;{n}{}\x07\x1b[22t", "t".repeat(2000)))),
    ]
}

fn processor_nanoseconds() -> u128 {
    let now = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    now.tv_sec() as u128 * 1_000_000_000 + now.tv_nsec() as u128
}

/// Feeds one case; what it did wrong, if anything.
fn run(name: &str, make: &dyn Fn(usize) -> String, size: Size) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut output = String::new();
    let mut n = 0;
    while output.len() < OUTPUT_BYTES {
        output += &make(n);
        n += 1;
    }
    let before = LIVE.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut terminal = Terminal::new(size, History::growing(HISTORY_BYTES, HISTORY_LINES));
    let mut answered = Answered::default();
    let mut slowest = 0;
    for stretch in output.as_bytes().chunks_exact(STRETCH_BYTES) {
        let start = processor_nanoseconds();
        stretch.chunks(4096).for_each(|read| terminal.feed(read, &mut answered));
        slowest = slowest.max((processor_nanoseconds() - start) / STRETCH_BYTES as u128);
    }
    let screens = 4 * 8 * usize::from(size.rows()) * usize::from(size.cols());
    let held = PEAK.load(Relaxed) - before;
    if held > HISTORY_BYTES + REST_BYTES + screens {
        wrong.push(format!("{name} at {size}: {held} bytes held"));
    }
    if slowest > BYTE_NANOSECONDS {
        wrong.push(format!("{name} at {size}: {slowest} ns a byte"));
    }
    if answered.0 > 8 * output.len() {
        wrong.push(format!(
            "{name} at {size}: {} bytes of answers to {}",
            answered.0,
            output.len()
        ));
    }
    println!("{name:32} {size:>7}  {held:>9} bytes held  {slowest:>6} ns a byte");
    wrong
}

#[test]
fn no_output_grows_memory_or_costs_too_much() {
    let sizes = [Size::clamped(24, 80), Size::clamped(50, 200)];
    let each =
        |(name, make): &Case| sizes.iter().flat_map(|s| run(name, make, *s)).collect::<Vec<_>>();
    let wrong: Vec<String> = cases().iter().flat_map(each).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
