//! How a face comes to be: admitted, given a durable id, started by the keeper.

use super::environment::environment;
use super::find::shown;
use super::living::Living;
use super::meta::Ending;
use super::meta::{Meta, quoted};
use super::timer::Timer;
use super::viewer::valid_name;
use super::{Answer, ClientId, Ended, Mux, Now, Parked};
use crate::face::Face;
use crate::face::memory::{Memory, total_bytes};
use crate::limits::{IDS_RESERVED, NAME_BYTES_MAX, TERMINAL_MODES_MAX};
use crate::planted::{Bug, has};
use crate::units::FaceId;
use crate::wire::keeper::{Spawn, ToKeeper};
use crate::wire::{EndCause, EndReport, Event, FaceState, Kind, NewFace, Refusal, Reply, Role};
use std::time::Duration;

/// A face the keeper was asked to start.
pub(super) struct Starting {
    pub client: ClientId,
    pub meta: Meta,
}

impl Mux {
    pub(super) fn request_new(
        &mut self,
        now: Now,
        client: ClientId,
        new: Box<NewFace>,
        kernel: &mut dyn super::Kernel,
    ) -> Answer {
        let lane = self.admit(client, &new)?;
        self.make_room(now, client, kernel)?;
        if self.next_id >= self.reserved && !has(Bug::IdsUnreserved) {
            self.tell_keeper(ToKeeper::Reserve { upto: self.next_id + IDS_RESERVED });
            self.waiting.push_back((client, new));
            self.park(client, Parked::New);
            return Ok(None);
        }
        let id = FaceId(self.next_id);
        self.next_id += 1;
        if self.next_id + IDS_RESERVED / 2 == self.reserved {
            self.tell_keeper(ToKeeper::Reserve { upto: self.reserved + IDS_RESERVED });
        }
        self.start(now, client, id, *new, lane);
        Ok(None)
    }

    /// Whether the request makes sense; gives the lane of a side channel.
    fn admit(&self, client: ClientId, new: &NewFace) -> Result<Option<(FaceId, u32)>, Refusal> {
        if self.draining {
            return Err(Refusal::Unavailable("the server is ending; no new faces".into()));
        }
        let actor = self.actor(client);
        if actor.role < Role::Driver || actor.only.is_some() {
            return Err(Refusal::NotAllowed("this token may not make faces".into()));
        }
        if let Some(name) = &new.name {
            self.check_name(name)?;
        }
        if !new.cwd.is_empty() && !new.cwd.starts_with('/') {
            return Err(Refusal::Invalid(format!(
                "directory {:?}: give an absolute path",
                shown(&new.cwd)
            )));
        }
        if new.argv.iter().chain([&new.cwd]).any(|word| word.contains('\0')) {
            return Err(Refusal::Invalid("a command may not contain NUL bytes".into()));
        }
        if new.modes.len() > TERMINAL_MODES_MAX {
            return Err(Refusal::Invalid(format!("more than {TERMINAL_MODES_MAX} terminal modes")));
        }
        let Some(parent) = &new.side_of else { return Ok(None) };
        let parent = self.living(client, parent)?;
        let taken = |n: u32| self.metas().any(|m| m.lane == Some((parent, n)));
        Ok((1..).find(|n| !taken(*n)).map(|n| (parent, n)))
    }

    pub(super) fn check_name(&self, name: &str) -> Result<(), Refusal> {
        if !valid_name(name) {
            return Err(Refusal::Invalid(format!(
                "name {:?}: use letters, digits and ._-, not digits alone, at most {NAME_BYTES_MAX} bytes",
                shown(name)
            )));
        }
        if self.metas().any(|m| m.name.as_deref() == Some(name)) {
            return Err(Refusal::Invalid(format!(
                "name {name:?} is taken by a living face; choose another"
            )));
        }
        Ok(())
    }

    fn metas(&self) -> impl Iterator<Item = &Meta> {
        let living = self.faces.values().filter(|l| l.over.is_none()).map(|l| &l.meta);
        living.chain(self.starting.values().map(|s| &s.meta))
    }

    /// Refuses in a full house, unless a face may be evicted.
    fn make_room(
        &mut self,
        now: Now,
        client: ClientId,
        kernel: &mut dyn super::Kernel,
    ) -> Result<(), Refusal> {
        let user = self.actor(client).user.clone();
        let mine = self.metas().filter(|m| m.user == user).count();
        let of_user = self.settings.max_faces_per_user as usize;
        if user.is_some() && of_user > 0 && mine >= of_user {
            return Err(Refusal::Limit(format!(
                "limit of {of_user} living faces a user reached; end one first"
            )));
        }
        let living = self.metas().count();
        let max = self.settings.max_faces as usize;
        if living < max || has(Bug::NoLimit) {
            return Ok(());
        }
        let evict_after = Duration::from_millis(self.settings.evict_after_ms);
        let mut idle: Vec<(Duration, FaceId)> = self.idle_faces().collect();
        idle.sort();
        if self.settings.evict_after_ms > 0 {
            let old =
                idle.iter().filter(|(since, _)| now.mono.saturating_sub(*since) >= evict_after);
            if let Some((since, id)) = old.copied().find(|(_, id)| kernel.waiting(*id)) {
                let idle_for =
                    humantime::format_duration(Duration::from_secs((now.mono - since).as_secs()));
                let reason =
                    format!("evicted: idle for {idle_for} when all {max} faces were taken");
                self.end_face(id, Ending { cause: EndCause::EvictedLimit, reason, by: None });
                return Ok(());
            }
        }
        let oldest = idle
            .iter()
            .find(|(_, id)| self.faces.get(id).is_some_and(|l| self.may_see(client, *id, l)));
        let hint = oldest.map_or(String::new(), |(since, id)| {
            let idle_for = Duration::from_secs((now.mono.saturating_sub(*since)).as_secs());
            format!(
                "; the oldest idle one is face {id}, idle for {}",
                humantime::format_duration(idle_for)
            )
        });
        Err(Refusal::Limit(format!(
            "limit of {max} living faces (max_faces) reached{hint}; end one first"
        )))
    }

