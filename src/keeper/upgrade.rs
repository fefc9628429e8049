//! An upgrade: another program takes the place of daemon, frontends and keeper, while the faces run on.
//!
//! In this order, so that everything up to the last step can be taken back: the new program is asked whether it could
//! take over, with the table before it; the old daemon brings itself to rest; the new daemon recovers every face and
//! the new frontends get ready, none of them touching anything; then the keeper runs the new program in its own place
//! (`handover`), which lets them begin. Every step has a deadline; when one fails the old daemon is started again,
//! from our own program, whatever became of its file.

use super::link::Link;
use super::role::milliseconds;
use super::server::{Frontend, Server};
use crate::sys::process::{self, Ended};
use crate::sys::{SysError, signals, socket, spawn};
use crate::wire::keeper::{FromFrontend, FromKeeper, ToFrontend};
use crate::wire::upgrade::{Outcome, Rehearsal, Result as Way, VERSIONS};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long the new program has to say whether it could take over.
const ASKING: Duration = Duration::from_secs(10);
/// How long the old daemon has to bring itself to rest.
const STOPPING: Duration = Duration::from_secs(2);
/// How long the new daemon and the new frontends have to get ready, and how much longer for each face.
const TRYING: Duration = Duration::from_secs(10);
const TRYING_A_FACE: Duration = Duration::from_millis(20);

/// An upgrade under way.
#[derive(Debug)]
pub struct Upgrade {
    /// Where the outcome is written.
    pub asker: OwnedFd,
    /// The new program.
    pub program: OwnedFd,
    /// Its path.
    pub path: PathBuf,
    /// Its version, when it has told.
    pub to: Option<String>,
    /// When it was asked for.
    pub began: Instant,
    /// Since when faces are not served.
    pub paused: Option<Instant>,
    /// How far it is.
    pub stage: Stage,
}

/// How far an upgrade is.
#[derive(Debug)]
pub enum Stage {
    /// The new program looks at the table.
    Asking {
        /// Its process.
        pid: u32,
        /// The way to it.
        link: Link,
        /// Then it is given up.
        until: Instant,
    },
    /// The old daemon brings itself to rest.
    Stopping {
        /// Then it is killed.
        until: Instant,
    },
    /// The new processes get ready.
    Trying {
        /// Then they are given up.
        until: Instant,
        /// The daemon said that it has all faces.
        daemon: bool,
    },
    /// It failed: the old daemon comes back.
    Back {
        /// Why.
        reason: String,
        /// The process that was tried and is to die first.
        tried: Option<u32>,
    },
}

/// A process that ends with the last of what it has: a frontend whose successor took the listener.
#[derive(Debug)]
pub struct Leaver {
    /// Its pid.
    pub pid: u32,
    /// The way to it.
    pub link: Option<Link>,
}

impl Server {
    /// Somebody asks for an upgrade.
    pub(super) fn handle_upgrade(
        &mut self,
        now: Instant,
        binary: Option<String>,
        asker: Option<OwnedFd>,
    ) {
        let Some(asker) = asker else {
            log::error!("an upgrade was asked for, and nobody to be told of its outcome");
            return;
        };
        let path = binary.map_or_else(|| self.program.clone(), PathBuf::from);
        let outcome = |server: &Server, reason: String| {
            server.outcome(Way::Refused, Some(reason), None, now, now, None)
        };
        let busy = match (&self.upgrade, self.is_draining(), self.ready.is_some()) {
            (Some(_), ..) => Some("another upgrade is under way"),
            (_, true, _) => Some("the server is ending"),
            (_, _, true) => Some("the server is still starting"),
            _ => None,
        };
        if let Some(why) = busy {
            return tell(&asker, &outcome(self, why.to_owned()));
        }
        match self.ask(&path, now) {
            Ok((program, stage)) => {
                log::info!("upgrade to {}: asking whether it can take over", path.display());
                let (to, began, paused) = (None, now, None);
                self.upgrade = Some(Upgrade { asker, program, path, to, began, paused, stage });
            }
            Err(why) => tell(&asker, &outcome(self, why)),
        }
    }

    /// Starts the new program, to be asked whether it could take over with what there is now.
    fn ask(&self, path: &std::path::Path, now: Instant) -> Result<(OwnedFd, Stage), String> {
        let sentence = |e: SysError| e.to_string();
        let program = process::open_program(path).map_err(sentence)?;
        let mut begin = [0; 4];
        let copy = program.try_clone().map_err(|e| e.to_string())?;
        // A shell would be tried with anything else (execvp(3)).
        if File::from(copy).read_exact_at(&mut begin, 0).is_err() || &begin != b"\x7fELF" {
            let path = path.display();
            return Err(format!("{path} is no binary (a script?): name the facemux binary itself"));
        }
        let table = self.rehearsal_table(now).map_err(sentence)?;
        let (ours, theirs) = socket::seqpacket_pair().map_err(sentence)?;
        let child = spawn::role(
            &process::running(&program),
            "facemux",
            &["hand-over"],
            vec![table, theirs],
            true,
        )
        .map_err(|e| format!("{} cannot be run: {e}", path.display()))?;
        let stage = Stage::Asking { pid: child.id(), link: Link::new(ours), until: now + ASKING };
        Ok((program, stage))
    }

