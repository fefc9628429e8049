//! What a face may use, by control groups of this machine's kind. What a group cannot do here is not run.

use super::{certificate, is_root};
use crate::common::{Server, eventually};
use facemux::sys::procfs;
use serde_json::json;
use std::fs;
use std::path::PathBuf;

/// A server with these limits; `None` where they cannot be had.
fn limited(flags: &[&str], controller: &str) -> Option<Server> {
    if !is_root() {
        return None;
    }
    let server = Server::with(flags);
    let held = server
        .log()
        .lines()
        .any(|line| line.contains("limited by control groups") && line.contains(controller));
    if !held {
        println!("not run: no control group for {controller} can be made here");
    }
    held.then_some(server)
}

/// The group of a process in the hierarchy of a controller.
fn group_of(pid: u32, controller: &str) -> String {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let line =
        groups.lines().find(|l| l.contains(&format!(":{controller}:")) || l.starts_with("0::"));
    line.unwrap().rsplit(':').next().unwrap().to_owned()
}

fn first_process(server: &Server, face: &str) -> u32 {
    let info = server.run(&["info", face, "--json"]).answer();
    let info: serde_json::Value = serde_json::from_str(&info).unwrap();
    info["pid"].as_u64().unwrap() as u32
}

#[test]
fn too_much_memory_ends_the_face_and_only_that() {
    let Some(server) = limited(&["--face-memory", "24M"], "memory") else { return };
    let other = server.face("exec cat");
    let pid = first_process(&server, &other);
    assert!(group_of(pid, "memory").contains("/facemux-"), "{}", group_of(pid, "memory"));
    let greedy = server.face("exec perl -e '$x = \"a\" x (256 << 20); sleep 1000'");
    let end = certificate(&server, &greedy);
    assert_eq!((&end["cause"], &end["signal"]), (&json!("out-of-memory"), &json!(9)), "{end}");
    assert!(end["reason"].as_str().unwrap().contains("out of memory"), "{end}");
    // A kill that is none of the kernel's is not taken for one.
    let killed = server.face("kill -KILL $$");
    assert_eq!(certificate(&server, &killed)["cause"], "signalled");
    server.run(&["send", &other, "still here", "--keys", "Enter"]).answer();
    server.shows(&other, "still here");
    // Nothing of the group is left behind.
    let places = places("memory");
    server.run(&["kill", &other]).answer();
    let ours = format!("facemux-{}-", server.keeper_pid());
    let left = places.iter().flat_map(|place| fs::read_dir(place).into_iter().flatten().flatten());
    let left: Vec<_> =
        left.map(|e| e.file_name()).filter(|n| n.to_string_lossy().starts_with(&ours)).collect();
    assert!(left.is_empty(), "{left:?}");
}

/// Where groups of this controller are made: below our own.
fn places(controller: &str) -> Vec<PathBuf> {
    let own = group_of(std::process::id(), controller);
    let roots = [format!("/sys/fs/cgroup/{controller}"), "/sys/fs/cgroup".to_owned()];
    roots
        .into_iter()
        .map(|root| PathBuf::from(format!("{root}{own}")))
        .filter(|p| p.is_dir())
        .collect()
}

#[test]
fn a_face_has_so_many_processes_and_no_more() {
    let Some(server) = limited(&["--face-pids", "12"], "pids") else { return };
    // dash gives up at the first fork that fails.
    let face = server
        .face("n=0; while [ $n -lt 100 ]; do sleep 1000 & n=$((n+1)); done; echo all; read x");
    let count = || {
        let all = procfs::all();
        procfs::descendants(&all, &[server.keeper_pid()])
            .iter()
            .filter(|p| p.name == "sleep")
            .count()
    };
    eventually("a fork is refused", || {
        server.run(&["snap", &face]).answer().to_lowercase().contains("fork").then_some(())
    });
    assert!(count() <= 12, "{}", count());
    let other = server.face("sleep 1000 & echo started; read x");
    server.shows(&other, "started");
}

#[test]
fn a_face_gets_so_much_processor_time_and_no_more() {
    let Some(server) = limited(&["--face-cpu", "10"], "cpu") else { return };
    let face = server.face("while :; do :; done");
    let pid = first_process(&server, &face);
    let ticks = || {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    };
    let begun = std::time::Instant::now();
    // A quarter of a second of processor time, of which a tenth is given.
    eventually("it has had its share", || (ticks() >= 25).then_some(()));
    assert!(begun.elapsed().as_millis() >= 1500, "{:?}", begun.elapsed());
}

#[test]
fn a_control_group_of_the_second_version_is_killed_at_once() {
    if !is_root() {
        return;
    }
    let server = Server::with(&["--cgroup", "on"]);
    let face = server.face("setsid sleep 1000 & echo set; exec cat");
    server.shows(&face, "set");
    let pid = first_process(&server, &face);
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let unified = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or_default();
    if !unified.contains("/facemux-") {
        println!("not run: no control group of the second version can be made here");
        return;
    }
    eventually("its background program runs", || {
        let all = procfs::all();
        let below = procfs::descendants(&all, &[pid]);
        below.iter().any(|p| p.name == "sleep").then_some(())
    });
    let said = server.run(&["kill", &face]).answer();
    assert!(said.contains("(sleep)"), "{said}");
    let root = ["/sys/fs/cgroup/unified", "/sys/fs/cgroup"];
    assert!(root.iter().all(|root| !PathBuf::from(format!("{root}{unified}")).exists()));
}
