//! The keeper against the real kernel: faces start, end and outlive the daemon; nothing is left behind.
//!
//! No test harness: this binary is also the keeper under test and the processes it starts (`stand`).

#![allow(clippy::unwrap_used)]

#[path = "keeper/stand.rs"]
mod stand;
#[path = "common/table.rs"]
mod table;
#[path = "keeper/tricks.rs"]
mod tricks;

use facemux::sys::{memory, process, procfs, signals};
use facemux::units::FaceId;
use facemux::wire::keeper::{Exit, FromKeeper, ToKeeper};
use stand::{Keeper, Options, PATIENCE, exists, marked, read_until, spawn, wait_until};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use tricks::TRICKS;

const TESTS: &[(&str, fn())] = &[
    (
        "a_daemon_gets_start_and_go_and_whoever_waits_is_told",
        a_daemon_gets_start_and_go_and_whoever_waits_is_told,
    ),
    (
        "a_child_leads_its_session_and_inherits_nothing",
        a_child_leads_its_session_and_inherits_nothing,
    ),
    ("what_cannot_be_started_is_said_at_once", what_cannot_be_started_is_said_at_once),
    ("ends_are_told_with_their_codes", ends_are_told_with_their_codes),
    ("a_signal_goes_to_the_foreground", a_signal_goes_to_the_foreground),
    (
        "a_missing_directory_is_no_reason_not_to_start",
        a_missing_directory_is_no_reason_not_to_start,
    ),
    (
        "a_killed_daemon_is_replaced_and_gets_everything_back",
        a_killed_daemon_is_replaced_and_gets_everything_back,
    ),
    (
        "an_end_that_no_daemon_heard_of_is_told_to_the_next",
        an_end_that_no_daemon_heard_of_is_told_to_the_next,
    ),
    (
        "nothing_that_descends_from_a_face_outlives_its_end",
        nothing_that_descends_from_a_face_outlives_its_end,
    ),
    (
        "nothing_outlives_a_face_in_a_pid_namespace_of_its_own",
        nothing_outlives_a_face_in_a_pid_namespace_of_its_own,
    ),
    (
        "kept_orphans_live_and_are_reaped_when_they_die",
        kept_orphans_live_and_are_reaped_when_they_die,
    ),
    ("ids_go_on_after_the_death_of_everything", ids_go_on_after_the_death_of_everything),
    ("a_drain_ends_everything_in_order", a_drain_ends_everything_in_order),
    (
        "a_drain_does_not_wait_for_a_daemon_that_hangs",
        a_drain_does_not_wait_for_a_daemon_that_hangs,
    ),
    (
        "a_second_keeper_on_the_same_directory_is_refused",
        a_second_keeper_on_the_same_directory_is_refused,
    ),
    ("nothing_lives_on_when_the_keeper_is_killed", nothing_lives_on_when_the_keeper_is_killed),
    (
        "a_frontend_is_replaced_and_no_connection_is_refused",
        a_frontend_is_replaced_and_no_connection_is_refused,
    ),
    (
        "a_taken_port_costs_the_frontend_not_the_faces",
        a_taken_port_costs_the_frontend_not_the_faces,
    ),
    (
        "the_keepers_memory_is_closed_to_others_of_its_user",
        the_keepers_memory_is_closed_to_others_of_its_user,
    ),
    ("many_faces_come_and_go_and_leave_nothing", many_faces_come_and_go_and_leave_nothing),
    ("an_idle_keeper_sleeps", an_idle_keeper_sleeps),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("serve") => return stand::serve(&words[2..]),
        Some("daemon") => stand::daemon(),
        Some("web") => stand::web(),
        _ => table::run(&words[1..], TESTS),
    }
    ExitCode::SUCCESS
}

