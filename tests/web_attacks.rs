//! Attacks on the web frontend, and what somebody at the daemon's socket feels of them: as much as of any other program
//! that is as busy.
//!
//! Short slices with the attack and short slices with as much other work take turns, so that whatever else the machine
//! does counts for both. As much: two threads that use as much processor time as the attacker and the frontend did,
//! and like them by sending each other bytes through the kernel, in pieces of the same size.
//! What is compared is the middle of all echo times of either kind.

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
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
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
const TRIES: usize = 4;

/// Whom an attack meets, and when it is to end.
struct Target {
    port: u16,
    face: String,
    begun: AtomicBool,
    over: AtomicBool,
    /// Where the kernel accounts for the thread at work.
    thread: Mutex<PathBuf>,
}

/// What an attack is called, how it goes, and how many bytes it sends at once.
type Attack = (&'static str, fn(&Target), usize);

const ATTACKS: [Attack; 7] = [
    ("1,000 heads that never end", slow_heads, SMALL),
    ("1,000 silent connections that come and go", silent_connections, SMALL),
    ("frames of 1 GiB", huge_frames, LARGE),
    ("messages without an end", endless_messages, LARGE),
    ("pings", pings, SMALL),
    ("paths out of the tree", traversal, SMALL),
    ("requests within requests", smuggling, SMALL),
];

const SMALL: usize = 64;
const LARGE: usize = 16 * 1024;

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
    let part = vec![0; LARGE];
    while target.goes_on() {
        let mut page = Page::look(target.port, &target.face, "61b");
        let _ = page.socket.stream.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4]);
        while page.socket.stream.write_all(&part).is_ok() {}
        ends(&mut page);
    }
}

fn endless_messages(target: &Target) {
    let part = vec![1; LARGE];
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

/// Somebody who types, beside whom something is done to a frontend.
struct Scene<'a> {
    web: &'a Web,
    face: &'a str,
    typist: Typist,
}

/// Processor time that the attacker and the frontend have used, of how much time.
#[derive(Default)]
struct Use {
    attacker: Duration,
    frontend: Duration,
    time: Duration,
}

impl Scene<'_> {
    fn target(&self) -> Target {
        Target {
            port: self.web.port,
            face: self.face.to_owned(),
            begun: AtomicBool::new(false),
            over: AtomicBool::new(false),
            thread: Mutex::default(),
        }
    }

    /// Echo times under an attack; what it uses is added to `used`.
    fn under(&mut self, act: fn(&Target), used: &mut Use) -> Vec<Duration> {
        let target = self.target();
        let frontend = PathBuf::from(format!("/proc/{}", self.web.server.role_pid("web")));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                *target.thread.lock().unwrap() = own_account();
                act(&target);
            });
            while !target.begun.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(1));
            }
            let attacker = target.thread.lock().unwrap().clone();
            let before = (Instant::now(), processor_time(&attacker), threads_time(&frontend));
            let times = (0..KEYS).map(|_| self.typist.key()).collect();
            used.time += before.0.elapsed();
            used.attacker += processor_time(&attacker).saturating_sub(before.1);
            used.frontend += threads_time(&frontend).saturating_sub(before.2);
            target.over.store(true, Ordering::Relaxed);
            times
        })
    }

    /// Echo times beside as much work as an attack and its target have used.
    fn beside(&mut self, used: &Use, piece: usize) -> Vec<Duration> {
        let target = self.target();
        let share = |part: Duration| part.as_secs_f64() / used.time.as_secs_f64();
        std::thread::scope(|scope| {
            let (attacker, frontend) = (share(used.attacker), share(used.frontend));
            let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let to = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
            let from = listener.accept().unwrap().0;
            let target = &target;
            scope.spawn(move || send(target, attacker, to, piece));
            scope.spawn(move || take(target, frontend, from));
            let times = (0..KEYS).map(|_| self.typist.key()).collect();
            target.over.store(true, Ordering::Relaxed);
            times
        })
    }
}

/// How long a stand-in works before it looks how much it has used: its turns are short, like those of an attacker and a
/// frontend who wait for each other.
const TURN: Duration = Duration::from_micros(100);

