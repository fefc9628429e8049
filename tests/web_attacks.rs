//! Attacks on the web frontend, and what somebody at the daemon's socket feels of them: as much as of any other program
//! that is as busy.
//!
//! Short slices with the attack and short slices with as much other work take turns, so that whatever else the machine
//! does counts for both. What is compared is the middle of all echo times of either kind.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;
#[path = "web/page.rs"]
mod page;
#[path = "web/served.rs"]
mod served;
#[path = "web/typist.rs"]
mod typist;

use client::{connect, get, raw};
use page::Page;
use served::Web;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use typist::Typist;

/// Connections of an attack that holds many.
const CONNECTIONS: usize = 1000;
/// Keys in a slice, and slices of either kind.
const KEYS: usize = 80;
const SLICES: usize = 3;
/// How much longer an echo may take than beside other work.
const RATIO_MAX: f64 = 2.0;
/// A machine that does something else for a moment is given another chance.
const TRIES: usize = 3;

/// Whom an attack meets, and when it is to end.
struct Target {
    port: u16,
    face: String,
    begun: AtomicBool,
    over: AtomicBool,
}

/// One way to attack.
struct Attack {
    name: &'static str,
    /// Whether it keeps its own process and the frontend's at work; else it is compared with no work at all.
    busy: bool,
    act: fn(&Target),
}

const ATTACKS: [Attack; 7] = [
    Attack { name: "1,000 heads that never end", busy: false, act: slow_heads },
    Attack {
        name: "1,000 silent connections that come and go",
        busy: true,
        act: silent_connections,
    },
    Attack { name: "frames of 1 GiB", busy: true, act: huge_frames },
    Attack { name: "messages without an end", busy: true, act: endless_messages },
    Attack { name: "pings", busy: true, act: pings },
    Attack { name: "paths out of the tree", busy: true, act: traversal },
    Attack { name: "requests within requests", busy: true, act: smuggling },
];

impl Target {
    fn goes_on(&self) -> bool {
        self.begun.store(true, Ordering::Relaxed);
        !self.over.load(Ordering::Relaxed)
    }
}

fn slow_heads(target: &Target) {
    let mut slow: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(target.port)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET /?face=1 HTTP/1.1\r\nX: ").unwrap();
    }
    while target.goes_on() {
        for some in slow.chunks_mut(50) {
            // One that was slow for ten seconds has been sent away.
            some.iter_mut().for_each(|stream| drop(stream.write(b"x")));
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn silent_connections(target: &Target) {
    let mut silent: Vec<TcpStream> = (0..CONNECTIONS).map(|_| connect(target.port)).collect();
    let mut next = 0;
    while target.goes_on() {
        silent[next % CONNECTIONS] = connect(target.port);
        next += 1;
    }
}

fn huge_frames(target: &Target) {
    let part = vec![0; 16 * 1024];
    while target.goes_on() {
        let mut page = Page::look(target.port, &target.face, "61b");
        let _ = page.socket.stream.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]);
        while page.socket.stream.write_all(&part).is_ok() {}
        ends(&mut page);
    }
}

fn endless_messages(target: &Target) {
    let part = vec![1; 16 * 1024];
    while target.goes_on() {
        let mut page = Page::look(target.port, &target.face, "e4d");
        page.socket.frame(0x02, &part);
        while page.socket.frame(0x00, &part) {}
        ends(&mut page);
    }
}

fn pings(target: &Target) {
    while target.goes_on() {
        let mut page = Page::look(target.port, &target.face, "919");
        page.socket.stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        while page.socket.frame(0x89, b"ping") {}
        ends(&mut page);
    }
}

/// The server has closed a WebSocket, or does so now.
fn ends(page: &mut Page) {
    while page.try_step().is_ok() {}
}

fn traversal(target: &Target) {
    let paths = [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/%252e%252e/etc/passwd",
        "//etc/passwd",
        "/f/../../../etc/passwd",
        "/f/1.txt/../../state/tokens.json",
        "/plain.css/../../../etc/passwd",
        "/..\\..\\etc\\passwd",
        "/\0/etc/passwd",
        "/etc/passwd%00.css",
        "file:///etc/passwd",
    ];
    for path in paths.iter().cycle() {
        let answer = get(target.port, path, &[]);
        assert!(matches!(answer.status, 400 | 404), "{path:?}: {answer:?}");
        assert!(!answer.body.contains("root:"), "{path:?}: {answer:?}");
        if !target.goes_on() {
            return;
        }
    }
}

