//! The command line at its edges: bad input gets one clear sentence and the right exit code, and changes nothing.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Dir, Server};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;

#[test]
fn without_a_server_every_command_says_so_with_exit_3() {
    let dir = Dir::new();
    for command in [
        &["ls"][..],
        &["info", "1"],
        &["kill", "1"],
        &["attach", "1"],
        &["detach", "1"],
        &["send", "1", "x"],
        &["snap", "1"],
        &["wait", "1", "--until", "exit"],
        &["resize", "1", "80x24"],
        &["rename", "1", "x"],
        &["events"],
    ] {
        dir.run(command).refused(3, &["no server runs at", dir.text()]);
    }
}

#[test]
fn a_command_line_that_makes_no_sense_is_refused_before_anything_is_asked() {
    let dir = Dir::new();
    for (command, words) in [
        (&["atach"][..], &["atach", "attach"][..]),
        (&["ls", "--jsn"], &["--jsn", "usage: facemux ls"]),
        (&["kill"], &["which face?"]),
        (&["info", "1", "2"], &["\"2\"", "usage"]),
        (&["wait", "1", "--until", "text=("], &["text=("]),
        (&["wait", "1", "--until", "idle=5"], &["500ms"]),
        (&["snap", "1", "--format", "pdf"], &["pdf", "svg"]),
        (&["kill", "1", "-s", "SIGFOO"], &["SIGFOO", "TERM"]),
        (&["new", "--env", "A"], &["NAME=VALUE"]),
        (&["new", "--kind", "x"], &["cli, web, ssh"]),
        (&["attach", "1", "--detach-keys", "dd"], &["C-b d"]),
    ] {
        dir.run(command).refused(2, words);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "something was made");
}

#[test]
fn sizes_that_no_terminal_has_are_refused() {
    let dir = Dir::new();
    for size in ["0x24", "80x0", "1x24", "70000x24", "80x70000", "80", "80x24x1", "-80x24", "axb"] {
        dir.run(&["new", "-d", "--size", size]).refused(2, &["size"]);
        dir.run(&["resize", "1", size]).refused(2, &[]);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a server was started");
}

#[test]
fn help_and_version_answer_on_stdout() {
    let dir = Dir::new();
    assert!(dir.run(&["--version"]).answer().starts_with("facemux "));
    assert_eq!(dir.run(&["version"]).answer(), dir.run(&["-V"]).answer());
    let overview = dir.run(&["--help"]).answer();
    for verb in ["new", "attach", "ls", "info", "kill", "send", "snap", "wait", "resize", "doctor"]
    {
        assert!(overview.contains(&format!("\n  {verb}")), "{verb}");
        let help = dir.run(&[verb, "--help"]).answer();
        assert!(help.starts_with(&format!("usage: facemux {verb}")), "{help}");
        assert_eq!(help, dir.run(&["help", verb]).answer());
        assert_eq!(help, dir.run(&[verb, "-h"]).answer());
    }
}

#[test]
fn a_socket_path_over_107_bytes_is_named_with_its_length() {
    let dir = Dir::new();
    let long = dir.path().join("x".repeat(108 - dir.text().len()));
    for command in [&["ls"][..], &["new", "-d"]] {
        let mut command = dir.command(command);
        let ran =
            common::Ran::of(command.args(["--dir", long.to_str().unwrap()]).output().unwrap());
        ran.refused(2, &["107", "--dir"]);
    }
}

#[test]
fn a_directory_that_others_may_write_is_not_trusted() {
    let dir = Dir::new();
    let mode = std::fs::Permissions::from_mode(0o777);
    std::fs::set_permissions(dir.path(), mode).unwrap();
    for command in [&["ls"][..], &["new", "-d"]] {
        dir.run(command).refused(5, &[dir.text()]);
    }
}

#[test]
fn a_directory_of_somebody_else_is_not_trusted() {
    // Only root can make one: for others /usr is.
    let dir = Dir::new();
    let theirs = dir.path().join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    let theirs = match std::os::unix::fs::chown(&theirs, Some(12_345), None) {
        Ok(()) => theirs,
        Err(_) => "/usr".into(),
    };
    let mut command = dir.command(&["ls"]);
    let ran = common::Ran::of(command.env("FACEMUX_DIR", &theirs).output().unwrap());
    ran.refused(5, &[theirs.to_str().unwrap()]);
}

#[test]
fn a_server_of_another_version_is_told_with_both_versions() {
    let dir = Dir::new();
    let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.read_exact(&mut [0; 8]).unwrap();
        client.write_all(b"FMUX\x09\0\0\0").unwrap();
        // Until the client is gone.
        let _ = client.read_to_end(&mut Vec::new());
    });
    dir.run(&["ls"]).refused(3, &["version", "1", "9"]);
    server.join().unwrap();
}

