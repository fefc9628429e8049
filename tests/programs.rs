//! Real programs in faces: attach, type, detach, attach again elsewhere, and find each of them exactly as it was.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, Terminal, eventually};
use std::time::{Duration, Instant};

const DETACH: &str = "\x02d";
const WAYS: [&[&str]; 2] = [&[], &["--stream"]];

fn attach(server: &Server, face: &str, way: &[&str]) -> Terminal {
    let mut arguments = vec!["attach", face];
    arguments.extend(way);
    server.terminal(&arguments)
}

/// What a person sees: each cell with its looks, the cursor, and the modes that show or change what keys do.
fn sight(terminal: &Terminal) -> Vec<String> {
    let screen = terminal.emulator();
    let mut sight = vec![format!(
        "cursor {:?} hidden {} alternate {} paste {} keys {} {}",
        screen.cursor_position(),
        screen.hide_cursor(),
        screen.alternate_screen(),
        screen.bracketed_paste(),
        screen.application_cursor(),
        screen.application_keypad(),
    )];
    for row in 0..24 {
        for col in 0..80 {
            let cell = screen.cell(row, col).unwrap();
            // A cell never written to looks like a space.
            let text = if cell.contents().is_empty() { " " } else { cell.contents() };
            let blank = text == " " && !cell.underline() && !cell.inverse();
            sight.push(format!(
                "{row},{col} {text:?} {:?} on {:?} {} {:?}",
                if blank { vt100::Color::Default } else { cell.fgcolor() },
                cell.bgcolor(),
                !blank && cell.bold(),
                (cell.underline(), cell.inverse(), cell.italic() && !blank),
            ));
        }
    }
    sight
}

/// The first differences.
fn differences(before: &[String], after: &[String]) -> String {
    let pairs = before.iter().zip(after).filter(|(a, b)| a != b);
    pairs.take(5).map(|(a, b)| format!("{a} became {b}\n")).collect()
}

/// Detaches, attaches again both ways, and expects to see the same each time.
fn same_again(server: &Server, face: &str, mut terminal: Terminal) -> Terminal {
    // What was typed last may still be drawn.
    terminal.settle();
    let before = sight(&terminal);
    terminal.type_text(DETACH);
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
    for way in WAYS {
        let mut again = attach(server, face, way);
        sees(&mut again, &before, way);
        terminal = again;
    }
    terminal
}

/// Waits until a terminal shows what was seen before.
fn sees(terminal: &mut Terminal, before: &[String], way: &[&str]) {
    let deadline = Instant::now() + common::PATIENCE;
    while sight(terminal) != before {
        assert!(
            Instant::now() < deadline,
            "not the same again {way:?}: {}{}",
            differences(before, &sight(terminal)),
            terminal.screen()
        );
        terminal.pump(Duration::from_millis(20));
    }
}

fn face(server: &Server, argv: &[&str]) -> String {
    let mut arguments = vec!["new", "-d", "--env", "LC_ALL=C.UTF-8"];
    // The emulator these tests look through knows lines as characters, not as a charset.
    arguments.extend(["--env", "NCURSES_NO_UTF8_ACS=1", "--"]);
    arguments.extend(argv);
    server.run(&arguments).answer()
}

#[test]
fn bash() {
    let server = Server::start();
    let face = face(&server, &["bash", "--norc", "--noprofile"]);
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("$ ");
    terminal
        .type_text("for i in {1..40}; do printf '\\e[3%dmline %d\\e[m\\n' $((i % 8)) $i; done\r");
    terminal.expect("line 40");
    terminal.type_text("echo half a comm");
    terminal.expect("half a comm");
    let mut terminal = same_again(&server, &face, terminal);
    // The line being edited goes on as if nothing had been.
    terminal.type_text("and\x01\x05 $((3 * 5))\r");
    terminal.expect("half a command 15");
    terminal.type_text("exit 5\r");
    assert_eq!(terminal.wait(), 5);
}

