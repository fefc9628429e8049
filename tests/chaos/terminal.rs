//! A viewer in a terminal that it hands to the daemon: a person at `facemux attach`.

use crate::common::Terminal;
use crate::late::Wait;
use crate::programs::word;
use crate::rng::Rng;
use crate::stream::Orders;
use facemux::term::{Terminal as Model, Unwatched};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A terminal, its face, and what was done in it.
pub struct Sat {
    pub face: String,
    pub typist: Option<String>,
    pub terminal: Terminal,
    pub typed: u64,
    /// How often it called, over SSH.
    pub calls: u64,
}

/// Sits down and types until `hush`, looks until `finish`.
pub fn start(dir: PathBuf, mut sat: Sat, orders: Arc<Orders>, seed: u64) -> JoinHandle<Sat> {
    std::thread::spawn(move || {
        let (mut rng, mut next, mut hushed) = (Rng::new(seed), Instant::now(), false);
        while !orders.finish.load(Ordering::Relaxed) {
            sat.terminal.collect(Duration::from_millis(5));
            let hush = orders.hush.load(Ordering::Relaxed);
            if hush && !hushed && sat.terminal.unread() == 0 {
                hushed = true;
                orders.hushed.fetch_add(1, Ordering::Relaxed);
            }
            if let Some(typist) = sat.typist.as_ref().filter(|_| !hush && Instant::now() >= next) {
                // An editor takes a person's pace.
                let (most, pause) = if typist.starts_with('v') { (1, 9) } else { (3, 7) };
                let mut words = String::new();
                for _ in 0..1 + rng.spread(most) {
                    sat.typed += 1;
                    words += &word(typist, sat.typed);
                }
                let name = format!("terminal{typist}");
                let mut wait = Wait::begin(&dir, &name, "room for what is typed");
                sat.terminal.type_while(words.as_bytes(), || wait.goes_on());
                next = Instant::now() + Duration::from_millis(rng.spread(pause));
            }
        }
        sat
    })
}

impl Sat {
    /// The screen it shows.
    pub fn shown(&self) -> Model {
        let mut model = crate::stream::fresh(facemux::units::Size::DEFAULT);
        model.feed(&self.terminal.bytes, &mut Unwatched);
        model
    }
}
