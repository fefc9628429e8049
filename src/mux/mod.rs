//! Which faces there are, who watches them, and what is to be done about it.
//!
//! Sans-IO: events go in by `handle_*`, each with the time; what is to be done comes out of `poll_effect`, until it
//! gives nothing. One mutation, then all its effects, then the next. The few things only the kernel knows (is the
//! terminal in line mode, does its program wait) are asked of a `Kernel` lent to the call.

mod answer;
mod attach;
mod awaited;
mod create;
mod crop;
pub mod effect;
mod end;
mod environment;
mod find;
mod info;
mod living;
mod meta;
mod output;
mod recover;
mod restores;
mod settle;
mod size;
mod timer;
mod typing;
mod viewer;

pub use effect::Effect;
pub use environment::Surroundings;
pub use meta::{Ending, Meta};
pub use output::Chunk;
pub use recover::Recovered;
pub use typing::{KeptKeys, Typist};

use crate::units::FaceId;
use crate::wire::keeper::{Settings, ToKeeper};
use crate::wire::{
    Actor, EndReport, FaceInfo, Message, NewFace, Refusal, Reply, Request, Typed, ViewerNote,
};
use living::Living;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;
use timer::{Timer, Timers};
use viewer::Viewer;

/// Effects for which there is room between two bursts.
const EFFECTS_KEPT: usize = 32;

/// A client's connection, named by the daemon; never 0.
pub type ClientId = u64;

/// The time: monotonic for decisions, the wall's for people.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Now {
    /// Since boot.
    pub mono: Duration,
    /// Milliseconds since the Unix epoch.
    pub wall_ms: u64,
}

/// What only the kernel knows of a face.
pub trait Kernel {
    /// Its terminal is in canonical mode: the program reads whole lines.
    fn line_mode(&mut self, face: FaceId) -> bool;
    /// A shell waits at its prompt, or a program sleeps in a terminal read.
    fn waiting(&mut self, face: FaceId) -> bool;
}

/// All faces.
pub struct Mux {
    settings: Settings,
    around: Surroundings,
    faces: BTreeMap<FaceId, Living>,
    starting: BTreeMap<FaceId, create::Starting>,
    ended: BTreeMap<FaceId, Ended>,
    /// Faces whose memory could not be taken over, until the keeper has ended them; and why.
    lost: BTreeMap<FaceId, (meta::Meta, String)>,
    clients: Clients,
    effects: VecDeque<Effect>,
    timers: Timers,
    next_id: u64,
    reserved: u64,
    waiting: VecDeque<(ClientId, Box<NewFace>)>,
    draining: bool,
    empty_since: Duration,
    processes: String,
    scratch: Vec<u8>,
}

/// A face that has ended.
#[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
struct Ended {
    info: FaceInfo,
    /// The last screen as text, while it fits.
    screen: String,
}

/// One connection.
struct Client {
    actor: Actor,
    watching: bool,
    viewer: Option<Box<Viewer>>,
    parked: Option<Box<Parked>>,
}

/// A request that cannot be answered yet; those after it wait.
enum Parked {
    /// A new face: for ids to be durable, or for the keeper to start it.
    New,
    /// Faces to end.
    Kill { left: Vec<FaceId>, done: Vec<(FaceId, EndReport)> },
    /// More to type once the program has read what came before.
    Type { face: FaceId, rest: Vec<Typed> },
}

impl Mux {
    /// A registry without faces. Ids from `next_id` on are free, those below `reserved` may be used.
    pub fn new(settings: Settings, around: Surroundings, next_id: u64, reserved: u64) -> Mux {
        Mux {
            settings,
            around,
            faces: BTreeMap::new(),
            starting: BTreeMap::new(),
            ended: BTreeMap::new(),
            lost: BTreeMap::new(),
            clients: BTreeMap::new(),
            effects: VecDeque::new(),
            timers: Timers::default(),
            next_id: next_id.max(1),
            reserved,
            waiting: VecDeque::new(),
            draining: false,
            empty_since: Duration::ZERO,
            processes: String::new(),
            scratch: Vec::new(),
        }
    }

    /// The next thing to do.
    pub fn poll_effect(&mut self) -> Option<Effect> {
        let effect = self.effects.pop_front();
        // What a burst needed is given back once it is over.
        if effect.is_none() && self.effects.capacity() > EFFECTS_KEPT {
            self.effects = VecDeque::new();
        }
        effect
    }

    /// The moment at which `handle_time` has something to do, if no event comes before.
    pub fn deadline(&self) -> Option<Duration> {
        self.timers.next()
    }

    /// A client connected.
    pub fn handle_connect(&mut self, client: ClientId) {
        let fresh = Client { actor: Actor::OWNER, watching: false, viewer: None, parked: None };
        self.clients.insert(client, Box::new(fresh));
    }

    /// A client's connection is gone.
    pub fn handle_disconnect(&mut self, now: Now, client: ClientId) {
        self.await_back(now, client);
        self.part(now, client, None);
        self.clients.remove(&client);
        self.waiting.retain(|(waiting, _)| *waiting != client);
    }

