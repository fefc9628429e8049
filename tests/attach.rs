//! Attaching for real: the binary in a PTY, real programs in the faces, and each way a view can end.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "attach/lost.rs"]
mod lost;

use common::{FACEMUX, Server, Terminal, eventually};
use facemux::sys::process;
use facemux::term::{History, Terminal as Model, Unwatched};
use facemux::units::Size;
use std::time::Duration;

const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;
const SIGTSTP: i32 = 20;
const DETACH: &str = "\x02d";

/// Both ways to attach.
const WAYS: [&[&str]; 2] = [&[], &["--stream"]];

fn attach(server: &Server, face: &str, way: &[&str]) -> Terminal {
    let mut arguments = vec!["attach", face];
    arguments.extend(way);
    server.terminal(&arguments)
}

#[test]
fn what_is_typed_arrives_and_what_is_printed_is_shown() {
    let server = Server::start();
    for way in WAYS {
        let face = server.face("PS1='ready> ' exec sh");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("ready> ");
        terminal.type_text("echo $((6 * 7))x$FACE_ID\r");
        terminal.expect(&format!("42x{face}"));
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0);
        terminal.expect(&format!("[detached from face {face}]"));
        terminal.assert_as_before();
        // Attached again, the screen is as it was left.
        let mut again = attach(&server, &face, way);
        again.expect(&format!("42x{face}"));
        again.type_text("exit 3\r");
        assert_eq!(again.wait(), 3);
        again.expect(&format!("[face {face} ended: exit 3]"));
        again.assert_as_before();
    }
}

#[test]
fn the_exit_code_is_the_child_s() {
    let server = Server::start();
    for way in WAYS {
        for (script, code) in
            [("exit 0", 0), ("exit 3", 3), ("kill -INT $$", 130), ("kill -KILL $$", 137)]
        {
            let face = server.face(&format!("read x; {script}"));
            let mut terminal = attach(&server, &face, way);
            terminal.expect_that("raw mode", |t| !t.settings().is_canonical());
            terminal.type_text("\r");
            assert_eq!(terminal.wait(), code, "{script} {way:?}");
            terminal.assert_as_before();
        }
    }
}

#[test]
fn what_stood_in_the_terminal_is_in_its_scrollback() {
    let server = Server::start();
    let face = server.face("echo inside; exec cat");
    for way in WAYS {
        let script = format!(
            "for i in 1 2 3 4 5; do echo before $i; done; {FACEMUX} attach {face} {}; echo after",
            way.join(" ")
        );
        let mut terminal = shell(&server, &script);
        terminal.expect("inside");
        assert!(!terminal.screen().contains("before"), "{}", terminal.screen());
        terminal.type_text(DETACH);
        terminal.wait();
        terminal.expect("after");
        let all = terminal.scrollback();
        let at = |text: &str| all.find(text).unwrap_or_else(|| panic!("{text:?} not in {all}"));
        assert!(at("before 1") < at("before 5") && at("before 5") < at("inside"), "{all}");
        assert!(at("inside") < at("[detached") && at("[detached") < at("after"), "{all}");
    }
}

/// A terminal in which `sh -c` runs a script.
fn shell(server: &Server, script: &str) -> Terminal {
    Terminal::start(&["/bin/sh", "-c", script], &server.dir.environment(), (24, 80))
}

