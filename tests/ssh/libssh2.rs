//! A second client: libssh2.

use crate::world::World;
use ssh2::{Channel, Session};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

pub fn connect(port: u16) -> Session {
    let mut session = Session::new().unwrap();
    session.set_tcp_stream(TcpStream::connect(("127.0.0.1", port)).unwrap());
    session.handshake().unwrap();
    session
}

pub fn log_in(world: &World) -> Session {
    let session = connect(world.port);
    let key = world.keys.path().join("id");
    session.userauth_pubkey_file("root", None, &key, None).unwrap();
    assert!(session.authenticated());
    session
}

fn finish(channel: &mut Channel) -> (String, i32, Option<String>) {
    let mut out = String::new();
    channel.read_to_string(&mut out).unwrap();
    channel.wait_close().unwrap();
    let signal = channel.exit_signal().unwrap().exit_signal;
    (out, channel.exit_status().unwrap(), signal)
}

pub fn run(session: &Session, command: &str) -> (String, i32, Option<String>) {
    let mut channel = session.channel_session().unwrap();
    channel.exec(command).unwrap();
    channel.send_eof().unwrap();
    finish(&mut channel)
}

#[test]
fn libssh2_sees_status_signal_and_several_channels() {
    let world = World::start();
    let session = log_in(&world);
    assert_eq!(run(&session, "new -- sh -c 'exit 3'"), (String::new(), 3, None));
    assert_eq!(run(&session, "new -- sh -c 'kill -9 $$'").2.as_deref(), Some("KILL"));
    assert_eq!(run(&session, "new -d -- cat").0, "3\n");
    let mut sends = session.channel_session().unwrap();
    sends.exec("send 3 --paste -").unwrap();
    sends.write_all(b"by libssh2\n").unwrap();
    sends.send_eof().unwrap();
    assert_eq!(finish(&mut sends).1, 0);
    world.server.shows("3", "by libssh2");
    // One channel waits while others come and go.
    let mut waits = session.channel_session().unwrap();
    waits.exec("wait 3 --until exit").unwrap();
    assert!(run(&session, "snap 3").0.contains("by libssh2"));
    assert_eq!(run(&session, "kill 3").1, 0);
    assert_eq!(finish(&mut waits).1, 0);
    assert!(session.sftp().is_err());
    assert!(session.channel_direct_tcpip("127.0.0.1", 22, None).is_err());
    assert_eq!(run(&session, "ls --json").0, "[]\n");
}

#[test]
fn libssh2_has_a_terminal_and_changes_its_size() {
    let world = World::start();
    let session = log_in(&world);
    let mut channel = session.channel_session().unwrap();
    channel.request_pty("xterm-256color", None, Some((90, 20, 0, 0))).unwrap();
    channel.exec("new -- sh -c 'stty size; read x; stty size; read x; exit 6'").unwrap();
    let mut seen = String::new();
    let mut until = |channel: &mut Channel, mark: &str| {
        let mut bytes = [0; 1024];
        while !seen.contains(mark) {
            let read = channel.read(&mut bytes).unwrap();
            assert!(read > 0, "ended before {mark:?}: {seen:?}");
            seen.push_str(&String::from_utf8_lossy(&bytes[..read]));
        }
    };
    until(&mut channel, "20 90");
    channel.request_pty_size(100, 33, None, None).unwrap();
    world.logs("asks for");
    crate::common::eventually("the face has the new size", || {
        world.server.run(&["info", "1", "--json"]).answer().contains("\"rows\":33").then_some(())
    });
    channel.write_all(b"\r").unwrap();
    until(&mut channel, "33 100");
    channel.write_all(b"\r").unwrap();
    assert_eq!(finish(&mut channel).1, 6);
}

#[test]
fn libssh2_takes_ten_megabytes() {
    let world = World::start();
    let session = log_in(&world);
    let mut channel = session.channel_session().unwrap();
    channel.exec("new -- sh -c 'stty raw; head -c 10000000 /dev/zero | tr \"\\0\" a'").unwrap();
    let mut got = Vec::new();
    channel.read_to_end(&mut got).unwrap();
    assert_eq!(got.len(), 10_000_000);
    assert!(got.iter().all(|byte| *byte == b'a'));
}

/// Tries keys that nobody has authorized; gives whether one was accepted.
pub fn try_wrong_key(port: u16, key: &Path) -> bool {
    let mut session = Session::new().unwrap();
    session.set_timeout(5000);
    let Ok(stream) = TcpStream::connect(("127.0.0.1", port)) else { return false };
    session.set_tcp_stream(stream);
    session.handshake().is_ok()
        && (0..8).any(|_| session.userauth_pubkey_file("root", None, key, None).is_ok())
}
