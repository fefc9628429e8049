//! What must hold when the storm is over.

use crate::common::children;
use crate::guests::{Caller, Guest};
use crate::programs::said;
use crate::stream::{Seen, fresh};
use crate::terminal::Sat;
use crate::voice::Voice;
use crate::world::{Face, Truth, World};
use facemux::sys::procfs;
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::{Offset, Size};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// Rows of history compared.
const ROWS: usize = 300;

/// What was seen, for the summary.
#[derive(Default)]
pub struct Figures {
    pub bytes: u64,
    pub transcripts: u64,
    pub transcript_bytes: u64,
    pub resumes: u64,
    pub restores: u64,
    pub laps: u64,
    pub words: u64,
    pub screens: u64,
    pub terminals: u64,
    pub pages: u64,
    pub returns: u64,
    pub calls: u64,
    /// Faces that came and ended, terminals that were lent and given back.
    pub ended: u64,
    pub given_back: u64,
    /// Bytes that a face's screen or a transcript lacks or has wrong, and bytes it has too many.
    pub lost: u64,
    pub doubled: u64,
    pub words_lost: u64,
    pub words_doubled: u64,
}

impl Figures {
    /// Counts what was to be had and what was got of it.
    fn count(&mut self, printed: usize, got: usize) {
        self.lost += printed.saturating_sub(got) as u64;
        self.doubled += got.saturating_sub(printed) as u64;
    }
}

impl World {
    pub fn check(&mut self) -> Figures {
        let mut figures = Figures::default();
        for visitor in std::mem::take(&mut self.visitors) {
            let mut visits = visitor.join().unwrap();
            figures.ended += visits.ended;
            figures.given_back += visits.given_back;
            self.faults.append(&mut visits.faults);
        }
        let truths: BTreeMap<String, Vec<u8>> =
            self.faces.iter().map(|face| (face.id.clone(), self.truth(face))).collect();
        let faces = std::mem::take(&mut self.faces);
        for face in &faces {
            figures.bytes += truths[&face.id].len() as u64;
            figures.screens += 1;
            self.check_face(face, &truths[&face.id], &mut figures);
        }
        self.faces = faces;
        self.orders.finish.store(true, Ordering::Relaxed);
        let mut typed = BTreeMap::new();
        for stream in std::mem::take(&mut self.streams) {
            let seen = stream.join().unwrap();
            typed.extend(
                seen.part.typist.clone().map(|who| (who, (seen.part.face.clone(), seen.typed))),
            );
            self.check_stream(&seen, &truths[&seen.part.face], &mut figures);
        }
        for guest in std::mem::take(&mut self.guests) {
            match guest.join() {
                Ok(guest) => {
                    let (face, n) = (guest.face.clone(), guest.typed);
                    typed.extend(guest.typist.clone().map(|who| (who, (face, n))));
                    self.check_page(&guest, &truths[&guest.face], &mut figures);
                }
                Err(_) => self.faults.push("a page panicked, see above".into()),
            }
        }
        for caller in std::mem::take(&mut self.callers) {
            let Caller { face, terminal, calls } = caller.join().unwrap();
            figures.calls += calls;
            figures.terminals += 1;
            self.check_terminal(Sat { face, typist: None, terminal, typed: 0, calls });
        }
        for sat in std::mem::take(&mut self.sats) {
            let sat = sat.join().unwrap();
            typed.extend(sat.typist.clone().map(|who| (who, (sat.face.clone(), sat.typed))));
            figures.terminals += 1;
            self.check_terminal(sat);
        }
        figures.words = typed.values().map(|(_, n)| n).sum();
        self.check_typed(&typed, &mut figures);
        self.check_left();
        self.faults.append(&mut self.tally.faults);
        figures
    }

    /// What a face's program printed.
    fn truth(&self, face: &Face) -> Vec<u8> {
        let end = face.end.load(Ordering::Relaxed) as usize;
        match face.truth {
            Truth::Voice(seed) => Voice::first(seed, end),
            Truth::Record => {
                let place = self.server.dir.path().join(format!("record.{}", face.name));
                std::fs::read(place).unwrap_or_default()
            }
            Truth::Text(text) => text.into(),
        }
    }

