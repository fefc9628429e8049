//! In which order a handed terminal is written to and what is remembered of it: the part that a kill at any instant
//! must not confuse. Whoever holds the pen: the daemon with its ledger, or a test with a terminal of its own.

use super::remembered::{Habits, Remembered};
use crate::face::InFlight;
use crate::face::detach::DetachKeys;
use crate::face::memory::{Memory, put_output};
use crate::limits::{CHUNK_BYTES, TYPED_BYTES};
use crate::mux::{Chunk, ClientId, KeptKeys, Kernel, Mux, Now, Typist};
use crate::sys::ledger::{Kind, Ledger, Record};
use crate::units::{FaceId, Offset};
use crate::wire::keeper::Crash;
use crate::wire::{Attach, Holder, Request};
use std::io::{self, ErrorKind};

/// What writes to one handed terminal.
pub trait Pen {
    /// Writes the first run of `chunk` once, under a record that names `whose`. Gives how much the terminal took.
    ///
    /// # Errors
    /// The terminal's.
    fn write(&mut self, whose: Typist, chunk: &Chunk<'_>) -> io::Result<usize>;

    /// Writes what undoes a face's modes, as far as the terminal takes it at once.
    fn undo(&mut self, bytes: &[u8]);
}

/// How a write of `chunk` is recorded, where it stands, and what of it is written: its first run. What a restore took
/// is nothing to go on from: until its last piece it is begun anew, and after that the place is remembered.
pub fn stroke<'a>(chunk: &Chunk<'a>) -> (Kind, u64, &'a [u8]) {
    match chunk {
        Chunk::Restore { offset, bytes, .. } => (Kind::Other, offset.0, bytes),
        Chunk::Output { offset, first, .. } => (Kind::TermWrite, offset.0, first),
    }
}

