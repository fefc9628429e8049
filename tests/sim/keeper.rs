//! The keeper: it starts and ends programs, keeps what outlives a daemon, and starts the next one when one was killed.
//!
//! A kill unwinds the stack with a `Death`: after any effect, after any call of the kernel has returned, and between
//! any two stores to shared memory that have an order.

use crate::child::Child;
use crate::rng::Rng;
use crate::world::{JOURNAL, Plain, World, settings};
use facemux::daemon::handed::{self, LastCall};
use facemux::face::memory::{Memory, layout, total_bytes};
use facemux::limits::CERTIFICATE_BYTES_MAX;
use facemux::mux::{Meta, Mux, Recovered, Surroundings};
use facemux::region::Region;
use facemux::sys::ledger::{Kind as Call, Record};
use facemux::sys::memory::{Mapping, create_memfd};
use facemux::units::{FaceId, Size};
use facemux::wire::keeper::{Crash, Exit, KeptFace, ToKeeper};
use std::collections::{BTreeMap, VecDeque};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// A daemon passes at most so many stores before it is killed at one.
const STORES_MAX: usize = 2000;
/// One that takes over: so many.
const STORES_OF_RECOVERY: usize = 60;

/// The daemon was killed, and where.
struct Death(&'static str);

/// How often the daemon is killed, and what it was doing.
pub struct Lives {
    /// One in so many places; 0 for never.
    one_in: usize,
    /// Also between two stores.
    at_stores: bool,
    /// Its last call of the kernel on a PTY or terminal, and what came of it.
    last_call: Option<(Crash, Record)>,
    /// How many were killed where.
    pub kills: BTreeMap<&'static str, u64>,
}

impl Lives {
    pub fn new(rng: &mut Rng) -> Lives {
        let one_in = [0, 0, 400, 60][rng.below(4)];
        let mut lives = Lives {
            one_in,
            at_stores: one_in > 0 && rng.once_in(2),
            last_call: None,
            kills: BTreeMap::new(),
        };
        lives.arm(rng, STORES_MAX);
        lives
    }

    /// The daemon may be killed here.
    pub fn strike(&self, rng: &mut Rng, place: &'static str) {
        // Every place is to have its share, however seldom it is come by.
        let one_in = match place {
            "decided" => self.one_in * 4,
            "Send" | "Deliver" | "Show" | "Write" | "sent" => self.one_in,
            _ => self.one_in.div_ceil(12),
        };
        if one_in > 0 && rng.once_in(one_in) {
            die(place);
        }
    }

    /// A call of the kernel has returned: `n` bytes, from `offset` on.
    pub fn call(&mut self, kind: Call, face: FaceId, offset: u64, extra: u64, n: usize) {
        let returned = Some(n as u64);
        let crash = Crash {
            returned_read: returned,
            returned_written: returned,
            reason: String::new(),
            own_fault: false,
        };
        let len = n as u64;
        let record =
            Record { kind, face, offset, len, extra, base_read: 0, base_written: 0, pid: 1 };
        self.last_call = Some((crash, record));
    }

    pub fn spare(&mut self) {
        (self.one_in, self.at_stores) = (0, false);
        arm_here(None);
    }

    fn arm(&mut self, rng: &mut Rng, most: usize) {
        arm_here(self.at_stores.then(|| rng.below(most) as u64));
    }

    fn count(&mut self, place: &'static str) {
        *self.kills.entry(place).or_default() += 1;
    }
}

fn die(place: &'static str) {
    resume_unwind(Box::new(Death(place)));
}

fn arm_here(passes: Option<u64>) {
    facemux::planted::arm_here(passes, die);
}

/// What the keeper holds of a face.
struct Kept {
    memfd: OwnedFd,
    meta: Vec<u8>,
    exited: Option<Exit>,
}

/// What it holds, and what it was asked to do.
pub struct Keeper {
    kept: BTreeMap<FaceId, Kept>,
    pub certificates: BTreeMap<FaceId, Vec<u8>>,
    to_start: VecDeque<(FaceId, u64, Vec<u8>)>,
    to_exit: VecDeque<(FaceId, Exit)>,
    to_reserve: Option<u64>,
    /// Ids below are durable.
    pub durable: u64,
    /// Another daemon is to take over.
    pub upgrading: bool,
}

impl Keeper {
    pub fn new(durable: u64) -> Keeper {
        Keeper {
            kept: BTreeMap::new(),
            certificates: BTreeMap::new(),
            to_start: VecDeque::new(),
            to_exit: VecDeque::new(),
            to_reserve: None,
            durable,
            upgrading: false,
        }
    }

    pub fn hear(&mut self, message: ToKeeper) {
        match message {
            ToKeeper::Spawn(spawn) => {
                self.to_start.push_back((spawn.id, spawn.memory_bytes, spawn.meta));
            }
            ToKeeper::End { id, .. } => {
                self.to_exit.push_back((id, Exit::Signal { signal: 1, oom: false }))
            }
            ToKeeper::Keep { id, bytes } => {
                assert!(
                    bytes.len() <= CERTIFICATE_BYTES_MAX,
                    "a certificate of {} bytes",
                    bytes.len()
                );
                self.certificates.insert(id, bytes);
            }
            ToKeeper::Forget { id } => {
                self.certificates.remove(&id);
            }
            ToKeeper::Reserve { upto } => self.to_reserve = Some(upto),
            _ => {}
        }
    }

    /// A program ended by itself.
    pub fn see_exit(&mut self, id: FaceId, code: i32) {
        self.to_exit.push_back((id, Exit::Code(code)));
    }

    /// A face is gone.
    pub fn forget(&mut self, id: FaceId) {
        self.kept.remove(&id);
    }

    /// It has done all it was asked.
    pub fn is_idle(&self) -> bool {
        self.to_start.is_empty()
            && self.to_exit.is_empty()
            && self.to_reserve.is_none()
            && !self.upgrading
    }

    fn keep(&mut self, id: FaceId, bytes: u64, meta: Vec<u8>) {
        let memfd = create_memfd("sim", bytes as usize).unwrap();
        self.kept.insert(id, Kept { memfd, meta, exited: None });
    }

    /// The first id that no face can have had.
    fn next_id(&self, created: Option<&FaceId>) -> u64 {
        let kept = self.kept.keys().last();
        let started = self.to_start.back().map(|(id, ..)| id);
        [created, kept, started].into_iter().flatten().map(|id| id.0 + 1).max().unwrap_or(1)
    }
}

impl World {
    /// The keeper does one of the things it was asked.
    pub fn keeper_turn(&mut self) {
        if let Some(upto) = self.keeper.to_reserve.take() {
            self.keeper.durable = self.keeper.durable.max(upto);
            self.mux.handle_reserved(self.now, self.keeper.durable, &mut Plain);
        } else if let Some((id, bytes, meta)) = self.keeper.to_start.pop_front() {
            self.start(id, bytes, meta);
        } else if let Some((id, exit)) = self.keeper.to_exit.pop_front()
            && let Some(child) = self.children.get_mut(&id)
            && std::mem::replace(&mut child.alive, false)
        {
            if let Some(kept) = self.keeper.kept.get_mut(&id) {
                kept.exited = Some(exit);
            }
            self.mux.handle_exited(self.now, id, exit, Vec::new());
        } else if self.keeper.upgrading && !self.mux.is_starting() {
            self.upgrade();
        }
        self.settle();
    }

    fn start(&mut self, id: FaceId, bytes: u64, meta: Vec<u8>) {
        if self.rng.once_in(12) {
            return self.mux.handle_spawn_failed(self.now, id, 2, "start program: no such file");
        }
        self.children.insert(id, Child::new(id, size_of(&meta)));
        self.keeper.keep(id, bytes, meta);
        let memory = map(&self.keeper.kept[&id].memfd);
        self.mux.handle_spawned(self.now, id, 100 + id.0 as u32, memory);
    }

    /// Lets something happen. When the daemon is killed over it, the next one takes over.
    pub fn live(&mut self, act: impl FnOnce(&mut World)) {
        let Err(cause) = catch_unwind(AssertUnwindSafe(|| act(self))) else { return };
        match cause.downcast::<Death>() {
            Ok(death) => self.replace(death.0),
            Err(fault) => resume_unwind(fault),
        }
    }

    /// The keeper starts another daemon, which may be killed over what it takes over.
    fn replace(&mut self, place: &'static str) {
        self.lives.count(place);
        self.lose_daemon();
        let one_in = std::mem::take(&mut self.lives.one_in);
        match self.rng.once_in(4) {
            true => self.lives.arm(&mut self.rng, STORES_OF_RECOVERY),
            false => arm_here(None),
        }
        while let Err(cause) = catch_unwind(AssertUnwindSafe(|| self.recover())) {
            match cause.downcast::<Death>() {
                Ok(_) => self.lives.count("recovering"),
                Err(fault) => resume_unwind(fault),
            }
            arm_here(None);
        }
        self.lives.one_in = one_in;
        self.lives.arm(&mut self.rng, STORES_MAX);
    }

    /// Another binary takes over in good order.
    fn upgrade(&mut self) {
        self.keeper.upgrading = false;
        self.mux.checkpoint_all();
        self.lives.last_call = None;
        let one_in = std::mem::take(&mut self.lives.one_in);
        arm_here(None);
        self.lose_daemon();
        self.recover();
        self.lives.one_in = one_in;
        self.lives.arm(&mut self.rng, STORES_MAX);
    }

    /// What the daemon alone knew is gone, its connections are cut, its terminals are left as they are.
    fn lose_daemon(&mut self) {
        for seat in &mut self.seats {
            seat.client = 0;
            seat.viewer.lose();
        }
        self.lent.clear();
        self.outbox.clear();
        self.replies.clear();
        self.exhaust.clear();
        // What it had asked the keeper to start is started, and known to the next one from the keeper.
        for (id, bytes, meta) in std::mem::take(&mut self.keeper.to_start) {
            self.children.insert(id, Child::new(id, size_of(&meta)));
            self.keeper.keep(id, bytes, meta);
            self.created.insert(id);
        }
        let Keeper { kept, certificates, .. } = &mut self.keeper;
        kept.retain(|id, _| !certificates.contains_key(id));
    }

    /// A new daemon takes over what there is.
    fn recover(&mut self) {
        let next = self.keeper.next_id(self.created.last());
        self.mux = Mux::new(settings(), Surroundings::default(), next, self.keeper.durable);
        self.mux.handle_connect(self.control);
        for (id, bytes) in &self.keeper.certificates {
            self.mux.handle_certificate(self.now, *id, bytes);
        }
        let last = LastCall { call: self.lives.last_call.clone(), packet: None };
        for (id, kept) in &self.keeper.kept {
            let exited = kept.exited.map(|exit| (exit, Vec::new()));
            let face = KeptFace { id: *id, pid: 1, meta: kept.meta.clone(), exited };
            let flight = last.in_flight(*id);
            let recovered = self.mux.handle_kept(self.now, face, map(&kept.memfd), flight, false);
            assert_eq!(recovered, Recovered::Whole, "face {id} was not recovered");
        }
        if let Some((crash, record)) = &last.call {
            let last = (crash, record);
            handed::take_up(&mut self.remembered, &mut self.mux, self.now, last, &mut Plain);
        }
        self.lives.last_call = None;
        self.mux.handle_recovered(self.now);
        self.settle();
    }
}

fn size_of(meta: &[u8]) -> Size {
    Meta::from_bytes(meta).unwrap().size
}

pub fn map(memfd: &OwnedFd) -> Memory {
    let pieces = Mapping::of(memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    let pieces = pieces.into_iter().map(|piece| Box::new(piece) as Box<dyn Region>).collect();
    Memory::from_pieces(pieces).unwrap()
}
