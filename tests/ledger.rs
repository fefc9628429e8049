//! Exactness across SIGKILL: a process that reads and writes a busy PTY is killed at random instants, hundreds of
//! times, and by the ledger and the kernel's account no byte is lost or doubled, in either direction.
//!
//! Run as root and again as an ordinary user. The control run ignores the record and must be caught: a test that
//! cannot fail proves nothing. No test harness: this binary is also the processes that are killed.

#![allow(clippy::unwrap_used)]

#[path = "ledger/roles.rs"]
mod roles;

use facemux::region::Region;
use facemux::sys::ledger::{AccountFile, Kind, LEDGER_BYTES, Ledger};
use facemux::sys::memory::{self, MappedRegion, Mapping, PAGE_BYTES};
use facemux::sys::poll::{self, Watched};
use facemux::sys::process::{self, Ended};
use facemux::sys::pty::{self, Pty};
use facemux::sys::tty::{Termios, WindowSize};
use facemux::sys::{signals, spawn};
use roles::{Counts, RING_BYTES, State, copier, expected_output, load};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode};
use std::time::{Duration, Instant};

const KILLS: u32 = 300;
const KILLS_MAX: u32 = 5000;
const CONTROL_KILLS: u32 = 200;
const NOBODY: u32 = 65534;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    match words.get(1).map(String::as_str) {
        Some("copier") => copier(),
        Some("load") => load(),
        Some("suite") => suite(),
        // What `cargo test` passes (filters, --nocapture) means nothing here.
        _ => {
            suite();
            if process::user() == 0 {
                as_ordinary_user();
            }
        }
    }
    ExitCode::SUCCESS
}

/// The same from a copy that anybody may run, as nobody.
fn as_ordinary_user() {
    let copy = std::env::temp_dir().join(format!("facemux-ledger-{}", std::process::id()));
    std::fs::copy(std::env::current_exe().unwrap(), &copy).unwrap();
    let status =
        Command::new(&copy).arg("suite").uid(NOBODY).gid(NOBODY).current_dir("/").status().unwrap();
    std::fs::remove_file(&copy).unwrap();
    assert!(status.success(), "as user {NOBODY}: {status}");
}

fn suite() {
    let seed = facemux::sys::clock::wall_ms() ^ (u64::from(std::process::id()) << 32);
    let mut run = Run::start(seed | 1);
    let mut kills = 0;
    // What a kill falls into is the scheduler's choice: on a busy machine it takes more of them.
    while kills < KILLS || (!run.tally.is_telling() && kills < KILLS_MAX) {
        run.one_life(true);
        kills += 1;
    }
    let tally = run.finish().unwrap();
    println!("ledger as user {}: {kills} kills, {tally:?}, seed {seed}", process::user());
    assert!(tally.is_telling(), "too few kills fell into a call: {tally:?}");

    let mut control = Run::start(seed | 1);
    for _ in 0..CONTROL_KILLS {
        control.one_life(false);
    }
    let caught = control.finish();
    assert!(
        caught.is_err(),
        "without the record {CONTROL_KILLS} kills lost nothing: the test sees nothing"
    );
}

/// What the kills fell into.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    /// The last call was a read whose bytes the dead process had not noted.
    reads_in_flight: u32,
    /// The same for a write.
    writes_in_flight: u32,
    /// It died before its first record.
    before_first: u32,
    bytes_read: u64,
    bytes_written: u64,
}

impl Tally {
    /// Enough of them to prove something, both ways.
    fn is_telling(&self) -> bool {
        self.reads_in_flight >= 10 && self.writes_in_flight >= 10
    }
}

struct Run {
    pty: Pty,
    ledger: OwnedFd,
    state_fd: OwnedFd,
    state: State,
    counts: Counts,
    load: Child,
    random: u64,
    tally: Tally,
    checked: u64,
    faults: Vec<String>,
}

impl Run {
    fn start(seed: u64) -> Run {
        let pty = pty::open(WindowSize { rows: 24, cols: 80, pixels: (0, 0) }, &[]).unwrap();
        Termios::of(&pty.slave).unwrap().raw().apply(&pty.slave).unwrap();
        let (counts_fd, region) = shared("counts", PAGE_BYTES);
        let slave = pty.slave.try_clone().unwrap();
        let load = spawn::role("/proc/self/exe", "load", &["load"], vec![slave, counts_fd], false)
            .unwrap();
        let (state_fd, state) = shared("state", PAGE_BYTES + RING_BYTES);
        Run {
            pty,
            ledger: memory::create_memfd("ledger", LEDGER_BYTES).unwrap(),
            state_fd,
            state: State::over(state),
            counts: Counts::over(region),
            load,
            random: seed,
            tally: Tally::default(),
            checked: 0,
            faults: Vec::new(),
        }
    }

