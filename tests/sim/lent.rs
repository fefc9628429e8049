//! Terminals handed over to the daemon: what `attach` does with them, and what the daemon's pen writes.

use crate::client::DETACH_KEYS;
use crate::keeper::Lives;
use crate::rng::Rng;
use crate::world::{Plain, Seat, World};
use facemux::daemon::handed::{self, Pen};
use facemux::daemon::remembered::{REMEMBERED_BYTES, Remembered};
use facemux::limits::TYPED_BYTES;
use facemux::mux::{Chunk, ClientId, Typist};
use facemux::sys::ledger::Kind as Call;
use facemux::sys::memory::{Mapping, create_memfd};
use facemux::units::FaceId;
use facemux::wire::{Attach, Request};
use std::io::{self, ErrorKind};

/// What is remembered of handed terminals, in memory that outlives the daemon.
pub fn remembered() -> Remembered {
    let memfd = create_memfd("sim", REMEMBERED_BYTES).unwrap();
    let mapping = Mapping::of(&memfd, REMEMBERED_BYTES).unwrap();
    Remembered::new(mapping.carve(&[REMEMBERED_BYTES]).remove(0))
}

/// The daemon's hand on one terminal.
struct Hand<'a> {
    seat: &'a mut Seat,
    /// What the face's program has printed.
    printed: &'a [u8],
    rng: &'a mut Rng,
    lives: &'a mut Lives,
}

impl Pen for Hand<'_> {
    fn write(&mut self, whose: Typist, chunk: &Chunk<'_>) -> io::Result<usize> {
        if self.rng.once_in(20) {
            return Err(ErrorKind::WouldBlock.into());
        }
        let (kind, offset, run) = handed::stroke(chunk);
        let run = run.len();
        let n = if self.rng.once_in(3) { 1 + self.rng.below(run) } else { run };
        self.seat.viewer.take(chunk, n, self.printed);
        self.lives.call(kind, whose.face, offset, whose.token, n);
        self.lives.strike(self.rng, "terminal write returned");
        Ok(n)
    }

    fn undo(&mut self, bytes: &[u8]) {
        self.seat.viewer.undo(bytes);
        self.lives.call(Call::Other, FaceId(0), 0, 0, bytes.len());
        self.lives.strike(self.rng, "undone");
    }
}

impl World {
    /// A viewer's terminal goes to the daemon with its request, if it is one that does that.
    pub fn lend(&mut self, at: usize, attach: Option<&mut Attach>) {
        let seat = &mut self.seats[at];
        if seat.viewer.hands {
            seat.viewer.enter();
            self.lent.insert(seat.client, at);
            if let Some(attach) = attach {
                handed::find_place(&self.remembered, attach);
            }
        }
    }

    /// Who lent its terminal types on it from now on; of one who was refused it is given back.
    pub fn seat_lender(&mut self, client: ClientId) {
        match self.mux.typist(client) {
            _ if !self.lent.contains_key(&client) => {}
            None => self.give_back(client, b""),
            Some(typist) => {
                let who = (client, typist);
                handed::seat(&mut self.remembered, &mut self.mux, self.now, who, &mut Plain);
            }
        }
    }

    /// The daemon gives a terminal back.
    pub fn give_back(&mut self, client: ClientId, undo: &[u8]) {
        let Some(at) = self.lent.remove(&client) else { return };
        let seat = &mut self.seats[at];
        let token = seat.viewer.token;
        let mut hand = Hand { seat, printed: &[], rng: &mut self.rng, lives: &mut self.lives };
        handed::give_back(&mut hand, &mut self.remembered, token, undo);
        if !undo.is_empty() {
            self.seats[at].viewer.take_back();
        }
    }

    /// The daemon writes a viewer what it may have.
    pub fn write_terminal(&mut self, client: ClientId) {
        let Some(seat) = self.lent.get(&client).and_then(|at| self.seats.get_mut(*at)) else {
            return;
        };
        let ready = !seat.viewer.stalled;
        let printed = self.children.get(&seat.viewer.face).map_or(&[][..], |c| &c.taken);
        let mut hand = Hand { seat, printed, rng: &mut self.rng, lives: &mut self.lives };
        let turn = (client, ready);
        // It stops where the terminal is full; `unblock` goes on.
        let _ = handed::pump(&mut hand, &mut self.remembered, &mut self.mux, self.now, turn);
    }

    /// Terminals that were full take more.
    pub fn unblock(&mut self) {
        for client in self.lent.keys().copied().collect::<Vec<_>>() {
            self.write_terminal(client);
        }
        self.settle();
    }

    /// The daemon reads what was typed on a handed terminal.
    pub fn type_keys(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let (client, viewer) = (seat.client, &mut seat.viewer);
        let from = viewer.sent as usize;
        if !self.lent.contains_key(&client) || from == viewer.input.len() {
            return;
        }
        if viewer.pressed > 0 || !self.mux.may_type(client) {
            return;
        }
        // A read ends where a tag does, so that an answer never comes inside one.
        let most = viewer.input.len().min(from + TYPED_BYTES);
        let end = viewer.input[..most].iter().rposition(|b| *b == b'}').map_or(most, |at| at + 1);
        let keys = viewer.input[from..end].to_vec();
        viewer.sent = end as u64;
        if viewer.drive {
            viewer.accepted = end as u64;
        }
        self.read_keys(client, &keys);
    }

    /// The daemon reads these keys from a terminal.
    fn read_keys(&mut self, client: ClientId, keys: &[u8]) {
        let Some(whose) = self.mux.typist(client) else { return };
        self.remembered.keys()[..keys.len()].copy_from_slice(keys);
        self.lives.call(Call::TermRead, whose.face, whose.position, whose.token, keys.len());
        self.strike("terminal read returned");
        self.mux.handle_keys(self.now, client, keys, &mut Plain);
        handed::note_keys(&mut self.remembered, &self.mux, client, whose, keys.len());
        self.settle();
    }

    /// The keys that detach are pressed on a terminal handed over, one after the other. A daemon that is killed before
    /// it has said goodbye may have forgotten them: then they are pressed again.
    pub fn press_detach(&mut self, at: usize) {
        let client = self.seats[at].client;
        for _ in 0..DETACH_KEYS.len() {
            if !self.lent.contains_key(&client) || !self.mux.may_type(client) {
                return;
            }
            let viewer = &mut self.seats[at].viewer;
            let key = DETACH_KEYS[viewer.pressed % 2];
            viewer.pressed += 1;
            self.read_keys(client, &[key]);
        }
    }

    /// Who handed its terminal over is stopped from the keyboard, and goes on later.
    pub fn stop_or_go_on(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let client = seat.client;
        if !seat.viewer.hands || client == 0 {
            return;
        }
        seat.viewer.diligent = false;
        if self.lent.contains_key(&client) {
            self.mux.handle_request(self.now, client, Request::Yield, &mut Plain);
            self.settle();
            assert!(!self.lent.contains_key(&client), "a terminal was not given back");
            self.seats[at].viewer.shell();
        } else {
            let size = seat.viewer.size;
            self.lend(at, None);
            self.mux.handle_request(self.now, client, Request::Resume { size }, &mut Plain);
            self.seat_lender(client);
            self.settle();
        }
    }

    /// A viewer asks to leave.
    pub fn leave(&mut self, at: usize) {
        let client = self.seats[at].client;
        if client != 0 {
            self.mux.handle_request(self.now, client, Request::Leave, &mut Plain);
            self.settle();
        }
    }
}
