//! Idle costs nothing: with fifty faces that sleep and nobody looking, no thread of any process wakes once in 10 s.
//!
//! The 10 s are the measurement itself, taken from the kernel's own counts: proc_pid_status(5) for how often a thread
//! gave the processor up, proc_pid_schedstat(5) for the nanoseconds it had it.

#![allow(clippy::unwrap_used)]

mod common;

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
    eventually("the server comes to rest", || {
        let before = counts(&processes);
        std::thread::sleep(CALM);
        (counts(&processes) == before).then_some(())
    });
    let before = counts(&processes);
    std::thread::sleep(MEASURED);
    let after = counts(&processes);
    let woke: Vec<_> =
        before.iter().filter(|(thread, count)| after.get(thread) != Some(count)).collect();
    assert_eq!(before, after, "these woke: {woke:?}");
    let listed = server.run(&["ls"]).answer();
    assert_eq!(listed.matches("sleep").count(), FACES, "{listed}");
    processes.into_keys().collect()
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
