//! Upgrades of a real server: to another file, to what is no facemux, to what fails when it is tried.
//!
//! No test harness: copies of this binary are also the programs that a server is upgraded to; what is wrong with one
//! is its name (`upgrade/variant.rs`).

#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;
#[path = "web/page.rs"]
mod page;
#[path = "upgrade/variant.rs"]
mod variant;
#[path = "upgrade/watcher.rs"]
mod watcher;

use common::namespace::ProcessOne;
use common::{FACEMUX, Ran, Server, children, eventually};
use facemux::sys::{process, procfs, signals};
use page::Page;
use serde_json::Value;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitCode, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use watcher::Watcher;

const TESTS: &[(&str, fn())] = &[
    (
        "faces_viewers_and_connections_outlive_upgrades_there_and_back",
        faces_viewers_and_connections_outlive_upgrades_there_and_back,
    ),
    ("what_cannot_take_over_is_not_tried", what_cannot_take_over_is_not_tried),
    ("what_fails_when_tried_is_rolled_back", what_fails_when_tried_is_rolled_back),
    ("a_daemon_killed_at_any_stage_costs_nothing", a_daemon_killed_at_any_stage_costs_nothing),
    ("a_face_that_is_ending_ends_after_an_upgrade", a_face_that_is_ending_ends_after_an_upgrade),
    ("process_one_is_upgraded_and_drains", process_one_is_upgraded_and_drains),
    ("a_server_that_is_ending_drops_its_upgrade", a_server_that_is_ending_drops_its_upgrade),
];

const PRINTERS: usize = 8;
const FACES: usize = 20;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if let Some(code) = variant::act(&words) {
        return code;
    }
    common::table::run(&words[1..], TESTS);
    ExitCode::SUCCESS
}

/// A copy of the real binary in the server's directory.
fn copy(server: &Server, name: &str) -> PathBuf {
    let path = server.dir.path().join(name);
    std::fs::copy(FACEMUX, &path).unwrap();
    path
}

/// A copy of this binary, which does what its name says.
fn variant(server: &Server, name: &str) -> PathBuf {
    let path = server.dir.path().join(name);
    let own = std::env::current_exe().unwrap();
    if std::fs::hard_link(&own, &path).is_err() {
        std::fs::copy(&own, &path).unwrap();
    }
    path
}

fn upgrade(server: &Server, binary: &Path) -> Ran {
    server.run(&["upgrade", "--binary", binary.to_str().unwrap()])
}

