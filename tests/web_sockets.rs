//! WebSockets of the web frontend by hand: both languages, kills, floods, crowds.

#![cfg(feature = "web")]
#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;
#[path = "web/page.rs"]
mod page;
#[path = "web/served.rs"]
mod served;

use client::{Socket, connect, get, raw, read_answer};
use common::eventually;
use page::{Page, contains};
use served::Web;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Signals (signal(7)).
const STOP: i32 = 19;
const CONTINUE: i32 = 18;

#[test]
fn a_page_hears_of_the_clipboard_and_of_the_servers_end() {
    let web = Web::start("none");
    let face = web.server.face("while read line; do printf '\\033]52;c;aGVsbG8=\\007'; done");
    let mut page = Page::open(web.port, &face, "1", "");
    let mut heard = None;
    // The watch may begin a moment after the page: a program that writes but once is not lost on it for long.
    page.socket.stream.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    eventually("the clipboard's text", || {
        page.write(b"\n");
        while let Ok(said) = page.try_step() {
            heard = said.filter(|said| said["type"] == "clipboard").or(heard.take());
        }
        heard.clone()
    });
    assert_eq!(heard.unwrap()["base64"], "aGVsbG8=");
    page.socket.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    facemux::sys::process::kill(web.server.keeper_pid(), 15).unwrap();
    let mut draining = false;
    let code = loop {
        match page.try_step() {
            Ok(said) => draining |= said.is_some_and(|said| said["type"] == "draining"),
            Err(code) => break code,
        }
    };
    assert!(matches!(code, Some(1000 | 1001)), "{code:?}");
    assert!(draining || code == Some(1000));
}

