//! What runs in the faces: each knows what it must get and what it has printed, and says so in files.
//!
//! `record.NAME` has what a program printed, `count.NAME` what it has read so far, `fault.NAME` what went wrong,
//! `end.NAME` how much it printed in all, once a file `stop` was there, `late.NAME` what it has long waited for.

use crate::late::Wait;
use crate::rng::Rng;
use crate::voice::Voice;
use facemux::sys::poll::{self, Watched};
use facemux::sys::tty::{self, Termios};
use facemux::sys::{process, pty};
use std::fs::File;
use std::io::{Read, Write, stdin};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Runs the program that `words` name; gives `false` when they name none.
pub fn run(words: &[String]) -> bool {
    let [_, role, dir, name, rest @ ..] = words else { return false };
    let desk = || Desk::new(dir, name);
    match role.as_str() {
        "chaos-printer" => printer(&desk(), number(&rest[0]), number(&rest[1])),
        "chaos-echo" => echo(desk()),
        "chaos-asker" => asker(desk(), number(&rest[0])),
        "chaos-record" => record(desk(), rest),
        _ => return false,
    }
    true
}

fn number(word: &str) -> u64 {
    word.parse().unwrap()
}

/// A program's terminal and its files.
struct Desk {
    dir: PathBuf,
    name: String,
    terminal: File,
    record: File,
    printed: u64,
}

impl Desk {
    fn new(dir: &str, name: &str) -> Desk {
        let terminal: File = stdin().as_fd().try_clone_to_owned().unwrap().into();
        Termios::of(&terminal).unwrap().raw().apply(&terminal).unwrap();
        let dir = PathBuf::from(dir);
        let record = File::create(dir.join(format!("record.{name}"))).unwrap();
        Desk { dir, name: name.to_owned(), terminal, record, printed: 0 }
    }

    fn print(&mut self, bytes: &[u8]) {
        (&self.terminal).write_all(bytes).unwrap();
        self.record.write_all(bytes).unwrap();
        self.printed += bytes.len() as u64;
    }

    /// What was typed, waiting at most `patience` for it; empty when nothing was.
    fn read(&mut self, patience: Duration) -> Vec<u8> {
        let mut watched = [Watched::new(self.terminal.as_fd(), true, false)];
        poll::wait(&mut watched, Some(patience)).unwrap();
        if !watched[0].readable {
            return Vec::new();
        }
        let mut bytes = [0; 4096];
        let read = (&self.terminal).read(&mut bytes).unwrap();
        assert!(read > 0, "hung up");
        bytes[..read].to_vec()
    }

    fn say(&self, file: &str, text: &str) {
        let place = self.dir.join(format!("{file}.{}", self.name));
        let new = self.dir.join(format!("{file}.{}.new", self.name));
        std::fs::write(&new, text).unwrap();
        std::fs::rename(&new, &place).unwrap();
    }

    fn fault(&self, text: &str) {
        self.say("fault", text);
        park();
    }

    fn stops(&self) -> bool {
        self.dir.join("stop").exists()
    }

    /// Says how much was printed; what is typed from now on is too much.
    fn end(&mut self) {
        self.say("end", &self.printed.to_string());
        loop {
            let late = self.read(Duration::from_secs(3600));
            if !late.is_empty() {
                self.fault(&format!("typed after the end: {:?}", String::from_utf8_lossy(&late)));
            }
        }
    }
}

fn park() {
    loop {
        std::thread::park();
    }
}

/// Prints what its seed says, `rate` bytes a second on average, in bursts.
fn printer(desk: &Desk, seed: u64, rate: u64) {
    let (mut voice, mut pace, mut printed) = (Voice::new(seed), Rng::new(!seed), 0u64);
    let began = Instant::now();
    while !desk.stops() {
        let burst = 1 + pace.spread(18).min(rate);
        let mut bytes = Vec::new();
        while (bytes.len() as u64) < burst {
            voice.speak(&mut bytes);
        }
        (&desk.terminal).write_all(&bytes).unwrap();
        printed += bytes.len() as u64;
        let due = began + Duration::from_millis(printed * 1000 / rate.max(1));
        while Instant::now() < due && !desk.stops() {
            std::thread::sleep(Duration::from_millis(5).min(due - Instant::now().min(due)));
        }
    }
    desk.say("end", &printed.to_string());
    park();
}