fn smuggling(target: &Target) {
    let inner = "GET /healthz HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    let heads = [
        ("Content-Length: 0\r\nContent-Length: 44", 400),
        ("Content-Length: 0, 44", 400),
        ("Content-Length: +44", 400),
        ("Content-Length: 0x2c", 400),
        ("Content-Length: -1", 400),
        ("Content-Length : 0", 400),
        ("Content-Length: 5\r\nTransfer-Encoding: chunked", 501),
        ("Transfer-Encoding: chunked", 501),
        ("Transfer-Encoding: xchunked", 501),
        ("Transfer-Encoding:\x0bchunked", 400),
        ("X: 1\r\n Content-Length: 44", 400),
        ("X: 1\rContent-Length: 44", 400),
        ("X: 1\nContent-Length: 44", 400),
    ];
    for (head, status) in heads.iter().cycle() {
        let own = format!("Host: 127.0.0.1:{}", target.port);
        let text = format!("POST /login HTTP/1.1\r\n{own}\r\n{head}\r\n\r\n{inner}");
        let mut stream = connect(target.port);
        let _ = stream.write_all(text.as_bytes());
        let mut said = String::new();
        // A connection that was closed with unread bytes may be reset: what was said came before that.
        let _ = stream.read_to_string(&mut said);
        let first = format!("HTTP/1.1 {status} ");
        assert!(said.starts_with(&first), "{head:?}: {said:?}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{head:?}: {said:?}");
        if !target.goes_on() {
            return;
        }
    }
}

/// Echo times while `work` is done by as many threads.
fn beside(
    typist: &mut Typist,
    works: &[&(dyn Fn(&Target) + Sync)],
    port: u16,
    face: &str,
) -> Vec<Duration> {
    let (begun, over) = (AtomicBool::new(false), AtomicBool::new(false));
    let target = Target { port, face: face.to_owned(), begun, over };
    std::thread::scope(|scope| {
        for work in works {
            scope.spawn(|| work(&target));
        }
        while !works.is_empty() && !target.begun.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(1));
        }
        let times = (0..KEYS).map(|_| typist.key()).collect();
        target.over.store(true, Ordering::Relaxed);
        times
    })
}

/// Works and waits by turns, as an attacker and the frontend do who wait for each other.
fn work(target: &Target) {
    const TURN: Duration = Duration::from_micros(200);
    while target.goes_on() {
        let begin = Instant::now();
        while begin.elapsed() < TURN {
            std::hint::spin_loop();
        }
        std::thread::sleep(TURN);
    }
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

#[test]
fn an_attack_on_the_frontend_is_felt_at_the_socket_like_any_other_work() {
    facemux::sys::process::raise_descriptor_limit().unwrap();
    let web = Web::start("none");
    let attacked = web.server.face("exec cat");
    let mut typist = Typist::new(&web.server);
    for Attack { name, busy, act } in &ATTACKS {
        let others: &[&(dyn Fn(&Target) + Sync)] = if *busy { &[&work, &work] } else { &[] };
        let ratio = |typist: &mut Typist| {
            let (mut under, mut without) = (Vec::new(), Vec::new());
            for _ in 0..SLICES {
                without.extend(beside(typist, others, web.port, &attacked));
                under.extend(beside(typist, &[act], web.port, &attacked));
            }
            let (under, without) = (middle(under), middle(without));
            let ratio = under.as_secs_f64() / without.as_secs_f64();
            println!("{name}: p50 {under:?}, beside other work {without:?}, ratio {ratio:.2}");
            ratio
        };
        let best = (0..TRIES).map(|_| ratio(&mut typist)).find(|ratio| *ratio <= RATIO_MAX);
        assert!(best.is_some(), "{name}: an echo takes more than twice as long, {TRIES} times");
    }
    assert_eq!(raw(web.port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    assert!(!web.server.log().contains("web ended"), "{}", web.server.log());
}