fn a_daemon_gets_start_and_go_and_whoever_waits_is_told() {
    let mut keeper = Keeper::start();
    let mut daemon = keeper.next_daemon();
    let started = daemon.take_start();
    assert_eq!(
        (started.start.next_id, started.start.reserved, started.start.generation),
        (1, 33, 0)
    );
    assert_eq!((started.start.keeper_pid, started.fds.len()), (keeper.pid(), 2));
    assert_eq!((started.faces.len(), started.start.crash), (0, None));
    assert_eq!(started.start.dir, keeper.dir.to_str().map(str::to_owned));
    daemon.send(&ToKeeper::Ready { whole: 0, damaged: 0 });
    assert_eq!(keeper.line(), "ready web=off ssh=off\n");
    daemon.send(&ToKeeper::Reserve { upto: 100 });
    assert_eq!(daemon.next().0, FromKeeper::Reserved { upto: 100 });
    let processes: serde_json::Value = serde_json::from_str(&daemon.processes).unwrap();
    assert_eq!(processes["keeper"], keeper.pid());
    assert_eq!(processes["daemon"], daemon.pid);
}

fn a_child_leads_its_session_and_inherits_nothing() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let _before = daemon.spawn_script(1, "exec sleep 1000");
    let face = daemon.spawn(spawn(2, &["sleep", "1000"]));
    wait_until("the program runs", || procfs::stat(face.pid).unwrap().name == "sleep");
    let fds = std::fs::read_dir(format!("/proc/{}/fd", face.pid)).unwrap();
    let mut fds: Vec<_> = fds.map(|e| e.unwrap().file_name()).collect();
    fds.sort();
    assert_eq!(fds, ["0", "1", "2"]);
    let stat = procfs::stat(face.pid).unwrap();
    assert_eq!((stat.session, stat.group, stat.parent), (face.pid, face.pid, keeper.pid()));
    let status = std::fs::read_to_string(format!("/proc/{}/status", face.pid)).unwrap();
    for line in ["SigBlk:\t0000000000000000", "SigIgn:\t0000000000000000"] {
        assert!(status.contains(line), "{status}");
    }
    let limits = |pid: u32| {
        let text = std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap();
        text.lines().find(|l| l.starts_with("Max open files")).unwrap().to_owned()
    };
    assert_eq!(limits(face.pid), limits(std::process::id()));
    assert_eq!(memory::length(&face.memory).unwrap(), 65536);
    let terminal = daemon.spawn_script(3, "stty size; tty; exec cat");
    let text = read_until(&terminal.master, "/dev/pts/");
    assert!(text.starts_with("24 80"), "{text}");
}

fn what_cannot_be_started_is_said_at_once() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let directory = spawn(2, &["/etc"]);
    let nul = spawn(3, &["sh", "-c", "a\0b"]);
    for (id, spawn, errno) in
        [(1, spawn(1, &["no-such-program"]), 2), (2, directory, 13), (3, nul, 22)]
    {
        let name = spawn.argv[0].clone();
        daemon.send(&ToKeeper::Spawn(Box::new(spawn)));
        match daemon.next() {
            (FromKeeper::SpawnFailed { id: failed, errno: why, what }, fds) => {
                assert_eq!((failed, why), (FaceId(id), errno));
                assert!(what.starts_with(&format!("start {name}: ")), "{what}");
                assert!(fds.is_empty());
            }
            (other, _) => panic!("{other:?}"),
        }
    }
    let face = daemon.spawn_script(4, "echo works; read x");
    read_until(&face.master, "works");
    daemon.send(&ToKeeper::Spawn(Box::new(spawn(4, &["true"]))));
    assert!(matches!(daemon.next().0, FromKeeper::SpawnFailed { errno: 17, .. }));
    nix::unistd::write(&face.master, b"\n").unwrap();
    assert_eq!(daemon.exited(4).0, Exit::Code(0));
}

fn ends_are_told_with_their_codes() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    for (id, script, expected) in [
        (1, "exit 0", Exit::Code(0)),
        (2, "exit 130", Exit::Code(130)),
        (3, "kill -KILL $$", Exit::Signal { signal: 9, oom: false }),
        (4, "kill -SEGV $$", Exit::Signal { signal: 11, oom: false }),
    ] {
        let face = daemon.spawn_script(id, script);
        assert_eq!(daemon.exited(id), (expected, vec![]), "{script}");
        assert!(procfs::stat(face.pid).is_none(), "{script}: not reaped");
        daemon.send(&ToKeeper::Release { id: FaceId(id) });
    }
}