#[test]
fn something_else_at_the_socket_is_no_server() {
    let dir = Dir::new();
    let listener = UnixListener::bind(dir.path().join("sock")).unwrap();
    let server = std::thread::spawn(move || {
        let (mut client, _) = listener.accept().unwrap();
        client.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        let _ = client.read_to_end(&mut Vec::new());
    });
    dir.run(&["ls"]).refused(3, &["no preamble"]);
    server.join().unwrap();
}

#[test]
fn an_unknown_face_is_exit_4_and_never_another_one() {
    let server = Server::start();
    let face = server.face("exec cat");
    for command in [
        &["info", "999"][..],
        &["kill", "nobody"],
        &["attach", "live:999"],
        &["detach", "999"],
        &["send", "999", "x"],
        &["snap", "999"],
        &["wait", "999", "--until", "exit"],
        &["resize", "999", "80x24"],
        &["rename", "999", "x"],
    ] {
        server.run(command).refused(4, &[command[1]]);
        // Also from within a face: its own id is no default.
        let mut inside = server.dir.command(command);
        let ran = common::Ran::of(inside.env("FACE_ID", &face).output().unwrap());
        ran.refused(4, &[command[1]]);
    }
    assert!(server.run(&["ls"]).answer().contains("cat"));
}

#[test]
fn many_that_start_a_server_at_once_start_one() {
    let dir = Dir::new();
    let starts: Vec<_> =
        (0..6).map(|_| dir.command(&["new", "-d", "--", "sleep", "60"])).map(piped).collect();
    let mut ids: Vec<u64> = starts
        .into_iter()
        .map(|child| common::Ran::of(child.wait_with_output().unwrap()).answer())
        .map(|id| id.parse().unwrap())
        .collect();
    ids.sort_unstable();
    assert_eq!(ids, [1, 2, 3, 4, 5, 6]);
    let keepers = common::keepers(&dir);
    assert_eq!(keepers.len(), 1, "{keepers:?}");
    // It is nobody's child but init's, leads its own session, and stands in the way of no directory.
    let stat = facemux::sys::procfs::stat(keepers[0]).unwrap();
    assert_eq!(stat.session, keepers[0]);
    assert_eq!(
        std::fs::read_link(format!("/proc/{}/cwd", keepers[0])).unwrap().to_str(),
        Some("/")
    );
    facemux::sys::process::kill(keepers[0], 15).unwrap();
    common::eventually("the server has ended", || common::keepers(&dir).is_empty().then_some(()));
}

fn piped(mut command: std::process::Command) -> std::process::Child {
    let out = std::process::Stdio::piped;
    command.stdout(out()).stderr(out()).spawn().unwrap()
}

#[test]
fn a_face_gets_the_caller_s_environment_and_directory_and_none_of_another_face_s() {
    let server = Server::start();
    let mut new = server.dir.command(&["new", "-d", "--cwd", "/usr", "--env", "EXTRA=1 2", "--"]);
    new.args(["/bin/sh", "-c", "env; pwd; exec cat"]);
    new.env("MINE", "yes").env("FACE_ID", "77").env("FACEMUX_TOKEN", "secret").env("LINES", "9");
    let face = common::Ran::of(new.output().unwrap()).answer();
    let screen = server.shows(&face, "/usr");
    for line in
        ["MINE=yes", "EXTRA=1 2", "TERM=xterm-256color", "TERM_PROGRAM=facemux", "FACE_KIND=cli"]
    {
        assert!(screen.contains(line), "{line} is not in\n{screen}");
    }
    assert!(screen.contains(&format!("FACE_ID={face}\n")), "{screen}");
    assert!(screen.contains(&format!("FACE_KEY=live:{face}\n")), "{screen}");
    assert!(!screen.contains("secret") && !screen.contains("LINES"), "{screen}");
}

