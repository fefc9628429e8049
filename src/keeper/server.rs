//! The keeper's state and what it does when the daemon asks.
//!
//! Owns the faces' descriptors, the listeners and the certificates. Every message of the daemon is acted on when it
//! is read, also when the daemon is dead by then: what the keeper was told stands.

use super::accounts::Accounts;
use super::drain::Phase;
use super::ending::Ending;
use super::face::{Face, Life};
use super::groups::Groups;
use super::ids::Ids;
use super::link::{Link, Sent};
use super::oom::OomCount;
use super::role::Role;
use super::upgrade::{Leaver, Upgrade};
use crate::config::Config;
use crate::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATES_MAX, FACES_MAX, KEEPER_DESCRIPTORS_FREE};
use crate::sys::ledger::AccountFile;
use crate::sys::process::DescriptorLimit;
use crate::sys::spawn::{self, Program};
use crate::sys::tty::{self, WindowSize};
use crate::sys::{SysError, memory, process, pty, signals};
use crate::units::FaceId;
use crate::wire::keeper::{Crash, FromKeeper, Spawn, ToKeeper};
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// When descriptors in flight ran short: how long until sending is tried again.
const SEND_AGAIN: Duration = Duration::from_millis(10);

/// The keeper.
#[derive(Debug)]
pub struct Server {
    pub(super) config: Config,
    pub(super) descriptors: DescriptorLimit,
    pub(super) listener: Rc<OwnedFd>,
    pub(super) ledger: Rc<OwnedFd>,
    pub(super) ids: Ids,
    pub(super) faces: BTreeMap<FaceId, Face>,
    /// Children of ours that are nobody's any more: to be reaped when they die, never to be killed.
    pub(super) left_alone: BTreeSet<u32>,
    pub(super) certificates: BTreeMap<FaceId, Vec<u8>>,
    pub(super) daemon: Daemon,
    pub(super) web: Option<Frontend>,
    pub(super) ssh: Option<Frontend>,
    pub(super) phase: Phase,
    pub(super) oom: OomCount,
    pub(super) accounts: Accounts,
    pub(super) groups: Groups,
    pub(super) ready: Option<OwnedFd>,
    /// A daemon has just become ready: what its start took is not needed any more.
    pub(super) has_started: bool,
    /// A child died or came since the last look at all processes.
    pub(super) look_wanted: bool,
    /// The rest after the last one ends then.
    pub(super) look_not_before: Instant,
    send_at: Option<Instant>,
    /// The file we were started from.
    pub(super) program: PathBuf,
    /// The numbers of the locks' descriptors.
    pub(super) locks: [RawFd; 2],
    pub(super) upgrade: Option<Upgrade>,
    /// Processes that end by themselves: frontends whose successors took the listener.
    pub(super) leaving: Vec<Leaver>,
}

/// The daemon as the keeper sees it.
#[derive(Debug)]
pub struct Daemon {
    /// Its process.
    pub role: Role,
    /// The way to it.
    pub link: Option<Link>,
    /// Its account of bytes read and written.
    pub account: Option<AccountFile>,
    /// What the last one left unfinished, until this one has published a record of its own.
    pub crash: Option<Crash>,
    /// How many faces it could not read.
    pub damaged: u32,
}

/// A frontend as the keeper sees it.
#[derive(Debug)]
pub struct Frontend {
    /// Its process.
    pub role: Role,
    /// Kept open so that restarts refuse no connection.
    pub listener: OwnedFd,
    /// Where it listens.
    pub address: SocketAddr,
    /// Tells it by its end that the server has ended.
    pub link: Option<Link>,
    /// It said that it has what it needs.
    pub ready: bool,
    /// It takes no connection until the upgrade that started it is done.
    pub on_trial: bool,
    /// The one whose place it takes.
    pub predecessor: Option<Leaver>,
}

impl Frontend {
    /// One that was not told anything yet.
    pub fn new(role: Role, listener: OwnedFd, address: SocketAddr) -> Frontend {
        Frontend {
            role,
            listener,
            address,
            link: None,
            ready: false,
            on_trial: false,
            predecessor: None,
        }
    }
}

/// What a server has from its first moment.
#[derive(Debug)]
pub struct Estate {
    /// The limit of open files that children get.
    pub descriptors: DescriptorLimit,
    /// The numbers of the locks' descriptors.
    pub locks: [RawFd; 2],
    /// The file it was started from.
    pub program: PathBuf,
    /// The Unix socket.
    pub listener: OwnedFd,
    /// The daemon's own memory.
    pub ledger: OwnedFd,
    /// The ids.
    pub ids: Ids,
    /// The web frontend, unless it is off.
    pub web: Option<Frontend>,
    /// The SSH frontend, unless it is off.
    pub ssh: Option<Frontend>,
    /// Where to say that it is ready.
    pub ready: Option<OwnedFd>,
}