    /// When the next step is due, if nothing happens before.
    pub(super) fn upgrade_at(&self) -> Option<Instant> {
        match &self.upgrade.as_ref()?.stage {
            Stage::Asking { until, .. }
            | Stage::Stopping { until }
            | Stage::Trying { until, .. } => Some(*until),
            Stage::Back { .. } => None,
        }
    }

    /// Takes the next step when it is due.
    pub(super) fn advance_upgrade(&mut self, now: Instant) {
        self.hear_frontends();
        self.hear_rehearsal(now);
        let late = self.upgrade_at().is_some_and(|until| until <= now);
        let Some(upgrade) = &self.upgrade else { return };
        match &upgrade.stage {
            Stage::Asking { .. } if late => {
                self.refuse_upgrade(now, "it does not say whether it can take over".to_owned())
            }
            Stage::Stopping { .. } if late => match self.daemon.role.pid {
                Some(pid) => {
                    log::warn!("the daemon (pid {pid}) did not come to rest in time");
                    // Gone meanwhile is as good.
                    let _ = process::kill(pid, signals::KILL);
                    self.set_stage(Stage::Stopping { until: now + STOPPING });
                }
                None => self.begin_trial(now),
            },
            Stage::Trying { daemon: true, .. }
                if self.frontends().all(|f| f.ready || !f.on_trial) =>
            {
                self.hand_over(now);
            }
            Stage::Trying { until, daemon } if late => {
                let who = if *daemon { "its frontends were" } else { "its daemon was" };
                let time = *until - upgrade.paused.unwrap_or(upgrade.began);
                self.roll_back(now, format!("{who} not ready after {} s", time.as_secs()));
            }
            Stage::Asking { .. } | Stage::Stopping { .. } | Stage::Trying { .. } => {}
            Stage::Back { .. } => {}
        }
    }

