//! The world around the registry: PTYs, clients, a clock. The keeper and kills of the daemon are in `keeper`, terminals
//! handed over in `lent`.

use crate::child::Child;
use crate::client::Viewer;
use crate::keeper::{Keeper, Lives};
use crate::lent::remembered;
use crate::rng::Rng;
use facemux::daemon::remembered::Remembered;
use facemux::mux::{ClientId, Effect, Kernel, Mux, Now, Surroundings};
use facemux::sys::ledger::Kind as Call;
use facemux::units::{FaceId, Size};
use facemux::wire::keeper::Settings;
use facemux::wire::{EndReport, Kind, Message, NewFace, Reply, Request, SizePolicy};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// Bytes of a journal: small, so that viewers are lapped often.
pub const JOURNAL: usize = 8192;
/// Living faces at most.
pub const MAX_FACES: usize = 4;
/// Lines of history.
pub const LINES: usize = 50;

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
    pub keeper: Keeper,
    /// How the daemon dies.
    pub lives: Lives,
    pub children: BTreeMap<FaceId, Child>,
    pub seats: Vec<Seat>,
    /// Whose terminal the daemon has, by connection.
    pub lent: BTreeMap<ClientId, usize>,
    pub remembered: Remembered,
    pub control: ClientId,
    next_client: ClientId,
    pub created: BTreeSet<FaceId>,
    pub ended: BTreeMap<FaceId, EndReport>,
    pub exhaust: BTreeSet<FaceId>,
    pub replies: VecDeque<Reply>,
    pub snapshot: Vec<u8>,
    pub seen: BTreeMap<&'static str, u64>,
    pub events: u64,
    /// Sent by the daemon, not yet by the kernel.
    pub outbox: Vec<(ClientId, Message)>,
    touched: Vec<ClientId>,
    closing: BTreeSet<ClientId>,
    bytes: Vec<u8>,
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