/// Begins one and does not wait for it.
fn ask(server: &Server, binary: &Path) -> Child {
    let mut command = server.dir.command(&["upgrade", "--binary", binary.to_str().unwrap()]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn json(server: &Server, arguments: &[&str]) -> Value {
    serde_json::from_str(&server.run(arguments).out).unwrap_or(Value::Null)
}

/// Id and pid of each face.
fn faces(server: &Server) -> Vec<(u64, u64)> {
    let faces = json(server, &["ls", "--json"]);
    let pair = |face: &Value| Some((face["id"].as_u64()?, face["pid"].as_u64()?));
    faces.as_array().into_iter().flatten().filter_map(pair).collect()
}

fn role(server: &Server, role: &str) -> u64 {
    eventually("doctor names the process", || {
        json(server, &["doctor", "--json"])["processes"][role].as_u64()
    })
}

fn exe(pid: u64) -> PathBuf {
    std::fs::read_link(format!("/proc/{pid}/exe")).unwrap()
}

/// How many descriptors the keeper has.
fn descriptors(server: &Server) -> usize {
    std::fs::read_dir(format!("/proc/{}/fd", server.keeper_pid())).unwrap().count()
}

/// A face that prints numbered lines until there is a file `stop`, and then says how many.
fn printer(server: &Server) -> String {
    let stop = server.dir.path().join("stop");
    server.face(&format!(
        "stty -echo; i=0; until [ -e {} ]; do i=$((i+1)); echo line $i; done; echo all $i; exec sleep 100000",
        stop.display()
    ))
}

/// A program that is told nothing of an upgrade: it answers, and its files are where they were.
fn echoes(server: &Server, face: &str, word: &str) {
    server.run(&["send", face, &format!("{word}\r")]).answer();
    server.shows(face, &format!("got {word}"));
}

fn faces_viewers_and_connections_outlive_upgrades_there_and_back() {
    let server = Server::with(&["--web", "127.0.0.1:0", "--auth", "none"]);
    let port = web_port(&server);
    let printers: Vec<String> = (0..PRINTERS).map(|_| printer(&server)).collect();
    let echo = "while read -r line; do echo got $line; done";
    let echoers: Vec<String> = (PRINTERS..FACES).map(|_| server.face(echo)).collect();
    let ended = server.face("exit 7");
    eventually("it has ended", || (faces(&server).len() == FACES).then_some(()));
    let before = faces(&server);
    let mut watchers: Vec<Watcher> = printers.iter().map(|f| Watcher::attach(&server, f)).collect();
    let mut terminal = server.terminal(&["attach", &echoers[0]]);
    terminal.type_text("one\r");
    terminal.expect("got one");
    let mut page = Page::open(port, &echoers[1], "1", "");
    page.write(b"first\r");
    page.until("got first");
    let (web, held) = (role(&server, "web"), descriptors(&server));
    let knocking = AtomicBool::new(true);
    let refused = std::thread::scope(|scope| {
        let knocker = scope.spawn(|| {
            let mut refused = 0;
            while knocking.load(Ordering::Relaxed) {
                refused += usize::from(TcpStream::connect(("127.0.0.1", port)).is_err());
                refused += usize::from(client::get(port, "/version", &[]).status != 200);
            }
            refused
        });
        for name in ["facemux-next", "facemux-back"] {
            let said = upgrade(&server, &copy(&server, name)).answer();
            println!("{said}");
            let kept = format!("{FACES} faces and {0} of {0} viewers kept", PRINTERS + 2);
            assert!(said.contains(&kept), "{said}");
            assert_eq!(faces(&server), before, "the same programs in the same faces");
            for role_name in ["keeper", "daemon", "web"] {
                let path = exe(role(&server, role_name));
                assert!(path.ends_with(name), "{role_name} runs {path:?}");
            }
            assert_eq!(role(&server, "keeper"), u64::from(server.keeper_pid()));
            terminal.type_text(&format!("{name}\r"));
            terminal.expect(&format!("got {name}"));
            page.write(format!("page {name}\r").as_bytes());
            page.until(&format!("got page {name}"));
            echoes(&server, &echoers[2], name);
        }
        knocking.store(false, Ordering::Relaxed);
        knocker.join().unwrap()
    });
    assert_eq!(refused, 0, "connections refused or unanswered");
    // The old web process stays for the page it serves, and no longer.
    assert!(process::kill(web as u32, 0).is_ok());
    drop(page);
    eventually("the old web process goes", || {
        procfs::stat(web as u32).is_none_or(|s| s.is_dead()).then_some(())
    });
    eventually("no descriptor is left", || (descriptors(&server) == held).then_some(()));
    let told = server.run(&["info", &ended, "--json"]).out;
    assert!(told.contains("\"code\":7"), "certificates are kept: {told}");
    std::fs::write(server.dir.path().join("stop"), "").unwrap();
    for watcher in &mut watchers {
        watcher.read_all();
    }
    assert_eq!(server.face("exec sleep 1000"), (FACES + 2).to_string(), "ids go on counting");
}

fn web_port(server: &Server) -> u16 {
    eventually("the web frontend listens", || {
        let log = server.log();
        let address = log.split("web listens at 127.0.0.1:").nth(1)?;
        address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

/// A server with a few faces of each kind.
fn small() -> (Server, String, Vec<(u64, u64)>) {
    let server = Server::with(&["--web", "127.0.0.1:0"]);
    let echo = server.face("while read -r line; do echo got $line; done");
    server.face("exec sleep 100000");
    let before = faces(&server);
    assert_eq!(before.len(), 2);
    (server, echo, before)
}

/// Asserts that nothing happened to faces and keeper.
fn unchanged(server: &Server, echo: &str, before: &[(u64, u64)], word: &str) {
    assert_eq!(faces(server), before);
    assert!(exe(role(server, "daemon")).ends_with("facemux"));
    assert!(exe(role(server, "keeper")).ends_with("facemux"));
    echoes(server, echo, word);
}

fn what_cannot_take_over_is_not_tried() {
    let (server, echo, before) = small();
    let daemon = role(&server, "daemon");
    let dir = server.dir.path();
    let write = |name: &str, text: &[u8], mode| {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(mode))
            .unwrap();
        path
    };
    let plain = copy(&server, "not-executable");
    std::fs::set_permissions(&plain, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let cases = [
        (plain, "Permission denied"),
        (write("script", b"#!/bin/sh\nexit 1\n", 0o755), "no binary"),
        (write("garbage", b"\x7fELF and no more", 0o755), "cannot take over"),
        (write("empty", b"", 0o755), "no binary"),
        (PathBuf::from("/bin/false"), "exited with code 1"),
        (dir.to_path_buf(), "it is no file"),
        (dir.join("missing"), "No such file"),
        (
            variant(&server, "future"),
            "reads versions 7 to 8 of the protocol, and what runs writes 1",
        ),
        (variant(&server, "odd"), "of checkpoints"),
        (variant(&server, "babbler"), "not understood"),
        (variant(&server, "unwilling"), "it would rather not"),
    ];
    for (binary, words) in cases {
        upgrade(&server, &binary).refused(2, &["not upgraded", words]);
        assert_eq!(role(&server, "daemon"), daemon, "{binary:?}: the daemon is the one it was");
    }
    server.run(&["upgrade", "--binary"]).refused(2, &["--binary"]);
    unchanged(&server, &echo, &before, "still");
    // Its own file, which is the one that is there when nobody says.
    let said = server.run(&["upgrade"]).answer();
    assert!(said.contains("2 faces and 0 of 0 viewers kept"), "{said}");
    unchanged(&server, &echo, &before, "upgraded");
}

fn what_fails_when_tried_is_rolled_back() {
    let server = Server::of(&[], |dir| {
        let path = dir.join("facemux");
        std::fs::copy(FACEMUX, &path).unwrap();
        path
    });
    let echo = server.face("while read -r line; do echo got $line; done");
    let printer = printer(&server);
    let before = faces(&server);
    let mut watcher = Watcher::attach(&server, &printer);
    // Going back must not need the file.
    std::fs::remove_file(server.dir.path().join("facemux")).unwrap();
    let held = descriptors(&server);
    let cases = [
        ("dies", "its daemon", "exited with code 9"),
        ("blind", "its daemon took over 0 of 2 faces", "blind"),
        ("lost", "the table is not for me", "lost"),
    ];
    for (name, why, more) in cases {
        upgrade(&server, &variant(&server, name)).refused(1, &["goes on", why, more]);
        assert_eq!(faces(&server), before);
        echoes(&server, &echo, name);
        eventually("no descriptor is left", || (descriptors(&server) == held).then_some(()));
    }
    // What was rolled back can be tried again with something better.
    let said = upgrade(&server, &copy(&server, "better")).answer();
    assert!(said.contains("2 faces and 1 of 1 viewer kept"), "{said}");
    echoes(&server, &echo, "better");
    std::fs::write(server.dir.path().join("stop"), "").unwrap();
    watcher.read_all();
    let (server, echo, before) = small();
    let web = role(&server, "web");
    upgrade(&server, &variant(&server, "webless")).refused(1, &["its web frontend", "code 9"]);
    assert_eq!(role(&server, "web"), web, "the web process is the one it was");
    assert_eq!(client::get(web_port(&server), "/version", &[]).status, 200);
    unchanged(&server, &echo, &before, "webless");
}

fn a_daemon_killed_at_any_stage_costs_nothing() {
    let (server, echo, before) = small();
    let kill = |pid: u64| process::kill(pid as u32, signals::KILL).unwrap();
    // The old one, while the new program thinks about it.
    let slow = variant(&server, "slow");
    let asking = ask(&server, &slow);
    let thinking = server.dir.path().join("thinking");
    eventually("the new program is asked", || thinking.exists().then_some(()));
    let old = role(&server, "daemon");
    kill(old);
    eventually("another is there", || (role(&server, "daemon") != old).then_some(()));
    std::fs::remove_file(&thinking).unwrap();
    let ran = Ran::of(asking.wait_with_output().unwrap());
    assert!(ran.answer().contains("2 faces"), "log:\n{}", server.log());
    assert_eq!(faces(&server), before);
    echoes(&server, &echo, "slow");
    // The new one, on trial.
    let asking = ask(&server, &variant(&server, "hangs"));
    let tried = eventually("the new daemon is started", || {
        let hanging = |pid: &u32| {
            std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|p| p.ends_with("hangs"))
        };
        children(server.keeper_pid()).into_iter().find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            hanging(pid) && line.ends_with(b"daemon\0")
        })
    });
    kill(tried.into());
    Ran::of(asking.wait_with_output().unwrap()).refused(1, &["goes on", "killed by SIGKILL"]);
    assert_eq!(faces(&server), before);
    echoes(&server, &echo, "hangs");
    // Whichever there is, at moments nobody chose.
    for n in 0..4 {
        let mut asking = ask(&server, &copy(&server, &format!("facemux-{n}")));
        let mut killed = 0;
        while asking.try_wait().unwrap().is_none() {
            let daemon = children(server.keeper_pid()).into_iter().find(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                line.ends_with(b"daemon\0")
            });
            if killed < 1 && n != 3 {
                killed += usize::from(daemon.is_some_and(|d| process::kill(d, 9).is_ok()));
                std::thread::sleep(std::time::Duration::from_millis(2 * n));
            }
        }
        let ran = Ran::of(asking.wait_with_output().unwrap());
        assert!([0, 1, 3].contains(&ran.code), "{ran:?}");
        eventually("it serves", || (faces(&server) == before).then_some(()));
        eventually("it answers", || {
            (server.run(&["send", &echo, &format!("kill{n}\r")]).code == 0).then_some(())
        });
        server.shows(&echo, &format!("got kill{n}"));
    }
}

fn a_face_that_is_ending_ends_after_an_upgrade() {
    let server = Server::with(&["--grace", "3s"]);
    let asked = server.dir.path().join("asked");
    let stubborn = server.face(&format!(
        "trap 'echo > {}' HUP; setsid sh -c 'trap \"\" HUP; sleep 100000' & while :; do sleep 100000; done",
        asked.display()
    ));
    let other = server.face("exec sleep 100000");
    let first = faces(&server)[0].1 as u32;
    let all = eventually("its children run", || {
        let all = procfs::all();
        let found: Vec<u32> = procfs::descendants(&all, &[first]).iter().map(|p| p.pid).collect();
        (found.len() >= 3).then_some(found)
    });
    let killer = server.dir.command(&["kill", &stubborn]).stdout(Stdio::piped()).spawn().unwrap();
    eventually("its end has begun", || asked.exists().then_some(()));
    upgrade(&server, &copy(&server, "facemux-next")).answer();
    eventually("nothing of it is left", || {
        let left =
            all.iter().chain([&first]).filter(|p| procfs::stat(**p).is_some_and(|s| !s.is_dead()));
        (left.count() == 0).then_some(())
    });
    // Its connection went down with the old daemon, or it was answered before.
    assert!([Some(0), Some(3)].contains(&killer.wait_with_output().unwrap().status.code()));
    eventually("it is an ended face", || (faces(&server).len() == 1).then_some(()));
    server.run(&["kill", &other]).answer();
}

fn process_one_is_upgraded_and_drains() {
    let Some(one) = ProcessOne::start() else { return };
    let (dir, inside) = (&one.dir, one.pid);
    let next = dir.path().join("facemux-next");
    std::fs::copy(FACEMUX, &next).unwrap();
    dir.run(&["new", "-d", "--", "sh", "-c", "(setsid sleep 4712 &); exec sleep 1000"]).answer();
    eventually("its orphan runs", || {
        let line = |pid: u32| std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let all = procfs::all();
        all.iter().any(|p| line(p.pid) == b"sleep\x004712\0").then_some(())
    });
    let said = dir.run(&["upgrade", "--binary", next.to_str().unwrap()]).answer();
    assert!(said.contains(": 1 face and 0 of 0 viewers"), "{said}");
    assert!(exe(inside.into()).ends_with("facemux-next"));
    // Orphans still come to it, and are still found.
    let ended = dir.run(&["kill", "1"]).answer();
    assert!(ended.contains("sleep"), "{ended}");
    eventually("the daemon alone is left", || (children(inside).len() == 1).then_some(()));
    one.drain();
}

fn a_server_that_is_ending_drops_its_upgrade() {
    let (server, ..) = small();
    let slow = variant(&server, "slow");
    let words = ["upgrade", "--binary", slow.to_str().unwrap()];
    let asking = ask(&server, &slow);
    let thinking = server.dir.path().join("thinking");
    eventually("the new program is asked", || thinking.exists().then_some(()));
    server.run(&words).refused(2, &["another upgrade is under way"]);
    process::kill(server.keeper_pid(), signals::TERMINATE).unwrap();
    Ran::of(asking.wait_with_output().unwrap()).refused(2, &["asked to end"]);
    eventually("it says so", || server.log().contains("the server has ended").then_some(()));
    assert!(!server.log().contains("did not go by itself"), "{}", server.log());
}