    /// The screen is, byte for byte, what an uninterrupted run of the same output gives.
    fn check_face(&mut self, face: &Face, truth: &[u8], figures: &mut Figures) {
        let mut model = Terminal::new(Size::DEFAULT, History::growing(1 << 20, 10_000));
        model.feed(truth, &mut Unwatched);
        let expected = [model.restore(ROWS), model.unfinished()].concat();
        let until = Instant::now() + self.plan.patience;
        let mut info = self.info(&face.id);
        while info["offset"].as_u64() < Some(truth.len() as u64) && Instant::now() < until {
            std::thread::sleep(Duration::from_millis(10));
            info = self.info(&face.id);
        }
        figures.count(truth.len(), info["offset"].as_u64().unwrap_or(0) as usize);
        if info["offset"].as_u64() != Some(truth.len() as u64) {
            let (got, wanted) = (&info["offset"], truth.len());
            self.faults.push(format!("{} printed {wanted} bytes, {got} were read", face.name));
        }
        if info["pid"].as_u64() != Some(face.pid) || !info["note"].is_null() {
            self.faults.push(format!("{} is not what it was: {info}", face.name));
        }
        let args = ["snap", &face.id, "--format", "ansi", "--history", &ROWS.to_string()];
        let snap = self.server.dir.command(&args).output().unwrap().stdout;
        if snap != expected {
            self.faults.push(format!("the screen of {}{}", face.name, differ(&expected, &snap)));
        }
    }

    fn check_stream(&mut self, seen: &Seen, truth: &[u8], figures: &mut Figures) {
        self.faults.extend(seen.faults.iter().cloned());
        let part = &seen.part;
        if !part.reads || part.size != Size::DEFAULT {
            return;
        }
        figures.transcripts += 1;
        figures.transcript_bytes += seen.bytes.len() as u64;
        figures.resumes += seen.resumes;
        figures.restores += seen.restores;
        figures.laps += seen.laps;
        let who = format!("viewer {:x} of face {}", part.seed, part.face);
        // One who never had a place in the output has seen nothing of it.
        let from = if seen.from == Offset::UNKNOWN.0 { 0 } else { seen.from as usize };
        let printed = truth.get(from..from + seen.bytes.len()).unwrap_or_default();
        figures.count(truth.len(), from + seen.bytes.len());
        figures.lost += wrong(printed, &seen.bytes);
        if !is_shown(printed, &seen.bytes) {
            self.faults.push(format!("the transcript of {who}{}", differ(printed, &seen.bytes)));
        }
        let straight = part.socket == self.server.socket();
        if straight && part.drive && seen.undue > 1 {
            self.faults
                .push(format!("{who} read all the time and was restored {} times", seen.undue));
        }
        let mut model = fresh(part.size);
        model.feed(truth, &mut Unwatched);
        let restored = from > 0;
        let (expected, got) = (look(&model, restored), look(&seen.terminal, restored));
        if expected != got {
            self.faults.push(format!("the screen of {who}{}", differ(&expected, &got)));
        }
    }

    /// A page has had every byte since its last restore, and shows the face.
    fn check_page(&mut self, guest: &Guest, truth: &[u8], figures: &mut Figures) {
        figures.pages += 1;
        figures.returns += guest.returns;
        let (page, who) = (&guest.page, format!("a page of face {}", guest.face));
        if guest.unaccepted {
            let (of, accepted) = (page.typed, page.accepted);
            self.faults.push(format!("{who} typed {of} bytes, {accepted} were accepted in time"));
        }
        let end = page.offset.unwrap_or(0) as usize;
        let printed = end.checked_sub(page.output.len()).and_then(|from| truth.get(from..end));
        let printed = printed.unwrap_or_default();
        figures.count(truth.len(), end);
        figures.lost += wrong(printed, &page.output);
        if end != truth.len() || !is_shown(printed, &page.output) {
            let told = differ(printed, &page.output);
            self.faults.push(format!("{who} saw {end} of {} bytes; it{told}", truth.len()));
        }
        let (mut model, mut shown) = (fresh(Size::DEFAULT), fresh(Size::DEFAULT));
        model.feed(truth, &mut Unwatched);
        shown.feed(&[&page.restored[..], &page.output[..]].concat(), &mut Unwatched);
        let restored = end > page.output.len();
        let (expected, got) = (look(&model, restored), look(&shown, restored));
        if expected != got {
            self.faults.push(format!("the screen of {who}{}", differ(&expected, &got)));
        }
    }

