//! The world around the registry: keeper, PTYs, clients, a clock, and kills of the daemon at any effect.

use crate::child::Child;
use crate::client::Viewer;
use crate::rng::Rng;
use facemux::face::InFlight;
use facemux::face::memory::{Memory, layout, total_bytes};
use facemux::mux::{ClientId, Effect, Kernel, Meta, Mux, Now, Recovered, Surroundings};
use facemux::region::Region;
use facemux::sys::memory::{Mapping, create_memfd};
use facemux::units::{FaceId, Size};
use facemux::wire::keeper::{Exit, KeptFace, Settings, ToKeeper};
use facemux::wire::{EndReport, Kind, Message, NewFace, Reply, Request, SizePolicy};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// Bytes of a journal: small, so that viewers are lapped often.
pub const JOURNAL: usize = 8192;
/// Living faces at most.
pub const MAX_FACES: usize = 4;
/// Lines of history.
pub const LINES: usize = 50;

/// What the keeper holds of a face.
struct Kept {
    memfd: OwnedFd,
    meta: Vec<u8>,
    exited: Option<Exit>,
}

/// One client connection and what it is for.
pub struct Seat {
    pub viewer: Viewer,
    /// Its connection now; 0 while it has none.
    pub client: ClientId,
}

/// Everything.
pub struct World {
    pub rng: Rng,
    pub now: Now,
    pub mux: Mux,
    kept: BTreeMap<FaceId, Kept>,
    pub children: BTreeMap<FaceId, Child>,
    pub seats: Vec<Seat>,
    certificates: BTreeMap<FaceId, Vec<u8>>,
    to_start: VecDeque<(FaceId, u64, Vec<u8>)>,
    to_exit: VecDeque<(FaceId, Exit)>,
    control: ClientId,
    next_client: ClientId,
    durable: u64,
    to_reserve: Option<u64>,
    pub created: BTreeSet<FaceId>,
    pub ended: BTreeMap<FaceId, EndReport>,
    pub exhaust: BTreeSet<FaceId>,
    pub replies: VecDeque<Reply>,
    pub snapshot: Vec<u8>,
    pub seen: BTreeMap<&'static str, u64>,
    pub events: u64,
    pub kills: u64,
    bytes: Vec<u8>,
    /// One in so many effects the daemon is killed after; 0 for never.
    kill_one_in: usize,
    in_flight: BTreeMap<FaceId, InFlight>,
    killed: bool,
    /// What the wall's clock would show if nobody touched it.
    true_ms: u64,
    clock: Rng,
}

/// Nobody's terminal is in line mode, everybody waits: what differs is the kernel tests' to show.
pub struct Plain;

impl Kernel for Plain {
    fn line_mode(&mut self, _: FaceId) -> bool {
        false
    }

    fn waiting(&mut self, _: FaceId) -> bool {
        true
    }
}

fn settings() -> Settings {
    Settings {
        max_faces: MAX_FACES as u32,
        max_faces_per_user: 0,
        idle_timeout_ms: 3_600_000,
        evict_after_ms: 600_000,
        history_lines: LINES as u32,
        journal_bytes: JOURNAL as u32,
        certificate_ms: 86_400_000,
        linger_ms: 0,
        grace_ms: 100,
        size_policy: SizePolicy::Leader,
    }
}