/// Reads words from several typists at once, each of whom counts from 1, and prints them again.
fn echo(mut desk: Desk) {
    let (mut held, mut counts, mut keys) = ([0u64; VOICES], [0u64; VOICES], 0);
    let mut quiet = Instant::now();
    loop {
        let typed = desk.read(Duration::from_millis(100));
        if typed.is_empty() {
            let said = ('a'..).zip(counts).map(|(who, n)| format!("{who} {n}\n"));
            desk.say("count", &said.collect::<String>());
            if desk.stops() && quiet.elapsed() > SETTLED {
                let wanted: u64 = counts.iter().map(|n| n / KEYS_EVERY).sum();
                if keys != wanted || held != [0; VOICES] {
                    return desk.fault(&format!("read {keys} of {wanted} keys, {held:?} is left"));
                }
                return desk.end();
            }
            continue;
        }
        quiet = Instant::now();
        let mut shown = String::new();
        for byte in typed {
            let voice = usize::from(byte >> 5).wrapping_sub(1);
            match (byte, byte & 0x1f | 0x20) {
                (2, _) => keys += 1,
                _ if voice >= VOICES => return desk.fault(&format!("read {byte:#x}")),
                (_, b @ b'0'..=b'9') => held[voice] = held[voice] * 10 + u64::from(b - b'0'),
                (_, b';') => {
                    let n = std::mem::take(&mut held[voice]);
                    counts[voice] += 1;
                    if n != counts[voice] {
                        let wanted = counts[voice];
                        return desk.fault(&format!("voice {voice}: {n}, not {wanted}"));
                    }
                    shown += &format!("\x1b[3{}m{voice}.{n}\x1b[m\r\n", n % 8);
                }
                _ => return desk.fault(&format!("read {byte:#x}")),
            }
        }
        desk.print(shown.as_bytes());
    }
}

/// How many may type into one face: what each types is told from the others' byte by byte, for where one's input is
/// cut in pieces another's may come between.
pub const VOICES: usize = 3;
/// Each so many-th word has the first of the keys that detach in it.
const KEYS_EVERY: u64 = 7;

/// What is typed as the `n`th word of a typist: some with the first of the keys that detach, twice, which reaches the
/// program once. Into an editor (`v...`) each is a line; a page (`p...`) has no such keys; the name's last letter is
/// the typist's voice.
pub fn word(who: &str, n: u64) -> String {
    let keys = match who.as_bytes()[0] {
        _ if !n.is_multiple_of(KEYS_EVERY) => "",
        b'p' => "\x02",
        _ => "\x02\x02",
    };
    if who.starts_with('v') {
        return format!("{who}.{n}{keys}\r");
    }
    let voice = 0x20 * (who.as_bytes()[who.len() - 1] - b'a');
    let text = format!("{n}{keys};").into_bytes();
    text.into_iter().map(|b| char::from(if b == 2 { b } else { b + voice })).collect()
}

/// A question and its answer.
fn question(rng: &mut Rng) -> (String, String) {
    let (row, col) = (1 + rng.below(24), 1 + rng.below(80));
    match rng.below(9) {
        0 | 1 => (format!("\x1b[{row};{col}H\x1b[6n"), format!("\x1b[{row};{col}R")),
        2 => (format!("\x1b[{row};{col}H\x1b[?6n"), format!("\x1b[?{row};{col}R")),
        3 => ("\x1b[5n".into(), "\x1b[0n".into()),
        4 => ("\x1b[c".into(), "\x1b[?62;22c".into()),
        5 => (format!("\x1b[?25{}\x1b[?25$p", ["h", "l"][(row % 2) as usize]), {
            format!("\x1b[?25;{}$y", 1 + row % 2)
        }),
        6 => ("\x1b[18t".into(), "\x1b[8;24;80t".into()),
        7 => ("\x1b]11;?\x07".into(), "\x1b]11;rgb:0000/0000/0000\x07".into()),
        _ => ("\x1b[m\x1bP$qm\x1b\\".into(), "\x1bP1$r0m\x1b\\".into()),
    }
}

