//! A login is a face: its terminal, its size, its way out and back.

use crate::common::{Terminal, eventually};
use crate::world::World;

#[test]
fn a_login_is_a_face_that_lives_on() {
    let world = World::start();
    let mut here = world.terminal(&[]);
    here.expect("face 1: ssh -t HOST attach 1 comes back");
    here.type_text("echo id=$FACE_ID kind=$FACE_KIND; stty size\r");
    here.expect("id=1 kind=ssh");
    here.expect("24 80");
    here.resize(30, 100);
    // The client may send what is typed before it has noticed the new size.
    eventually("the face has the new size", || {
        let info = world.server.run(&["info", "1", "--json"]).answer();
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        (info["size"]["rows"] == 30).then_some(())
    });
    here.type_text("stty size\r");
    here.expect("30 100");
    here.type_text("\x02d");
    assert_eq!(here.wait(), 0);
    here.assert_as_before();
    here.expect("detached; to come back: attach 1");
    let mut again = world.terminal(&["attach", "1"]);
    again.expect("id=1 kind=ssh");
    again.type_text("exit 7\r");
    assert_eq!(again.wait(), 7);
    again.assert_as_before();
    assert_eq!(world.faces(), [] as [u64; 0]);
}

#[test]
fn a_new_face_has_the_modes_of_the_clients_terminal() {
    let world = World::start();
    let ssh = world.argv(&["-t"]).join(" ");
    let client = format!(
        "stty erase '^H' intr '^X' -ixon -echo; exec {ssh} root@127.0.0.1 \"new -- sh -c 'stty -a; read x'\""
    );
    let environment = world.server.dir.environment();
    let mut here = Terminal::start(&["sh", "-c", &client], &environment, (24, 80));
    here.expect("intr = ^X");
    here.expect("erase = ^H");
    here.expect("-ixon");
    here.expect("-echo ");
    here.type_text("\r");
    assert_eq!(here.wait(), 0);
}

#[test]
fn a_user_name_of_digits_is_a_face() {
    let world = World::start();
    let face = world.server.face("echo here I am; read x; exit 5");
    let mut here = world.terminal_as(&face, &[]);
    here.expect("here I am");
    here.type_text("\r");
    assert_eq!(here.wait(), 5);
    let mut nobody = world.terminal_as("99", &[]);
    assert_eq!(nobody.wait(), 4);
    nobody.expect("no such face: 99");
}

#[test]
fn a_full_screen_program_leaves_the_clients_terminal_as_it_was() {
    let world = World::start();
    // Modes, margins, origin, line drawing, kitty keys, a pen: all that could be left behind.
    let face = world.server.face(
        "printf '\\033[?1049h\\033[?1h\\033=\\033[?2004h\\033[?1003h\\033[?1006h\\033[?1004h\\033[?25l\\033[4h'; \
         printf '\\033[>1u\\033[3;9r\\033[?6h\\033(0\\033[5 q\\033[1;31m\\033(Bfull\\033(0'; read x",
    );
    world.server.shows(&face, "full");
    let mut here = world.terminal(&["attach", &face]);
    here.expect("full");
    assert!(here.emulator().alternate_screen());
    here.type_text("\x02d");
    assert_eq!(here.wait(), 0);
    world.assert_untouched(&mut here);
    let mut others = world.terminal(&["attach", &face]);
    others.expect("full");
    assert_eq!(world.run(&["detach", &face]).code, 0);
    assert_eq!(others.wait(), 0);
    world.assert_untouched(&mut others);
    let mut killed = world.terminal(&["attach", &face]);
    killed.expect("full");
    assert_eq!(world.run(&["kill", &face]).code, 0);
    assert_ne!(killed.wait(), 0);
    world.assert_untouched(&mut killed);
}

#[test]
fn the_clients_own_escape_cuts_the_connection() {
    let world = World::start();
    let mut here =
        world.terminal_with(&["-e", "~"], "root", &["new", "--name", "stays", "--", "cat"]);
    here.type_text("hello\r");
    here.expect("hello\nhello");
    here.type_text("~.");
    assert_eq!(here.wait(), 255);
    here.assert_as_before();
    world.logs("left");
    assert_eq!(world.faces(), [1]);
}

#[test]
fn a_viewer_looks_and_does_not_type() {
    let world = World::start();
    let face = world.server.face("echo ready; read x; echo got $x; sleep 1000");
    let mut looks = world.terminal(&["attach", "-r", &face]);
    looks.expect("ready");
    looks.type_text("no\r");
    world.server.run(&["send", &face, "yes\r"]).answer();
    looks.expect("got yes");
    assert!(!looks.screen().contains("no"), "{}", looks.screen());
    looks.type_text("\x02d");
    assert_eq!(looks.wait(), 0);
}

#[test]
fn only_language_and_looks_come_from_the_client() {
    let world = World::start();
    let options = ["-o", "SetEnv=LANG=de_DE.UTF-8 LC_TIME=sv_SE.UTF-8 LD_PRELOAD=/x EDITOR=evil"];
    let printed = world.ssh(&options, &["new -- env"]).output().unwrap();
    let printed = String::from_utf8(printed.stdout).unwrap();
    for line in ["LANG=de_DE.UTF-8", "LC_TIME=sv_SE.UTF-8", "FACE_KIND=ssh", "TERM_PROGRAM=facemux"]
    {
        assert!(printed.lines().any(|l| l.trim() == line), "{line} is not in {printed}");
    }
    for word in ["EDITOR", "LD_PRELOAD", "FACEMUX_LOG", "SSH_ORIGINAL_COMMAND"] {
        assert!(!printed.contains(word), "{word} is in {printed}");
    }
}

#[test]
fn a_client_that_vanishes_leaves_its_face_alone() {
    let world = World::start();
    let here = {
        let mut here = world.terminal(&["new", "--name", "stays", "--", "cat"]);
        here.type_text("hello\r");
        here.expect("hello\nhello");
        here
    };
    here.signal(9);
    world.logs("left");
    eventually("nobody watches any more", || {
        let info = world.server.run(&["info", "stays", "--json"]).answer();
        info.contains("\"viewers\":0").then_some(())
    });
    assert_eq!(world.faces(), [1]);
}