#[test]
fn every_way_to_end_leaves_the_terminal_as_it_was() {
    type End = (&'static str, fn(&Server, &str, &mut Terminal), i32);
    const ENDS: [End; 8] = [
        ("keys", |_, _, t| t.type_text(DETACH), 0),
        ("detach", |s, face, _| drop(s.run(&["detach", face]).answer()), 0),
        ("kill", |s, face, _| drop(s.run(&["kill", face]).answer()), 129),
        ("exit", |s, face, _| drop(s.run(&["send", face, "--keys", "Enter"]).answer()), 3),
        ("SIGTERM", |_, _, t| t.signal(15), 143),
        ("SIGHUP", |_, _, t| t.signal(1), 129),
        ("SIGINT", |_, _, t| t.signal(2), 130),
        ("drain", |s, _, _| process::kill(s.keeper_pid(), 15).unwrap(), 129),
    ];
    for way in WAYS {
        for (name, end, code) in ENDS {
            let server = Server::start();
            // Modes that must be undone: alternate screen, mouse, paste, keys, cursor, colour, scroll region.
            let face = server.face(
                r"printf '\033[?1049h\033[?1003;1006;2004;1h\033=\033[?25l\033[31m\033[2;5rmodes'; read x; exit 3",
            );
            let mut terminal = attach(&server, &face, way);
            terminal.expect("modes");
            terminal.expect_that("modes", |t| {
                let screen = t.emulator();
                screen.alternate_screen() && screen.bracketed_paste() && screen.hide_cursor()
            });
            assert!(!terminal.settings().is_canonical());
            eprintln!("{name} {way:?}");
            end(&server, &face, &mut terminal);
            let ended = terminal.wait();
            assert_eq!(ended, code, "{name} {way:?}: {}", terminal.screen());
            terminal.assert_as_before();
            let last = terminal.screen();
            assert!(
                last.trim_end().lines().last().unwrap_or("").starts_with('['),
                "{name}: {last}"
            );
        }
    }
}

#[test]
fn the_daemon_puts_the_terminal_right_when_the_client_is_killed() {
    let server = Server::start();
    let face = server.face(r"printf '\033[?1049h\033[?1003;2004h\033[?25lmodes'; exec cat");
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("modes");
    terminal.signal(9);
    assert_eq!(terminal.wait(), -9);
    terminal.expect_that("modes undone", |t| !t.emulator().alternate_screen());
    terminal.assert_as_before();
    // What is typed now is the shell's again, not the face's.
    terminal.type_text("not for the face\r");
    assert!(!server.snap(&face).contains("not for"));
}

#[test]
fn stopped_it_lends_the_terminal_to_the_shell_and_continued_it_shows_the_face_again() {
    let server = Server::start();
    for way in WAYS {
        let face = server.face(r"printf '\033[?2004hhere\r\n'; exec sh -i");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        for round in 0..2 {
            terminal.signal(SIGTSTP);
            terminal.expect_that("stopped", Terminal::is_stopped);
            terminal.assert_as_before();
            terminal.signal(SIGCONT);
            terminal.expect_that("raw again", |t| !t.settings().is_canonical());
            terminal.type_text(&format!("echo round $(({round} + 10))\r"));
            terminal.expect(&format!("round 1{round}"));
        }
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0);
        terminal.assert_as_before();
    }
}

#[test]
fn after_a_stop_nobody_announced_the_face_is_shown_again() {
    let server = Server::start();
    let face = server.face("echo here; exec sh -i");
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("here");
    let from = stop_and_continue(&mut terminal);
    terminal.expect_bytes(from, "here");
    terminal.type_text("echo still $((40 + 2))\r");
    terminal.expect("still 42");
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

/// Stops it, as a shell would have it, and waits until it has the terminal again; gives where its bytes go on.
fn stop_and_continue(terminal: &mut Terminal) -> usize {
    terminal.signal(SIGSTOP);
    terminal.expect_that("stopped", Terminal::is_stopped);
    // As a shell does when its job stops.
    terminal.put_settings_back();
    let from = terminal.bytes.len();
    terminal.signal(SIGCONT);
    terminal.expect_that("raw again", |t| !t.settings().is_canonical());
    from
}

#[test]
fn however_often_it_is_shown_the_face_s_titles_are_put_aside_once() {
    let server = Server::start();
    let face = server.face(r"printf '\033]2;one\007\033[22;2t\033]2;two\007here'; exec cat");
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("here");
    for _ in 0..3 {
        let from = stop_and_continue(&mut terminal);
        terminal.expect_bytes(from, "two");
        terminal.expect_bytes(from, "here");
    }
    let mut model = Model::new(Size::DEFAULT, History::growing(1 << 20, 100));
    model.feed(&terminal.bytes, &mut Unwatched);
    assert_eq!((model.title(), model.titles_aside()), ("two", (1, 0)));
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn continued_twice_in_a_row_it_has_the_terminal_again() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    for _ in 0..5 {
        let mut terminal = attach(&server, &face, &[]);
        terminal.expect("here");
        for _ in 0..20 {
            let from = terminal.bytes.len();
            terminal.signal(SIGCONT);
            terminal.expect_bytes(from, "here");
        }
        terminal.expect_that("raw", |t| !t.settings().is_canonical());
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0);
        terminal.assert_as_before();
    }
}