    /// Starts the copier, kills it at a random instant, and recovers (unless `use_record` is false).
    fn one_life(&mut self, use_record: bool) {
        let fds = vec![&self.pty.master, &self.ledger, &self.state_fd];
        let fds = fds.into_iter().map(|fd| fd.try_clone().unwrap()).collect();
        // Reaped below by its pid, as the keeper does: its account is read from the zombie first.
        #[allow(clippy::zombie_processes)]
        let pid = spawn::role("/proc/self/exe", "copier", &["copier"], fds, false).unwrap().id();
        let account = AccountFile::open(pid).unwrap();
        let wait_for_record = !self.next_random().is_multiple_of(10);
        let patience = Instant::now() + Duration::from_secs(10);
        while wait_for_record && self.last_pid() != Some(pid) {
            assert!(Instant::now() < patience, "the copier does not start");
            std::thread::yield_now();
        }
        let until = Instant::now() + Duration::from_nanos(self.next_random() % 3_000_000);
        while Instant::now() < until {
            std::thread::yield_now();
        }
        process::kill(pid, signals::KILL).unwrap();
        wait_for_death(pid);
        let account = account.read().unwrap();
        assert_eq!(process::reap(pid).unwrap(), Some(Ended::Signal(signals::KILL)));
        let record = Ledger::open(&self.ledger).unwrap().0.last_record();
        match record.filter(|r| r.pid == pid) {
            None => self.tally.before_first += 1,
            Some(record) if use_record => {
                let read = record.returned_read(account.read);
                let written = record.returned_written(account.written);
                match record.kind {
                    Kind::PtyRead => {
                        let head = record.offset + read;
                        self.tally.reads_in_flight += u32::from(self.state.output_head() != head);
                        self.state.set_output_head(head);
                    }
                    Kind::PtyWrite => {
                        let head = record.offset + written;
                        self.tally.writes_in_flight += u32::from(self.state.input_head() != head);
                        self.state.set_input_head(head);
                    }
                    Kind::Other | Kind::TermRead | Kind::TermWrite => {}
                }
            }
            Some(_) => {}
        }
        self.check_output();
    }

    /// Every byte since the last check that the ring still has is the one the load wrote there.
    fn check_output(&mut self) {
        let head = self.state.output_head();
        let from = self.checked.max(head.saturating_sub(RING_BYTES as u64));
        if let Some(bad) = (from..head).find(|at| self.state.ring_byte(*at) != expected_output(*at))
        {
            self.faults.push(format!("output differs at {bad}"));
        }
        self.checked = head;
    }

    /// The load stops printing; what is under way is read out; both sides' counts must agree.
    fn finish(mut self) -> Result<Tally, String> {
        self.counts.ask_to_stop();
        let patience = Instant::now() + Duration::from_secs(10);
        let mut quiet = 0;
        while quiet < 20 {
            assert!(Instant::now() < patience, "the load does not stop");
            let mut bytes = [0; 4096];
            match nix::unistd::read(&self.pty.master, &mut bytes) {
                Ok(len) => {
                    let head = self.state.output_head();
                    let differs =
                        (head..).zip(&bytes[..len]).find(|(at, b)| **b != expected_output(*at));
                    self.faults.extend(differs.map(|(at, _)| format!("the rest differs at {at}")));
                    self.state.set_output_head(head + len as u64);
                    quiet = 0;
                }
                Err(_) => {
                    quiet += u32::from(self.counts.has_stopped());
                    std::thread::sleep(Duration::from_millis(5));
                }
            }
        }
        process::kill(self.load.id(), signals::KILL).unwrap();
        wait_for_death(self.load.id());
        process::reap(self.load.id()).unwrap();
        let (head, sent) = (self.state.output_head(), self.counts.sent());
        if head != sent {
            self.faults.push(format!("{sent} bytes were printed, {head} were read"));
        }
        let (head, taken) = (self.state.input_head(), self.counts.taken());
        if head != taken {
            self.faults.push(format!("{head} bytes were typed, {taken} arrived"));
        }
        if let Some(at) = self.counts.first_difference() {
            self.faults.push(format!("input differs at {at}"));
        }
        self.tally.bytes_read = self.state.output_head();
        self.tally.bytes_written = self.state.input_head();
        if self.faults.is_empty() { Ok(self.tally) } else { Err(self.faults.join("; ")) }
    }

    fn last_pid(&self) -> Option<u32> {
        Ledger::open(&self.ledger).unwrap().0.last_record().map(|r| r.pid)
    }

    fn next_random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random
    }
}

fn shared(name: &str, len: usize) -> (OwnedFd, MappedRegion) {
    let fd = memory::create_memfd(name, len).unwrap();
    let mut region = Mapping::of(&fd, len).unwrap().carve(&[len]).remove(0);
    region.bytes_mut()[..8].fill(0);
    (fd, region)
}

fn wait_for_death(pid: u32) {
    let pidfd = process::open_pidfd(pid).unwrap();
    let mut watched = [Watched::new(pidfd.as_fd(), true, false)];
    poll::wait(&mut watched, Some(Duration::from_secs(10))).unwrap();
    assert!(process::peek_end(pid).unwrap().is_some(), "process {pid} does not die");
}