    fn set_stage(&mut self, stage: Stage) {
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.stage = stage;
        }
    }

    /// What frontends say: that they have what they need.
    fn hear_frontends(&mut self) {
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            let Some(link) = &mut frontend.link else { continue };
            while let Ok(Some((FromFrontend::Ready, _))) = link.next() {
                frontend.ready = true;
            }
        }
    }

    /// What the new program says about itself.
    fn hear_rehearsal(&mut self, now: Instant) {
        let Some(Upgrade { stage: Stage::Asking { link, .. }, to, .. }) = &mut self.upgrade else {
            return;
        };
        let Ok(Some(text)) = link.next_text() else { return };
        let why = match serde_json::from_str::<Rehearsal>(&text) {
            Ok(said) => {
                *to = Some(said.facemux);
                said.versions.misfit(&VERSIONS).or(said.refused)
            }
            Err(e) => Some(format!("its answer is not understood: {e}")),
        };
        if let Some(why) = why {
            return self.refuse_upgrade(now, why);
        }
        // Its work is done; its death must not be taken for a refusal.
        self.dismiss_rehearsal();
        log::info!("upgrade: it can take over; the daemon is brought to rest");
        self.set_stage(Stage::Stopping { until: now + STOPPING });
        if let Some(upgrade) = &mut self.upgrade {
            upgrade.paused = Some(now);
        }
        if self.daemon.role.pid.is_some() {
            self.tell(&FromKeeper::Retire, vec![]);
        } else {
            self.begin_trial(now);
        }
    }

    fn dismiss_rehearsal(&mut self) {
        if let Some(Upgrade { stage: Stage::Asking { pid, .. }, .. }) = &self.upgrade {
            self.leaving.push(Leaver { pid: *pid, link: None });
            // Gone meanwhile is as good.
            let _ = process::kill(*pid, signals::KILL);
        }
    }

    /// Nothing was touched yet.
    fn refuse_upgrade(&mut self, now: Instant, reason: String) {
        self.dismiss_rehearsal();
        let Some(upgrade) = self.upgrade.take() else { return };
        let reason = format!("{} cannot take over: {reason}", upgrade.path.display());
        log::error!("upgrade refused: {reason}");
        let (began, to) = (upgrade.began, upgrade.to);
        tell(&upgrade.asker, &self.outcome(Way::Refused, Some(reason), to, began, now, None));
    }

    /// The old daemon is gone: the new program's processes get ready.
    fn begin_trial(&mut self, now: Instant) {
        let faces = u32::try_from(self.faces.len()).unwrap_or(u32::MAX);
        let until = now + TRYING + TRYING_A_FACE * faces;
        self.set_stage(Stage::Trying { until, daemon: false });
        self.daemon.role.succeed(now);
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            frontend.ready = false;
            let link = frontend.link.take();
            let pid = frontend.role.succeed(now);
            frontend.on_trial = pid.is_some();
            frontend.predecessor = pid.map(|pid| Leaver { pid, link });
        }
    }

    /// Whether what is started now is on trial, and from which program.
    pub(super) fn trial(&self) -> Option<String> {
        match &self.upgrade {
            Some(Upgrade { stage: Stage::Trying { .. }, program, .. }) => {
                Some(process::running(program))
            }
            _ => None,
        }
    }

    /// A process of the upgrade's could not be started.
    pub(super) fn trial_failed(&mut self, now: Instant, error: &SysError) {
        self.roll_back(now, error.to_string());
    }

    /// The daemon is ready: it is the new one on trial, or the old one that came back.
    pub(super) fn upgrade_ready(&mut self, now: Instant, whole: u32, damaged: u32) {
        let faces = self.faces.len() as u64;
        let (before, Some(upgrade)) = (self.daemon.damaged, &mut self.upgrade) else { return };
        match &mut upgrade.stage {
            Stage::Trying { daemon, .. } => {
                if damaged > before || u64::from(whole) + u64::from(damaged) != faces {
                    let why = format!("its daemon took over {whole} of {faces} faces whole");
                    return self.roll_back(now, why);
                }
                *daemon = true;
                self.daemon.damaged = damaged;
            }
            Stage::Back { reason, .. } => {
                let reason = std::mem::take(reason);
                let Some(upgrade) = self.upgrade.take() else { return };
                let (began, to) = (upgrade.began, upgrade.to);
                let outcome =
                    self.outcome(Way::RolledBack, Some(reason), to, began, now, upgrade.paused);
                log::error!("upgrade rolled back: the old daemon serves again");
                tell(&upgrade.asker, &outcome);
            }
            Stage::Asking { .. } | Stage::Stopping { .. } => {}
        }
    }

    /// The new program is given up: the old one goes on.
    pub(super) fn roll_back(&mut self, now: Instant, reason: String) {
        log::error!("upgrade given up: {reason}");
        let tried = self.daemon.role.pid;
        let Some(upgrade) = &mut self.upgrade else { return };
        let reason = format!("{}: {reason}", upgrade.path.display());
        upgrade.stage = Stage::Back { reason, tried };
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            reinstate(frontend, &mut self.leaving, now);
        }
        match tried {
            // It is started again when it is dead.
            Some(pid) => drop(process::kill(pid, signals::KILL)),
            None => drop(self.daemon.role.succeed(now)),
        }
    }

    /// The daemon died. Gives whether another is to be started at once because the upgrade wants it so.
    pub(super) fn upgrade_lost_daemon(&mut self, now: Instant, pid: u32, ended: Ended) -> bool {
        match &mut self.upgrade {
            Some(Upgrade { stage: Stage::Stopping { .. }, .. }) => {
                self.begin_trial(now);
                true
            }
            Some(Upgrade { stage: Stage::Trying { .. }, .. }) => {
                self.daemon.role.succeed(now);
                self.roll_back(now, format!("its daemon (pid {pid}) {ended}"));
                true
            }
            Some(Upgrade { stage: Stage::Back { tried, .. }, .. }) if *tried == Some(pid) => {
                *tried = None;
                self.daemon.role.succeed(now);
                true
            }
            _ => false,
        }
    }

    /// A child died that may be one of the upgrade's. Gives whether it was.
    pub(super) fn upgrade_lost(&mut self, now: Instant, pid: u32, ended: Ended) -> bool {
        // It may have said what it had to say and gone.
        self.hear_rehearsal(now);
        if let Some(at) = self.leaving.iter().position(|l| l.pid == pid) {
            self.leaving.remove(at);
            return true;
        }
        if let Some(Upgrade { stage: Stage::Asking { pid: asked, .. }, .. }) = &self.upgrade
            && *asked == pid
        {
            self.refuse_upgrade(now, format!("it is no facemux that could: it {ended}"));
            return true;
        }
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            if frontend.predecessor.take_if(|p| p.pid == pid).is_some() {
                return true;
            }
        }
        let tried = self.frontends().find(|f| f.on_trial && f.role.pid == Some(pid));
        let tried = tried.map(|f| f.role.name);
        if let (Some(name), Some(_)) = (tried, self.trial()) {
            self.roll_back(now, format!("its {name} frontend (pid {pid}) {ended}"));
            self.leaving.retain(|l| l.pid != pid);
            return true;
        }
        false
    }

    /// The server ends: so does the upgrade.
    pub(super) fn drop_upgrade(&mut self, now: Instant) {
        match &self.upgrade {
            None => return,
            Some(Upgrade { stage: Stage::Asking { .. }, .. }) => self.dismiss_rehearsal(),
            // On trial no more: it is the only daemon there is to tell the viewers.
            Some(_) => self.tell(&FromKeeper::Begin, vec![]),
        }
        let Some(upgrade) = self.upgrade.take() else { return };
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            self.leaving.extend(frontend.predecessor.take());
        }
        let reason = Some("the server was asked to end".to_owned());
        let way = if upgrade.paused.is_some() { Way::RolledBack } else { Way::Refused };
        let outcome = self.outcome(way, reason, upgrade.to, upgrade.began, now, upgrade.paused);
        tell(&upgrade.asker, &outcome);
    }

    /// The new program has the table: the new processes begin, the old ones go.
    pub(super) fn commit_upgrade(&mut self, now: Instant, from: String) {
        self.tell(&FromKeeper::Begin, vec![]);
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            if std::mem::take(&mut frontend.on_trial) {
                say(&mut frontend.link, ToFrontend::Begin);
            }
            if let Some(mut leaver) = frontend.predecessor.take() {
                say(&mut leaver.link, ToFrontend::Retire);
                self.leaving.push(leaver);
            }
        }
        self.tell_processes();
        self.flush(now);
        let Some(upgrade) = self.upgrade.take() else { return };
        self.program = upgrade.path;
        let mut outcome =
            self.outcome(Way::Done, None, upgrade.to, upgrade.began, now, upgrade.paused);
        outcome.from = from;
        log::info!(
            "upgraded from {} to {}: {} faces kept, not served for {} ms",
            outcome.from,
            env!("CARGO_PKG_VERSION"),
            outcome.faces,
            outcome.pause_ms
        );
        tell(&upgrade.asker, &outcome);
    }

    fn outcome(
        &self,
        result: Way,
        reason: Option<String>,
        to: Option<String>,
        began: Instant,
        now: Instant,
        paused: Option<Instant>,
    ) -> Outcome {
        let since = |at: Instant| milliseconds(now.saturating_duration_since(at));
        Outcome {
            result,
            reason,
            from: env!("CARGO_PKG_VERSION").to_owned(),
            to,
            faces: self.faces.values().filter(|f| f.lives()).count(),
            ms: since(began),
            pause_ms: paused.map_or(0, since),
        }
    }

    /// Processes of ours that are no face's.
    pub(super) fn own_processes(&self) -> impl Iterator<Item = u32> {
        let asked = match &self.upgrade {
            Some(Upgrade { stage: Stage::Asking { pid, .. }, .. }) => Some(*pid),
            _ => None,
        };
        let predecessors = self.frontends().filter_map(|f| f.predecessor.as_ref().map(|p| p.pid));
        let leaving = self.leaving.iter().map(|l| l.pid);
        let roles = self.frontends().filter_map(|f| f.role.pid).chain(self.daemon.role.pid);
        roles.chain(predecessors).chain(leaving).chain(asked)
    }

    /// Both frontends, where there are any.
    pub(super) fn frontends(&self) -> impl Iterator<Item = &Frontend> {
        [&self.web, &self.ssh].into_iter().flatten()
    }
}