fn a_signal_goes_to_the_foreground() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let looping = "trap \"echo caught; exit\" USR1; echo go; while :; do sleep .01; done";
    let script = &format!("set -m; sh -c '{looping}'; echo rest; exit 3");
    let face = daemon.spawn_script(1, script);
    read_until(&face.master, "go");
    daemon.send(&ToKeeper::Signal { id: face.id, signal: 10 });
    read_until(&face.master, "rest");
    assert_eq!(daemon.exited(1).0, Exit::Code(3));
}

fn a_missing_directory_is_no_reason_not_to_start() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let mut gone = spawn(1, &["sh", "-c", "pwd; exec cat"]);
    gone.cwd = "/no/such/place".into();
    let face = daemon.spawn(gone);
    assert!(read_until(&face.master, "\n").starts_with("/\r"));
    assert!(keeper.log().contains("/no/such/place"));
}

fn a_killed_daemon_is_replaced_and_gets_everything_back() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let faces: Vec<_> =
        (1..=20).map(|id| daemon.spawn_script(id, "echo hello; exec cat")).collect();
    daemon.send(&ToKeeper::Keep { id: FaceId(99), bytes: b"first".to_vec() });
    daemon.send(&ToKeeper::Keep { id: FaceId(98), bytes: b"gone".to_vec() });
    daemon.send(&ToKeeper::Keep { id: FaceId(99), bytes: b"second".to_vec() });
    daemon.send(&ToKeeper::Forget { id: FaceId(98) });
    // Said before its death, read after it.
    daemon.send(&ToKeeper::Spawn(Box::new(spawn(21, &["cat"]))));
    let killed = Instant::now();
    daemon.kill();
    let mut next = keeper.next_daemon();
    let started = next.take_start();
    assert!(killed.elapsed() < Duration::from_secs(1), "{:?}", killed.elapsed());
    assert_eq!((started.start.generation, started.start.next_id), (1, 22));
    assert_eq!(started.certificates, [(FaceId(99), b"second".to_vec())]);
    assert_eq!(started.faces.len(), 21);
    for ((kept, fds), face) in started.faces.iter().zip(&faces) {
        assert_eq!((kept.id, kept.pid, &kept.exited), (face.id, face.pid, &None));
        assert_eq!(kept.meta, format!("meta {}", face.id).into_bytes());
        nix::unistd::write(&fds[0], b"still there\n").unwrap();
        read_until(&fds[0], "still there");
    }
    // Later deaths in a row wait, but not long.
    for _ in 0..3 {
        next.kill();
        next = keeper.next_daemon();
        assert_eq!(next.take_start().faces.len(), 21);
    }
    assert!(keeper.log().contains("was killed by SIGKILL"));
}

fn an_end_that_no_daemon_heard_of_is_told_to_the_next() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let face = daemon.spawn_script(1, "read x; exit 5");
    let other = daemon.spawn_script(2, "exec cat");
    process::kill(daemon.pid, signals::STOP).unwrap();
    nix::unistd::write(&face.master, b"\n").unwrap();
    assert_eq!(daemon.exited(1).0, Exit::Code(5));
    daemon.kill();
    let mut next = keeper.next_daemon();
    let started = next.take_start();
    assert_eq!(started.faces[0].0.exited, Some((Exit::Code(5), vec![])));
    assert_eq!(started.faces[1].0.exited, None);
    next.send(&ToKeeper::Release { id: face.id });
    next.kill();
    let started = keeper.next_daemon().take_start();
    assert_eq!(started.faces.iter().map(|f| f.0.id).collect::<Vec<_>>(), [other.id]);
}

fn nothing_that_descends_from_a_face_outlives_its_end() {
    no_trick_works(Options::default(), "1");
}

fn nothing_outlives_a_face_in_a_pid_namespace_of_its_own() {
    if process::user() != 0 {
        println!("not run: a PID namespace takes root");
        return;
    }
    no_trick_works(Options { pid_one: true, ..Options::default() }, "2");
}

