//! The orderly end: viewers are told, faces end, the other processes go, the socket is removed, exit code 0.
//!
//! Every step has a deadline, so that nothing can keep the server from ending.

use super::server::{Frontend, Server};
use crate::sys::{process, signals};
use crate::wire::keeper::FromKeeper;
use std::time::{Duration, Instant};

/// How long the daemon has to tell its viewers.
const TELLING: Duration = Duration::from_secs(2);
/// How long faces have beyond their grace.
const KILLING: Duration = Duration::from_secs(3);
/// How long daemon and frontends have to go by themselves.
const LEAVING: Duration = Duration::from_secs(1);

/// How far the end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// It is not near.
    Running,
    /// The daemon tells its viewers.
    Telling {
        /// Then without it.
        until: Instant,
    },
    /// Faces end.
    Ending {
        /// Then without them.
        until: Instant,
    },
    /// Daemon and frontends go.
    Leaving {
        /// Then they are killed.
        until: Instant,
    },
    /// Nothing is left.
    Over,
}

impl Server {
    /// Whether the end has begun.
    pub(super) fn is_draining(&self) -> bool {
        self.phase != Phase::Running
    }

    /// SIGTERM, SIGINT, SIGHUP and the like.
    pub(super) fn handle_signal(&mut self, now: Instant, number: i32, from: u32) {
        let name = signals::name_of(number);
        if number == signals::HANGUP {
            log::info!("{name} from process {from}: nothing is read anew; the server goes on");
        } else if self.is_draining() {
            log::warn!("{name} again: what is left is killed now");
            let ids: Vec<_> = self.faces.keys().copied().collect();
            for id in ids {
                self.end_face(now, id, Duration::ZERO);
            }
            self.drained(now);
        } else {
            self.begin_drain(now, &format!("{name} from process {from}"));
        }
    }

    /// Begins the end.
    pub(super) fn begin_drain(&mut self, now: Instant, reason: &str) {
        if self.is_draining() {
            return;
        }
        log::info!("draining: {reason}");
        self.drop_upgrade(now);
        self.phase = Phase::Telling { until: now + TELLING };
        for role in self.roles() {
            role.retire();
        }
        if self.daemon.link.is_none() {
            self.drained(now);
        }
        self.tell(&FromKeeper::Drain, vec![]);
    }

    /// The daemon has told its viewers.
    pub(super) fn drained(&mut self, now: Instant) {
        if !matches!(self.phase, Phase::Telling { .. }) {
            return;
        }
        let grace = Duration::from_millis(self.config.settings.grace_ms);
        self.phase = Phase::Ending { until: now + grace + KILLING };
        let ids: Vec<_> = self.faces.keys().copied().collect();
        for id in ids {
            self.end_face(now, id, grace);
        }
    }

    /// Takes the next step when it is due.
    pub(super) fn advance(&mut self, now: Instant) {
        match self.phase {
            Phase::Telling { until } if now >= until || self.daemon.role.pid.is_none() => {
                log::warn!("the daemon did not say that its viewers were told");
                self.drained(now);
                self.look(now);
                self.advance(now);
            }
            Phase::Ending { until } => {
                let living = self.faces.values().filter(|f| f.lives()).count();
                if living == 0 || now >= until {
                    if living > 0 {
                        log::error!("{living} faces could not be ended");
                    }
                    self.leave(now);
                }
            }
            Phase::Leaving { until } => {
                self.flush(now);
                // The end of its link tells the daemon to go, after all that was still on its way.
                self.daemon.link.take_if(|link| link.is_empty());
                if self.roles().all(|r| r.pid.is_none()) && self.leaving.is_empty() {
                    self.close();
                } else if now >= until {
                    for pid in self.own_processes().collect::<Vec<_>>() {
                        log::warn!("process {pid} did not go by itself and is killed");
                        // Gone meanwhile is as good.
                        let _ = process::kill(pid, signals::KILL);
                    }
                    self.close();
                }
            }
            Phase::Running | Phase::Telling { .. } | Phase::Over => {}
        }
    }

    /// When `advance` is due.
    pub(super) fn advance_at(&self) -> Option<Instant> {
        match self.phase {
            Phase::Telling { until } | Phase::Ending { until } | Phase::Leaving { until } => {
                Some(until)
            }
            Phase::Running | Phase::Over => None,
        }
    }

    /// Daemon and frontends go when their links end; the frontends by SIGTERM too.
    fn leave(&mut self, now: Instant) {
        self.phase = Phase::Leaving { until: now + LEAVING };
        for frontend in [&mut self.web, &mut self.ssh].into_iter().flatten() {
            frontend.link = None;
            if let Some(pid) = frontend.role.pid {
                // Gone meanwhile is as good.
                let _ = process::kill(pid, signals::TERMINATE);
            }
        }
        for leaver in &mut self.leaving {
            leaver.link = None;
            // Gone meanwhile is as good.
            let _ = process::kill(leaver.pid, signals::TERMINATE);
        }
        self.advance(now);
    }

    fn close(&mut self) {
        self.phase = Phase::Over;
        let socket = &self.config.places.socket;
        if let Err(e) = std::fs::remove_file(socket) {
            log::warn!("{} was not removed: {e}", socket.display());
        }
        if let Err(e) = self.ids.finish() {
            log::warn!("{e}: some ids will be skipped");
        }
        log::info!("the server has ended");
    }

    fn roles(&mut self) -> impl Iterator<Item = &mut super::role::Role> {
        let frontends = [&mut self.web, &mut self.ssh].into_iter().flatten();
        frontends.map(|f: &mut Frontend| &mut f.role).chain(std::iter::once(&mut self.daemon.role))
    }
}