/// The frontend that was there before goes on; the one that was tried ends.
fn reinstate(frontend: &mut Frontend, leaving: &mut Vec<Leaver>, now: Instant) {
    frontend.on_trial = false;
    let tried = frontend.link.take();
    if let Some(pid) = frontend.role.succeed(now) {
        // Gone meanwhile is as good.
        let _ = process::kill(pid, signals::KILL);
        leaving.push(Leaver { pid, link: tried });
    }
    if let Some(predecessor) = frontend.predecessor.take() {
        frontend.role.reinstate(predecessor.pid);
        frontend.link = predecessor.link;
    }
}

/// Says something to a frontend. One that cannot be told is dead or dying.
fn say(link: &mut Option<Link>, what: ToFrontend) {
    let Some(link) = link else { return };
    let said = link.post(&what, vec![]).map_err(io::Error::other).and_then(|()| link.flush());
    if let Err(e) = said {
        log::debug!("a frontend cannot be told: {e}");
    }
}

/// Tells whoever asked. Nobody may be there any more.
fn tell(asker: &OwnedFd, outcome: &Outcome) {
    let text = serde_json::to_string(outcome).unwrap_or_default();
    let told = process::set_nonblocking(asker)
        .and_then(|()| asker.try_clone())
        .and_then(|asker| File::from(asker).write_all(text.as_bytes()));
    if let Err(e) = told {
        log::info!("nobody waits for the outcome of the upgrade: {e}");
    }
}
