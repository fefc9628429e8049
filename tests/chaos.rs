//! The server whole, while everything dies that may: thirty faces print, edit, idle, echo numbered words and ask
//! questions; viewers of all kinds look and type; the daemon is killed at random instants, inside its calls and after
//! its effects, web and ssh are killed, connections are cut after random bytes. Nothing may be lost, doubled, out of
//! order, or left over.
//!
//! CHAOS_SECONDS runs the long form (`make chaos`), CHAOS_SEED repeats its choices. No test harness: this binary is
//! also the programs in the faces.

#![allow(clippy::unwrap_used)]

#[path = "chaos/checks.rs"]
mod checks;
mod common;
#[path = "chaos/programs.rs"]
mod programs;
#[path = "chaos/proxy.rs"]
mod proxy;
#[path = "chaos/rng.rs"]
mod rng;
#[path = "chaos/stream.rs"]
mod stream;
#[path = "chaos/tally.rs"]
mod tally;
#[path = "chaos/terminal.rs"]
mod terminal;
#[path = "chaos/voice.rs"]
mod voice;
#[path = "chaos/world.rs"]
mod world;

use std::process::ExitCode;
use std::time::{Duration, Instant};
use world::{Plan, World};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if programs::run(&words) {
        return ExitCode::SUCCESS;
    }
    let number = |name: &str| std::env::var(name).ok().and_then(|n| n.parse::<u64>().ok());
    let seed = number("CHAOS_SEED").unwrap_or_else(facemux::sys::clock::wall_ms);
    let long = number("CHAOS_SECONDS");
    let (seconds, kills, in_flight) = match long {
        Some(seconds) => (seconds, 1000, 200),
        None => (20, 60, 12),
    };
    let plan = Plan {
        seed,
        time: Duration::from_secs(seconds),
        kills,
        in_flight,
        words: "",
        patience: Duration::from_secs(20),
    };
    println!("chaos: seed {seed}");
    let faults = run(plan);
    if faults.is_empty() {
        println!("chaos: nothing lost, nothing doubled, nothing left over; seed {seed}");
        ExitCode::SUCCESS
    } else {
        println!("chaos: {} faults; seed {seed}\n{}", faults.len(), faults.join("\n"));
        ExitCode::FAILURE
    }
}

/// One storm and its reckoning; gives what went wrong.
fn run(plan: Plan) -> Vec<String> {
    let began = Instant::now();
    let mut world = World::begin(plan);
    world.storm();
    let storm = began.elapsed();
    world.calm();
    let figures = world.check();
    let tally = &world.tally;
    println!(
        "{} kills of the daemon in {storm:.0?} ({} of web, {} of ssh, {} connections cut), reckoned after {:.0?}; \
         in flight: {} reads, {} writes, {} reads of keys, {} paints, {} bytes in all; places: {:?}",
        tally.kills,
        tally.web,
        tally.ssh,
        world.proxy.cuts.load(std::sync::atomic::Ordering::Relaxed),
        began.elapsed(),
        tally.reads,
        tally.writes,
        tally.keys,
        tally.paints,
        tally.bytes,
        tally.places,
    );
    println!(
        "{} screens of {} bytes; {} transcripts of {} bytes, {} resumed, {} restored, {} lapped; {} terminals; \
         {} words typed",
        figures.screens,
        figures.bytes,
        figures.transcripts,
        figures.transcript_bytes,
        figures.resumes,
        figures.restores,
        figures.laps,
        figures.terminals,
        figures.words,
    );
    if let Ok(place) = std::env::var("CHAOS_LOG") {
        std::fs::copy(world.server.dir.path().join("serve.log"), place).unwrap();
    }
    std::mem::take(&mut world.faults)
}