#[test]
fn vim() {
    let server = Server::start();
    let file = server.dir.path().join("text");
    let lines: String = (1..200).map(|n| format!("line {n} of the file\n")).collect();
    std::fs::write(&file, lines).unwrap();
    let face = face(&server, &["vim", "-u", "NONE", "-N", file.to_str().unwrap()]);
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("line 1 of the file");
    terminal.type_text(":set number ruler hlsearch\r/line 70\r");
    terminal.expect("70 line 70");
    terminal.type_text("ihello ");
    terminal.expect("hello line 70");
    terminal.expect("-- INSERT --");
    let mut terminal = same_again(&server, &face, terminal);
    terminal.type_text("world \x1b:w\r");
    terminal.expect("written");
    assert!(std::fs::read_to_string(&file).unwrap().contains("hello world line 70"));
    terminal.type_text(":q\r");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

#[test]
fn less() {
    let server = Server::start();
    let face = face(&server, &["sh", "-c", "seq 1 1000 | less"]);
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("23");
    terminal.type_text("  ");
    terminal.expect("\n69");
    let mut terminal = same_again(&server, &face, terminal);
    terminal.type_text("b");
    terminal.expect("24\n25");
    terminal.type_text("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

#[test]
fn htop() {
    let server = Server::start();
    // So slow that the screen stands still while it is looked at.
    let face = face(&server, &["htop", "-d", "600"]);
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("F10");
    terminal.expect("PID");
    let mut terminal = same_again(&server, &face, terminal);
    terminal.type_text("\x1b[B\x1bOB");
    terminal.type_text("q");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
}

#[test]
fn dialog() {
    let server = Server::start();
    let menu = "dialog --menu choose 12 40 3 a first b second c third; echo; echo code $?; read x";
    let face = face(&server, &["sh", "-c", menu]);
    let mut terminal = attach(&server, &face, &[]);
    terminal.expect("second");
    terminal.expect("Cancel");
    terminal.type_text("b");
    let mut terminal = same_again(&server, &face, terminal);
    terminal.type_text("\r");
    terminal.expect("code 0");
    terminal.type_text("\r");
    terminal.wait();
    terminal.assert_as_before();
}

#[test]
fn nested_tmux() {
    let server = Server::start();
    let socket = server.dir.path().join("tmux").display().to_string();
    let config = server.dir.path().join("tmux.conf");
    // Neither a clock nor a window's name changes behind the test's back.
    std::fs::write(&config, "set -g status-right ''\nset -g automatic-rename off\n").unwrap();
    let config = config.display().to_string();
    let face = face(&server, &["tmux", "-f", &config, "-S", &socket, "new", "sh"]);
    let mut terminal = attach(&server, &face, &["--detach-keys", "C-a d"]);
    terminal.expect("[0]");
    terminal.type_text("echo inside $((4 + 4))\r");
    terminal.expect("inside 8");
    // Ctrl-B is tmux's here: split, and type into the other half.
    prefixed(&mut terminal, "%");
    terminal.expect("│");
    terminal.type_text("echo right $((5 + 4))\r");
    terminal.expect("right 9");
    terminal.settle();
    let before = sight(&terminal);
    terminal.type_text("\x01d");
    assert_eq!(terminal.wait(), 0);
    terminal.assert_as_before();
    let mut again = attach(&server, &face, &["--detach-keys", "C-a d"]);
    sees(&mut again, &before, &[]);
    prefixed(&mut again, "d");
    assert_eq!(again.wait(), 0);
    again.assert_as_before();
    // Its server descended from the face: it went with it.
    eventually("the tmux server is gone", || {
        let list = std::process::Command::new("tmux").args(["-S", &socket, "ls"]).output();
        (!list.unwrap().status.success()).then_some(())
    });
}

/// A key of tmux's after its prefix. What comes within a millisecond counts as pasted for it: each stands alone.
fn prefixed(terminal: &mut Terminal, key: &str) {
    for part in ["\x02", key] {
        terminal.pump_for(Duration::from_millis(100));
        terminal.type_text(part);
    }
}

#[test]
fn several_programs_live_side_by_side_and_none_sees_the_other() {
    let server = Server::start();
    let faces: Vec<String> = (0..6)
        .map(|n| server.face(&format!("while read x; do echo face {n} got $x; done")))
        .collect();
    for (n, face) in faces.iter().enumerate() {
        server.run(&["send", face, &format!("word{n}"), "--submit"]).answer();
    }
    for (n, face) in faces.iter().enumerate() {
        let screen = server.shows(face, &format!("face {n} got word{n}"));
        assert_eq!(screen.matches("got").count(), 1, "{screen}");
    }
    server.run(&["kill", &faces[0]]).answer();
    eventually("five are left", || (server.run(&["ls"]).out.lines().count() == 6).then_some(()));
}

#[test]
fn fish_works_with_nobody_attached() {
    let server = Server::start();
    let face = face(&server, &["fish", "--private", "--no-config"]);
    // root's prompt, or anybody's.
    eventually("fish's prompt", || server.snap(&face).contains(['#', '>']).then_some(()));
    server.run(&["send", &face, "echo a(math 6 x 7)b", "--keys", "Enter"]).answer();
    server.shows(&face, "a42b");
}

/// What fish 4 asks a terminal before its first prompt, for which it waits seconds if nobody answers the last question.
#[test]
fn what_fish_4_asks_is_answered_with_nobody_attached() {
    let server = Server::start();
    let script = r#"stty raw -echo
        printf '\033[?u\033[>0q\033P+q696e646e\033\\\033[?996n\033[0c'
        while [[ $got != *'[?62;22c' ]] && IFS= read -rsn1 -t 20 byte; do got+=$byte; done
        printf 'answer %q end' "$got"
        exec sleep 1000"#;
    let face = face(&server, &["bash", "-c", script]);
    let screen = server.shows(&face, " end").replace('\n', "");
    let version = env!("CARGO_PKG_VERSION");
    let told =
        format!(r"answer $'\E[?0u\EP>|facemux({version})\E\\\EP0+r\E\\\E[?997;1n\E[?62;22c' end");
    assert!(screen.contains(&told), "{screen} instead of {told}");
}