/// Asks its terminal and checks the answers: each once, in order, nothing else.
fn asker(mut desk: Desk, seed: u64) {
    let (mut rng, mut asked) = (Rng::new(seed), 0u64);
    while !desk.stops() {
        let (mut text, mut wanted) = (Vec::new(), Vec::new());
        for _ in 0..1 + rng.spread(5) {
            let (question, answer) = question(&mut rng);
            text.extend_from_slice(question.as_bytes());
            wanted.extend_from_slice(answer.as_bytes());
            asked += 1;
        }
        text.extend_from_slice(format!("<{asked}>").as_bytes());
        // Also in pieces, so that a daemon dies inside a question.
        let cut = rng.below(text.len() as u64 + 1) as usize;
        desk.print(&text[..cut]);
        if rng.once_in(3) {
            std::thread::sleep(Duration::from_millis(rng.spread(4)));
        }
        desk.print(&text[cut..]);
        if let Err(why) = hear(&mut desk, wanted) {
            return desk
                .fault(&format!("{why} to {}", String::from_utf8_lossy(&text).escape_debug()));
        }
        std::thread::sleep(Duration::from_millis(rng.spread(3)));
    }
    desk.say("count", &format!("asked {asked}\n"));
    desk.end();
}

/// A question that nothing else asks, and its answer.
const LATER: (&[u8], &[u8]) = (b"\x1b[?7777$p", b"\x1b[?7777;0$y");

/// Takes the answers that are `wanted`. While they are late another question is asked: answers come in order, so with
/// the answer to that one whatever is still missing is lost, and without it nothing is known to be.
fn hear(desk: &mut Desk, mut wanted: Vec<u8>) -> Result<(), String> {
    let mut wait = Wait::begin(&desk.dir, &desk.name, "answers");
    let (mut got, mut asked_again) = (Vec::new(), false);
    while got.len() < wanted.len() && wanted.starts_with(&got) && wait.goes_on() {
        got.extend(desk.read(Duration::from_millis(100)));
        if got.len() < wanted.len() && wait.is_late() && !asked_again {
            desk.print(LATER.0);
            wanted.extend_from_slice(LATER.1);
            asked_again = true;
        }
    }
    if got == wanted {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&got).escape_debug().to_string();
    Err(match (wanted.starts_with(&got), asked_again) {
        (true, _) => {
            format!("STUCK, neither lost nor doubled: {}; answered so far {told}", wait.story())
        }
        (false, true) => {
            format!("LOST or doubled: a question asked 8 s later was answered; answered {told}")
        }
        (false, false) => format!("LOST or doubled: answered {told}"),
    })
}

/// A program that has read all and prints nothing for this long has done all.
const SETTLED: Duration = Duration::from_secs(1);

/// Runs a program on a terminal of its own, copies both ways, and keeps what it prints.
#[allow(clippy::zombie_processes)] // Both end with the face.
fn record(mut desk: Desk, argv: &[String]) {
    let inner = pty::open(tty::window_size(&desk.terminal).unwrap(), &[]).unwrap();
    let end = || Stdio::from(inner.slave.try_clone().unwrap());
    let mut command = Command::new("setsid");
    command.args(["--ctty", "--"]).args(argv);
    let mut child = command.stdin(end()).stdout(end()).stderr(end()).spawn().unwrap();
    let slave = inner.slave;
    let master: File = inner.master.into();
    process::set_nonblocking(&master).unwrap();
    let (mut waiting, mut quiet) = (Vec::new(), Instant::now());
    loop {
        let mut watched = [
            Watched::new(desk.terminal.as_fd(), waiting.len() < 4096, false),
            Watched::new(master.as_fd(), true, !waiting.is_empty()),
        ];
        poll::wait(&mut watched, Some(Duration::from_millis(100))).unwrap();
        let (typed, printed) = (watched[0].readable, watched[1].readable);
        let mut bytes = [0; 4096];
        if typed {
            waiting.extend(desk.read(Duration::ZERO));
        }
        if let Ok(n) = (&master).write(&waiting) {
            waiting.drain(..n);
        }
        if printed {
            let read = (&master).read(&mut bytes).unwrap_or(0);
            desk.print(&bytes[..read]);
        }
        // What it was typed and has not read yet.
        let unread = waiting.len() + tty::readable_bytes(&slave).unwrap();
        if typed || printed || unread > 0 {
            quiet = Instant::now();
        } else if desk.stops() && quiet.elapsed() > SETTLED {
            assert!(child.try_wait().unwrap().is_none(), "{argv:?} has ended");
            drop(slave);
            return desk.end();
        }
    }
}

/// The first few files of a kind, as `NAME: text`.
pub fn said(dir: &Path, kind: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let name = entry.file_name().into_string().unwrap_or_default();
        if let Some(who) = name.strip_prefix(&format!("{kind}."))
            && !who.ends_with("new")
        {
            let text = std::fs::read_to_string(entry.path()).unwrap_or_default();
            found.push(format!("{who}: {text}"));
        }
    }
    found
}