impl Server {
    /// A server without faces, whose daemon is to be started at once.
    pub(super) fn new(config: Config, estate: Estate, now: Instant) -> Server {
        let role = Role::new("daemon", now);
        let daemon = Daemon { role, link: None, account: None, crash: None, damaged: 0 };
        Server {
            config,
            descriptors: estate.descriptors,
            locks: estate.locks,
            program: estate.program,
            listener: Rc::new(estate.listener),
            ledger: Rc::new(estate.ledger),
            ids: estate.ids,
            faces: BTreeMap::new(),
            left_alone: BTreeSet::new(),
            certificates: BTreeMap::new(),
            daemon,
            web: estate.web,
            ssh: estate.ssh,
            phase: Phase::Running,
            oom: OomCount::find(),
            accounts: Accounts::default(),
            groups: Groups::default(),
            ready: estate.ready,
            has_started: false,
            look_wanted: false,
            look_not_before: now,
            send_at: None,
            upgrade: None,
            leaving: Vec::new(),
        }
    }

    /// Puts a message to the daemon in line; nothing when there is none: its successor is told by the tables.
    pub(super) fn tell(&mut self, message: &FromKeeper, fds: Vec<Rc<OwnedFd>>) {
        if let Some(link) = &mut self.daemon.link
            && let Err(e) = link.post(message, fds)
        {
            log::error!("a message to the daemon was dropped: {e}");
        }
    }

    /// Sends the daemon what waits.
    pub(super) fn flush(&mut self, now: Instant) {
        self.send_at = None;
        for link in
            [&mut self.web, &mut self.ssh].into_iter().flatten().filter_map(|f| f.link.as_mut())
        {
            // One that is gone is missed by its death.
            let _ = link.flush();
        }
        let Some(link) = &mut self.daemon.link else { return };
        match link.flush() {
            Ok(Sent::All | Sent::Waiting) => {}
            Ok(Sent::Later) => self.send_at = Some(now + SEND_AGAIN),
            // It is dead or dying: SIGCHLD says so too.
            Err(e) => log::debug!("the daemon takes no message: {e}"),
        }
    }

    /// When `flush` is to be tried again without the socket's saying so.
    pub(super) fn send_at(&self) -> Option<Instant> {
        self.send_at
    }

    /// Acts on every message of the daemon that is there.
    pub(super) fn handle_daemon(&mut self, now: Instant) {
        while let Some(link) = &mut self.daemon.link {
            match link.next() {
                Ok(Some((message, fds))) => self.handle_message(now, message, fds),
                Ok(None) => return,
                Err(e) if e.kind() == io::ErrorKind::InvalidData => {
                    log::error!("the daemon sent what is no message: {e}");
                }
                Err(_) => return,
            }
        }
    }

    fn handle_message(&mut self, now: Instant, message: ToKeeper, mut fds: Vec<OwnedFd>) {
        match message {
            ToKeeper::Ready { whole, damaged } => self.handle_ready(now, whole, damaged),
            ToKeeper::Spawn(spawn) => self.handle_spawn(*spawn),
            ToKeeper::Signal { id, signal } => self.handle_signal_face(id, signal),
            ToKeeper::End { id, grace_ms } => {
                self.end_face(now, id, Duration::from_millis(grace_ms))
            }
            ToKeeper::Release { id } => match self.faces.get(&id) {
                Some(face) if face.lives() => log::error!("face {id} was released before its end"),
                Some(_) | None => drop(self.faces.remove(&id)),
            },
            ToKeeper::Reserve { upto } => {
                if let Err(e) = self.ids.reserve(upto) {
                    log::error!("{e}: no further face can be started");
                }
                self.tell(&FromKeeper::Reserved { upto: self.ids.reserved() }, vec![]);
            }
            ToKeeper::Keep { id, bytes } => self.keep_certificate(id, bytes),
            ToKeeper::Forget { id } => drop(self.certificates.remove(&id)),
            ToKeeper::Log { level, line } => {
                log::log!(target: "daemon", crate::sys::log::level_of(level), "{line}");
            }
            ToKeeper::Drained => self.drained(now),
            ToKeeper::Stop => self.begin_drain(now, "the daemon asked for the end"),
            ToKeeper::Upgrade { binary } => self.handle_upgrade(now, binary, fds.pop()),
        }
    }

