//! SIGKILL to the daemon while twenty faces print: the programs run on, the screens are right, ids go on counting.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, eventually};
use facemux::sys::{process, signals};
use serde_json::Value;
use std::time::{Duration, Instant};

const FACES: usize = 20;
/// Kills, one after the other.
const KILLS: usize = 3;
/// `ls` answers again within this.
const AWAY: Duration = Duration::from_secs(1);

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