#[test]
fn in_the_background_it_stops_until_it_is_brought_to_the_foreground() {
    let server = Server::start();
    let face = server.face("echo inside; exec cat");
    let mut terminal = Terminal::start(
        &["/bin/bash", "--norc", "--noprofile", "-i"],
        &server.dir.environment(),
        (24, 80),
    );
    terminal.expect("$ ");
    terminal.type_text(&format!("{FACEMUX} attach {face} &\r"));
    terminal.type_text("echo shell $((1 + 1))\r");
    terminal.expect("shell 2");
    eventually("the job is stopped", || {
        let job = common::children(terminal.pid()).into_iter().next()?;
        (facemux::sys::procfs::stat(job)?.state == 'T').then_some(())
    });
    terminal.type_text("jobs\r");
    terminal.expect("Stopped");
    assert!(!terminal.screen().contains("inside"));
    terminal.type_text("fg\r");
    terminal.expect("inside");
    terminal.type_text(DETACH);
    terminal.expect("[detached from face");
    terminal.type_text("echo shell $((2 + 2))\r");
    terminal.expect("shell 4");
    terminal.type_text("exit\r");
    terminal.wait();
}

#[test]
fn two_viewers_see_the_same_and_both_may_type() {
    let server = Server::start();
    let face = server.face("exec sh -i");
    let mut one = attach(&server, &face, WAYS[0]);
    let mut two = attach(&server, &face, WAYS[1]);
    let mut reader = attach(&server, &face, &["-r"]);
    one.type_text("echo from $((1 + 0))\r");
    for terminal in [&mut one, &mut two, &mut reader] {
        terminal.expect("from 1");
    }
    two.type_text("echo from $((1 + 1))\r");
    for terminal in [&mut one, &mut two, &mut reader] {
        terminal.expect("from 2");
    }
    reader.type_text("echo from $((1 + 2))\r");
    one.type_text("echo from $((2 + 2))\r");
    reader.expect("from 4");
    assert!(!reader.screen().contains("from 3"), "a reader typed");
    let mut other = attach(&server, &face, &["--detach-others"]);
    for terminal in [&mut one, &mut two, &mut reader] {
        assert_eq!(terminal.wait(), 0);
        terminal.assert_as_before();
    }
    other.type_text("echo from $((5 + 0))\r");
    other.expect("from 5");
}

#[test]
fn a_reader_can_detach_by_keys() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    for way in [&["-r"][..], &["-r", "--stream"]] {
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0, "{way:?}");
        terminal.assert_as_before();
    }
}

#[test]
fn detach_keys_can_be_chosen_and_the_prefix_typed() {
    let server = Server::start();
    let face = server.face("stty raw -echo; printf here; exec od -An -tx1 -w1");
    for way in WAYS {
        let mut arguments = vec!["--detach-keys", "C-a x"];
        arguments.extend(way);
        let mut terminal = attach(&server, &face, &arguments);
        terminal.expect("here");
        terminal.type_text("\x02d\x01\x01q");
        terminal.expect("71");
        let screen = terminal.screen();
        let hex: Vec<&str> = screen.split_whitespace().collect();
        assert!(hex.windows(4).any(|w| w == ["02", "64", "01", "71"]), "{screen}");
        terminal.type_text("\x01x");
        assert_eq!(terminal.wait(), 0);
    }
}

