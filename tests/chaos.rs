//! The server whole, while everything dies that may: thirty faces print, edit, idle, echo numbered words and ask
//! questions; viewers of all kinds look and type; the daemon is killed at random instants, inside its calls and after
//! its effects, web and ssh are killed, connections are cut after random bytes, other binaries take over. Nothing may
//! be lost, doubled, out of order, or left over. A control run, whose daemons do not look at the in-flight record,
//! must be caught: a test that cannot fail proves nothing.
//!
//! CHAOS_SECONDS bounds the long form's storm (`make chaos`), CHAOS_SEED repeats its choices. No test harness: this
//! binary is also the programs in the faces.

#![allow(clippy::unwrap_used)]

#[path = "chaos/checks.rs"]
mod checks;
#[path = "web/client.rs"]
mod client;
mod common;
#[path = "chaos/guests.rs"]
mod guests;
#[path = "chaos/late.rs"]
mod late;
#[path = "web/page.rs"]
mod page;
#[path = "chaos/programs.rs"]
mod programs;
#[path = "chaos/proxy.rs"]
mod proxy;
#[path = "chaos/rng.rs"]
mod rng;
#[path = "ssh/world.rs"]
#[allow(dead_code)]
mod ssh;
#[path = "chaos/stream.rs"]
mod stream;
#[path = "chaos/tally.rs"]
mod tally;
#[path = "chaos/terminal.rs"]
mod terminal;
#[path = "chaos/visitors.rs"]
mod visitors;
#[path = "chaos/voice.rs"]
mod voice;
#[path = "chaos/world.rs"]
mod world;

use checks::Figures;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use world::{Plan, World};

/// Thirty faces.
const ALL: &[(&str, usize)] = &[
    ("flood", 3),
    ("printer", 7),
    ("echo", 7),
    ("asker", 6),
    ("vim", 2),
    ("shell", 2),
    ("idle", 3),
];

/// Where the daemon dies at some time in the long form: in its calls, after its effects, while it recovers.
const PLACES: [&str; 20] = [
    "face read returned",
    "face write returned",
    "terminal read returned",
    "terminal write returned",
    "published",
    "recovering",
    "recovered",
    "parsed",
    "Send",
    "Close",
    "GiveBack",
    "Keeper",
    "SetSize",
    "Write",
    "Read",
    "Deliver",
    "Show",
    "Exhaust",
    "Drop",
    "sent",
];

/// Those whose programs notice what is lost.
const NOTICING: &[(&str, usize)] = &[("echo", 5), ("asker", 5), ("printer", 4)];

/// How long the control run goes on looking for what it must find.
const CONTROL: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if programs::run(&words) {
        return ExitCode::SUCCESS;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seed = number("CHAOS_SEED").unwrap_or_else(facemux::sys::clock::wall_ms);
    println!("chaos: seed {seed}");
    let plan = plan(seed, number("CHAOS_SECONDS"));
    let mut faults = run(plan);
    if faults.is_empty() {
        faults.extend(control(seed));
    }
    if faults.is_empty() {
        println!("chaos: nothing lost, nothing doubled, nothing left over; seed {seed}");
        println!("test result: ok. 1 passed; 0 failed");
        ExitCode::SUCCESS
    } else {
        println!("chaos: {} faults; seed {seed}\n{}", faults.len(), faults.join("\n"));
        println!("test result: FAILED. 0 passed; 1 failed");
        ExitCode::FAILURE
    }
}

/// The long form when it is given seconds, else the short one.
fn plan(seed: u64, long: Option<u64>) -> Plan {
    let (seconds, kills, in_flight, upgrades) = match long {
        Some(seconds) => (seconds, 1000, 200, 10),
        None => (60, 60, 6, 1),
    };
    Plan {
        seed,
        time: Duration::from_secs(seconds),
        kills,
        in_flight,
        upgrades,
        cast: ALL,
        guests: true,
        words: "",
        patience: Duration::from_secs(60),
    }
}

/// One storm and its reckoning; gives what went wrong.
fn run(plan: Plan) -> Vec<String> {
    let mut world = World::begin(plan);
    let began = Instant::now();
    world.storm();
    let storm = began.elapsed();
    let enough = world.has_enough();
    world.calm();
    let figures = world.check();
    tell(&world, &figures, storm);
    if plan.kills >= 1000 {
        let missed: Vec<_> =
            PLACES.iter().filter(|p| !world.tally.places.contains_key(**p)).collect();
        if !missed.is_empty() {
            world.faults.push(format!("no daemon died where {missed:?}"));
        }
    }
    if !enough {
        let had = format!("{storm:.0?} were not enough for what the plan asks: {plan:?}");
        world.faults.push(had);
    }
    if let Ok(place) = std::env::var("CHAOS_LOG") {
        std::fs::copy(world.server.dir.path().join("serve.log"), place).unwrap();
    }
    std::mem::take(&mut world.faults)
}

fn tell(world: &World, figures: &Figures, storm: Duration) {
    let (tally, cuts) = (&world.tally, world.proxy.cuts.load(Ordering::Relaxed));
    println!(
        "{} kills of the daemon in {storm:.0?}, {} of web, {} of ssh; {cuts} connections cut; {} upgrades, \
         {} more refused or taken back",
        tally.kills, tally.web, tally.ssh, tally.upgrades, tally.upgrades_failed,
    );
    println!(
        "in flight, by what the keeper found: {} reads, {} writes, {} reads of keys, {} paints; {} bytes in all",
        tally.reads, tally.writes, tally.keys, tally.paints, tally.bytes,
    );
    println!("places: {:?}", tally.places);
    println!(
        "{} lulls, as somebody had waited for more than {:?}; the longest took {:.1} s",
        world.lulls.len(),
        late::LATE,
        world.lulls.iter().max().map_or(0.0, Duration::as_secs_f32),
    );
    println!(
        "{} screens of {} bytes printed; {} transcripts of {} bytes, {} resumes, {} laps; {} terminals, {} SSH calls; \
         {} pages, {} returns; {} words typed; {} faces came and ended, {} terminals were lent and given back",
        figures.screens,
        figures.bytes,
        figures.transcripts,
        figures.transcript_bytes,
        figures.resumes,
        figures.laps,
        figures.terminals,
        figures.calls,
        figures.pages,
        figures.returns,
        figures.words,
        figures.ended,
        figures.given_back,
    );
    println!(
        "bytes lost: {}, doubled: {}; words lost: {}, doubled: {}",
        figures.lost, figures.doubled, figures.words_lost, figures.words_doubled
    );
}

/// Daemons that forget what their predecessor's last call returned are found out; gives what is wrong if not.
fn control(seed: u64) -> Option<String> {
    let mut world = World::begin(Plan {
        seed,
        time: CONTROL,
        kills: u64::MAX,
        in_flight: 0,
        upgrades: 0,
        cast: NOTICING,
        guests: false,
        words: "bug=RecordForgotten",
        patience: Duration::from_secs(2),
    });
    world.storm();
    let kills = world.tally.kills;
    if !world.has_fault() {
        world.calm();
        world.check();
    }
    let faults = [programs::said(world.server.dir.path(), "fault"), world.faults.clone()].concat();
    println!("control: without the in-flight record, {kills} kills: {:?}", faults.first());
    faults
        .is_empty()
        .then(|| format!("without the record {kills} kills lost nothing: the test sees nothing"))
}