#[test]
fn a_stock_ttyd_client_types_and_sees() {
    let web = Web::start("token");
    let face = web.server.face("printf 'before\\n'; exec cat");
    web.server.shows(&face, "before");
    let cookie = web.cookie(&web.token(&["--role", "driver"]));
    let ticket: serde_json::Value =
        serde_json::from_str(&get(web.port, "/token", &[&cookie]).body).unwrap();
    let path = format!("/ws?face={face}");
    // Its page cannot send the ticket but in its first frame.
    let mut client = Socket::open(web.port, &path, "tty", "").ok().unwrap();
    let hello =
        serde_json::json!({"AuthToken": ticket["token"], "columns": 90, "rows": 20}).to_string();
    client.frame(0x81, hello.as_bytes());
    let mut seen = Vec::new();
    let until = |client: &mut Socket, seen: &mut Vec<u8>, text: &str| {
        while !contains(seen, text) {
            let frame = client.next().expect("open");
            if frame.bytes.first() == Some(&b'0') {
                seen.extend_from_slice(&frame.bytes[1..]);
            }
        }
    };
    until(&mut client, &mut seen, "before");
    client.send(b"0hello\r");
    until(&mut client, &mut seen, "hello\r\nhello");
    client.send(br#"1{"columns":70,"rows":22}"#);
    eventually("the face has the client's size", || {
        web.server
            .run(&["info", &face, "--json"])
            .answer()
            .contains(r#""cols":70,"rows":22"#)
            .then_some(())
    });
    // The ticket is spent; an empty one is enough with the cookie.
    let mut second = Socket::open(web.port, &path, "tty", "").ok().unwrap();
    second.frame(0x81, hello.as_bytes());
    assert_eq!(second.closed(), Some(1008));
    let mut third = Socket::open(web.port, &path, "tty", &format!("{cookie}\r\n")).ok().unwrap();
    third.frame(0x81, br#"{"AuthToken":"","columns":80,"rows":24}"#);
    until(&mut third, &mut Vec::new(), "hello");
    web.server.run(&["kill", &face]).answer();
    assert_eq!(client.closed(), Some(1000));
    assert_eq!(Socket::open(web.port, "/ws", "tty", "").err().unwrap().status, 400);
    assert_eq!(Socket::open(web.port, &path, "chat", "").err().unwrap().status, 400);
}

#[test]
fn a_ttyd_client_reads_all_of_a_flood_also_after_a_pause() {
    let web = Web::start("none");
    let face = web.server.face("read line; seq 1 100000; read line; seq 100001 200000; exec cat");
    let mut client = Socket::open(web.port, &format!("/ws?face={face}"), "tty", "").ok().unwrap();
    client.frame(0x81, br#"{"AuthToken":"","columns":80,"rows":24}"#);
    let until = |client: &mut Socket, text: &str| {
        let mut tail = Vec::new();
        while !contains(&tail, text) {
            let frame = client.next().expect("open");
            if frame.bytes[0] == b'0' {
                tail.drain(..tail.len().saturating_sub(1000));
                tail.extend_from_slice(&frame.bytes[1..]);
            }
        }
    };
    client.send(b"0\r");
    until(&mut client, "100000");
    client.send(b"2");
    client.send(b"0\r");
    eventually("the face printed on without its client", || {
        web.server.snap(&face).contains("200000").then_some(())
    });
    client.send(b"3");
    until(&mut client, "200000");
}

/// Viewers of one face in the crowd, and those who were there before it.
const CROWD: usize = 200;
const FEW: usize = 10;
/// Bytes of output the crowd looks at: many times what the journal holds.
const FLOOD: usize = 8 << 20;
/// Looks at the daemon's memory during a flood.
const FLOOD_LOOKS: usize = 32;
/// KiB the daemon may grow by for each viewer.
const VIEWER_KIB: u64 = 1;

#[test]
fn a_crowd_costs_the_daemon_a_kibibyte_each() {
    let web = Web::start("none");
    let face = web.server.face("stty -echo; while read line; do yes 0123456789abcdef; done");
    let mut driver = Page::drive(web.port, &face, "1");
    // What a few viewers and a flood cost is there before the crowd comes.
    let few = look_on(&web, &face, FEW, Duration::ZERO);
    driver.write(b"\n");
    let daemon = web.server.role_pid("daemon");
    flood(&mut driver, daemon);
    let before = flood(&mut driver, daemon);
    let crowd = look_on(&web, &face, CROWD - FEW - 2, Duration::ZERO);
    // One never reads at all.
    let slowest = Page::look(web.port, &face, "3");
    flood(&mut driver, daemon);
    let grown = flood(&mut driver, daemon).saturating_sub(before);
    let read: Vec<usize> = few.iter().chain(&crowd).map(Looker::bytes).collect();
    let more = CROWD - FEW;
    let (least, most) = (read.iter().min().unwrap(), read.iter().max().unwrap());
    println!("{grown} KiB for {more} viewers more, who were shown {least} to {most} bytes each");
    assert!(*least > 0);
    assert!(grown <= more as u64 * VIEWER_KIB, "{grown} KiB for {more} viewers");
    drop(slowest);
}

/// Viewers who read all they get, and those beside them who read a little now and then, or nothing.
const QUICK: usize = 4;
const SLOW: usize = 4;
const STALLED: usize = 4;
/// How long a slow viewer waits before it takes another message.
const PAUSE: Duration = Duration::from_millis(20);
/// Bytes of output in a slice; pairs of slices with and without the slow in a try; how much of their rate the quick
/// keep at least; a machine that does something else for a moment is given another chance.
const SLICE: usize = 6 << 20;
const PAIRS: usize = 5;
const RATE_MIN: f64 = 0.7;
const TRIES: usize = 6;

#[test]
fn viewers_who_do_not_keep_up_slow_nobody() {
    let web = Web::start("none");
    let face = web.server.face("stty -echo; while read line; do yes 0123456789abcdef; done");
    let mut driver = Page::drive(web.port, &face, "1");
    let quick = look_on(&web, &face, QUICK, Duration::ZERO);
    driver.write(b"\n");
    read_on(&mut driver, SLICE);
    let ratio = |driver: &mut Page| {
        let mut ratios: Vec<f64> = (0..PAIRS)
            .map(|pair| {
                let beside = |driver: &mut Page| {
                    let slow = look_on(&web, &face, SLOW, PAUSE);
                    // Who may type is waited for a moment, once.
                    let stalled = Page::drive(web.port, &face, "4");
                    let more = [(); STALLED - 1].map(|()| Page::look(web.port, &face, "3"));
                    let rate = rate(driver, &quick);
                    drop((slow, stalled, more));
                    rate
                };
                // What the machine does otherwise counts for both.
                let (with, without) = if pair % 2 == 0 {
                    let with = beside(driver);
                    (with, rate(driver, &quick))
                } else {
                    let without = rate(driver, &quick);
                    (beside(driver), without)
                };
                with / without
            })
            .collect();
        ratios.sort_unstable_by(f64::total_cmp);
        println!("rate of the quick beside the slow, of that without them: {ratios:.2?}");
        ratios[PAIRS / 2]
    };
    let best = (0..TRIES).map(|_| ratio(&mut driver)).find(|ratio| *ratio >= RATE_MIN);
    assert!(best.is_some(), "the slow slow the quick, {TRIES} times");
}

/// Bytes a second that viewers get of a flood: a slice of it, when one has gone by.
fn rate(driver: &mut Page, quick: &[Looker]) -> f64 {
    read_on(driver, SLICE);
    let bytes = || quick.iter().map(Looker::bytes).sum::<usize>();
    let (begun, before) = (Instant::now(), bytes());
    read_on(driver, SLICE);
    (bytes() - before) as f64 / begun.elapsed().as_secs_f64()
}

/// A viewer who looks on until it is dropped.
struct Looker {
    shown: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl Looker {
    /// What it was shown so far.
    fn bytes(&self) -> usize {
        self.shown.load(Ordering::Relaxed)
    }
}

impl Drop for Looker {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
    }
}

/// So many viewers who read whatever they are shown, with a pause after each message.
fn look_on(web: &Web, face: &str, count: usize, pause: Duration) -> Vec<Looker> {
    let look = |_| {
        let mut page = Page::look(web.port, face, "2");
        let looker = Looker { shown: Arc::default(), over: Arc::default() };
        let (shown, over) = (looker.shown.clone(), looker.over.clone());
        std::thread::spawn(move || {
            while !over.load(Ordering::Relaxed) && page.try_step().is_ok() {
                shown.fetch_add(page.output.len() + page.restored.len(), Ordering::Relaxed);
                page.output.clear();
                page.restored.clear();
                std::thread::sleep(pause);
            }
        });
        looker
    };
    (0..count).map(look).collect()
}

/// Reads on for so much output.
fn read_on(driver: &mut Page, bytes: usize) {
    let mut read = 0;
    while read < bytes {
        driver.step();
        read += driver.output.len();
        driver.output.clear();
    }
}

/// Reads on for as much output as a flood has. Gives what the daemon had meanwhile, in KiB: the middle of many looks,
/// since its heap breathes.
fn flood(driver: &mut Page, daemon: u32) -> u64 {
    let mut looks = Vec::new();
    for _ in 0..FLOOD_LOOKS {
        read_on(driver, FLOOD / FLOOD_LOOKS);
        looks.push(memory_kib(daemon));
    }
    looks.sort_unstable();
    looks[FLOOD_LOOKS / 2]
}

/// What a process has on its heap and stack, in KiB: its code is the file's, the faces' memory is theirs.
fn memory_kib(pid: u32) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap();
    let line = text.lines().find(|l| l.starts_with("Anonymous:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn a_page_loses_and_doubles_nothing_when_daemon_and_web_are_killed() {
    let web = Web::start("none");
    let file = web.server.dir.path().join("typed");
    let face = web
        .server
        .face(&format!("stty -echo; echo go; read line; seq 1 40000; cat > {}", file.display()));
    web.server.shows(&face, "go");
    let mut page = Page::open(web.port, &face, "feed1", "");
    page.write(b"\n");
    let mut killed = 0;
    while !contains(&page.output[page.output.len().saturating_sub(400)..], "40000\r\n") {
        if page.try_step().is_err() {
            page.reopen(web.port, &face, "");
        }
        if killed < 2 && page.output.len() > 40_000 * (killed + 1) {
            killed += 1;
            web.kill(if killed == 1 { "daemon" } else { "web" });
        }
    }
    for line in 0..60u32 {
        page.write(format!("line {line}\n").as_bytes());
        match line {
            20 => web.kill("daemon"),
            40 => web.kill("web"),
            _ => {}
        }
        if line == 40 {
            while page.try_step().is_ok() {}
            page.reopen(web.port, &face, "");
        }
    }
    while page.accepted < page.typed {
        page.step();
    }
    let expected: String = (0..60).map(|n| format!("line {n}\n")).collect();
    eventually("all lines are typed, each once, in order", || {
        (std::fs::read_to_string(&file).unwrap_or_default() == expected).then_some(())
    });
    assert_eq!(page.restores, 1, "a page that keeps up is never lapped");
    let text = String::from_utf8_lossy(&page.output);
    let lines: Vec<u32> = text.lines().map(|line| line.parse().unwrap()).collect();
    let wrong = lines.iter().zip(1..).find(|(line, expected)| **line != *expected);
    assert_eq!((lines.len(), wrong), (40_000, None));
}

#[test]
fn a_programs_last_words_arrive_also_when_its_viewer_types_on() {
    let web = Web::start("none");
    let face = web.server.face("read line; echo last words");
    let mut page = Page::open(web.port, &face, "1a57", "");
    while page.restores == 0 {
        page.step();
    }
    let process = web.server.role_pid("web");
    facemux::sys::process::kill(process, STOP).unwrap();
    web.server.run(&["send", &face, "--keys", "Enter"]).answer();
    eventually("the program ends", || web.server.run(&["ls"]).answer().is_empty().then_some(()));
    page.write(b"too late");
    facemux::sys::process::kill(process, CONTINUE).unwrap();
    page.until("last words");
    while page.try_step().is_ok() {}
}

#[test]
fn a_new_daemon_is_told_the_pages_colours_again() {
    let web = Web::start("none");
    let ask =
        "printf '\\033]11;?\\033\\\\'; dd bs=64 count=1 2>/dev/null | tr -d '\\033\\007\\134'";
    let key = "dd bs=1 count=1 >/dev/null 2>&1";
    let face =
        web.server.face(&format!("stty -icanon -echo; echo up; while {key}; do {ask}; echo; done"));
    web.server.shows(&face, "up");
    let mut page = Page::open(web.port, &face, "c0105", "");
    page.say(&serde_json::json!({"type": "report", "background": "#123456"}));
    page.write(b"x");
    page.until("]11;rgb:1212/3434/5656");
    web.kill("daemon");
    page.output.clear();
    page.write(b"x");
    page.until("]11;rgb:1212/3434/5656");
}

#[test]
fn malformed_and_rude_clients_are_sent_away_and_nobody_else_feels_them() {
    let web = Web::start("none");
    let face = web.server.face("exec cat");
    let port = web.port;
    for (request, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
            501,
        ),
        ("GET / HTTP/1.1\nHost: a\n\n", 400),
        ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n x\r\n\r\n", 400),
        ("\x16\x03\x01\x02\0\x01\0\x01\x7c\r\n\r\n", 400),
    ] {
        assert_eq!(raw(port, request.as_bytes()).status, status, "{request:?}");
    }
    let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(20_000));
    assert_eq!(raw(port, long.as_bytes()).status, 431);
    let mut pages: Vec<Page> = (0..4).map(|_| Page::open(port, &face, "beef", "")).collect();
    let rude: [&dyn Fn(&mut Socket); 5] = [
        // A frame of a GiB, announced; an unmasked one; one with a reserved bit.
        &|s| drop(s.stream.write_all(&[0x82, 0xff, 0, 0, 0, 0, 0x40, 0, 0, 0, 1, 2, 3, 4])),
        &|s| drop(s.stream.write_all(&[0x82, 0x01, 0])),
        &|s| assert!(s.frame(0xf2, b"x")),
        // A message that never ends.
        &|s| {
            let part = vec![1; 32 * 1024];
            s.frame(0x02, &part);
            while s.frame(0x00, &part) {}
        },
        // Pings without end.
        &|s| while s.frame(0x89, b"") {},
    ];
    for (page, act) in pages.iter_mut().zip(rude).take(3) {
        act(&mut page.socket);
        while page.try_step().is_ok() {}
    }
    act_and_end(&mut pages[3], rude[3]);
    act_and_end(&mut Page::open(port, &face, "cafe", ""), rude[4]);
    // Half-open and slow connections by the hundred, and the face still answers.
    let mut slow: Vec<_> = (0..400).map(|_| connect(port)).collect();
    for stream in &mut slow {
        stream.write_all(b"GET / HTTP/1.1\r\nHost: 127").unwrap();
    }
    let mut page = Page::open(port, &face, "dead", "");
    let before = Instant::now();
    page.write(b"still here\r");
    page.until("still here\r\nstill here");
    assert!(before.elapsed() < Duration::from_secs(5), "{:?}", before.elapsed());
    assert_eq!(read_answer(&mut slow[0]).status, 408, "a head may take ten seconds");
}

/// A flood meets a closed door in the end.
fn act_and_end(page: &mut Page, act: &dyn Fn(&mut Socket)) {
    page.socket.stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    act(&mut page.socket);
    while page.try_step().is_ok() {}
}
