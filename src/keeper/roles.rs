//! Starting daemon, web and ssh, and what to do when one of them dies.
//!
//! All of them are this very program, started anew with its descriptors at fixed numbers. When the daemon dies its
//! account is read from the zombie and told to its successor, which gets every face as it stands.

use super::link::Link;
use super::role::PROGRAM;
use super::server::{Frontend, Server};
use super::upgrade::{Stage, Upgrade};
use crate::sys::ledger::{AccountFile, Ledger};
use crate::sys::log::Style;
use crate::sys::process::Ended;
use crate::sys::{SysError, signals, socket, spawn};
use crate::wire::keeper::{Crash, FromKeeper, FrontendStart, Start};
use std::io;
use std::rc::Rc;
use std::time::Instant;

impl Server {
    /// Starts what is due.
    pub(super) fn start_roles(&mut self, now: Instant) {
        let due = |at: Option<Instant>| at.is_some_and(|at| at <= now);
        if due(self.daemon.role.start_at())
            && let Err(e) = self.start_daemon(now)
        {
            if self.trial().is_some() {
                self.trial_failed(now, &e);
            } else {
                let pause = self.daemon.role.failed(now);
                log::error!("{e}; trying again in {pause:?}");
            }
        }
        let (mut started, mut failed) = (false, None);
        for name in ["web", "ssh"] {
            let slot = if name == "web" { &mut self.web } else { &mut self.ssh };
            let Some(mut frontend) = slot.take_if(|f| due(f.role.start_at())) else { continue };
            match self.start_frontend(now, &mut frontend) {
                Ok(()) => started = true,
                Err(e) => {
                    let pause = frontend.role.failed(now);
                    log::error!("{e}; trying again in {pause:?}");
                    failed = frontend.on_trial.then_some(e);
                }
            }
            if name == "web" {
                self.web = Some(frontend)
            } else {
                self.ssh = Some(frontend)
            }
            if let Some(e) = failed.take() {
                self.trial_failed(now, &e);
            }
        }
        if started {
            self.tell_processes();
        }
    }

    /// The earliest time at which one is to be started.
    pub(super) fn start_at(&self) -> Option<Instant> {
        let frontends = [&self.web, &self.ssh];
        let mut times: Vec<Instant> =
            frontends.into_iter().flatten().filter_map(|f| f.role.start_at()).collect();
        times.extend(self.daemon.role.start_at());
        times.into_iter().min()
    }

    fn start_daemon(&mut self, now: Instant) -> Result<(), SysError> {
        let (ours, theirs) = socket::seqpacket_pair()?;
        let trial = self.trial();
        let program = trial.as_deref().unwrap_or(PROGRAM);
        let child = spawn::role(program, "facemux", &["daemon"], vec![theirs], false)
            .map_err(SysError::on("start", "the daemon"))?;
        let role = &mut self.daemon.role;
        let generation = role.starts;
        role.started(child.id(), now);
        self.daemon.account = match AccountFile::open(child.id()) {
            Ok(account) => Some(account),
            Err(e) => {
                log::warn!("{e}: input in flight when the daemon is killed will be in doubt");
                None
            }
        };
        self.daemon.link = Some(Link::new(ours));
        let start = Start {
            settings: self.config.settings.clone(),
            next_id: self.ids.next(),
            reserved: self.ids.reserved(),
            crash: self.daemon.crash.clone(),
            generation,
            keeper_pid: std::process::id(),
            dir: self.config.places.dir.as_ref().map(|d| d.display().to_string()),
            url: self.web.as_ref().map(|f| format!("{}/?face=", self.url(f))),
            accounted: self.daemon.account.is_some(),
            sandbox: self.config.sandbox,
            trial: trial.is_some(),
        };
        let fds = vec![Rc::clone(&self.listener), Rc::clone(&self.ledger)];
        self.tell(&FromKeeper::Start(Box::new(start)), fds);
        self.tell_all();
        self.tell(&FromKeeper::Go, vec![]);
        self.tell_processes();
        self.flush(now);
        Ok(())
    }