#[test]
fn the_face_takes_the_size_of_the_terminal_and_follows_it() {
    let server = Server::start();
    for way in WAYS {
        let face = server.face("trap 'stty size' WINCH; while :; do read x; stty size; done");
        let mut terminal = attach(&server, &face, way);
        terminal.expect_that("raw mode", |t| !t.settings().is_canonical());
        terminal.type_text("\r");
        terminal.expect("24 80");
        terminal.resize(30, 100);
        terminal.type_text("\r");
        terminal.expect("30 100");
        terminal.type_text(DETACH);
        terminal.wait();
    }
}

#[test]
fn a_face_is_not_attached_within_itself_straight_or_in_a_circle() {
    let server = Server::start();
    let one = server.face("exec sh -i");
    let two = server.face("exec sh -i");
    let mut terminal = attach(&server, &one, &[]);
    terminal.type_text(&format!("{FACEMUX} attach {one}; echo code $?\r"));
    terminal.expect("within itself");
    terminal.expect("code 2");
    terminal.type_text(&format!("{FACEMUX} attach {two}\r"));
    eventually("the inner attach", || {
        server.run(&["info", &two]).out.contains("viewers       1").then_some(())
    });
    terminal.type_text(&format!("{FACEMUX} attach {one}; echo code $((10 + $?))\r"));
    terminal.expect("code 12");
    server.run(&["detach", &one]).answer();
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

#[test]
fn terminals_that_cannot_show_a_face_are_refused_but_not_by_force() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    let mut env = server.dir.environment();
    env.push(("TERM".into(), "dumb".into()));
    let mut terminal = Terminal::start(&[FACEMUX, "attach", &face], &env, (24, 80));
    assert_eq!(terminal.wait(), 2);
    terminal.expect("--force");
    assert!(terminal.screen().contains("snap"));
    let mut terminal = Terminal::start(&[FACEMUX, "attach", &face, "--force"], &env, (24, 80));
    terminal.expect("here");
}

#[test]
fn without_a_terminal_input_and_output_are_copied() {
    let server = Server::start();
    let face = server.face("echo first; read x; echo got $x; exit 4");
    let mut command = server.dir.command(&["attach", &face]);
    command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"line\r").unwrap();
    let ran = common::Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 4);
    assert!(ran.out.contains("first") && ran.out.contains("got line"), "{ran:?}");
}

#[test]
fn a_new_face_has_the_control_characters_of_the_terminal_it_was_started_in() {
    let server = Server::start();
    let facemux = env!("CARGO_BIN_EXE_facemux");
    let script =
        format!("stty erase '^H' susp undef; exec {facemux} new -- sh -c 'stty -a; read x'");
    let mut terminal =
        common::Terminal::start(&["sh", "-c", &script], &server.dir.environment(), (24, 80));
    terminal.expect("erase = ^H");
    terminal.expect("susp = <undef>");
    terminal.type_text("\r");
    assert_eq!(terminal.wait(), 0);
}

#[test]
fn new_attaches_and_gives_the_code_of_the_command() {
    let server = Server::start();
    let mut terminal = server.terminal(&[
        "new",
        "--name",
        "work",
        "--",
        "sh",
        "-c",
        "echo $FACE_KIND; read x; exit 7",
    ]);
    terminal.expect("cli");
    assert!(server.run(&["ls"]).answer().contains("work"));
    terminal.type_text("\r");
    assert_eq!(terminal.wait(), 7);
    terminal.assert_as_before();
    let mut terminal = server.terminal(&["new", "--", "/no/such/program"]);
    assert_eq!(terminal.wait(), 127);
    terminal.expect("/no/such/program");
    terminal.assert_as_before();
}

