//! A face as the keeper knows it: its first process, its descriptors, and how far it is towards its end.

use super::ending::Ending;
use super::groups::Group;
use crate::units::FaceId;
use crate::wire::keeper::{Exit, KeptFace};
use std::collections::BTreeSet;
use std::os::fd::OwnedFd;
use std::rc::Rc;

/// One face.
#[derive(Debug)]
pub struct Face {
    /// Its id.
    pub id: FaceId,
    /// Its first process, which leads its session and collects its orphans.
    pub pid: u32,
    /// The PTY's master.
    pub master: Rc<OwnedFd>,
    /// Its journal and what else the daemon keeps of it.
    pub memory: Rc<OwnedFd>,
    /// The daemon's own.
    pub meta: Vec<u8>,
    /// What outlives its first process is left alone.
    pub keep_orphans: bool,
    /// Children of ours that descend from it: their parents died.
    pub adopted: BTreeSet<u32>,
    /// Its control groups.
    pub group: Group,
    /// How far it is.
    pub life: Life,
}

/// How far a face is towards its end.
#[derive(Debug)]
pub enum Life {
    /// Its first process runs and nobody asked for its end.
    Running,
    /// Its first process is dead or asked to go; something of it is left.
    Ending(Ending),
    /// Nothing is left but what the daemon has yet to read.
    Gone {
        /// How the first process ended.
        exit: Exit,
        /// What was ended with it.
        reaped: Vec<(u32, String)>,
    },
}

impl Face {
    /// What a new daemon is told of it.
    pub fn kept(&self) -> KeptFace {
        let exited = match &self.life {
            Life::Gone { exit, reaped } => Some((*exit, reaped.clone())),
            Life::Running | Life::Ending(_) => None,
        };
        KeptFace { id: self.id, pid: self.pid, meta: self.meta.clone(), exited }
    }

    /// The descriptors that go with it.
    pub fn fds(&self) -> Vec<Rc<OwnedFd>> {
        vec![Rc::clone(&self.master), Rc::clone(&self.memory)]
    }

    /// Whether anything of it may still run.
    pub fn lives(&self) -> bool {
        !matches!(self.life, Life::Gone { .. })
    }

    /// Whether its first process is dead and unreaped: its orphans come to us.
    pub fn is_bereft(&self) -> bool {
        matches!(&self.life, Life::Ending(ending) if ending.first.is_some())
    }

    /// Its end, while it is under way.
    pub fn ending(&mut self) -> Option<&mut Ending> {
        match &mut self.life {
            Life::Ending(ending) => Some(ending),
            Life::Running | Life::Gone { .. } => None,
        }
    }
}
