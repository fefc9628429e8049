//! A lot: bytes out, bytes in, keys changed on the way, many at once, clients that stall.

use crate::common::eventually;
use crate::world::{World, read_until};
use sha2::{Digest, Sha256};
use std::io::{Read, Write};

/// Bytes that look random and are the same everywhere.
fn noise(len: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(len).collect()
}

fn hash(bytes: &[u8]) -> Vec<u8> {
    Sha256::digest(bytes).to_vec()
}

#[test]
fn a_hundred_megabytes_come_out_as_they_were_written() {
    let world = World::start();
    // What no terminal answers and no gate takes out: printable bytes.
    let sent: Vec<u8> = noise(1 << 20).into_iter().map(|b| b'!' + b % 90).collect();
    let file = format!("{}/data", world.keys.text());
    std::fs::write(&file, &sent).unwrap();
    let script = format!("new -- sh -c 'stty raw -echo; for i in $(seq 100); do cat {file}; done'");
    let got = world.ssh(&["-o", "RekeyLimit=16M"], &[&script]).output().unwrap();
    assert_eq!(got.stdout.len(), 100 << 20, "{}", String::from_utf8_lossy(&got.stderr));
    assert_eq!(hash(&got.stdout), hash(&sent.repeat(100)));
}

#[test]
fn twenty_megabytes_go_in_as_they_were_sent() {
    let world = World::start();
    // Any bytes, among them what a terminal would answer to queries: there is no terminal here.
    let sent: Vec<u8> =
        [&noise(20 << 20)[..], b"\x1b[?62;22c\x1b[24;80R\x1b]11;rgb:0/0/0\x07\x1b[I"].concat();
    let file = format!("{}/arrived", world.keys.text());
    let script =
        format!("new -- sh -c 'stty raw -echo; echo READY; head -c {} > {file}'", sent.len());
    let mut client = world.piped(&["-o", "RekeyLimit=1M"], &[&script]);
    read_until(client.stdout.as_mut().unwrap(), "READY");
    client.stdin.as_mut().unwrap().write_all(&sent).unwrap();
    let ended = client.wait_with_output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(hash(&std::fs::read(file).unwrap()), hash(&sent));
}

/// As with any SSH server: the end of the client's file is the end of the program's.
#[test]
fn a_file_goes_in_through_cat() {
    let world = World::start();
    let mut sent: Vec<u8> = noise(20 << 20).into_iter().map(|b| b'!' + b % 90).collect();
    sent.iter_mut().skip(76).step_by(77).for_each(|byte| *byte = b'\n');
    sent.push(b'\n');
    let file = format!("{}/arrived", world.keys.text());
    let script = format!("new -- sh -c 'stty -echo; echo READY; cat > {file}'");
    let mut client = world.piped(&[], &[&script]);
    read_until(client.stdout.as_mut().unwrap(), "READY");
    client.stdin.as_mut().unwrap().write_all(&sent).unwrap();
    let ended = client.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(0), "{}", String::from_utf8_lossy(&ended.stderr));
    assert_eq!(hash(&std::fs::read(file).unwrap()), hash(&sent));
}

#[test]
fn fifty_connections_at_once_are_served() {
    let world = World::start();
    let mut clients: Vec<_> = (0..50)
        .map(|n| world.piped(&[], &[&format!("new -- sh -c 'echo {n}; read x; exit {n}'")]))
        .collect();
    for (n, client) in clients.iter_mut().enumerate() {
        read_until(client.stdout.as_mut().unwrap(), &format!("{n}\r\n"));
    }
    assert_eq!(world.faces().len(), 50);
    for (n, mut client) in clients.into_iter().enumerate() {
        client.stdin.take().unwrap().write_all(b"\n").unwrap();
        assert_eq!(client.wait().unwrap().code(), Some(n as i32));
    }
}

#[test]
fn a_client_that_stalls_costs_an_offset_and_no_memory() {
    let world = World::start();
    let face = world.server.face("stty raw; echo; yes 0123456789012345678901234567890123456789");
    let mut stalls = world.piped(&[], &["attach", &face]);
    let mut some = [0; 4096];
    stalls.stdout.as_mut().unwrap().read_exact(&mut some).unwrap();
    facemux::sys::process::kill(stalls.id(), 19).unwrap();
    let offset = || {
        let info = world.server.run(&["snap", &face, "--format", "json"]).answer();
        let info: serde_json::Value = serde_json::from_str(&info).unwrap();
        info["offset"].as_u64().or_else(|| info["offset"].as_str()?.parse().ok()).unwrap()
    };
    let before = offset();
    eventually("the face runs on", || (offset() > before + (4 << 20)).then_some(()));
    let status =
        std::fs::read_to_string(format!("/proc/{}/status", world.server.role_pid("ssh"))).unwrap();
    let rss = status.lines().find(|l| l.starts_with("VmRSS")).unwrap();
    let kib: u64 = rss.split_whitespace().nth(1).unwrap().parse().unwrap();
    assert!(kib < 64 << 10, "{rss}");
    assert_eq!(world.run(&["ls"]).code, 0);
    stalls.kill().unwrap();
    let _ = stalls.wait();
}