/// Each trick in a face that is killed, and in one that ends by itself.
fn no_trick_works(options: Options<'_>, prefix: &str) {
    let mut keeper = Keeper::start_with(options);
    let mut daemon = keeper.ready_daemon();
    let mark =
        |n: usize, kind: usize| format!("{prefix}{:05}{kind}{n:02}", std::process::id() % 100_000);
    let mut id = 0;
    for (kind, rest) in ["echo set; exec sleep 1000", "echo set; read x"].iter().enumerate() {
        for (n, (name, script)) in TRICKS.iter().enumerate() {
            id += 1;
            let script = format!("{}\n{rest}", script.replace("MARK", &mark(n, kind)));
            let face = daemon.spawn_script(id, &script);
            read_until(&face.master, "set");
            wait_until(&format!("the trick {name:?} has begun"), || {
                marked(&mark(n, kind)).iter().any(|pid| *pid != face.pid)
            });
            if kind == 1 {
                nix::unistd::write(&face.master, b"\n").unwrap();
            } else {
                daemon.send(&ToKeeper::End { id: face.id, grace_ms: 300 });
            }
            let asked = Instant::now();
            let Some((FromKeeper::Exited { reaped, .. }, _)) = daemon.next_within(PATIENCE) else {
                panic!(
                    "{name}: no end; left {:?}",
                    procfs::all()
                        .iter()
                        .filter(
                            |p| p.parent == keeper.pid() || marked(&mark(n, kind)).contains(&p.pid)
                        )
                        .collect::<Vec<_>>()
                )
            };
            assert!(asked.elapsed() < Duration::from_secs(2), "{name}: {:?}", asked.elapsed());
            assert_eq!(marked(&mark(n, kind)), [0u32; 0], "{name} got away; reaped {reaped:?}");
            // At a natural end the kernel itself hangs up on the foreground, before we look.
            assert!(kind == 1 || !reaped.is_empty(), "{name}: nothing is said of what was reaped");
            daemon.send(&ToKeeper::Release { id: face.id });
        }
    }
    process::kill(daemon.pid, 0).unwrap();
    if !options.pid_one {
        let ours = procfs::all();
        let left = procfs::descendants(&ours, &[keeper.pid()]);
        assert_eq!(left.iter().map(|p| p.pid).collect::<Vec<_>>(), [daemon.pid], "{left:?}");
    }
    daemon.send(&ToKeeper::Stop);
    while !matches!(daemon.next().0, FromKeeper::Drain) {}
    daemon.send(&ToKeeper::Drained);
    drop(daemon);
    assert_eq!(keeper.wait().code(), Some(0));
}

fn kept_orphans_live_and_are_reaped_when_they_die() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let mark = format!("3{:05}000", std::process::id() % 100_000);
    let script = format!("nohup setsid sleep {mark} >/dev/null 2>&1 & echo set; read x");
    let mut keep = spawn(1, &["sh", "-c", &script]);
    keep.keep_orphans = true;
    let face = daemon.spawn(keep);
    read_until(&face.master, "set");
    // Until then the hang-up of its terminal would reach it.
    let sleeps = |pid: &u32| procfs::stat(*pid).is_some_and(|s| s.name == "sleep");
    wait_until("the orphan runs", || marked(&mark).iter().any(sleeps));
    nix::unistd::write(&face.master, b"\n").unwrap();
    assert_eq!(daemon.exited(1), (Exit::Code(0), vec![]));
    let mut orphan = 0;
    // Between two execs a process has no command line for a moment.
    wait_until("the orphan is seen", || {
        orphan = marked(&mark).first().copied().unwrap_or(0);
        orphan != 0
    });
    // Another face's end is no reason either.
    daemon.spawn_script(2, "exit 0");
    daemon.exited(2);
    wait_until("the orphan is the keeper's", || {
        procfs::stat(orphan).is_some_and(|s| s.parent == keeper.pid())
    });
    process::kill(orphan, signals::TERMINATE).unwrap();
    wait_until("the orphan is reaped", || procfs::stat(orphan).is_none());
}

fn ids_go_on_after_the_death_of_everything() {
    let mut keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    daemon.send(&ToKeeper::Reserve { upto: 500 });
    assert_eq!(daemon.next().0, FromKeeper::Reserved { upto: 500 });
    drop(daemon.spawn_script(499, "exit 0"));
    keeper.process.kill().unwrap();
    keeper.process.wait().unwrap();
    let dir = keeper.dir.clone();
    let mut keeper = Keeper::start_on(dir, Options::default());
    let start = keeper.next_daemon().take_start().start;
    assert_eq!((start.next_id, start.reserved), (500, 532));
    keeper.signal(signals::TERMINATE);
    assert_eq!(keeper.wait().code(), Some(0));
    let keeper = Keeper::start_on(keeper.dir.clone(), Options::default());
    let start = keeper.next_daemon().take_start().start;
    assert_eq!(start.next_id, 500, "an orderly end skips nothing");
}

