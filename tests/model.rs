//! `facemux model`, and what attaching sends: the same bytes, of the same size however much was printed.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Dir, FACEMUX, Server, eventually};
use facemux::client::undo::{CLEAR, make_room};
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

/// What `model` makes of output that `write` prints.
fn model(arguments: &[&str], write: impl FnOnce(&mut dyn Write)) -> Vec<u8> {
    let mut child = Command::new(FACEMUX)
        .args(["model", "--size", "80x24"])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    write(&mut child.stdin.take().unwrap());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success());
    out.stdout
}

/// Lines that repeat after 4,000: colours, wide characters, links, wrapped ones.
fn lines() -> Vec<u8> {
    let mut out = String::new();
    for n in 0..4000 {
        out += &match n % 5 {
            0 => format!("\x1b[3{}mline {n}\x1b[m of a build\r\n", n % 8),
            1 => format!("{n} \u{8a9e}\u{8a9e} e\u{301} \u{1f980}\r\n"),
            2 => format!("\x1b]8;;https://example.org/{}\x1b\\link {n}\x1b]8;;\x1b\\\r\n", n % 50),
            3 => format!("{n} {}\r\n", "wrapped ".repeat(11)),
            _ => format!("\x1b[38;2;{};9;9m{n}\x1b[m\r\n", n % 256),
        };
    }
    out.into_bytes()
}

#[test]
fn a_restore_does_not_grow_with_what_was_printed() {
    let lines = lines();
    let printed = |bytes: usize| {
        let times = bytes.div_ceil(lines.len());
        move |lines: &[u8], out: &mut dyn Write| {
            (0..times).for_each(|_| out.write_all(lines).unwrap());
            out.write_all(b"\x1b[?1049h\x1b[?2004h\x1b[5;7Hthe end").unwrap();
        }
    };
    for history in ["0", "3000"] {
        let arguments = ["--history", history];
        let [ten, hundred] = [10_000_000, 100_000_000].map(printed);
        let short = model(&arguments, |out| ten(&lines, out));
        let long = model(&arguments, |out| hundred(&lines, out));
        assert!(short == long, "{} and {} bytes", short.len(), long.len());
        assert!(
            short.len() > 50 && (history == "0" || short.len() > 50_000),
            "{} bytes",
            short.len()
        );
    }
}

/// Recordings at 80x24: what is on the main screen, what is on the alternate one.
const RECORDINGS: &[&str] =
    &["shell", "vim", "less", "mc", "wide", "modes", "git-log", "tmux", "progress", "dialog"];
const END: &[u8] = b"\x1b[24;70HEND-OF-IT";

#[test]
fn what_attaching_sends_is_what_model_prints() {
    let server = Server::start();
    let dir = Dir::new();
    for name in RECORDINGS {
        let raw =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(format!("{name}.raw"));
        let printed = [&std::fs::read(raw).unwrap(), END].concat();
        let expected = model(&["--history", "10000"], |out| out.write_all(&printed).unwrap());
        let file = dir.path().join(name);
        std::fs::write(&file, printed).unwrap();
        // As it is in the file: the PTY changes nothing, and answers are echoed to nobody.
        let script = format!("stty raw -echo; cat {}; exec sleep 1000", file.display());
        let face = server.face(&script);
        server.shows(&face, "END-OF-IT");
        for way in [&[] as &[&str], &["--stream"]] {
            let mut arguments = vec!["attach", &face, "--history", "10000"];
            arguments.extend(way);
            let mut terminal = server.terminal(&arguments);
            let rooms = [make_room(24), [b"\x1b[?1049h", CLEAR].concat()];
            let room = eventually(name, || {
                terminal.collect(Duration::from_millis(50));
                rooms.iter().find(|room| terminal.bytes.starts_with(room)).map(Vec::len)
            });
            eventually(name, || {
                terminal.collect(Duration::from_millis(50));
                (terminal.bytes.len() >= room + expected.len()).then_some(())
            });
            let sent = terminal.bytes[room..].escape_ascii().to_string();
            assert_eq!(sent, expected.escape_ascii().to_string(), "{name} {way:?}");
            terminal.hang_up();
        }
        server.run(&["kill", &face]).answer();
    }
}
