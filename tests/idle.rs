//! Idle costs nothing: with fifty faces that sleep and nobody looking, or with pages open on some, no thread of any
//! process wakes once in 10 s.
//!
//! The 10 s are the measurement itself, taken from the kernel's own counts: proc_pid_status(5) for how often a thread
//! gave the processor up, proc_pid_schedstat(5) for the nanoseconds it had it.

#![allow(clippy::unwrap_used)]

#[cfg(feature = "web")]
#[path = "web/client.rs"]
mod client;
mod common;
#[cfg(feature = "web")]
#[path = "web/page.rs"]
mod page;
#[cfg(feature = "web")]
#[path = "web/served.rs"]
mod served;

use common::{Server, eventually};
use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

const FACES: usize = 50;
const MEASURED: Duration = Duration::from_secs(10);
/// Nothing may have happened for so long before the measurement begins: what creating faces left to do is done.
const CALM: Duration = Duration::from_secs(2);

/// What the kernel counted for one thread.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Count {
    name: String,
    voluntary_switches: u64,
    cpu_ns: u64,
}

/// All threads of the server's processes, by pid and tid.
type Counts = BTreeMap<(u32, u32), Count>;

/// The server's processes, by their names, as `doctor` tells them.
fn processes(server: &Server) -> BTreeMap<String, u32> {
    let told = server.run(&["doctor", "--json"]).out;
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    let pids = told["processes"].as_object().unwrap().iter();
    let roles =
        pids.filter(|(name, _)| ["keeper", "daemon", "web", "ssh"].contains(&name.as_str()));
    roles.filter_map(|(name, pid)| Some((name.clone(), pid.as_u64()? as u32))).collect()
}

fn number(text: &str) -> u64 {
    text.trim().parse().unwrap_or_else(|e| panic!("{text:?}: {e}"))
}

fn counts(processes: &BTreeMap<String, u32>) -> Counts {
    let mut counts = Counts::new();
    for (name, pid) in processes {
        for task in fs::read_dir(format!("/proc/{pid}/task")).unwrap() {
            let task = task.unwrap();
            let tid = number(task.file_name().to_str().unwrap()) as u32;
            let read = |file: &str| fs::read_to_string(task.path().join(file)).unwrap();
            let (status, schedstat) = (read("status"), read("schedstat"));
            let switches =
                status.lines().find_map(|l| l.strip_prefix("voluntary_ctxt_switches:")).unwrap();
            let count = Count {
                name: format!("{name} ({})", read("comm").trim()),
                voluntary_switches: number(switches),
                cpu_ns: number(schedstat.split(' ').next().unwrap()),
            };
            counts.insert((*pid, tid), count);
        }
    }
    counts
}

/// Nothing wakes while fifty faces sleep; gives the names of the processes that were watched.
fn sleeps(server: &Server) -> Vec<String> {
    for _ in 0..FACES {
        server.run(&["new", "-d", "--", "sleep", "100000"]).answer();
    }
    let processes = processes(server);
    come_to_rest(&processes);
    nobody_wakes(&processes, MEASURED);
    let listed = server.run(&["ls"]).answer();
    assert_eq!(listed.matches("sleep").count(), FACES, "{listed}");
    processes.into_keys().collect()
}

fn come_to_rest(processes: &BTreeMap<String, u32>) {
    eventually("the server comes to rest", || {
        let before = counts(processes);
        std::thread::sleep(CALM);
        (counts(processes) == before).then_some(())
    });
}

fn nobody_wakes(processes: &BTreeMap<String, u32>, time: Duration) {
    let before = counts(processes);
    std::thread::sleep(time);
    let after = counts(processes);
    let woke: Vec<_> =
        before.iter().filter(|(thread, count)| after.get(thread) != Some(count)).collect();
    assert_eq!(before, after, "these woke: {woke:?}");
}

#[test]
fn keeper_and_daemon_sleep_with_fifty_idle_faces() {
    let server = Server::start();
    assert_eq!(sleeps(&server), ["daemon", "keeper"]);
}

#[cfg(feature = "web")]
#[test]
fn the_web_frontend_sleeps_too() {
    let server = Server::with(&["--web", "127.0.0.1:0"]);
    server.role_pid("web");
    assert_eq!(sleeps(&server), ["daemon", "keeper", "web"]);
}

/// Pages with a WebSocket each, and one that follows what happens to all faces.
#[cfg(feature = "web")]
const PAGES: usize = 10;

#[cfg(feature = "web")]
#[test]
fn nobody_wakes_while_pages_are_open_and_nothing_happens() {
    use std::io::Write;
    let web = served::Web::start("none");
    let faces: Vec<String> = (0..PAGES).map(|_| web.server.face("exec cat")).collect();
    let mut pages: Vec<page::Page> =
        faces.iter().map(|face| page::Page::open(web.port, face, "a9e", "")).collect();
    let mut events = client::connect(web.port);
    write!(events, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{}\r\n\r\n", web.port).unwrap();
    for page in &mut pages {
        page.write(b"seen\r");
        page.until("seen\r\nseen");
    }
    let processes = processes(&web.server);
    // The one ping of each page in a minute comes a minute after it was opened, and that is not yet.
    come_to_rest(&processes);
    nobody_wakes(&processes, MEASURED);
    for page in &mut pages {
        page.write(b"still\r");
        page.until("still\r\nstill");
    }
}