fn a_drain_ends_everything_in_order() {
    let mut keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let polite = daemon
        .spawn_script(1, "trap 'echo bye; exit 4' HUP; echo set; while :; do sleep .01; done");
    let stubborn = daemon.spawn_script(2, "trap '' HUP; echo set; while :; do sleep .01; done");
    for face in [&polite, &stubborn] {
        read_until(&face.master, "set");
    }
    let dir = keeper.dir.clone();
    keeper.signal(signals::HANGUP);
    keeper.signal(signals::TERMINATE);
    assert_eq!(daemon.next().0, FromKeeper::Drain);
    assert!(exists(&dir.join("sock")));
    daemon.send(&ToKeeper::Drained);
    assert_eq!(daemon.exited(1).0, Exit::Code(4));
    assert_eq!(daemon.exited(2).0, Exit::Signal { signal: 9, oom: false });
    drop(daemon);
    assert_eq!(keeper.wait().code(), Some(0));
    assert!(!exists(&dir.join("sock")));
    assert!(procfs::stat(polite.pid).is_none() && procfs::stat(stubborn.pid).is_none());
    assert!(keeper.log().contains("SIGHUP"));
}

fn a_drain_does_not_wait_for_a_daemon_that_hangs() {
    let mut keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let face = daemon.spawn_script(1, "exec cat");
    process::kill(daemon.pid, signals::STOP).unwrap();
    let asked = Instant::now();
    keeper.signal(signals::INTERRUPT);
    assert_eq!(keeper.wait().code(), Some(0));
    assert!(asked.elapsed() < Duration::from_secs(6), "{:?}", asked.elapsed());
    assert!(
        procfs::stat(face.pid).is_none() && procfs::stat(daemon.pid).is_none_or(|s| s.is_dead())
    );
    // In a hurry: the second signal.
    let mut keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    daemon.spawn_script(1, "trap '' HUP; while :; do sleep .01; done");
    keeper.signal(signals::TERMINATE);
    assert_eq!(daemon.next().0, FromKeeper::Drain);
    let asked = Instant::now();
    keeper.signal(signals::TERMINATE);
    assert_eq!(daemon.exited(1).0, Exit::Signal { signal: 9, oom: false });
    assert!(asked.elapsed() < Duration::from_secs(1), "{:?}", asked.elapsed());
    drop(daemon);
    assert_eq!(keeper.wait().code(), Some(0));
}

fn a_second_keeper_on_the_same_directory_is_refused() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let exe = std::env::current_exe().unwrap();
    let second = Command::new(exe)
        .args(["serve", "--web", "off", "--dir"])
        .arg(&keeper.dir)
        .output()
        .unwrap();
    let said = String::from_utf8(second.stderr).unwrap();
    assert_eq!(second.status.code(), Some(1));
    assert!(said.contains(&format!("pid {}", keeper.pid())), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    // The first one's socket is untouched.
    assert!(exists(&keeper.dir.join("sock")));
    daemon.spawn_script(1, "exit 0");
    daemon.exited(1);
}

fn nothing_lives_on_when_the_keeper_is_killed() {
    let mut keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let face = daemon.spawn_script(1, "exec cat");
    let pids = [daemon.pid, face.pid];
    keeper.process.kill().unwrap();
    keeper.process.wait().unwrap();
    drop((daemon, face));
    wait_until("daemon and face are gone", || {
        pids.iter().all(|pid| procfs::stat(*pid).is_none_or(|s| s.is_dead()))
    });
    // Its locks and its socket are no obstacle.
    let keeper = Keeper::start_on(keeper.dir.clone(), Options::default());
    keeper.ready_daemon();
}