    fn keep_certificate(&mut self, id: FaceId, bytes: Vec<u8>) {
        if bytes.len() > CERTIFICATE_BYTES_MAX {
            log::error!("the certificate of face {id} has {} bytes and is not kept", bytes.len());
            return;
        }
        self.certificates.insert(id, bytes);
        if self.certificates.len() > CERTIFICATES_MAX {
            self.certificates.pop_first();
        }
    }

    fn handle_spawn(&mut self, spawn: Spawn) {
        let id = spawn.id;
        self.ids.used(id.0);
        match self.spawn(spawn) {
            Ok(face) => {
                let (pid, fds) = (face.pid, face.fds());
                self.faces.insert(id, face);
                self.tell(&FromKeeper::Spawned { id, pid }, fds);
            }
            Err(e) => {
                let what = e.to_string();
                self.tell(&FromKeeper::SpawnFailed { id, errno: e.errno(), what }, vec![]);
            }
        }
    }

    fn spawn(&self, mut spawn: Spawn) -> Result<Face, SysError> {
        let refuse = |what: &'static str, subject: String, errno| {
            Err(SysError::on(what, subject)(io::Error::from_raw_os_error(errno)))
        };
        if self.faces.contains_key(&spawn.id) {
            return refuse("start face", format!("{} twice", spawn.id), process::EEXIST);
        }
        if self.faces.len() >= FACES_MAX as usize {
            return refuse("start more faces than", FACES_MAX.to_string(), process::EAGAIN);
        }
        let user = self.accounts.settle(&mut spawn).map_err(|why| {
            SysError::on("start a face for", why)(io::Error::from_raw_os_error(process::EPERM))
        })?;
        let memory_bytes = usize::try_from(spawn.memory_bytes).unwrap_or(usize::MAX);
        let memory = memory::create_memfd(&format!("facemux-face-{}", spawn.id), memory_bytes)?;
        let size = WindowSize { rows: spawn.size.rows(), cols: spawn.size.cols(), pixels: (0, 0) };
        let pty = pty::open(size, &spawn.modes)?;
        // The kernel gives the lowest free number: what is above the last one is free.
        let spare = KEEPER_DESCRIPTORS_FREE.min(self.descriptors.hard / 2);
        if pty.slave.as_raw_fd() as u64 + spare >= self.descriptors.hard {
            return Err(SysError::on("open", "a PTY")(process::out_of_descriptors()));
        }
        if std::fs::metadata(&spawn.cwd).map_or(true, |m| !m.is_dir()) {
            log::warn!("face {} starts in /: {:?} cannot be entered", spawn.id, spawn.cwd);
        }
        let group = self.groups.make(spawn.id).map_err(SysError::on("make", "a control group"))?;
        let doors = group.doors().map_err(SysError::on("open", "a control group"))?;
        let program = Program {
            argv: &spawn.argv,
            arg0: spawn.arg0.as_deref(),
            env: &spawn.env,
            cwd: &spawn.cwd,
            descriptors: self.descriptors,
            user,
            groups: &doors,
            limits: self.groups.fallback(user.is_some()),
        };
        let name = spawn.argv.first().map_or("", String::as_str);
        let pid = spawn::on_terminal(&program, pty.slave).map_err(|e| {
            group.remove();
            SysError::on("start", name)(e)
        })?;
        Ok(Face {
            id: spawn.id,
            pid,
            master: Rc::new(pty.master),
            memory: Rc::new(memory),
            meta: spawn.meta,
            keep_orphans: spawn.keep_orphans,
            adopted: BTreeSet::new(),
            group,
            life: Life::Running,
        })
    }

    fn handle_signal_face(&self, id: FaceId, signal: i32) {
        let Some(face) = self.faces.get(&id).filter(|f| f.lives()) else { return };
        let foreground = tty::foreground_group(&face.master).ok().flatten();
        let sent = process::kill_group(foreground.unwrap_or(face.pid), signal);
        if let Err(e) = sent {
            log::warn!("face {id}: {} was not sent: {e}", signals::name_of(signal));
        }
    }

    /// Begins a face's end, or hastens one under way.
    pub(super) fn end_face(&mut self, now: Instant, id: FaceId, grace: Duration) {
        let Some(face) = self.faces.get_mut(&id) else { return };
        match &mut face.life {
            Life::Running => face.life = Life::Ending(Ending::begin(now, grace)),
            Life::Ending(ending) => ending.hasten(now, grace),
            Life::Gone { .. } => {}
        }
    }
}