    /// The terminal shows the face, and is given back as it was.
    fn check_terminal(&mut self, mut sat: Sat) {
        let face = self.faces.iter().find(|face| face.id == sat.face).unwrap();
        let mut model = fresh(Size::DEFAULT);
        model.feed(&self.truth(face), &mut Unwatched);
        let until = Instant::now() + self.plan.patience;
        let looks = |sat: &Sat| {
            // The reset with which a daemon begins to paint a used terminal.
            let restored = sat.terminal.bytes.windows(4).any(|bytes| bytes == b"\x1b[!p");
            (look(&model, restored), look(&sat.shown(), restored))
        };
        let (mut expected, mut got) = looks(&sat);
        while got != expected && Instant::now() < until {
            sat.terminal.collect(Duration::from_millis(100));
            (expected, got) = looks(&sat);
        }
        if got != expected {
            let text = format!("the terminal at {}{}", face.name, differ(&expected, &got));
            self.faults.push(text);
        }
        sat.terminal.type_collecting(b"\x02d");
        let until = Instant::now() + self.plan.patience;
        while sat.terminal.poll_end().is_none() && Instant::now() < until {
            sat.terminal.collect(Duration::from_millis(5));
        }
        let code = sat.terminal.poll_end();
        if code != Some(0) || sat.terminal.settings() != sat.terminal.before {
            let (bytes, kind) = (&sat.terminal.bytes, if sat.calls > 0 { "SSH " } else { "" });
            let last = String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(300)..]);
            let last = last.escape_debug();
            let text = format!("the {kind}terminal at {} ended with {code:?}: {last}", face.name);
            self.faults.push(text);
        }
    }

    /// Each typed word has arrived once: the programs have counted, and complained about any other order.
    fn check_typed(&mut self, typed: &BTreeMap<String, (String, u64)>, figures: &mut Figures) {
        let mut arrived = BTreeMap::new();
        for text in said(self.server.dir.path(), "count") {
            let (name, lines) = text.split_once(": ").unwrap_or_default();
            for line in lines.lines() {
                if let Some((voice, n)) = line.split_once(' ') {
                    let n = n.parse::<u64>().unwrap_or(0);
                    arrived.insert((name.to_owned(), voice.to_owned()), n);
                }
            }
        }
        for (who, (id, n)) in typed {
            let face = self.faces.iter().find(|face| face.id == *id).unwrap();
            if !face.name.starts_with("echo") {
                continue;
            }
            let voice = who[who.len() - 1..].to_owned();
            let got = arrived.get(&(face.name.clone(), voice)).copied().unwrap_or(0);
            figures.words_lost += n.saturating_sub(got);
            figures.words_doubled += got.saturating_sub(*n);
            if got != *n {
                self.faults
                    .push(format!("{who} typed {n} words into {}, {got} arrived", face.name));
            }
        }
    }

    /// Faces end and leave no process and no descriptor.
    fn check_left(&mut self) {
        // Visitors' as well, of whom nobody knew that they were there.
        let listed: serde_json::Value =
            serde_json::from_str(&self.server.run(&["ls", "--json"]).out).unwrap_or_default();
        let faces = listed.as_array().into_iter().flatten().map(|face| face["id"].to_string());
        let faces: Vec<String> = faces.collect();
        let words: Vec<&str> =
            std::iter::once("kill").chain(faces.iter().map(String::as_str)).collect();
        let ran = self.server.run(&words);
        if ran.code != 0 {
            self.faults.push(format!("kill: {}", ran.err));
        }
        let until = Instant::now() + self.plan.patience;
        loop {
            let roles = children(self.server.keeper_pid()).len();
            let all = procfs::all();
            let under = procfs::descendants(&all, &[self.server.keeper_pid()]);
            let open = self.open_descriptors();
            if roles == 3 && under.len() == 3 && open == self.descriptors {
                return;
            }
            if Instant::now() > until {
                let text = format!(
                    "left over: {under:?}; descriptors {open:?}, {:?} before",
                    self.descriptors
                );
                return self.faults.push(text);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// A terminal's restore as a terminal restored from it gives it: two that look and behave the same give the same. Of
/// one that was `restored` on the way the saved cursors are left out: their rows move with the text into a history
/// that it has less of (src/term/restore/exact.rs).
fn look(terminal: &Terminal, restored: bool) -> Vec<u8> {
    let mut again = fresh(terminal.size());
    again.feed(&terminal.restore(0), &mut Unwatched);
    if restored {
        again.feed(b"\x1b7\x1b[?47h\x1b7\x1b[?47l\x1b7", &mut Unwatched);
    }
    again.restore(0)
}

/// Whether a viewer got what was printed, but for what is silenced.
fn is_shown(printed: &[u8], got: &[u8]) -> bool {
    printed.len() == got.len() && wrong(printed, got) == 0
}

/// Bytes that are neither what was printed nor silenced.
fn wrong(printed: &[u8], got: &[u8]) -> u64 {
    got.iter().zip(printed).filter(|(got, printed)| got != printed && **got != 0).count() as u64
}

fn differ(expected: &[u8], got: &[u8]) -> String {
    let at = expected.iter().zip(got).take_while(|(a, b)| a == b).count();
    let part = |bytes: &[u8]| {
        let from = at.saturating_sub(40).min(bytes.len());
        let text = String::from_utf8_lossy(&bytes[from..bytes.len().min(at + 80)]).into_owned();
        text.escape_debug().to_string()
    };
    format!(
        " differs at {at} of {} and {}:\n  expected {}\n  got      {}",
        expected.len(),
        got.len(),
        part(expected),
        part(got)
    )
}