    fn tell_all(&mut self) {
        let faces: Vec<_> = self.faces.values().map(|f| (f.kept(), f.fds())).collect();
        for (face, fds) in faces {
            self.tell(&FromKeeper::Face(face), fds);
        }
        for (id, bytes) in self.certificates.clone() {
            self.tell(&FromKeeper::Certificate { id, bytes }, vec![]);
        }
    }

    fn start_frontend(&mut self, now: Instant, frontend: &mut Frontend) -> Result<(), SysError> {
        let name = frontend.role.name;
        let (ours, theirs) = socket::seqpacket_pair()?;
        let web = if name == "web" { Some(&*frontend) } else { self.web.as_ref() };
        let places = &self.config.places;
        let message = FrontendStart {
            socket: places.socket.display().to_string(),
            dir: places.dir.as_ref().map(|d| d.display().to_string()),
            state: places.state.display().to_string(),
            address: frontend.address.to_string(),
            url: web.map(|web| self.url(web)).unwrap_or_default(),
            origins: self.config.origins.clone(),
            auth: self.config.auth.clone(),
            ssh: self.config.ssh_settings.clone(),
            flags: self.config.origin.flags.clone(),
            files: self.config.origin.files.clone(),
            log_json: self.config.log_style == Style::Json,
            page_faces: self.config.page_faces,
            idle_timeout_ms: self.config.settings.idle_timeout_ms,
            first: frontend.role.starts == 0,
            sandbox: self.config.sandbox,
            trial: frontend.on_trial,
        };
        let mut link = Link::new(ours);
        // Before it starts, so that its first read finds them.
        let sent =
            link.post(&message, vec![]).map_err(io::Error::other).and_then(|()| link.flush());
        sent.map_err(SysError::on("send settings to", format!("the {name} frontend")))?;
        let listener = frontend.listener.try_clone().map_err(SysError::on("copy", "a listener"))?;
        let trial = self.trial();
        let program = trial.as_deref().unwrap_or(PROGRAM);
        let child = spawn::role(program, "facemux", &[name], vec![listener, theirs], false)
            .map_err(SysError::on("start", format!("the {name} frontend")))?;
        frontend.role.started(child.id(), now);
        frontend.link = Some(link);
        Ok(())
    }

    fn url(&self, web: &Frontend) -> String {
        self.config.public_url.clone().unwrap_or_else(|| format!("http://{}", web.address))
    }

    /// Where the processes are.
    pub(super) fn tell_processes(&mut self) {
        let pid = |f: &Option<Frontend>| f.as_ref().and_then(|f| f.role.pid);
        let address = |f: &Option<Frontend>| f.as_ref().map(|f| f.address.to_string());
        let places = &self.config.places;
        let text = serde_json::json!({
            "keeper": std::process::id(),
            "daemon": self.daemon.role.pid,
            "web": pid(&self.web),
            "ssh": pid(&self.ssh),
            "web_address": address(&self.web),
            "ssh_address": address(&self.ssh),
            "socket": places.socket,
            "state": places.state,
            "log": self.config.background.then_some(&places.log),
        });
        self.tell(&FromKeeper::Processes(text.to_string()), vec![]);
    }

    /// A child that may be one of ours has died and is not reaped yet.
    pub(super) fn role_died(&mut self, now: Instant, pid: u32, ended: Ended) {
        if self.daemon.role.pid == Some(pid) {
            self.daemon_died(now, pid, ended);
            return;
        }
        if self.upgrade_lost(now, pid, ended) {
            return;
        }
        let draining = self.is_draining();
        let Some(frontend) =
            [&mut self.web, &mut self.ssh].into_iter().flatten().find(|f| f.role.pid == Some(pid))
        else {
            return;
        };
        let name = frontend.role.name;
        frontend.link = None;
        if draining {
            frontend.role.buried();
            return;
        }
        let pause = frontend.role.failed(now);
        log::error!("the {name} frontend (pid {pid}) {ended}; starting it again in {pause:?}");
        self.tell_processes();
    }