#[test]
fn send_types_text_keys_and_pastes() {
    let server = Server::start();
    let face = server.face("stty raw -echo; printf ready; exec od -An -tx1 -v -w1");
    server.shows(&face, "ready");
    server.run(&["send", &face, "ab", "--keys", "Up", "C-c", "M-x", "Enter"]).answer();
    let screen = server.shows(&face, "0d");
    let hex: Vec<&str> = screen.split_whitespace().skip(1).collect();
    assert_eq!(hex, ["61", "62", "1b", "5b", "41", "03", "1b", "78", "0d"], "{screen}");
    server.run(&["send", &face, "--keys", "NoSuchKey"]).refused(2, &["NoSuchKey"]);
    let mut paste = server.dir.command(&["send", &face, "--paste", "-", "--submit"]);
    let mut child = paste.stdin(std::process::Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"zz").unwrap();
    assert!(child.wait().unwrap().success());
    common::eventually("the paste and its Enter", || {
        let screen = server.snap(&face);
        let hex: Vec<&str> = screen.split_whitespace().collect();
        hex.ends_with(&["7a", "7a", "0d"]).then_some(())
    });
}

#[test]
fn wait_waits_for_text_idleness_prompts_and_the_end() {
    let server = Server::start();
    let face = server.face("PS1='ready> ' exec sh -i");
    server.run(&["wait", &face, "--until", "text=^ready>$", "--timeout", "20s"]).answer();
    server.run(&["wait", &face, "--until", "prompt", "--timeout", "20s"]).answer();
    let start = std::time::Instant::now();
    server.run(&["wait", &face, "--until", "text=never", "--timeout", "300ms"]).refused(124, &[]);
    assert!(start.elapsed() >= std::time::Duration::from_millis(300));
    server
        .run(&["send", &face, "for i in 1 2 3 4 5; do echo $i; sleep 0.1; done; echo over"])
        .answer();
    server.run(&["send", &face, "--submit"]).answer();
    server.run(&["wait", &face, "--until", "idle=400ms", "--timeout", "20s"]).answer();
    assert!(server.snap(&face).contains("\nover"));
    let start = std::time::Instant::now();
    server.run(&["send", &face, "sleep 1; exit 3", "--submit"]).answer();
    server.run(&["wait", &face, "--until", "exit", "--timeout", "20s"]).answer();
    assert!(start.elapsed() >= std::time::Duration::from_secs(1));
    server.run(&["wait", &face, "--until", "exit"]).answer();
    server.run(&["wait", &face, "--until", "prompt"]).refused(4, &["ended"]);
}

#[test]
fn kill_says_what_it_reaped_and_is_refused_for_the_dead() {
    let server = Server::start();
    // A daemon of the old kind: a session of its own, its parent gone.
    let face =
        server.face("setsid sh -c 'trap \"\" HUP; sleep 1000' & sleep 0.2; echo up; exec cat");
    server.shows(&face, "up");
    let said = server.run(&["kill", &face]).answer();
    assert!(said.contains(&format!("face {face} ended")) && said.contains("(sleep)"), "{said}");
    server.run(&["kill", &face]).refused(4, &["ended"]);
    server.run(&["send", &face, "x"]).refused(4, &["ended"]);
    let table = server.run(&["ls", "--all"]).answer();
    assert!(table.contains("ended") && table.contains("killed"), "{table}");
    let json: serde_json::Value =
        serde_json::from_str(&server.run(&["ls", "--all", "--json"]).answer()).unwrap();
    assert_eq!(json[0]["state"], "ended");
    assert_eq!(json[0]["end"]["cause"], "killed");
    assert_eq!(server.run(&["ls", "--json"]).answer(), "[]");
}

#[test]
fn names_are_unique_among_the_living_and_work_as_ids() {
    let server = Server::start();
    let face = server.run(&["new", "-d", "--name", "build", "--", "cat"]).answer();
    server.run(&["new", "-d", "--name", "build", "--", "cat"]).refused(2, &["build"]);
    for bad in ["12", "a b", "", &"x".repeat(65), "a\x1bb"] {
        if !bad.is_empty() {
            server.run(&["rename", "build", bad]).refused(2, &[]);
        }
        server.run(&["new", "-d", "--name", bad, "--", "cat"]).refused(2, &[]);
    }
    server.run(&["rename", "build", "other"]).answer();
    server.run(&["info", "build"]).refused(4, &["build"]);
    for name in ["other", &face, &format!("live:{face}")] {
        assert!(server.run(&["info", name]).answer().contains("other"));
    }
}

