//! A living face as the registry knows it.

use super::ClientId;
use super::awaited::Awaited;
use super::meta::Meta;
use super::timer::{Alarm, Timer, Timers};
use super::viewer::Viewer;
use crate::face::Face;
use crate::wire::keeper::Exit;
use crate::wire::{EndReport, ViewerNote};
use std::time::Duration;

/// A face with its child, its viewers, and how far its ending has come.
pub(super) struct Living {
    pub face: Face,
    pub meta: Meta,
    pub pid: u32,
    /// When it began, and that nobody has looked at it yet: a program quicker than its first viewer is still shown.
    pub began: Duration,
    pub unseen: bool,
    pub viewers: Vec<ClientId>,
    /// For the first of its viewers that are armed for a moment.
    pub alarm: Alarm,
    pub leader: Option<ClientId>,
    /// Drivers who were cut off and are expected back.
    pub awaited: Awaited,
    /// When it last printed; wall time beside it for people.
    pub last_output: Duration,
    pub last_output_ms: u64,
    /// When anything last happened that makes it not idle.
    pub last_active: Duration,
    /// It was held back for a driver: to be read on when one has made room.
    pub held: bool,
    /// For the first of those drivers who takes nothing.
    pub patience: Alarm,
    /// An output event is due.
    pub output_due: bool,
    pub restore: Option<super::restores::Made>,
    /// Its first process is gone.
    pub exit: Option<(Exit, Vec<(u32, String)>)>,
    /// The PTY has given its last byte.
    pub hung_up: bool,
    /// It is over: only viewers who have not seen the end yet keep it.
    pub over: Option<EndReport>,
}

impl Living {
    /// A face that begins (or is found again) now.
    pub fn new(face: Face, meta: Meta, pid: u32, now: super::Now) -> Living {
        Living {
            face,
            meta,
            pid,
            began: now.mono,
            unseen: true,
            viewers: Vec::new(),
            alarm: Alarm::default(),
            leader: None,
            awaited: Awaited::default(),
            last_output: now.mono,
            last_output_ms: now.wall_ms,
            last_active: now.mono,
            held: false,
            patience: Alarm::default(),
            output_due: false,
            restore: None,
            exit: None,
            hung_up: false,
            over: None,
        }
    }

    /// `client`, whose token this is, leads from now on, also after a crash.
    pub fn lead(&mut self, client: ClientId, token: u64) {
        self.leader = Some(client);
        self.face.set_leader(token);
    }

    /// Sees to it that a viewer is looked at again at `due`; once, however often that is asked.
    pub fn arm(&mut self, viewer: &mut Viewer, due: Duration, timers: &mut Timers) {
        viewer.armed = due;
        self.alarm.set(due, Timer::Show(viewer.face), timers);
    }

    /// What a viewer is told of the size.
    pub fn size_note(&self, client: ClientId) -> ViewerNote {
        ViewerNote::Size { size: self.face.size(), leads: self.leader == Some(client) }
    }
}
