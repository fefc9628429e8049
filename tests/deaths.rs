//! A daemon that dies at one chosen place, or of one face's output: what exactly its successor makes of it.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, Terminal, eventually};
use facemux::sys::{process, signals};
use serde_json::Value;

/// Prints what it is typed, readable and at once.
const SHOWS: &str = "stty raw -echo; echo; exec cat -vu";

/// How many daemons have been ready so far.
fn daemons(server: &Server) -> usize {
    server.log().matches(") is ready").count()
}

/// How many of them have died.
fn deaths(server: &Server) -> usize {
    let told =
        |line: &&str| line.contains("keeper: the daemon (pid") && line.contains("starting it");
    server.log().lines().filter(told).count()
}

fn plant(server: &Server, words: &str) {
    let place = server.dir.path().join("planted");
    std::fs::write(server.dir.path().join("new"), words).unwrap();
    std::fs::rename(server.dir.path().join("new"), place).unwrap();
}

/// From here on there is a daemon that dies right after it has read from a viewer's terminal; the next one does not.
fn arm(server: &Server) {
    arm_at(server, "die=terminal-read-returned", "quick");
}

/// The same with these words, and those for the next.
fn arm_at(server: &Server, words: &str, then: &str) {
    let before = daemons(server);
    plant(server, &format!("quick {words}"));
    process::kill(server.role_pid("daemon"), signals::KILL).unwrap();
    eventually("another daemon", || (daemons(server) > before).then_some(()));
    plant(server, then);
}

/// Types what the daemon dies over.
fn type_and_die(server: &Server, terminal: &mut Terminal, keys: &str) {
    arm(server);
    let before = daemons(server);
    terminal.type_text(keys);
    eventually("it died and was followed", || (daemons(server) > before).then_some(()));
}

fn info(server: &Server, face: &str) -> Value {
    serde_json::from_str(&server.run(&["info", face, "--json"]).out).unwrap_or(Value::Null)
}

fn attached(server: &Server, face: &str, flags: &[&str]) -> Terminal {
    let mut terminal = server.terminal(&[&["attach", face], flags].concat());
    terminal.expect_that("raw mode", |t| !t.settings().is_canonical());
    eventually("it is viewed", || (info(server, face)["viewers"] == 1).then_some(()));
    terminal
}

#[test]
fn keys_read_from_a_terminal_that_only_looks_are_typed_by_no_daemon() {
    let server = Server::planted(&[], "quick");
    let face = server.face(SHOWS);
    let mut terminal = attached(&server, &face, &["-r"]);
    type_and_die(&server, &mut terminal, "no");
    server.run(&["send", &face, "yes"]).answer();
    assert_eq!(server.shows(&face, "yes").trim(), "yes");
    terminal.expect("yes");
    type_and_die(&server, &mut terminal, "\x02");
    terminal.type_text("d");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn the_first_of_the_keys_to_detach_outlives_the_daemon() {
    let server = Server::planted(&[], "quick");
    let face = server.face(SHOWS);
    let mut terminal = attached(&server, &face, &[]);
    type_and_die(&server, &mut terminal, "a");
    terminal.expect("a");
    type_and_die(&server, &mut terminal, "\x02");
    terminal.type_text("\x02b");
    terminal.expect("a^Bb");
    type_and_die(&server, &mut terminal, "\x02");
    // The key is held by a daemon that was never typed to, and is to hold in the next as well.
    arm(&server);
    terminal.type_text("c");
    terminal.expect("a^Bb^Bc");
    type_and_die(&server, &mut terminal, "\x02");
    type_and_die(&server, &mut terminal, "d");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
    assert_eq!(server.snap(&face).trim(), "a^Bb^Bc");
}

#[test]
fn who_was_given_the_terminal_back_and_not_told_is_detached_all_the_same() {
    let server = Server::planted(&[], "quick");
    let face = server.face(SHOWS);
    let mut terminal = attached(&server, &face, &[]);
    arm_at(&server, "die=GiveBack", "quick");
    terminal.type_text("\x02d");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

/// Every daemon dies over the first thing it reads, and none knows by the kernel what its predecessor's read gave.
#[test]
fn output_is_whole_where_the_kernel_keeps_no_account() {
    let server = Server::planted(&[], "quick unaccounted die=face-read-returned");
    let (lines, seen) = (4000, server.dir.path().join("ready"));
    let face = server.face(&format!(
        "i=0; while [ $i -lt {lines} ]; do i=$((i+1)); echo line $i; done; : > {}; exec sleep 1000",
        seen.display()
    ));
    eventually("it has printed", || seen.exists().then_some(()));
    plant(&server, "quick unaccounted");
    let last = format!("line {lines}\n");
    let text = eventually("all is shown", || {
        let ran = server.run(&["snap", &face, "--history", "10000"]);
        ran.out.trim_end().ends_with(last.trim_end()).then_some(ran.out)
    });
    let expected: Vec<String> = (1..=lines).map(|i| format!("line {i}")).collect();
    assert!(text.trim_end().lines().eq(&expected), "{text}");
    assert!(deaths(&server) > 5, "{} deaths", deaths(&server));
    assert_eq!(info(&server, &face)["note"], Value::Null);
}

#[test]
fn a_write_in_doubt_is_told() {
    let server = Server::planted(&[], "quick unaccounted");
    let face = server.face(SHOWS);
    assert_eq!(info(&server, &face)["note"], Value::Null);
    arm_at(&server, "unaccounted die=face-write-returned", "quick unaccounted");
    let before = daemons(&server);
    // The daemon may die before it has answered.
    server.run(&["send", &face, "typed"]);
    eventually("it died and was followed", || (daemons(&server) > before).then_some(()));
    let note = info(&server, &face)["note"].as_str().unwrap_or_default().to_owned();
    assert!(note.starts_with("1 input"), "{note}");
    server.shows(&face, "typed");
}

#[test]
fn a_face_whose_output_ends_the_daemon_twice_is_quarantined_and_the_others_run_on() {
    let server = Server::planted(&[], "quick poison=DEADLY");
    let others: Vec<String> =
        (0..4).map(|_| server.face("while read -r x; do echo got $x; done")).collect();
    let face = server.face("stty -echo; echo ready; read -r x; echo DEAD$x; exec cat");
    server.shows(&face, "ready");
    let pid = info(&server, &face)["pid"].clone();
    server.run(&["send", &face, "LY\r"]).answer();
    let note = eventually("it is quarantined", || {
        info(&server, &face)["note"]
            .as_str()
            .filter(|note| note.contains("quarantined"))
            .map(str::to_owned)
    });
    assert!(note.contains("twice"), "{note}");
    assert_eq!(deaths(&server), 2);
    for (n, other) in others.iter().enumerate() {
        server.run(&["send", other, &format!("word {n}\r")]).answer();
        server.shows(other, &format!("got word {n}"));
        assert_eq!(info(&server, other)["note"], Value::Null);
    }
    // It has no screen, and lives: its bytes go to viewers as they are.
    server.run(&["snap", &face]).refused(3, &["quarantined"]);
    let mut terminal = attached(&server, &face, &[]);
    terminal.type_text("DEADLY again\r");
    terminal.expect("DEADLY again");
    assert_eq!((info(&server, &face)["pid"].clone(), deaths(&server)), (pid, 2));
    terminal.type_text("\x02d");
    assert_eq!(terminal.wait(), 0);
    server.run(&["kill", &face]).answer();
}