impl World {
    pub fn new(seed: u64) -> World {
        let mut rng = Rng::new(seed);
        let kill_one_in = [0, 0, 400, 60][rng.below(4)];
        let mut world = World {
            rng,
            now: Now { mono: Duration::from_secs(1000), wall_ms: 1_000_000 },
            mux: Mux::new(settings(), Surroundings::default(), 1, 4),
            kept: BTreeMap::new(),
            children: BTreeMap::new(),
            seats: Vec::new(),
            certificates: BTreeMap::new(),
            to_start: VecDeque::new(),
            to_exit: VecDeque::new(),
            control: 1,
            next_client: 2,
            durable: 4,
            to_reserve: None,
            created: BTreeSet::new(),
            ended: BTreeMap::new(),
            exhaust: BTreeSet::new(),
            replies: VecDeque::new(),
            snapshot: Vec::new(),
            seen: BTreeMap::new(),
            events: 0,
            kills: 0,
            bytes: vec![0; JOURNAL],
            kill_one_in,
            in_flight: BTreeMap::new(),
            killed: false,
            true_ms: 1_000_000,
            clock: Rng::new(!seed),
        };
        world.mux.handle_connect(world.control);
        world
    }

    /// Time goes on.
    pub fn wait(&mut self, time: Duration) {
        self.now.mono += time;
        self.true_ms += time.as_millis() as u64;
        // People set the wall's clock: back by up to a quarter of an hour, or right again.
        let back = [0, 0, 1, 60_000, 900_000][self.clock.below(5)];
        self.now.wall_ms = self.true_ms - back;
        if self.mux.deadline().is_some_and(|at| at <= self.now.mono) {
            self.mux.handle_time(self.now, &mut Plain);
        }
        self.settle();
    }

    /// A request of the control client; its answer is in `replies`, unless the daemon died over it.
    pub fn ask(&mut self, request: Request) {
        if !self.mux.is_parked(self.control) {
            self.mux.handle_request(self.now, self.control, request, &mut Plain);
            self.settle();
        }
    }

    pub fn new_face(&mut self) {
        let size = sizes()[self.rng.below(3)];
        let new = NewFace {
            name: None,
            kind: Kind::Cli,
            side_of: None,
            size,
            cwd: "/".into(),
            env: Vec::new(),
            argv: vec!["program".into()],
            modes: Vec::new(),
            keep_orphans: false,
        };
        self.ask(Request::New(Box::new(new)));
    }

    /// Does what the registry decided, and what follows, unless the daemon is killed over it.
    pub fn settle(&mut self) {
        if std::mem::take(&mut self.killed) {
            return self.kill_daemon();
        }
        while let Some(effect) = self.mux.poll_effect() {
            self.events += 1;
            *self.seen.entry(effect.name()).or_default() += 1;
            self.perform(effect);
            if self.kill_one_in > 0 && self.rng.once_in(self.kill_one_in) {
                self.killed = true;
            }
            if std::mem::take(&mut self.killed) {
                return self.kill_daemon();
            }
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { client, message } => self.deliver_message(client, &message),
            Effect::Close { client } => self.close(client),
            Effect::Keeper(message) => self.tell_keeper(message),
            Effect::SetSize { face, size, .. } => {
                if let Some(child) = self.children.get_mut(&face) {
                    child.sizes.push((child.taken.len(), size));
                }
            }
            Effect::Write { face } => self.write(face),
            Effect::Read { face } => self.read(face),
            Effect::Deliver { client } => self.deliver(client, usize::MAX),
            Effect::Exhaust { face } => {
                self.exhaust.insert(face);
            }
            Effect::Drop { face } => {
                self.kept.remove(&face);
            }
            Effect::GiveBack { .. } | Effect::Upgrade { .. } => {}
        }
    }

    fn deliver_message(&mut self, client: ClientId, message: &Message) {
        if client == self.control {
            match message {
                Message::Reply(reply) => self.take_reply(reply),
                Message::Bytes(bytes) => self.snapshot.extend_from_slice(bytes),
                _ => {}
            }
        } else if let Some(seat) = self.seats.iter_mut().find(|s| s.client == client) {
            seat.viewer.hear(message);
        }
    }

