//! The server whole: its daemon is killed again and again, and no program, line or keystroke is lost or doubled.

#![allow(clippy::unwrap_used)]

mod common;

use common::namespace::ProcessOne;
use common::{Server, children, eventually};
use facemux::sys::{process, procfs, signals};
use serde_json::Value;
use std::time::{Duration, Instant};

const FACES: usize = 20;
/// Kills, one after the other.
const KILLS: usize = 3;
/// `ls` answers again within this.
const AWAY: Duration = Duration::from_secs(1);

fn kill_daemon(server: &Server) -> u32 {
    let pid = server.role_pid("daemon");
    process::kill(pid, signals::KILL).unwrap();
    pid
}

/// A face that prints numbered lines until there is a file `stop`, and then writes how many it printed into a file.
fn printer(server: &Server, n: usize) -> String {
    let dir = server.dir.text();
    server.face(&format!(
        "stty -echo; i=0; until [ -e {dir}/stop ]; do i=$((i+1)); echo face {n} line $i; done
         echo $i > {dir}/count.{n}.new; mv {dir}/count.{n}.new {dir}/count.{n}; exec sleep 100000"
    ))
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&server.run(arguments).out).unwrap_or(Value::Null)
}

fn daemon(server: &Server) -> Option<u64> {
    json(server, &["doctor", "--json"])["processes"]["daemon"].as_u64()
}

/// Id and pid of each face.
fn faces(server: &Server) -> Vec<(u64, u64)> {
    let faces = json(server, &["ls", "--json"]);
    let pair = |face: &Value| Some((face["id"].as_u64()?, face["pid"].as_u64()?));
    faces.as_array().into_iter().flatten().filter_map(pair).collect()
}

/// Asserts that the screen is the last lines of `count`, each once and in order.
fn assert_last_lines(screen: &str, n: usize, count: u64) {
    let rows: Vec<&str> = screen.lines().collect();
    let first = count.saturating_sub(rows.len() as u64) + 1;
    let expected: Vec<String> = (first..=count).map(|i| format!("face {n} line {i}")).collect();
    assert_eq!(rows, expected, "face {n} wrote {count} lines");
    assert!(rows.len() >= 23 || rows.len() as u64 == count, "only {} rows", rows.len());
}

#[test]
fn killing_the_daemon_while_twenty_faces_print_loses_nothing() {
    let server = Server::start();
    let ids: Vec<String> = (0..FACES).map(|n| printer(&server, n)).collect();
    let before = faces(&server);
    assert_eq!(before.len(), FACES);
    for _ in 0..KILLS {
        let killed = daemon(&server).unwrap();
        process::kill(killed as u32, signals::KILL).unwrap();
        let at = Instant::now();
        eventually("ls works again", || (faces(&server) == before).then_some(()));
        let away = at.elapsed();
        println!("ls answered {away:?} after the kill");
        assert!(away < AWAY, "ls answered {away:?} after the kill");
        assert!(daemon(&server).is_some_and(|pid| pid != killed));
        for (id, pid) in &before {
            let stat = facemux::sys::procfs::stat(*pid as u32);
            assert!(stat.is_some_and(|s| !s.is_dead()), "the program of face {id} is gone");
        }
    }
    std::fs::write(server.dir.path().join("stop"), "").unwrap();
    for (n, id) in ids.iter().enumerate() {
        let file = server.dir.path().join(format!("count.{n}"));
        let written =
            eventually(&format!("face {n} stops"), || std::fs::read_to_string(&file).ok());
        let count: u64 = written.trim().parse().unwrap();
        let screen = server.shows(id, &format!("face {n} line {count}"));
        assert_last_lines(&screen, n, count);
    }
    assert_eq!(faces(&server), before, "the same programs in the same faces");
    assert_eq!(server.face("exec sleep 1000"), (FACES + 1).to_string(), "ids go on counting");
}

#[test]
fn every_line_printed_while_daemons_die_is_in_the_history_once() {
    let server = Server::start();
    let face = server.face(
        "i=0; while [ $i -lt 4000 ]; do echo line $i end; i=$((i+1)); done; echo all; exec cat",
    );
    for _ in 0..8 {
        let reached = server.run(&["info", &face, "--json"]);
        kill_daemon(&server);
        eventually("it is back", || (server.run(&["info", &face]).code == 0).then_some(()));
        drop(reached);
    }
    server.shows(&face, "all");
    let text = server.run(&["snap", &face, "--history", "5000"]).answer();
    let lines: Vec<&str> = text.lines().filter(|l| l.starts_with("line ")).collect();
    let expected: Vec<String> = (0..4000).map(|i| format!("line {i} end")).collect();
    let differs = lines.iter().zip(&expected).find(|(got, wanted)| *got != wanted);
    assert_eq!((lines.len(), differs), (4000, None), "log:\n{}", server.log());
}