pub fn settings() -> Settings {
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
        let lives = Lives::new(&mut rng);
        let mut world = World {
            rng,
            now: Now { mono: Duration::from_secs(1000), wall_ms: 1_000_000 },
            mux: Mux::new(settings(), Surroundings::default(), 1, 4),
            keeper: Keeper::new(4),
            lives,
            children: BTreeMap::new(),
            seats: Vec::new(),
            lent: BTreeMap::new(),
            remembered: remembered(),
            control: 1,
            next_client: 2,
            created: BTreeSet::new(),
            ended: BTreeMap::new(),
            exhaust: BTreeSet::new(),
            replies: VecDeque::new(),
            snapshot: Vec::new(),
            seen: BTreeMap::new(),
            events: 0,
            outbox: Vec::new(),
            touched: Vec::new(),
            closing: BTreeSet::new(),
            bytes: vec![0; JOURNAL],
            true_ms: 1_000_000,
            clock: Rng::new(!seed),
        };
        world.mux.handle_connect(world.control);
        world
    }

    /// Time goes on.
    pub fn wait(&mut self, time: Duration) {
        self.unblock();
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
        self.new_face_of(size, "program");
    }

    pub fn new_face_of(&mut self, size: Size, program: &str) {
        let new = NewFace {
            name: None,
            kind: Kind::Cli,
            side_of: None,
            size,
            cwd: "/".into(),
            env: Vec::new(),
            argv: vec![program.into()],
            modes: Vec::new(),
            keep_orphans: false,
        };
        self.ask(Request::New(Box::new(new)));
    }

    /// Does what the registry decided, and what follows; the daemon may be killed after any of it.
    pub fn settle(&mut self) {
        self.strike("decided");
        loop {
            while let Some(effect) = self.mux.poll_effect() {
                let name = effect.name();
                self.events += 1;
                *self.seen.entry(name).or_default() += 1;
                self.perform(effect);
                self.strike(name);
            }
            let Some(client) = self.touched.pop() else { return };
            self.pump(client);
            self.strike("sent");
        }
    }

    /// The daemon may be killed here.
    pub fn strike(&mut self, place: &'static str) {
        self.lives.strike(&mut self.rng, place);
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send { client, message } => {
                self.outbox.push((client, message));
                self.touch(client);
            }
            Effect::Close { client } => {
                self.closing.insert(client);
                self.touch(client);
            }
            Effect::Keeper(message) => self.keeper.hear(message),
            Effect::SetSize { face, size, .. } => {
                if let Some(child) = self.children.get_mut(&face) {
                    child.sizes.push((child.taken.len(), size));
                }
            }
            Effect::Write { face } => self.write(face),
            Effect::Read { face } => self.read(face),
            Effect::Deliver { client } => self.look_at(client),
            Effect::Show { face } => {
                let due: Vec<ClientId> = self.mux.due(self.now, face).collect();
                due.into_iter().for_each(|client| self.look_at(client));
            }
            Effect::Exhaust { face } => {
                self.exhaust.insert(face);
            }
            Effect::Drop { face } => self.keeper.forget(face),
            Effect::GiveBack { client, undo } => self.give_back(client, &undo),
            Effect::Upgrade { .. } => self.keeper.upgrading = true,
        }
    }

    fn look_at(&mut self, client: ClientId) {
        if self.lent.contains_key(&client) {
            self.write_terminal(client);
        } else {
            self.touch(client);
        }
    }

    fn touch(&mut self, client: ClientId) {
        if !self.touched.contains(&client) {
            self.touched.push(client);
        }
    }

    /// A connection is given what waits for it: messages, then its stream.
    fn pump(&mut self, client: ClientId) {
        let outbox = std::mem::take(&mut self.outbox);
        let (mine, others) = outbox.into_iter().partition(|(to, _)| *to == client);
        self.outbox = others;
        for (_, message) in mine {
            self.deliver_message(client, &message);
        }
        self.deliver(client, usize::MAX);
        if self.closing.remove(&client) {
            self.close(client);
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
                let durable = self.keeper.durable;
                assert!(id.0 < durable, "id {id} was given before it was durable ({durable})");
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

    /// A program ends by itself.
    pub fn exit(&mut self, id: FaceId) {
        let code = self.rng.below(4) as i32;
        self.keeper.see_exit(id, code);
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
        self.lives.call(Call::PtyRead, id, offset.0, 0, n);
        self.strike("face read returned");
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
        self.lives.call(Call::PtyWrite, id, position, 0, n);
        self.strike("face write returned");
        self.mux.handle_written(self.now, id, n, &mut Plain);
    }

    /// A viewer stops reading, or reads on: its connection has room again.
    pub fn stall(&mut self, at: usize, stalled: bool) {
        let seat = &mut self.seats[at];
        seat.viewer.stalled = stalled;
        if stalled {
            seat.viewer.diligent = false;
        } else {
            self.deliver(self.seats[at].client, usize::MAX);
            self.settle();
        }
    }

    /// The daemon sends a viewer what it may have, at most `most` bytes.
    pub fn deliver(&mut self, client: ClientId, most: usize) {
        if self.lent.contains_key(&client) {
            return self.write_terminal(client);
        }
        let Some(at) = self
            .seats
            .iter()
            .position(|s| s.client == client && s.viewer.attached)
            .filter(|at| !self.seats[*at].viewer.hands)
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
            self.strike("stream sent");
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
        let seat = &mut self.seats[at];
        if seat.client != 0 || seat.viewer.ended || seat.viewer.detached {
            return;
        }
        self.next_client += 1;
        seat.client = client;
        let mut attach = seat.viewer.attach();
        self.lend(at, Some(&mut attach));
        self.mux.handle_connect(client);
        self.mux.handle_request(self.now, client, Request::Attach(Box::new(attach)), &mut Plain);
        self.seat_lender(client);
        self.settle();
        if self.seats[at].client == client && !self.seats[at].viewer.attached {
            self.close(client);
            self.settle();
            self.seats[at].viewer.turned_away();
        }
    }

    /// A viewer's connection is cut.
    pub fn cut(&mut self, at: usize) {
        let client = self.seats[at].client;
        if client != 0 {
            let viewer = &mut self.seats[at].viewer;
            viewer.diligent = false;
            // Who hands its terminal over is a process: it does not come back.
            viewer.detached |= viewer.hands;
            self.close(client);
            self.settle();
        }
    }

    /// A viewer sends what it has typed and not sent.
    pub fn send_input(&mut self, at: usize) {
        if self.seats[at].viewer.hands {
            return self.type_keys(at);
        }
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
        if seat.viewer.stopped {
            return;
        }
        self.mux.handle_request(
            self.now,
            client,
            Request::ViewerSize { size, pixels: (0, 0) },
            &mut Plain,
        );
        self.settle();
    }

    /// From here on nobody is killed: the world comes to rest.
    pub fn spare(&mut self) {
        self.lives.spare();
    }
}

/// The sizes there are.
pub fn sizes() -> [Size; 3] {
    [Size::clamped(24, 80), Size::clamped(10, 40), Size::clamped(30, 100)]
}