#[test]
fn what_cannot_be_started_ends_with_its_reason() {
    let server = Server::start();
    server.run(&["new", "-d", "--", "/no/such/program"]).refused(127, &["/no/such/program"]);
    server.run(&["new", "-d", "--", "/etc/passwd"]).refused(126, &["/etc/passwd"]);
    let table = server.run(&["ls", "--all"]).answer();
    assert!(table.contains("/no/such/program"), "{table}");
}

#[test]
fn a_full_house_is_exit_6_with_the_limit() {
    let server = Server::with(&["--max-faces", "2"]);
    server.face("exec cat");
    server.face("exec cat");
    server.run(&["new", "-d", "--", "cat"]).refused(6, &["2"]);
}

#[test]
fn events_and_the_doctor_speak_json() {
    let server = Server::start();
    let mut events = server.dir.command(&["events", "--json"]);
    let mut child = events.stdout(std::process::Stdio::piped()).spawn().unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stdout.take().unwrap()));
    let ids = std::sync::atomic::AtomicU32::new(0);
    // A face now and then until the first event says that somebody listens.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                server.face("echo hello; exit 3");
                ids.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
        });
        let mut seen = Vec::new();
        while !["created", "output", "ended"].iter().all(|e| seen.iter().any(|s| s == e)) {
            let line = lines.next().unwrap().unwrap();
            let event: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert!(event["id"].is_u64(), "{line}");
            seen.push(event["event"].as_str().unwrap().to_owned());
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    child.kill().unwrap();
    child.wait().unwrap();
    let report: serde_json::Value =
        serde_json::from_str(&server.run(&["doctor", "--json"]).answer()).unwrap();
    assert_eq!(report["processes"]["keeper"], server.keeper_pid());
    assert_eq!(report["processes"]["daemon"], server.role_pid("daemon"));
    assert!(report["checks"].as_array().unwrap().iter().all(|check| check["finding"] != "bad"));
}

#[test]
fn a_socket_that_a_killed_server_left_is_no_obstacle() {
    let dir = Dir::new();
    drop(UnixListener::bind(dir.path().join("sock")).unwrap());
    dir.run(&["ls"]).refused(3, &["no server runs"]);
    let report = dir.run(&["doctor"]);
    assert!(report.code == 0 && report.out.contains("left its socket"), "{report:?}");
    dir.run(&["new", "-d", "--", "cat"]).answer();
    assert_eq!(dir.run(&["ls"]).answer().lines().count(), 2);
    facemux::sys::process::kill(common::keepers(&dir)[0], 15).unwrap();
}

#[test]
fn a_size_that_was_given_stays() {
    let server = Server::start();
    let face = server.run(&["new", "-d", "--size", "100x30", "--", "cat"]).answer();
    assert!(server.run(&["info", &face]).answer().contains("100x30"));
    server.run(&["resize", &face, "120x40"]).answer();
    let mut terminal = server.terminal(&["attach", &face]);
    terminal.type_text("x");
    terminal.expect("x");
    assert!(server.run(&["info", &face]).answer().contains("120x40"));
}

#[test]
fn a_screen_comes_in_every_format_and_into_a_file() {
    let server = Server::start();
    let face = server.face("seq 1 60; printf '\\033[31mred\\033[m'; exec cat");
    server.shows(&face, "red");
    for (format, part) in [
        ("text", "60\nred"),
        ("ansi", "\x1b[31mred"),
        ("json", "\"text\":\"red\""),
        ("html", "<html"),
        ("svg", "<svg"),
    ] {
        let out = server.run(&["snap", &face, "--format", format]).answer();
        assert!(out.contains(part), "{format}: {out}");
    }
    let file = server.dir.path().join("screen");
    let into = ["snap", &face, "--history", "10", "-o", file.to_str().unwrap()];
    assert_eq!(server.run(&into).answer(), "");
    let text = std::fs::read_to_string(file).unwrap();
    assert!(text.starts_with("28\n") && text.trim_end().ends_with("red"), "{text}");
}