    fn start(
        &mut self,
        now: Now,
        client: ClientId,
        id: FaceId,
        new: NewFace,
        lane: Option<(FaceId, u32)>,
    ) {
        let (argv, arg0) = command(&new);
        let meta = Meta {
            kind: new.kind,
            name: new.name,
            lane,
            user: self.actor(client).user.clone(),
            size: new.size,
            resized_at: 0,
            fixed: false,
            command: quoted(&argv),
            created_ms: now.wall_ms,
            report: None,
            ending: None,
        };
        let spawn = Spawn {
            id,
            argv,
            arg0,
            env: environment(&new.env, &self.around, id, &meta),
            cwd: if new.cwd.is_empty() { "/".into() } else { new.cwd },
            size: new.size,
            modes: new.modes,
            memory_bytes: total_bytes(self.settings.journal_bytes as usize) as u64,
            keep_orphans: new.keep_orphans,
            user: meta.user.clone(),
            meta: meta.to_bytes(),
        };
        self.starting.insert(id, Starting { client, meta });
        self.park(client, Parked::New);
        self.tell_keeper(ToKeeper::Spawn(Box::new(spawn)));
    }

    /// The keeper has started a face; `memory` is its memfd.
    pub fn handle_spawned(&mut self, now: Now, id: FaceId, pid: u32, memory: Memory) {
        let Some(starting) = self.starting.remove(&id) else { return };
        let face = Face::new(memory, starting.meta.size, self.settings.history_lines as usize);
        self.faces.insert(id, Living::new(face, starting.meta, pid, now));
        self.arm_idle(id);
        self.unpark(starting.client);
        let key = self.key(id);
        self.reply(starting.client, Reply::Created { id, key, end: None });
        self.tell_watchers(id, |info| Event::Created(Box::new(info)), now);
    }

    /// The keeper could not start a face.
    pub fn handle_spawn_failed(&mut self, now: Now, id: FaceId, errno: i32, what: &str) {
        let Some(starting) = self.starting.remove(&id) else { return };
        let meta = starting.meta;
        // POSIX shells: 127 not found, 126 found but not to be executed.
        let code = if errno == ENOENT { 127 } else { 126 };
        let end = EndReport {
            cause: EndCause::NotStarted,
            reason: format!("{what}: {}", said(errno)),
            code,
            signal: None,
            by: None,
            at_ms: now.wall_ms,
            reaped: Vec::new(),
        };
        let key = meta.key(id);
        let mut info = super::info::blank(id, &meta);
        info.state = FaceState::Ended;
        info.end = Some(end.clone());
        self.keep_certificate(now, Ended { info, screen: String::new() });
        self.unpark(starting.client);
        self.reply(starting.client, Reply::Created { id, key, end: Some(end) });
        self.arm_linger(now);
    }

    pub(super) fn park(&mut self, client: ClientId, parked: Parked) {
        if let Some(c) = self.clients.get_mut(&client) {
            c.parked = Some(Box::new(parked));
        }
    }

    pub(super) fn unpark(&mut self, client: ClientId) {
        if let Some(c) = self.clients.get_mut(&client) {
            c.parked = None;
        }
    }

    /// A server that `new` started ends when it has had nothing to do for a while.
    pub(super) fn arm_linger(&mut self, now: Now) {
        if self.settings.linger_ms > 0 && self.faces.is_empty() && self.starting.is_empty() {
            self.empty_since = now.mono;
            self.timers.set(now.mono + self.linger(), Timer::Linger);
        }
    }

    pub(super) fn linger_over(&mut self, now: Now) {
        let empty = self.faces.is_empty() && self.starting.is_empty();
        if empty && now.mono.saturating_sub(self.empty_since) >= self.linger() {
            self.tell_keeper(ToKeeper::Stop);
        }
    }

    fn linger(&self) -> Duration {
        Duration::from_millis(self.settings.linger_ms)
    }
}

/// errno(3): no such file.
const ENOENT: i32 = 2;

/// Why a command cannot be started, as a shell would put it.
fn said(errno: i32) -> String {
    match errno {
        ENOENT => "command not found".into(),
        other => {
            let error = std::io::Error::from_raw_os_error(other).to_string();
            error.split(" (os error").next().unwrap_or_default().to_lowercase()
        }
    }
}

/// The command to run and argument zero: a login shell for those who come from outside and name none.
fn command(new: &NewFace) -> (Vec<String>, Option<String>) {
    if !new.argv.is_empty() {
        return (new.argv.clone(), None);
    }
    let named =
        new.env.iter().rev().find(|(name, value)| name == "SHELL" && value.starts_with('/'));
    let shell = named.map_or("/bin/sh", |(_, value)| value.as_str()).to_string();
    let name = shell.rsplit('/').next().unwrap_or("sh");
    let arg0 = (new.kind != Kind::Cli).then(|| format!("-{name}"));
    (vec![shell], arg0)
}
