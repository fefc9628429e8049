//! Attached while the daemon dies: when it comes back, and when it does not.

use crate::common::{Dir, FACEMUX, Server, Terminal, eventually};
use crate::{DETACH, SIGCONT, SIGSTOP, WAYS, attach};
use facemux::sys::{process, procfs};
use std::io::Read;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

#[test]
fn a_killed_daemon_is_a_hiccup_for_who_is_attached() {
    let server = Server::start();
    for way in WAYS {
        let face = server.face("echo here; exec sh -i");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        let daemon = server.role_pid("daemon");
        process::kill(daemon, 9).unwrap();
        eventually("another daemon", || (server.role_pid("daemon") != daemon).then_some(()));
        terminal.type_text("echo alive $((20 + 1))\r");
        terminal.expect("alive 21");
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0, "{way:?}");
        terminal.assert_as_before();
    }
}

#[test]
fn a_daemon_that_dies_before_its_first_answer_is_a_hiccup_too() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    // A server that takes the question and is gone, and behind it the one that has the face.
    let dying = Dir::new();
    let socket = dying.path().join("sock");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut terminal = Terminal::start(&[FACEMUX, "attach", &face], &dying.environment(), (24, 80));
    let (mut asking, _) = listener.accept().unwrap();
    assert!(asking.read(&mut [0; 64]).unwrap() > 0);
    symlink(server.socket(), dying.path().join("next")).unwrap();
    std::fs::rename(dying.path().join("next"), &socket).unwrap();
    drop(asking);
    terminal.expect("here");
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

#[test]
fn a_terminal_resized_while_no_daemon_lives_shows_the_face_again() {
    for (way, there) in [(WAYS[0], (24, 80)), (WAYS[0], (10, 40)), (WAYS[1], (10, 40))] {
        let server = Server::start();
        let face = server.face("echo here; exec cat");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        let (keeper, daemon) = (server.keeper_pid(), server.role_pid("daemon"));
        process::kill(keeper, SIGSTOP).unwrap();
        process::kill(daemon, 9).unwrap();
        eventually("it is dead", || procfs::stat(daemon).is_none_or(|s| s.is_dead()).then_some(()));
        // What a terminal that is resized does to its screen is its own affair: here it loses it.
        terminal.resize(5, 20);
        terminal.resize(there.0, there.1);
        terminal.wipe();
        assert!(!terminal.screen().contains("here"));
        process::kill(keeper, SIGCONT).unwrap();
        terminal.expect("here");
        let size = format!(r#""cols":{},"rows":{}"#, there.1, there.0);
        eventually("the face's size", || {
            server.run(&["info", &face, "--json"]).out.contains(&size).then_some(())
        });
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0);
        terminal.assert_as_before();
    }
}

#[test]
fn after_a_crash_the_one_whose_size_it_is_may_come_back_late() {
    let server = Server::start();
    let face = server.face("cat");
    let size = || server.run(&["info", &face, "--json"]).out.contains(r#""cols":80,"rows":24"#);
    let viewers = |n: usize| {
        let told = format!(r#""viewers":{n},"#);
        eventually("viewers", || {
            server.run(&["info", &face, "--json"]).out.contains(&told).then_some(())
        });
    };
    let mut leader = attach(&server, &face, &[]);
    viewers(1);
    let argv = [FACEMUX, "attach", &face];
    let other = Terminal::start(&argv, &server.dir.environment(), (30, 100));
    viewers(2);
    let both = [leader.pid(), other.pid()];
    both.iter().for_each(|pid| process::kill(*pid, SIGSTOP).unwrap());
    let daemon = server.role_pid("daemon");
    process::kill(daemon, 9).unwrap();
    eventually("another daemon", || (server.role_pid("daemon") != daemon).then_some(()));
    // The face is read again when drivers who are not back have had their time.
    server.run(&["send", &face, "later", "--keys", "Enter"]).answer();
    server.shows(&face, "later\nlater");
    other.signal(SIGCONT);
    viewers(1);
    assert!(size(), "nobody takes the lead from who had it");
    leader.signal(SIGCONT);
    viewers(2);
    leader.resize(10, 40);
    leader.expect_that("its size", |_| {
        server.run(&["info", &face, "--json"]).out.contains(r#""cols":40,"rows":10"#)
    });
}

#[test]
fn a_lost_server_leaves_the_terminal_as_it_was_with_exit_3() {
    for way in WAYS {
        let server = Server::start();
        let face = server.face(r"printf '\033[?1049h\033[?2004hmodes'; exec cat");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("modes");
        process::kill(server.keeper_pid(), 9).unwrap();
        assert_eq!(terminal.wait(), 3, "{way:?}");
        terminal.expect("[lost the server");
        terminal.assert_as_before();
    }
}