/// What a thread is to use of a processor, and has used.
struct Pace {
    share: f64,
    account: PathBuf,
    begun: Instant,
    before: Duration,
}

impl Pace {
    /// That of the thread that asks.
    fn of(share: f64) -> Pace {
        let account = own_account();
        let before = processor_time(&account);
        Pace { share, account, begun: Instant::now(), before }
    }

    /// Seconds of processor time it has used beyond its share; negative when it is behind.
    fn ahead(&self) -> f64 {
        // What it has used until now is in the account once it has let others go first.
        std::thread::yield_now();
        let used = processor_time(&self.account).saturating_sub(self.before).as_secs_f64();
        used - self.share * self.begun.elapsed().as_secs_f64()
    }

    /// Waits until it may use more; not for long, since the work may be over.
    fn keep(&self) {
        const WAIT_MAX: f64 = 0.01;
        let wait = (self.ahead() / self.share.max(0.001)).min(WAIT_MAX);
        if wait > 0.0 {
            std::thread::sleep(Duration::from_secs_f64(wait));
        }
    }
}

/// Stands in for an attacker: sends pieces of so many bytes, with `share` of a processor.
fn send(target: &Target, share: f64, mut to: TcpStream, piece: usize) {
    let (pace, bytes) = (Pace::of(share), vec![0; piece]);
    while target.goes_on() {
        pace.keep();
        let turn = Instant::now();
        while turn.elapsed() < TURN {
            if to.write_all(&bytes).is_err() {
                return;
            }
        }
    }
}

/// Stands in for the frontend: takes what comes, and does something about it with `share` of a processor.
fn take(target: &Target, share: f64, mut from: TcpStream) {
    let (pace, mut bytes) = (Pace::of(share), vec![0; LARGE]);
    while target.goes_on() && from.read(&mut bytes).is_ok_and(|n| n > 0) {
        pace.keep();
        let turn = Instant::now();
        while turn.elapsed() < TURN && pace.ahead() < 0.0 {
            std::hint::spin_loop();
        }
    }
}

/// Where the kernel accounts for the thread that asks.
fn own_account() -> PathBuf {
    Path::new("/proc").join(std::fs::read_link("/proc/thread-self").unwrap())
}

/// The processor time of a thread: the first number of its `schedstat`, in nanoseconds (proc(5)).
fn processor_time(account: &Path) -> Duration {
    let text = std::fs::read_to_string(account.join("schedstat")).unwrap_or_default();
    let nanoseconds = text.split_whitespace().next().and_then(|n| n.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap_or(0))
}

/// That of a process with all of its threads.
fn threads_time(process: &Path) -> Duration {
    let threads = std::fs::read_dir(process.join("task")).unwrap();
    threads.flatten().map(|thread| processor_time(&thread.path())).sum()
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
    let typist = Typist::new(&web.server);
    let mut scene = Scene { web: &web, face: &attacked, typist };
    for attack in ATTACKS {
        let best = (0..TRIES).map(|_| ratio(&mut scene, attack)).find(|r| *r <= RATIO_MAX);
        assert!(
            best.is_some(),
            "{}: an echo takes more than twice as long, {TRIES} times",
            attack.0
        );
    }
    assert_eq!(raw(web.port, b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").status, 200);
    assert!(!web.server.log().contains("web ended"), "{}", web.server.log());
}

/// How much longer an echo takes under an attack than beside as much other work.
fn ratio(scene: &mut Scene<'_>, attack: Attack) -> f64 {
    let (name, act, piece) = attack;
    let (mut under, mut beside, mut used) = (Vec::new(), Vec::new(), Use::default());
    for _ in 0..SLICES {
        under.extend(scene.under(act, &mut used));
        beside.extend(scene.beside(&used, piece));
    }
    let (under, beside) = (middle(under), middle(beside));
    let ratio = under.as_secs_f64() / beside.as_secs_f64();
    let share = |part: Duration| 100.0 * part.as_secs_f64() / used.time.as_secs_f64();
    let (attacker, frontend) = (share(used.attacker), share(used.frontend));
    println!(
        "{name}: the attacker uses {attacker:.0} %, the frontend {frontend:.0} %: \
         p50 {under:?}, beside as much other work {beside:?}, ratio {ratio:.2}"
    );
    ratio
}
