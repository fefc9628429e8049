//! What a process of a server under test is told in words (`FACEMUX_PLANTED`): which bug it has, where it dies, which
//! output it cannot bear.

use super::{Bug, plant};
use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The places of `pass`, and how often each is chosen.
const PLACES: [(&str, u64); 21] = [
    ("face read returned", 12),
    ("face write returned", 12),
    ("terminal read returned", 5),
    ("terminal write returned", 5),
    ("published", 6),
    ("recovering", 1),
    ("recovered", 1),
    ("parsed", 1),
    ("Send", 1),
    ("Close", 2),
    ("GiveBack", 2),
    ("Keeper", 2),
    ("SetSize", 1),
    ("Write", 1),
    ("Read", 1),
    ("Deliver", 1),
    ("Show", 1),
    ("Exhaust", 2),
    ("Drop", 2),
    ("sent", 2),
    // Nowhere: whoever kills at a random instant has its turn.
    ("", 8),
];

/// A place is passed up to so many times before the process dies there.
const PASSES_MAX: u64 = 512;
/// Places that are seldom come by: there at the first time.
const RARE: [&str; 5] = ["Close", "GiveBack", "Keeper", "Exhaust", "Drop"];

struct Armed {
    quick: bool,
    unaccounted: bool,
    poison: Option<Vec<u8>>,
    /// Where to die.
    place: &'static str,
    die: fn(&str),
}

thread_local!(static HERE: Cell<Option<Here>> = const { Cell::new(None) });

/// How many places this thread still passes, and what becomes of it then.
type Here = (u64, fn(&'static str));

static ARMED: OnceLock<Armed> = OnceLock::new();
/// How often `place` is still passed by.
static LEFT: AtomicU64 = AtomicU64::new(0);

/// Arms this process. `words`, each apart by a blank: `quick`, `unaccounted`, `bug=NAME`, `poison=TEXT`,
/// `fail=SEED` (die somewhere, chosen by the seed and `chance`), `die=PLACE` (there, at once, `-` for each blank of its
/// name). `die` ends the process as SIGKILL would.
pub fn arm(words: &str, chance: u64, die: fn(&str)) {
    let mut armed = Armed { quick: false, unaccounted: false, poison: None, place: "", die };
    for word in words.split_ascii_whitespace() {
        match word.split_once('=').unwrap_or((word, "")) {
            ("quick", _) => armed.quick = true,
            ("unaccounted", _) => armed.unaccounted = true,
            ("poison", text) => armed.poison = Some(text.as_bytes().to_vec()),
            ("bug", name) => plant(Bug::ALL.into_iter().find(|bug| format!("{bug:?}") == name)),
            ("fail", seed) => {
                let mut random =
                    Random(seed.parse::<u64>().unwrap_or(0) ^ chance.wrapping_mul(ODD));
                armed.place = random.place();
                let rare = RARE.contains(&armed.place);
                let most = if rare { 1 } else { 1 << random.below(PASSES_MAX.ilog2().into()) };
                LEFT.store(1 + random.below(most), Ordering::Relaxed);
            }
            ("die", name) => {
                let named = |place: &&str| place.replace(' ', "-") == name;
                armed.place = PLACES.map(|(place, _)| place).into_iter().find(named).unwrap_or("");
                LEFT.store(1, Ordering::Relaxed);
            }
            _ => {}
        }
    }
    // Armed once: a process has one set of words.
    let _ = ARMED.set(armed);
}

/// Has this thread call `die` at the place that comes after `passes` others, or never.
pub fn arm_here(passes: Option<u64>, die: fn(&'static str)) {
    HERE.set(passes.map(|passes| (passes, die)));
}

/// A place at which this process may be killed.
pub fn pass(place: &'static str) {
    if let Some((passes, die)) = HERE.get() {
        HERE.set(passes.checked_sub(1).map(|left| (left, die)));
        if passes == 0 {
            die(place);
        }
    }
    let Some(armed) = ARMED.get() else { return };
    if armed.place == place && LEFT.fetch_sub(1, Ordering::Relaxed) == 1 {
        (armed.die)(place);
    }
}

/// Panics when `output` has what this process cannot bear.
pub fn swallow(output: &[u8]) {
    let Some(poison) = ARMED.get().and_then(|armed| armed.poison.as_deref()) else { return };
    assert!(
        !output.windows(poison.len().max(1)).any(|part| part == poison),
        "planted: poisoned output"
    );
}

/// Whether dead processes are started again without a pause.
pub fn is_quick() -> bool {
    ARMED.get().is_some_and(|armed| armed.quick)
}

/// Whether to do as if the kernel kept no account of reads and writes.
pub fn is_unaccounted() -> bool {
    ARMED.get().is_some_and(|armed| armed.unaccounted)
}

const ODD: u64 = 0x9e37_79b9_7f4a_7c15;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(ODD);
        let mut n = self.0;
        n = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        n = (n ^ (n >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        n ^ (n >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn place(&mut self) -> &'static str {
        let mut at = self.below(PLACES.iter().map(|(_, weight)| weight).sum());
        for (place, weight) in PLACES {
            if at < weight {
                return place;
            }
            at -= weight;
        }
        ""
    }
}