    fn take_reply(&mut self, reply: &Reply) {
        match reply {
            Reply::Created { id, .. } => {
                assert!(
                    *id > self.created.last().copied().unwrap_or(FaceId(0)),
                    "id {id} was used before"
                );
                assert!(
                    id.0 < self.durable,
                    "id {id} was given before it was durable ({})",
                    self.durable
                );
                self.created.insert(*id);
                let living = self.children.values().filter(|c| c.alive).count();
                assert!(living <= MAX_FACES, "{living} faces live, the limit is {MAX_FACES}");
            }
            Reply::Ended(ended) => {
                for (id, end) in ended {
                    self.ended.insert(*id, end.clone());
                }
            }
            _ => {}
        }
        self.replies.push_back(reply.clone());
    }

    fn tell_keeper(&mut self, message: ToKeeper) {
        match message {
            ToKeeper::Spawn(spawn) => {
                self.to_start.push_back((spawn.id, spawn.memory_bytes, spawn.meta));
            }
            ToKeeper::End { id, .. } => {
                self.to_exit.push_back((id, Exit::Signal { signal: 1, oom: false }))
            }
            ToKeeper::Keep { id, bytes } => {
                self.certificates.insert(id, bytes);
            }
            ToKeeper::Forget { id } => {
                self.certificates.remove(&id);
            }
            ToKeeper::Reserve { upto } => self.to_reserve = Some(upto),
            _ => {}
        }
    }

    /// The keeper does one of the things it was asked.
    pub fn keeper_turn(&mut self) {
        if let Some(upto) = self.to_reserve.take() {
            self.durable = self.durable.max(upto);
            self.mux.handle_reserved(self.now, self.durable, &mut Plain);
        } else if let Some((id, bytes, meta)) = self.to_start.pop_front() {
            self.start(id, bytes, meta);
        } else if let Some((id, exit)) = self.to_exit.pop_front()
            && let Some(child) = self.children.get_mut(&id)
            && std::mem::replace(&mut child.alive, false)
        {
            if let Some(kept) = self.kept.get_mut(&id) {
                kept.exited = Some(exit);
            }
            self.mux.handle_exited(self.now, id, exit, Vec::new());
        }
        self.settle();
    }

    fn start(&mut self, id: FaceId, bytes: u64, meta: Vec<u8>) {
        if self.rng.once_in(12) {
            return self.mux.handle_spawn_failed(self.now, id, 2, "start program: no such file");
        }
        let memfd = create_memfd("sim", bytes as usize).unwrap();
        let memory = map(&memfd);
        self.children.insert(id, Child::new(id, size_of(&meta)));
        self.kept.insert(id, Kept { memfd, meta, exited: None });
        self.mux.handle_spawned(self.now, id, 100 + id.0 as u32, memory);
    }

    /// The keeper has done all it was asked.
    pub fn keeper_is_idle(&self) -> bool {
        self.to_start.is_empty() && self.to_exit.is_empty() && self.to_reserve.is_none()
    }

    /// A program ends by itself.
    pub fn exit(&mut self, id: FaceId) {
        self.to_exit.push_back((id, Exit::Code(self.rng.below(4) as i32)));
    }

    /// The daemon reads a PTY once.
    pub fn read(&mut self, id: FaceId) {
        let most = 1 + self.rng.below(4096);
        let Some(child) = self.children.get_mut(&id) else { return };
        if child.out.is_empty() {
            if !child.alive && self.exhaust.contains(&id) {
                self.exhaust.remove(&id);
                self.mux.handle_hangup(self.now, id);
            }
            return;
        }
        let Some((offset, space)) = self.mux.space(self.now, id, most) else { return };
        if space.is_empty() {
            return;
        }
        assert_eq!(offset.0, child.taken.len() as u64, "the journal's head is not what was read");
        let n = child.read(space, &mut self.rng);
        if self.kill_one_in > 0 && self.rng.once_in(self.kill_one_in) {
            // Killed between the read and the daemon's knowing of it.
            self.in_flight
                .insert(id, InFlight { head: Some(offset.0 + n as u64), ..InFlight::default() });
            self.killed = true;
            return;
        }
        self.mux.handle_output(self.now, id, n);
    }

