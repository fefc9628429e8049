//! The processes of the ledger's test: the copier, which is killed, and the load at the other end of its PTY.

use facemux::region::Region;
use facemux::sys::ledger::{Kind, Ledger};
use facemux::sys::memory::{MappedRegion, Mapping, PAGE_BYTES};
use facemux::sys::poll::{self, Watched};
use facemux::sys::{memory, process};
use facemux::units::FaceId;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Bytes of output that the state keeps for the check.
pub const RING_BYTES: usize = 1 << 20;

/// The byte the load prints at `offset`.
pub fn expected_output(offset: u64) -> u8 {
    mixed(offset)
}

/// The byte the copier types at `offset`.
fn expected_input(offset: u64) -> u8 {
    mixed(offset ^ 0x5555_0000)
}

fn mixed(number: u64) -> u8 {
    (number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8
}

/// What outlives the copier: how far it read and wrote, and the last it read.
pub struct State(MappedRegion);

impl State {
    pub fn over(region: MappedRegion) -> State {
        State(region)
    }

    pub fn output_head(&self) -> u64 {
        word(&self.0, 0)
    }

    pub fn set_output_head(&mut self, head: u64) {
        set_word(&mut self.0, 0, head);
    }

    pub fn input_head(&self) -> u64 {
        word(&self.0, 1)
    }

    pub fn set_input_head(&mut self, head: u64) {
        set_word(&mut self.0, 1, head);
    }

    pub fn ring_byte(&self, offset: u64) -> u8 {
        self.0.bytes()[PAGE_BYTES + offset as usize % RING_BYTES]
    }

    fn ring_from(&mut self, offset: u64, len_max: usize) -> &mut [u8] {
        let at = offset as usize % RING_BYTES;
        let end = (at + len_max).min(RING_BYTES);
        &mut self.0.bytes_mut()[PAGE_BYTES + at..PAGE_BYTES + end]
    }
}

/// What the load has done, and whether it shall stop printing.
pub struct Counts(MappedRegion);

impl Counts {
    pub fn over(region: MappedRegion) -> Counts {
        Counts(region)
    }

    pub fn sent(&self) -> u64 {
        word(&self.0, 0)
    }

    pub fn taken(&self) -> u64 {
        word(&self.0, 1)
    }

    pub fn first_difference(&self) -> Option<u64> {
        word(&self.0, 2).checked_sub(1)
    }

    pub fn ask_to_stop(&mut self) {
        set_word(&mut self.0, 3, 1);
    }

    pub fn has_stopped(&self) -> bool {
        word(&self.0, 4) == 1
    }
}

// Volatile, because another process writes the same memory: each word is one store.
fn word(region: &MappedRegion, n: usize) -> u64 {
    let bytes = std::hint::black_box(&region.bytes()[n * 8..n * 8 + 8]);
    u64::from_le_bytes(bytes.try_into().unwrap())
}

fn set_word(region: &mut MappedRegion, n: usize, value: u64) {
    let place = std::hint::black_box(&mut region.bytes_mut()[n * 8..n * 8 + 8]);
    place.copy_from_slice(&value.to_le_bytes());
    std::hint::black_box(place);
}

fn given(number: i32) -> OwnedFd {
    process::inherited(number).unwrap()
}

fn mapped(fd: &OwnedFd) -> MappedRegion {
    let len = memory::length(fd).unwrap();
    Mapping::of(fd, len).unwrap().carve(&[len]).remove(0)
}

/// Copies the PTY's output into the ring and types into it, as fast as it can, until it is killed.
pub fn copier() {
    let (master, ledger, state) = (given(3), given(4), given(5));
    let mut state = State::over(mapped(&state));
    let (mut ledger, _) = Ledger::open(&ledger).unwrap();
    ledger.start();
    let face = FaceId(1);
    for turn in 0u64.. {
        let head = state.output_head();
        let len = 1 + (mixed(turn) as usize) * 256;
        let place = state.ring_from(head, len);
        let read = ledger.read(Kind::PtyRead, face, head, 0, master.as_fd(), place);
        if let Ok(got) = &read {
            state.set_output_head(head + *got as u64);
        }
        let head = state.input_head();
        let text: Vec<u8> = (head..head + 64 + turn % 512).map(expected_input).collect();
        let written = ledger.write(Kind::PtyWrite, face, head, 0, master.as_fd(), &text);
        if let Ok(put) = &written {
            state.set_input_head(head + *put as u64);
        }
        if turn % 64 == 0 {
            let stat = ledger.other(|| std::fs::read("/proc/self/stat"));
            assert!(!stat.unwrap().is_empty());
        }
        if read.is_err() && written.is_err() {
            let mut watched = [Watched::new(master.as_fd(), true, true)];
            poll::wait(&mut watched, Some(Duration::from_millis(100))).unwrap();
        }
    }
}

/// Prints and reads at the slave's side, as fast as it can; stops printing when asked.
pub fn load() {
    let (slave, counts) = (given(3), given(4));
    process::set_nonblocking(&slave).unwrap();
    let mut counts = mapped(&counts);
    let mut typed = [0; 4096];
    loop {
        let stop = word(&counts, 3) == 1;
        let sent = word(&counts, 0);
        let text: Vec<u8> = (sent..sent + 3000).map(expected_output).collect();
        let put = if stop { 0 } else { nix::unistd::write(&slave, &text).unwrap_or(0) };
        set_word(&mut counts, 0, sent + put as u64);
        let taken = word(&counts, 1);
        let got = nix::unistd::read(&slave, &mut typed).unwrap_or(0);
        let differs = (taken..).zip(&typed[..got]).find(|(at, b)| **b != expected_input(*at));
        if let Some((at, _)) = differs
            && word(&counts, 2) == 0
        {
            set_word(&mut counts, 2, at + 1);
        }
        set_word(&mut counts, 1, taken + got as u64);
        if put == 0 && got == 0 {
            set_word(&mut counts, 4, u64::from(stop));
            let mut watched = [Watched::new(slave.as_fd(), true, !stop)];
            poll::wait(&mut watched, Some(Duration::from_millis(20))).unwrap();
        }
    }
}