#[test]
fn what_was_accepted_is_typed_once_while_daemons_die() {
    let server = Server::start();
    let file = server.dir.path().join("typed");
    let face = server.face(&format!("stty -echo; echo go; exec cat > {}", file.display()));
    server.shows(&face, "go");
    let mut accepted = Vec::new();
    for n in 0..60 {
        let killer = (n % 6 == 3).then(|| kill_daemon(&server));
        let ran = server.run(&["send", &face, &format!("word{n}\r")]);
        if ran.code == 0 {
            accepted.push(format!("word{n}"));
        } else {
            assert!(killer.is_some(), "{ran:?}");
            eventually("it is back", || (server.run(&["info", &face]).code == 0).then_some(()));
        }
    }
    let last = accepted.last().unwrap().clone();
    let read = || std::fs::read_to_string(&file).unwrap();
    eventually("the last word arrives", || read().contains(&last).then_some(()));
    let typed: Vec<String> = read().lines().map(str::to_owned).collect();
    let mut once = typed.clone();
    once.dedup();
    assert_eq!(typed, once, "doubled");
    let lost: Vec<&String> = accepted.iter().filter(|w| !typed.contains(w)).collect();
    assert!(lost.is_empty(), "accepted and lost: {lost:?} of {typed:?}");
    let number = |w: &String| w.trim_start_matches("word").parse::<u32>().unwrap();
    assert!(typed.iter().map(number).is_sorted(), "{typed:?}");
}

#[test]
fn a_drain_leaves_no_process_and_no_socket() {
    let server = Server::start();
    for _ in 0..5 {
        server.face("trap '' HUP; setsid sleep 1000 & exec sleep 1000");
    }
    let ours = procfs::all();
    let all: Vec<u32> =
        procfs::descendants(&ours, &[server.keeper_pid()]).iter().map(|p| p.pid).collect();
    assert!(all.len() >= 6, "{all:?}");
    process::kill(server.keeper_pid(), signals::TERMINATE).unwrap();
    eventually("everything is gone", || {
        let left =
            all.iter().filter(|pid| procfs::stat(**pid).is_some_and(|s| !s.is_dead())).count();
        (left == 0 && !server.socket().exists()).then_some(())
    });
    eventually("it says so", || server.log().contains("the server has ended").then_some(()));
}

#[test]
fn new_starts_a_server_of_its_own_session_when_none_runs() {
    let dir = common::Dir::new();
    assert_eq!(dir.run(&["new", "-d", "--", "sleep", "1000"]).answer(), "1");
    let lock = std::fs::read_to_string(dir.path().join("lock")).unwrap();
    let keeper: u32 = lock.trim().parse().unwrap();
    let stat = procfs::stat(keeper).unwrap();
    assert_eq!(stat.session, keeper);
    assert_eq!(procfs::working_directory(keeper).unwrap(), std::path::Path::new("/"));
    assert_eq!(children(keeper).len(), 2, "daemon and face, no frontends");
    assert!(std::fs::read_to_string(dir.path().join("log")).unwrap().contains("is ready"));
    assert_eq!(dir.run(&["new", "-d", "--", "sleep", "1000"]).answer(), "2");
    process::kill(keeper, signals::TERMINATE).unwrap();
    eventually("it has ended", || procfs::stat(keeper).is_none_or(|s| s.is_dead()).then_some(()));
}

#[test]
fn as_process_one_it_serves_reaps_and_drains() {
    let Some(one) = ProcessOne::start() else { return };
    let (dir, inside) = (&one.dir, one.pid);
    assert_eq!(
        dir.run(&["new", "-d", "--", "sh", "-c", "(setsid sleep 4711 &); exec sleep 1000"])
            .answer(),
        "1"
    );
    let daemon = eventually("the daemon is found", || {
        children(inside).into_iter().find(|p| {
            let line = std::fs::read(format!("/proc/{p}/cmdline")).unwrap_or_default();
            line.ends_with(b"daemon\0")
        })
    });
    process::kill(daemon, signals::KILL).unwrap();
    eventually("it serves again", || (dir.run(&["info", "1"]).code == 0).then_some(()));
    assert_eq!(dir.run(&["kill", "1"]).code, 0);
    let left = children(inside);
    assert_eq!(left.len(), 1, "the daemon alone is left: {left:?}");
    one.drain();
}
