//! Much output: who reads gets every byte; who does not costs nothing and holds nobody back.

#![allow(clippy::unwrap_used)]

mod common;

use common::following::following;
use common::reader::Reader;
use common::{Server, eventually};
use facemux::client::Shown;
use facemux::wire::ViewerNote;
use sha2::{Digest, Sha256};
use std::time::{Duration, Instant};

const LINE_BYTES: u64 = 64;
/// Bytes the daemon may grow by while viewers do not read: its face's history fills meanwhile, and nothing else.
const GROWTH_BYTES_MAX: u64 = 2 << 20;

/// Lines printed: STREAM_LINES, or as few as code that is not optimised can take in a while.
fn lines() -> u64 {
    std::env::var("STREAM_LINES").map_or(1 << 17, |lines| lines.parse().unwrap())
}

/// A face that prints `lines()` numbered lines when a key is typed, and then ends.
fn printer(server: &Server) -> String {
    let lines = lines();
    let awk = format!(
        "awk 'BEGIN {{ for (i = 0; i < {lines}; i++) printf \"%0{}d\\n\", i }}'",
        LINE_BYTES - 1
    );
    server.face(&format!("stty raw -echo; printf ready; head -c 1 >/dev/null; exec {awk}"))
}

/// The hash of what the printer prints.
fn printed() -> String {
    let mut hash = Sha256::new();
    for line in 0..lines() {
        hash.update(format!("{line:0width$}\n", width = LINE_BYTES as usize - 1));
    }
    hex(&hash.finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn a_viewer_that_reads_gets_every_byte() {
    let server = Server::start();
    let face = printer(&server);
    server.shows(&face, "ready");
    let mut reader = Reader::attach(&server, following(&face, 1));
    reader.read(|shown| matches!(shown, Shown::Restore { last: true, .. }));
    assert_eq!(reader.viewer.type_input(b"\r"), 1);
    reader.flush();
    let (mut hash, mut total, mut restores) = (Sha256::new(), 0, 0);
    reader.read(|shown| match shown {
        Shown::Output { bytes, .. } => {
            hash.update(bytes);
            total += bytes.len() as u64;
            false
        }
        Shown::Restore { .. } => {
            restores += 1;
            false
        }
        Shown::Note(ViewerNote::Ended { end }) => {
            assert_eq!(end.code, 0, "{end:?}");
            true
        }
        _ => false,
    });
    assert_eq!((total, restores), (lines() * LINE_BYTES, 0));
    assert_eq!(hex(&hash.finalize()), printed());
}

#[test]
fn a_terminal_that_reads_gets_every_byte() {
    let server = Server::start();
    let face = printer(&server);
    server.shows(&face, "ready");
    let mut terminal = server.terminal(&["attach", &face]);
    terminal.expect("ready");
    terminal.type_text("\r");
    let expected = (lines() * LINE_BYTES) as usize;
    terminal.collect_until(Duration::from_secs(120), |bytes| bytes.len() > expected);
    assert_eq!(terminal.wait(), 0);
    let first = format!("{:0width$}\n", 0, width = LINE_BYTES as usize - 1);
    let start = find(&terminal.bytes, first.as_bytes()).unwrap();
    let bytes = &terminal.bytes[start..start + expected];
    assert_eq!(hex(&Sha256::digest(bytes)), printed());
    terminal.assert_as_before();
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[test]
fn a_viewer_that_does_not_read_holds_nobody_back_and_costs_no_memory() {
    let server = Server::start();
    let daemon = server.role_pid("daemon");
    let face = printer(&server);
    server.shows(&face, "ready");
    let mut reader = Reader::attach(&server, following(&face, 1));
    reader.read(|shown| matches!(shown, Shown::Restore { last: true, .. }));
    let mut terminal = server.terminal(&["attach", &face]);
    terminal.expect("ready");
    let before = private_bytes(daemon);
    let start = Instant::now();
    server.run(&["send", &face, "--keys", "Enter"]).answer();
    // Neither the one nor the other reads from here on.
    let mut most = 0;
    eventually_within("the face has ended", Duration::from_secs(240), || {
        most = private_bytes(daemon).max(most);
        server.run(&["info", &face]).out.contains("ended").then_some(())
    });
    eprintln!("{} MB in {:?}", (lines() * LINE_BYTES) >> 20, start.elapsed());
    let growth = most.saturating_sub(before);
    assert!(growth <= GROWTH_BYTES_MAX, "the daemon grew by {growth} bytes");
    // Reading at last, both get the end: the last line, by a restore.
    let last = format!("{:0width$}", lines() - 1, width = LINE_BYTES as usize - 1);
    terminal.expect(&last);
    assert_eq!(terminal.wait(), 0);
    let mut tail = Vec::new();
    reader.read(|shown| match shown {
        Shown::Output { bytes, .. } | Shown::Restore { bytes, .. } => {
            tail.extend_from_slice(bytes);
            false
        }
        Shown::Note(ViewerNote::Ended { .. }) => true,
        _ => false,
    });
    assert!(find(&tail, last.as_bytes()).is_some());
}

/// As `eventually`, for what takes long.
fn eventually_within<T>(what: &str, patience: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + patience;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Bytes a process has to itself, in memory or swapped out. Clean pages are not among them: they are the binary's, come
/// in and go as the kernel likes, and count as private only while no other process has them.
fn private_bytes(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let fields = ["Private_Dirty:", "SwapPss:"];
    let lines = text.lines().filter(|line| fields.iter().any(|field| line.starts_with(field)));
    let kib = lines.filter_map(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    kib.sum::<u64>() * 1024
}

#[test]
fn a_reader_after_the_end_is_told_of_it() {
    let server = Server::start();
    // Longer than a program may be quicker than its first viewer and still be shown.
    let face = server.face("sleep 1.2; exit 9");
    eventually("it has ended", || server.run(&["info", &face]).out.contains("ended").then_some(()));
    server.run(&["attach", &face]).refused(4, &["has ended", "9"]);
    let mut reader = Reader::attach(&server, following(&face, 1));
    reader.read(|shown| matches!(shown, Shown::Refused(_)));
}