    /// Whether a client's next request has to wait for the answer to the one before.
    pub fn is_parked(&self, client: ClientId) -> bool {
        self.clients.get(&client).is_some_and(|c| c.parked.is_some())
    }

    /// A request of a client. Nothing panics on its content; what makes no sense is refused.
    pub fn handle_request(
        &mut self,
        now: Now,
        client: ClientId,
        request: Request,
        kernel: &mut dyn Kernel,
    ) {
        if !self.clients.contains_key(&client) {
            return;
        }
        let answer = match request {
            Request::Speak(actor) => self.speak(client, actor),
            Request::New(new) => self.request_new(now, client, new, kernel),
            Request::List { all } => Ok(Some(self.list(now, client, all))),
            Request::Info { face } => self.info(now, client, &face),
            Request::Kill { faces, signal, by } => self.kill(now, client, &faces, signal, &by),
            Request::Detach { face } => self.detach_all(now, client, &face),
            Request::Type { face, typed } => self.type_into(now, client, &face, typed, kernel),
            Request::Snap { face, format, history } => self.snap(client, &face, format, history),
            Request::Resize { face, size } => self.resize(now, client, &face, size),
            Request::Rename { face, name } => self.rename(now, client, &face, &name),
            Request::Attach(attach) => self.attach(now, client, *attach),
            Request::Watch => self.watch(client),
            Request::Activity { face } => self.activity(now, client, &face, kernel),
            Request::Status => Ok(Some(self.status(client))),
            Request::Drain => self.drain_asked(client),
            Request::Upgrade { binary } => self.upgrade_asked(client, binary),
            Request::Shown { offset } => self.shown(client, offset),
            Request::ViewerSize { size, pixels } => self.viewer_size(now, client, size, pixels),
            Request::Report(report) => self.viewer_report(client, &report),
            Request::Yield => self.yield_terminal(now, client),
            Request::Resume { size } => self.resume(now, client, size),
            Request::Leave => self.leave(now, client),
        };
        match answer {
            Ok(Some(reply)) => self.reply(client, reply),
            Ok(None) => {}
            Err(refusal) => self.reply(client, Reply::Refused(refusal)),
        }
    }

    /// Time has passed.
    pub fn handle_time(&mut self, now: Now, kernel: &mut dyn Kernel) {
        while let Some(timer) = self.timers.due(now.mono) {
            match timer {
                Timer::Hold(face) => self.lose_patience(now, face),
                Timer::Awaited(face) => self.await_no_more(now, face),
                Timer::Idle(face) => self.check_idle(now, face, kernel),
                Timer::Output(face) => self.announce_output(face),
                Timer::Type(client) => self.type_on(now, client, kernel),
                Timer::Show(face) => self.show_armed(now, face),
                Timer::Over(face) => self.bury(face),
                Timer::Certificates => self.expire_certificates(now),
                Timer::Forgive => self.forgive_crashes(),
                Timer::Linger => self.linger_over(now),
            }
        }
    }

    /// The keeper says ids below `upto` are durable.
    pub fn handle_reserved(&mut self, now: Now, upto: u64, kernel: &mut dyn Kernel) {
        let grew = upto > self.reserved;
        self.reserved = self.reserved.max(upto);
        for (client, new) in std::mem::take(&mut self.waiting) {
            self.unpark(client);
            if grew || self.next_id < self.reserved {
                self.handle_request(now, client, Request::New(new), kernel);
            } else {
                let why = "the next face's id cannot be made durable: is the state directory full or read-only? \
                           the log says more";
                self.reply(client, Reply::Refused(Refusal::Unavailable(why.into())));
            }
        }
    }

    /// The keeper says where the processes are, as JSON.
    pub fn handle_processes(&mut self, json: String) {
        self.processes = json;
    }

    fn reply(&mut self, client: ClientId, reply: Reply) {
        self.send(client, Message::Reply(Box::new(reply)));
    }

    fn note(&mut self, client: ClientId, note: ViewerNote) {
        self.send(client, Message::Viewer(note));
    }

    fn send(&mut self, client: ClientId, message: Message) {
        if self.clients.contains_key(&client) {
            self.effects.push_back(Effect::Send { client, message });
        }
    }

    fn tell_keeper(&mut self, what: ToKeeper) {
        self.effects.push_back(Effect::Keeper(what));
    }

    fn viewer(&self, client: ClientId) -> Option<&Viewer> {
        self.clients.get(&client)?.viewer.as_deref()
    }

    fn viewer_mut(&mut self, client: ClientId) -> Option<&mut Viewer> {
        viewer_among(&mut self.clients, client)
    }
}

/// A client's viewer, while its face is in use as well.
fn viewer_among(clients: &mut Clients, client: ClientId) -> Option<&mut Viewer> {
    clients.get_mut(&client)?.viewer.as_deref_mut()
}

type Clients = BTreeMap<ClientId, Box<Client>>;

/// What a request comes to: a reply now, one later, or a refusal.
type Answer = Result<Option<Reply>, Refusal>;