/// Writes what a viewer is due, as far as its terminal takes it; not now unless it is `ready`.
///
/// # Errors
/// The pen's; the rest follows when it is asked again.
pub fn pump(
    pen: &mut dyn Pen,
    remembered: &mut Remembered,
    mux: &mut Mux,
    now: Now,
    (id, ready): (ClientId, bool),
) -> io::Result<()> {
    let Some(whose) = mux.typist(id) else { return Ok(()) };
    if mux.reached(id).is_none() {
        remembered.set(whose.token, None);
    }
    if !ready {
        return Ok(());
    }
    while let Some(chunk) = mux.chunk(now, id, CHUNK_BYTES) {
        let (kind, offset, run) = stroke(&chunk);
        remembered.set(whose.token, (kind == Kind::TermWrite).then_some(offset));
        let taken = if run.is_empty() { Ok(0) } else { pen.write(whose, &chunk) };
        match taken {
            Ok(n) => {
                mux.handle_sent(now, id, n);
                remembered.set(whose.token, mux.reached(id).map(|at| at.0));
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Writes what undoes a face's modes. From the first byte of it on nothing can be resumed. One who has pressed the keys
/// to detach is forgotten when its connection is gone: a daemon that dies before has not told it.
pub fn give_back(pen: &mut dyn Pen, remembered: &mut Remembered, token: u64, undo: &[u8]) {
    if !undo.is_empty() {
        remembered.set(token, None);
        pen.undo(undo);
    }
    if !remembered.leaves(token) {
        remembered.forget(token);
    }
}

/// Where a terminal that is handed over goes on: what was written to it is known here better than by its client.
pub fn find_place(remembered: &Remembered, attach: &mut Attach) {
    if matches!(attach.holder, Holder::Daemon { .. }) {
        attach.resume = remembered.get(attach.token).map(Offset).or(attach.resume);
    }
}

/// What the last daemon's last call was, and what is known of its outcome.
#[derive(Default)]
pub struct LastCall {
    /// The call, and what the kernel says of it.
    pub call: Option<(Crash, Record)>,
    /// Output it had read, where only that tells how much it was.
    pub packet: Option<Vec<u8>>,
}

impl LastCall {
    /// Of a daemon that ended like this, from what it left in the ledger.
    pub fn of(crash: Option<&Crash>, ledger: &Ledger) -> LastCall {
        let Some((crash, record)) = crash.cloned().zip(ledger.last_record()) else {
            return LastCall::default();
        };
        let packet = ledger.last_packet(&record).filter(|_| crash.returned_read.is_none());
        LastCall { call: Some((crash, record)), packet }
    }

    /// What it returned, if it was on the face `id`.
    pub fn in_flight(&self, id: FaceId) -> InFlight {
        let Some((crash, record)) = self.call.as_ref().filter(|(_, record)| record.face == id)
        else {
            return InFlight::default();
        };
        let packet = self.packet.as_ref().map(|bytes| bytes.len() as u64);
        match record.kind {
            Kind::PtyRead => {
                let read = crash.returned_read.or(packet);
                InFlight { head: read.map(|n| record.offset + n), ..InFlight::default() }
            }
            Kind::PtyWrite => InFlight {
                written: crash.returned_written.map(|n| record.offset + n),
                doubt: crash.returned_written.is_none(),
                ..InFlight::default()
            },
            _ => InFlight::default(),
        }
    }

    /// Puts what it had read from the face `id` and not yet put there into its memory.
    pub fn bring(&self, id: FaceId, memory: &mut Memory) {
        if let (Some((_, record)), Some(packet)) = (&self.call, &self.packet)
            && self.in_flight(id).unnoted(memory).0 > 0
        {
            put_output(memory, record.offset, packet);
        }
    }
}

/// Somebody types on a handed terminal from here on: what of it must outlive this daemon is remembered, and what the
/// last one left of it is taken up.
pub fn seat(
    remembered: &mut Remembered,
    mux: &mut Mux,
    now: Now,
    (id, typist): (ClientId, Typist),
    kernel: &mut dyn Kernel,
) {
    let (drive, keys) = mux.habits(id);
    remembered.set_habits(typist.token, Habits::new(drive, &keys));
    if let Some((position, held)) = remembered.last_held(typist.token)
        && position == typist.position + held.len() as u64
    {
        mux.resume_keys(id, &keys, &held);
    }
    if remembered.leaves(typist.token) {
        mux.handle_request(now, id, Request::Leave, kernel);
    }
}

/// `n` keys of a handed terminal were read and handled. That they were the keys to detach is known to every daemon from
/// here on, until their client knows.
pub fn note_keys(remembered: &mut Remembered, mux: &Mux, id: ClientId, typist: Typist, n: usize) {
    if mux.typist(id).is_none() {
        remembered.leave(typist.token);
    }
    remembered.hold(typist.token, typist.position + n as u64, mux.held_keys(id));
}

/// What the last daemon was doing with a handed terminal when it ended, finished.
pub fn take_up(
    remembered: &mut Remembered,
    mux: &mut Mux,
    now: Now,
    (crash, record): (&Crash, &Record),
    kernel: &mut dyn Kernel,
) {
    let token = record.extra;
    match record.kind {
        Kind::TermWrite if remembered.get(token).is_some_and(|at| at != u64::MAX) => {
            let reached = crash.returned_written.map(|n| record.offset + n);
            let painted =
                reached.zip(remembered.get(token)).and_then(|(to, at)| to.checked_sub(at));
            if let Some(painted) = painted.filter(|n| *n > 0) {
                let face = record.face;
                log::info!("face {face}: in flight when the last daemon ended: {painted} painted");
            }
            remembered.set(token, reached);
        }
        Kind::TermRead => {
            let read = crash.returned_read.unwrap_or(0).min(TYPED_BYTES as u64) as usize;
            take_up_keys(remembered, mux, now, (record, read), kernel);
        }
        _ => {}
    }
}

/// Keys were read from a handed terminal: they are typed, unless that had been seen to.
fn take_up_keys(
    remembered: &mut Remembered,
    mux: &mut Mux,
    now: Now,
    (record, read): (&Record, usize),
    kernel: &mut dyn Kernel,
) {
    let (face, token, position) = (record.face, record.extra, record.offset);
    let after = position + read as u64;
    if read == 0 || remembered.held(token, after).is_some() {
        return;
    }
    let keys = remembered.keys()[..read].to_vec();
    let habits = remembered.habits(token);
    let held = remembered.held(token, position).unwrap_or_default();
    let kept = KeptKeys {
        typist: Typist { face, token, position },
        keys: &keys,
        drive: habits.drive,
        detach: DetachKeys::resume(habits.keys(), &held),
    };
    log::info!("face {face}: in flight when the last daemon ended: {read} keys");
    let (held, leaves) = mux.handle_kept_keys(now, kept, kernel);
    if leaves {
        remembered.leave(token);
    }
    remembered.hold(token, after, &held);
}