    /// The daemon writes a PTY once.
    pub fn write(&mut self, id: FaceId) {
        let Some(child) = self.children.get_mut(&id) else { return };
        let Some((position, bytes)) = self.mux.pending_input(id) else { return };
        assert_eq!(position, child.typed.len() as u64, "input is not where the program is");
        let n = child.write(bytes, &mut self.rng);
        if n == 0 {
            return;
        }
        if self.kill_one_in > 0 && self.rng.once_in(self.kill_one_in) {
            self.in_flight
                .insert(id, InFlight { written: Some(position + n as u64), ..InFlight::default() });
            self.killed = true;
            return;
        }
        self.mux.handle_written(self.now, id, n, &mut Plain);
    }

    /// A viewer stops reading, or reads on: its connection has room again.
    pub fn stall(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        seat.viewer.stalled ^= true;
        if !seat.viewer.stalled {
            self.deliver(self.seats[at].client, usize::MAX);
        }
    }

    /// The daemon sends a viewer what it may have, at most `most` bytes.
    pub fn deliver(&mut self, client: ClientId, most: usize) {
        let Some(at) = self.seats.iter().position(|s| s.client == client && s.viewer.attached)
        else {
            return;
        };
        let mut left = most;
        while left > 0 {
            let seat = &mut self.seats[at];
            if seat.viewer.stalled {
                if self.mux.chunk(self.now, client, 1).is_some() {
                    self.mux.handle_blocked(self.now, client);
                }
                return;
            }
            let piece = 1 + self.rng.below(3000);
            let Some(chunk) = self.mux.chunk(self.now, client, piece) else { return };
            let n = chunk.len().min(left);
            let printed = self.children.get(&seat.viewer.face).map_or(&[][..], |c| &c.taken);
            seat.viewer.take(&chunk, n, printed);
            left = left.saturating_sub(n.max(1));
            self.mux.handle_sent(self.now, client, n);
        }
    }

    fn close(&mut self, client: ClientId) {
        self.mux.handle_disconnect(self.now, client);
        if let Some(seat) = self.seats.iter_mut().find(|s| s.client == client) {
            (seat.client, seat.viewer.attached) = (0, false);
        }
    }

    /// A viewer that has no connection comes (back).
    pub fn connect(&mut self, at: usize) {
        let client = self.next_client;
        self.next_client += 1;
        let seat = &mut self.seats[at];
        if seat.client != 0 || seat.viewer.ended || seat.viewer.detached {
            return;
        }
        seat.client = client;
        let attach = seat.viewer.attach();
        self.mux.handle_connect(client);
        self.mux.handle_request(self.now, client, Request::Attach(Box::new(attach)), &mut Plain);
        self.settle();
        if let Some(seat) = self.seats.get_mut(at)
            && seat.client == client
            && !seat.viewer.attached
        {
            self.close(client);
        }
    }

    /// A viewer's connection is cut.
    pub fn cut(&mut self, at: usize) {
        let client = self.seats[at].client;
        if client != 0 {
            self.seats[at].viewer.diligent = false;
            self.close(client);
            self.settle();
        }
    }

    /// A viewer sends what it has typed and not sent.
    pub fn send_input(&mut self, at: usize) {
        let seat = &mut self.seats[at];
        let viewer = &mut seat.viewer;
        if seat.client == 0
            || !viewer.attached
            || !viewer.drive
            || viewer.sent >= viewer.input.len() as u64
        {
            return;
        }
        let (from, client) = (viewer.sent as usize, seat.client);
        self.bytes.clear();
        // A frame ends where a tag does, so that an answer never comes inside one.
        let most = viewer.input.len().min(from + 4000);
        let end = viewer.input[..most].iter().rposition(|b| *b == b'}').map_or(most, |at| at + 1);
        self.bytes.extend_from_slice(&viewer.input[from..end]);
        viewer.sent = end as u64;
        let bytes = std::mem::take(&mut self.bytes);
        self.mux.handle_input(self.now, client, from as u64, &bytes, &mut Plain);
        self.bytes = bytes;
        self.settle();
    }

