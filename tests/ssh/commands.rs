//! Commands as exec requests: stdout clean, stdin carried, exit codes the command line's own.

use crate::world::{World, read_until};
use std::io::Write;

#[test]
fn commands_answer_as_on_the_command_line() {
    let world = World::start();
    let face = world.run(&["new", "-d", "--name", "build", "--", "cat"]).answer();
    assert_eq!(face, "1");
    let list: serde_json::Value =
        serde_json::from_str(&world.run(&["ls", "--json"]).answer()).unwrap();
    assert_eq!((list[0]["name"].as_str(), list[0]["kind"].as_str()), (Some("build"), Some("ssh")));
    world.run(&["send", "build", "'two words'", "--keys", "Enter"]).answer();
    world.server.shows("build", "two words");
    let pasted = world.run_with(b"from stdin\n", &["send", "build", "--paste", "-"]);
    assert_eq!((pasted.code, pasted.out.as_str()), (0, ""), "{pasted:?}");
    world.server.shows("build", "from stdin");
    assert!(world.run(&["snap", "build"]).answer().contains("from stdin"));
    world.run(&["resize", "build", "100x30"]).answer();
    assert!(world.run(&["info", "build", "--json"]).answer().contains("\"cols\":100"));
    world.run(&["rename", "build", "other"]).answer();
    world.run(&["wait", "other", "--until", "text=stdin"]).answer();
    assert_eq!(world.run(&["kill", "other"]).code, 0);
    assert_eq!(world.faces(), [] as [u64; 0]);
}

#[test]
fn what_cannot_be_done_is_said_in_one_sentence() {
    let world = World::start();
    world.run(&["snap", "99"]).refused(4, &["99"]);
    world.run(&["attach", "99"]).refused(4, &["99"]);
    world.run(&["uname", "-a"]).refused(2, &["uname", "new -- uname"]);
    world.run(&["attach 1 'x"]).refused(2, &["quote"]);
    world.run(&["serve"]).refused(5, &["not offered over SSH"]);
    world.run(&["token", "new"]).refused(5, &["not offered over SSH"]);
    let face = world.server.face("sleep 1000");
    let file = format!("{}/stolen", world.keys.text());
    world.run(&["snap", &face, "-o", &file]).refused(5, &["over SSH"]);
    world.run(&["send", &face, "--paste", "/etc/passwd"]).refused(5, &["over SSH"]);
    assert!(!std::path::Path::new(&file).exists());
    assert_eq!(world.run(&["wait", &face, "--until", "exit", "--timeout", "50ms"]).code, 124);
    let missing = world.run(&["new", "--", "/no/such/program"]);
    assert_eq!(missing.code, 127, "{missing:?}");
}

#[test]
fn the_programs_code_and_signal_come_back() {
    let world = World::start();
    assert_eq!(world.run(&["new -- sh -c 'exit 3'"]).code, 3);
    assert_eq!(world.run(&["new -- sh -c 'kill -9 $$'"]).code, 137);
    // It waits for its viewer: a program that has ended has none any more.
    let printed = world.run(&["new -- sh -c 'printf abc; sleep 1'"]);
    assert_eq!((printed.code, printed.out.as_str(), printed.err.as_str()), (0, "abc", ""));
}

#[test]
fn a_script_on_stdin_is_run_to_its_end() {
    let world = World::start();
    let ran = world.run_with(b"echo $((6 * 7)); exit 9\n", &[]);
    assert!(ran.out.contains("42"), "{ran:?}");
    assert_eq!(ran.code, 9, "{ran:?}");
    let ended = world.run_with(b"echo $((6 * 7))\n", &[]);
    assert!(ended.out.contains("42") && ended.code == 0, "{ended:?}");
}

#[test]
fn with_a_terminal_lines_return_and_control_c_interrupts() {
    let world = World::start();
    let face = world.server.face("sleep 1000");
    let mut list = world.terminal(&["ls"]);
    assert_eq!(list.wait(), 0);
    list.expect("sleep 1000");
    assert!(list.bytes.windows(2).any(|w| w == b"\r\n"));
    let mut waits = world.terminal(&["wait", &face, "--until", "exit"]);
    world.logs("asks for \"wait");
    waits.type_text("\x03");
    assert_ne!(waits.wait(), 0);
    waits.assert_as_before();
}

#[test]
fn commands_say_the_same_with_and_without_a_terminal() {
    let world = World::start();
    let face = world.run(&["new", "-d", "--name", "same", "--", "cat"]).answer();
    world.run(&["send", "same", "shown", "--keys", "Enter"]).answer();
    world.server.shows("same", "shown");
    // What counts seconds is not compared.
    for words in [
        &["snap", "same"][..],
        &["snap", "same", "--format", "ansi"],
        &["resize", &face, "80x24"],
        &["wait", "same", "--until", "text=shown"],
        &["send", "same", "--keys", "Up"],
        &["rename", "same", "same"],
        &["info", "99"],
        &["kill", "99"],
        &["nonsense"],
        &["new", "-d", "--cwd"],
    ] {
        let piped = world.run(words);
        let mut shown = world.terminal(words);
        assert_eq!(shown.wait(), piped.code, "{words:?}");
        let expected = format!("{}{}", piped.out, piped.err).replace('\n', "\r\n");
        assert_eq!(String::from_utf8_lossy(&shown.bytes), expected, "{words:?}");
        shown.assert_as_before();
    }
}

#[test]
fn several_channels_share_one_connection() {
    let world = World::start();
    let control = format!("{}/control", world.keys.text());
    let master = ["-o", "ControlMaster=auto", "-o", "ControlPersist=60", "-S", &control];
    assert_eq!(world.ssh(&master, &["new", "-d", "--", "cat"]).output().unwrap().stdout, b"1\n");
    let mut cat = world.piped(&master, &["attach", "1"]);
    let mut out = cat.stdout.take().unwrap();
    cat.stdin.as_mut().unwrap().write_all(b"through one\n").unwrap();
    read_until(&mut out, "through one");
    for _ in 0..5 {
        let listed = world.ssh(&master, &["ls"]).output().unwrap();
        assert!(listed.status.success() && !listed.stdout.is_empty());
    }
    assert_eq!(world.server.log().matches("accepted SHA256").count(), 1);
    assert!(world.ssh(&["-S", &control, "-O", "exit"], &[]).status().unwrap().success());
    let _ = cat.wait();
}

#[test]
fn forwardings_and_file_transfer_are_refused_with_a_sentence() {
    let world = World::start();
    let told = |options: &[&str], words: &[&str]| {
        let ran = world.ssh(options, words).output().unwrap();
        assert!(!ran.status.success());
        String::from_utf8(ran.stderr).unwrap()
    };
    let port = told(&["-o", "LogLevel=DEBUG", "-W", "127.0.0.1:22"], &[]);
    assert!(port.contains("not forwarded"), "{port}");
    let sftp = told(&["-s"], &["sftp"]);
    assert!(sftp.contains("sftp") && sftp.contains("not offered"), "{sftp}");
    let remote = told(
        &["-R", "0:127.0.0.1:1", "-o", "ExitOnForwardFailure=yes", "-v", "-o", "LogLevel=DEBUG"],
        &["ls"],
    );
    assert!(remote.contains("ports are not forwarded"), "{remote}");
    assert_eq!(world.ssh(&["-A", "-X"], &["ls"]).status().unwrap().code(), Some(0));
}