#[test]
fn idle_views_do_not_wake() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    for way in WAYS {
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        let status = || {
            let text = std::fs::read_to_string(format!("/proc/{}/status", terminal.pid())).unwrap();
            text.lines()
                .filter(|l| l.contains("ctxt_switches"))
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        let calm = eventually("the client sleeps", || {
            let before = status();
            std::thread::sleep(Duration::from_millis(100));
            (status() == before).then_some(before)
        });
        std::thread::sleep(Duration::from_secs(1));
        assert_eq!(status(), calm, "the client woke");
    }
}

#[test]
fn history_comes_before_the_screen_when_it_is_asked_for() {
    let server = Server::start();
    let face = server.face("for i in $(seq 1 100); do echo line $i; done; exec cat");
    server.shows(&face, "line 100");
    for way in WAYS {
        let mut arguments = vec!["--history", "50"];
        arguments.extend(way);
        let mut terminal = attach(&server, &face, &arguments);
        terminal.expect("line 100");
        let all = terminal.scrollback();
        assert!(all.contains("line 40\n") && !all.contains("line 20\n"), "{all}");
        terminal.type_text(DETACH);
        assert_eq!(terminal.wait(), 0);
        let mut terminal = attach(&server, &face, way);
        terminal.expect("line 100");
        assert!(!terminal.scrollback().contains("line 70\n"));
    }
}

#[test]
fn in_the_alternate_screen_what_stood_there_is_back_afterwards() {
    let server = Server::start();
    let face = server.face("echo inside; exec cat");
    for way in WAYS {
        let flags = [&["--alt"], way].concat().join(" ");
        let script = format!("echo before; {FACEMUX} attach {face} {flags}; echo after");
        let mut terminal = shell(&server, &script);
        terminal.expect("inside");
        assert!(!terminal.screen().contains("before"));
        terminal.type_text(DETACH);
        terminal.wait();
        terminal.expect("after");
        let screen = terminal.screen();
        assert!(screen.starts_with("before\n[detached from face"), "{way:?}: {screen}");
        assert!(!screen.contains("inside"), "{screen}");
        terminal.assert_as_before();
    }
}

#[test]
fn a_terminal_that_is_closed_ends_the_view_and_not_the_face() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    for way in WAYS {
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        terminal.hang_up();
        eventually("nobody watches", || {
            server.run(&["info", &face]).out.contains("viewers       0").then_some(())
        });
        assert!(server.run(&["info", &face]).answer().contains("running"));
    }
}

#[test]
fn a_line_that_line_mode_would_cut_is_refused_with_a_bell() {
    let server = Server::start();
    for way in WAYS {
        let face = server.face("stty -echo; echo here; exec cat");
        let mut terminal = attach(&server, &face, way);
        terminal.expect("here");
        terminal.type_bytes(&[b'x'; 6000]);
        terminal.expect_bytes(0, "\x07");
        // It goes on for what is short enough, unless that is read together with the rest of the long line.
        eventually("it goes on", || {
            terminal.type_text("\rstill alive\r");
            terminal.settle();
            terminal.screen().contains("still alive").then_some(())
        });
    }
}

#[test]
fn without_proc_the_terminal_is_found_another_way() {
    let server = Server::start();
    let face = server.face("echo here; exec cat");
    // A /proc with nothing in it, for this client alone; where that is not allowed there is nothing to show.
    let script = format!("mount -t tmpfs none /proc && exec {FACEMUX} attach {face}");
    let argv = ["unshare", "--mount", "/bin/sh", "-c", &script];
    let mut terminal = Terminal::start(&argv, &server.dir.environment(), (24, 80));
    terminal.expect_that("an end or the face", |t| {
        t.screen().contains("here")
            || t.screen().contains("denied")
            || t.screen().contains("permitted")
    });
    if !terminal.screen().contains("here") {
        return;
    }
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}
