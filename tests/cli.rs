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