    fn daemon_died(&mut self, now: Instant, pid: u32, ended: Ended) {
        // What it said before it died stands.
        self.handle_daemon(now);
        self.daemon.link = None;
        if self.is_draining() {
            self.daemon.role.buried();
            return;
        }
        let what = self.autopsy(pid, ended);
        self.daemon.account = None;
        if self.upgrade_lost_daemon(now, pid, ended) {
            log::info!("the daemon (pid {pid}) {ended}{what}");
            return;
        }
        let pause = self.daemon.role.failed(now);
        log::error!("the daemon (pid {pid}) {ended}{what}; starting it again in {pause:?}");
    }

    /// What the dead daemon's last call returned; for its successor, and as words for the log.
    fn autopsy(&mut self, pid: u32, ended: Ended) -> String {
        let record = Ledger::open(&*self.ledger).ok().and_then(|(ledger, _)| ledger.last_record());
        let reason = format!("the daemon (pid {pid}) {ended}");
        let own_fault = self.is_own_fault(ended);
        let Some(record) = record.filter(|r| r.pid == pid) else {
            // It published nothing: what its predecessor left, if anything, still stands.
            if let Some(crash) = &mut self.daemon.crash {
                (crash.reason, crash.own_fault) = (reason, own_fault);
            }
            return " before it had recovered".to_owned();
        };
        let account = self.daemon.account.as_ref().and_then(|a| a.read().ok());
        let returned_read = account.map(|a| record.returned_read(a.read));
        let returned_written = account.map(|a| record.returned_written(a.written));
        self.daemon.crash = Some(Crash { returned_read, returned_written, reason, own_fault });
        let told = |n: Option<u64>| n.map_or("an unknown number".to_owned(), |n| n.to_string());
        format!(
            "; its last call was {:?} for face {} at {}: {} bytes read, {} written",
            record.kind,
            record.face,
            record.offset,
            told(returned_read),
            told(returned_written)
        )
    }

    /// Whether the daemon ended by what it did: then what it was parsing may be why. A signal from outside says
    /// nothing of it.
    fn is_own_fault(&mut self, ended: Ended) -> bool {
        match ended {
            Ended::Code(code) => code != 0,
            Ended::Signal(signals::KILL) => self.oom.grew(),
            Ended::Signal(signal) => signals::is_fault(signal),
        }
    }

    /// A daemon is ready. After the first, whoever waits for us is told.
    pub(super) fn handle_ready(&mut self, now: Instant, whole: u32, damaged: u32) {
        log::info!("the daemon (pid {}) is ready", self.daemon.role.pid.unwrap_or(0));
        self.has_started = true;
        let on_trial = self.trial().is_some();
        self.upgrade_ready(now, whole, damaged);
        if on_trial {
            return;
        }
        self.daemon.damaged = damaged;
        let Some(fd) = self.ready.take() else { return };
        let address =
            |f: &Option<Frontend>| f.as_ref().map_or("off".to_owned(), |f| f.address.to_string());
        let line = format!("ready web={} ssh={}\n", address(&self.web), address(&self.ssh));
        if let Err(e) = std::io::Write::write_all(&mut std::fs::File::from(fd), line.as_bytes()) {
            log::warn!("whoever started us does not wait for us any more: {e}");
        }
    }

    /// All ways to processes of ours.
    pub(super) fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        let frontends = [&mut self.web, &mut self.ssh].into_iter().flatten();
        let frontends = frontends.flat_map(|f: &mut Frontend| {
            [f.link.as_mut(), f.predecessor.as_mut().and_then(|p| p.link.as_mut())]
        });
        let asked = match &mut self.upgrade {
            Some(Upgrade { stage: Stage::Asking { link, .. }, .. }) => Some(link),
            _ => None,
        };
        frontends.flatten().chain(self.daemon.link.as_mut()).chain(asked)
    }
}