fn ask(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn a_frontend_is_replaced_and_no_connection_is_refused() {
    let mut keeper =
        Keeper::start_with(Options { flags: &["--web", "127.0.0.1:0"], ..Options::default() });
    let _daemon = keeper.ready_daemon();
    let line = keeper.line();
    let address = line.split(' ').nth(1).unwrap().trim_start_matches("web=").to_owned();
    let mut pids = std::collections::BTreeSet::new();
    for _ in 0..4 {
        let answer = ask(&address);
        assert!(answer.trim_end().ends_with(&format!("http://{address}")), "{answer:?}");
        let pid: u32 = answer.split(' ').next().unwrap().parse().unwrap();
        pids.insert(pid);
        process::kill(pid, signals::KILL).unwrap();
        wait_until("it is dead", || procfs::stat(pid).is_none_or(|s| s.is_dead()));
    }
    assert_eq!(pids.len(), 4);
}

fn a_taken_port_costs_the_frontend_not_the_faces() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let mut keeper =
        Keeper::start_with(Options { flags: &["--web", &address], ..Options::default() });
    let mut daemon = keeper.ready_daemon();
    assert_eq!(keeper.line(), "ready web=off ssh=off\n");
    assert!(keeper.log().contains(&format!("web cannot listen at {address}")), "{}", keeper.log());
    daemon.spawn_script(1, "exit 0");
    daemon.exited(1);
}

fn the_keepers_memory_is_closed_to_others_of_its_user() {
    if process::user() != 0 {
        println!("not run: it takes root to be somebody else");
        return;
    }
    let dir = std::env::temp_dir().join(format!("fmk-other-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    std::os::unix::fs::chown(&dir, Some(65534), Some(65534)).unwrap();
    std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    let copy = std::env::temp_dir().join(format!("fmk-copy-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let mut keeper = Command::new(&copy)
        .args(["serve", "--web", "off", "--dir"])
        .arg(&dir)
        .env("FACEMUX_TEST_DESK", "/nonexistent")
        .stderr(std::process::Stdio::null())
        .uid(65534)
        .gid(65534)
        .spawn()
        .unwrap();
    wait_until("the keeper serves", || exists(&dir.join("state/ids")));
    let owner = |pid: u32| {
        std::os::unix::fs::MetadataExt::uid(&std::fs::metadata(format!("/proc/{pid}/mem")).unwrap())
    };
    wait_until("its memory belongs to root", || owner(keeper.id()) == 0);
    keeper.kill().unwrap();
    keeper.wait().unwrap();
    std::fs::remove_file(copy).unwrap();
    std::fs::remove_dir_all(dir).unwrap();
}

fn many_faces_come_and_go_and_leave_nothing() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let open = || std::fs::read_dir(format!("/proc/{}/fd", keeper.pid())).unwrap().count();
    let before = open();
    for round in 0..3 {
        let ids = round * 100 + 1..round * 100 + 101;
        let faces: Vec<_> = ids
            .clone()
            .map(|id| daemon.spawn_script(id, "trap '' HUP; read x; sleep 1000 & exit 1"))
            .collect();
        for face in &faces {
            nix::unistd::write(&face.master, b"\n").unwrap();
        }
        let mut ended = std::collections::BTreeSet::new();
        while ended.len() < faces.len() {
            match daemon.next().0 {
                FromKeeper::Exited { id, exit, reaped } => {
                    assert_eq!((exit, reaped.len()), (Exit::Code(1), 1), "face {id} {reaped:?}");
                    assert!(ended.insert(id));
                }
                other => panic!("{other:?}"),
            }
        }
        for id in ids {
            daemon.send(&ToKeeper::Release { id: FaceId(id) });
        }
    }
    wait_until("all descriptors are closed", || open() == before);
    let processes = procfs::all();
    assert_eq!(procfs::descendants(&processes, &[keeper.pid()]).len(), 1);
}

fn an_idle_keeper_sleeps() {
    let keeper = Keeper::start();
    let mut daemon = keeper.ready_daemon();
    let faces: Vec<_> = (1..=50).map(|id| daemon.spawn(spawn(id, &["cat"]))).collect();
    let switches = || {
        let text = std::fs::read_to_string(format!("/proc/{}/status", keeper.pid())).unwrap();
        text.lines().find(|l| l.starts_with("voluntary")).unwrap().to_owned()
    };
    daemon.send(&ToKeeper::Reserve { upto: 1000 });
    assert_eq!(daemon.next().0, FromKeeper::Reserved { upto: 1000 });
    wait_until("the keeper sleeps", || procfs::stat(keeper.pid()).unwrap().state == 'S');
    let before = switches();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(switches(), before);
    assert_eq!(faces.len(), 50);
}