    /// A viewer's terminal changes its size.
    pub fn resize_viewer(&mut self, at: usize) {
        let size = *self.rng.pick(&sizes());
        let seat = &mut self.seats[at];
        if seat.client == 0 || !seat.viewer.attached {
            return;
        }
        seat.viewer.resize(size);
        let client = seat.client;
        self.mux.handle_request(
            self.now,
            client,
            Request::ViewerSize { size, pixels: (0, 0) },
            &mut Plain,
        );
        self.settle();
    }

    /// SIGKILL to the daemon; the keeper starts another, which takes over from shared memory.
    pub fn kill_daemon(&mut self) {
        self.kills += 1;
        for seat in &mut self.seats {
            (seat.client, seat.viewer.attached) = (0, false);
            seat.viewer.sent = seat.viewer.accepted;
        }
        self.replies.clear();
        self.exhaust.clear();
        let next = self.created.last().map_or(1, |id| id.0 + 1);
        let next = next.max(self.kept.keys().last().map_or(1, |id| id.0 + 1));
        let next = next.max(self.to_start.back().map_or(1, |(id, ..)| id.0 + 1));
        self.mux = Mux::new(settings(), Surroundings::default(), next, self.durable);
        self.mux.handle_connect(self.control);
        for (id, bytes) in &self.certificates {
            self.mux.handle_certificate(self.now, *id, bytes);
        }
        // What the old daemon had asked the keeper to start is started, and known to the new one from the keeper.
        for (id, bytes, meta) in std::mem::take(&mut self.to_start) {
            let memfd = create_memfd("sim", bytes as usize).unwrap();
            self.children.insert(id, Child::new(id, size_of(&meta)));
            self.kept.insert(id, Kept { memfd, meta, exited: None });
            self.created.insert(id);
        }
        let in_flight = std::mem::take(&mut self.in_flight);
        let gone: Vec<FaceId> =
            self.kept.keys().copied().filter(|id| self.certificates.contains_key(id)).collect();
        for id in gone {
            self.kept.remove(&id);
        }
        for (id, kept) in &self.kept {
            let exited = kept.exited.map(|exit| (exit, Vec::new()));
            let face = KeptFace { id: *id, pid: 1, meta: kept.meta.clone(), exited };
            let flight = in_flight.get(id).copied().unwrap_or_default();
            let recovered = self.mux.handle_kept(self.now, face, map(&kept.memfd), flight, false);
            assert_eq!(recovered, Recovered::Whole, "face {id} was not recovered");
        }
        self.mux.handle_recovered(self.now);
        self.kill_one_in_quiet();
    }

    /// What recovery itself decides is done without another kill: one at a time.
    fn kill_one_in_quiet(&mut self) {
        let one_in = std::mem::take(&mut self.kill_one_in);
        self.settle();
        self.kill_one_in = one_in;
    }

    /// From here on nobody is killed: the world comes to rest.
    pub fn spare(&mut self) {
        self.kill_one_in = 0;
    }
}

/// The sizes there are.
pub fn sizes() -> [Size; 3] {
    [Size::clamped(24, 80), Size::clamped(10, 40), Size::clamped(30, 100)]
}

fn size_of(meta: &[u8]) -> Size {
    Meta::from_bytes(meta).unwrap().size
}

pub fn map(memfd: &OwnedFd) -> Memory {
    let pieces = Mapping::of(memfd, total_bytes(JOURNAL)).unwrap().carve(&layout(JOURNAL));
    let pieces = pieces.into_iter().map(|piece| Box::new(piece) as Box<dyn Region>).collect();
    Memory::from_pieces(pieces).unwrap()
}
