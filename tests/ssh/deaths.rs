//! What dies and what does not: the daemon, the frontend, the keeper's orders.

use crate::common::{FACEMUX, eventually};
use crate::world::World;
use facemux::sys::{process, procfs};
use std::io::Read;

const SIGSTOP: i32 = 19;
const SIGCONT: i32 = 18;

#[test]
fn the_connection_outlives_the_daemon_and_misses_no_byte() {
    let world = World::start();
    // Slow enough to be in the middle of it when the daemon dies, three times.
    let script = "new -- sh -c 'stty raw; i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); \
                  [ $((i % 100)) = 0 ] && sleep 0.05; done'";
    let mut client = world.piped(&[], &[script]);
    let mut out = client.stdout.take().unwrap();
    let mut got = Vec::new();
    let mut bytes = [0; 4096];
    for part in 1..=3 {
        while got.len() < part * 5000 {
            let read = out.read(&mut bytes).unwrap();
            assert!(read > 0, "ended after {} bytes", got.len());
            got.extend_from_slice(&bytes[..read]);
        }
        let daemon = world.server.role_pid("daemon");
        process::kill(daemon, 9).unwrap();
        eventually("another daemon runs", || {
            (world.server.role_pid("daemon") != daemon).then_some(())
        });
    }
    out.read_to_end(&mut got).unwrap();
    let expected: String = (0..3000).map(|i| format!("line {i}\n")).collect();
    let differs = got.iter().zip(expected.as_bytes()).position(|(a, b)| a != b);
    assert_eq!((got.len(), differs), (expected.len(), None));
    assert_eq!(client.wait().unwrap().code(), Some(0));
    assert_eq!(world.server.log().matches("accepted SHA256").count(), 1);
}

#[test]
fn typing_goes_on_after_the_daemons_death() {
    let world = World::start();
    let mut here = world.terminal(&["new", "--", "cat"]);
    here.type_text("before\r");
    here.expect("before\nbefore");
    let daemon = world.server.role_pid("daemon");
    process::kill(daemon, 9).unwrap();
    here.type_text("after\r");
    here.expect("after\nafter");
    here.type_text("\x02d");
    assert_eq!(here.wait(), 0);
    here.assert_as_before();
}

#[test]
fn a_face_that_ends_while_its_daemon_is_away_gives_its_code() {
    let world = World::start();
    let face = world.server.face(r"printf '\033[?1049h\033[?2004h'; echo modes; read x; exit 7");
    let mut here = world.terminal(&["attach", &face]);
    here.expect("modes");
    // Only when its face has ended does the frontend see that its daemon has died.
    let frontend = world.server.role_pid("ssh");
    process::kill(frontend, SIGSTOP).unwrap();
    let daemon = world.server.role_pid("daemon");
    process::kill(daemon, 9).unwrap();
    eventually("another daemon", || (world.server.role_pid("daemon") != daemon).then_some(()));
    world.server.run(&["send", &face, "x", "--keys", "Enter"]).answer();
    eventually("it has ended", || {
        world.server.run(&["info", &face]).out.contains("ended").then_some(())
    });
    process::kill(frontend, SIGCONT).unwrap();
    assert_eq!(here.wait(), 7);
    world.assert_untouched(&mut here);
}

#[test]
fn the_frontends_death_ends_its_connections_and_no_face() {
    let world = World::start();
    let mut here = world.terminal(&["new", "--name", "lives", "--", "cat"]);
    here.type_text("hello\r");
    here.expect("hello\nhello");
    let frontend = world.server.role_pid("ssh");
    process::kill(frontend, 9).unwrap();
    assert_eq!(here.wait(), 255);
    // The listener is the keeper's: the next login waits in it and is taken.
    let mut again = world.terminal(&["attach", "lives"]);
    again.expect("hello\nhello");
    again.type_text("more\r");
    again.expect("more\nmore");
    assert_ne!(world.server.role_pid("ssh"), frontend);
    again.type_text("\x02d");
    assert_eq!(again.wait(), 0);
}

#[test]
fn an_upgrade_leaves_the_connection_to_the_old_process_and_takes_new_ones() {
    let world = World::start();
    let mut here = world.terminal(&["new", "--", "cat"]);
    here.type_text("before\r");
    here.expect("before\nbefore");
    let old = world.server.role_pid("ssh");
    let next = world.server.dir.path().join("facemux-next");
    std::fs::copy(FACEMUX, &next).unwrap();
    let said = world.server.run(&["upgrade", "--binary", next.to_str().unwrap()]).answer();
    assert!(said.contains("1 face and 1 of 1 viewer kept"), "{said}");
    here.type_text("after\r");
    here.expect("after\nafter");
    let mut there = world.terminal(&["attach", "1"]);
    there.expect("after\nafter");
    here.type_text("\x02d");
    assert_eq!(here.wait(), 0);
    eventually("the old process ends with its last connection", || {
        procfs::stat(old).is_none_or(|s| s.is_dead()).then_some(())
    });
    there.type_text("more\r");
    there.expect("more\nmore");
    there.type_text("\x02d");
    assert_eq!(there.wait(), 0);
}
