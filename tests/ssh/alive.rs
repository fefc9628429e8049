//! Signs of life, and the lack of any need for them: keepalives either way, and a connection at rest that wakes nobody.

use crate::world::World;
use std::io::{BufRead, BufReader, Write};
use std::time::Duration;

#[test]
fn a_client_that_asks_is_answered() {
    let world = World::start();
    // Three questions, of which not one may stay without an answer.
    let options =
        ["-o", "ServerAliveInterval=1", "-o", "ServerAliveCountMax=1", "-o", "LogLevel=DEBUG3"];
    let mut client = world.piped(&options, &["new -- sh -c 'read x; exit 4'"]);
    let told = BufReader::new(client.stderr.take().unwrap()).lines().map_while(Result::ok);
    // REQUEST_SUCCESS and REQUEST_FAILURE (RFC 4254 4).
    let answer =
        |line: &String| ["packet: type 81", "packet: type 82"].iter().any(|t| line.ends_with(t));
    assert_eq!(told.filter(|l| l.contains("receive ") && answer(l)).take(3).count(), 3);
    client.stdin.take().unwrap().write_all(b"\n").unwrap();
    assert_eq!(client.wait().unwrap().code(), Some(4));
}

/// The kernel's timer of the server's end of a connection (proc_net_tcp(5)): 2 is a keepalive.
fn timers(port: u16) -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let ours = format!(":{port:04X}");
    let fields = table.lines().skip(1).map(|line| line.split_whitespace().collect::<Vec<_>>());
    let connected = fields.filter(|f| f[1].ends_with(&ours) && f[3] == "01");
    connected.map(|f| f[5].to_owned()).collect()
}

fn wakes(pid: u32) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let status = |task: std::fs::DirEntry| {
        let text = std::fs::read_to_string(task.path().join("status")).unwrap();
        text.lines().find(|l| l.starts_with("voluntary_ctxt_switches")).unwrap().to_owned()
    };
    tasks.map(|task| status(task.unwrap())).collect()
}

#[test]
fn a_connection_at_rest_is_watched_by_the_kernel_and_wakes_nobody() {
    let world = World::start();
    let mut here = world.terminal(&["new", "--", "cat"]);
    here.type_text("hello\r");
    here.expect("hello\nhello");
    let frontend = world.server.role_pid("ssh");
    // What the login left to do is done when nothing happens for a while.
    crate::common::eventually("the frontend comes to rest", || {
        let before = wakes(frontend);
        std::thread::sleep(Duration::from_millis(700));
        (wakes(frontend) == before).then_some(())
    });
    let before = wakes(frontend);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(wakes(frontend), before);
    let timers = timers(world.port);
    assert!(timers.len() == 1 && timers[0].starts_with("02:"), "{timers:?}");
    here.type_text("\x02d");
    assert_eq!(here.wait(), 0);
}
