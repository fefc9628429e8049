//! What a program says about itself before another is replaced by it, and what came of an upgrade. JSON, which
//! describes itself: it crosses versions.

use serde::{Deserialize, Serialize};

/// The oldest and the newest version of something that a program reads; it writes the newest.
pub type Span = [u32; 2];

/// The versions of what outlives a process: a program can take over from one whose newest it reads.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Versions {
    /// Of what is said on the sockets, and of what is kept in the same form.
    pub wire: Span,
    /// Of a terminal's checkpoint.
    pub checkpoint: Span,
    /// Of how a face's memory is laid out.
    pub memory: Span,
}

/// This program's.
pub const VERSIONS: Versions = Versions {
    wire: [super::frame::OLDEST as u32, super::frame::VERSION as u32],
    checkpoint: [2, 2],
    memory: [1, 1],
};

impl Versions {
    /// Why a program of these versions cannot take over from one of `running`; `None` when it can.
    pub fn misfit(&self, running: &Versions) -> Option<String> {
        let kinds = [
            ("the protocol", self.wire, running.wire),
            ("checkpoints", self.checkpoint, running.checkpoint),
            ("a face's memory", self.memory, running.memory),
        ];
        kinds.into_iter().find_map(|(what, [oldest, newest], [_, written])| {
            let reads = if oldest == newest {
                format!("version {newest}")
            } else {
                format!("versions {oldest} to {newest}")
            };
            let fits = (oldest..=newest).contains(&written);
            (!fits).then(|| format!("it reads {reads} of {what}, and what runs writes {written}"))
        })
    }
}

/// What a program answers when it is asked whether it could take over.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Rehearsal {
    /// Its version.
    pub facemux: String,
    /// What it reads and writes.
    pub versions: Versions,
    /// Why it could not; `None` when it could.
    pub refused: Option<String>,
}

/// How an upgrade ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    /// The new program serves.
    Done,
    /// The new program was refused before anything was touched.
    Refused,
    /// It was tried, and the old one serves again.
    RolledBack,
}

/// What came of an upgrade.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// How it ended.
    pub result: Result,
    /// Why it was not done.
    pub reason: Option<String>,
    /// The version that ran.
    pub from: String,
    /// The version that was to run, when it said.
    pub to: Option<String>,
    /// Living faces.
    pub faces: usize,
    /// How long it took.
    pub ms: u64,
    /// How long faces were not served meanwhile.
    pub pause_ms: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_takes_over_from_what_it_reads_and_from_nothing_else() {
        let of = |oldest, newest| Versions { wire: [oldest, newest], ..VERSIONS };
        assert_eq!(of(1, 1).misfit(&of(1, 1)), None);
        assert_eq!(of(1, 2).misfit(&of(1, 1)), None);
        let newer = of(6, 7).misfit(&of(1, 1)).unwrap_or_default();
        assert!(newer.contains("versions 6 to 7") && newer.contains("writes 1"), "{newer}");
        let older = of(1, 1).misfit(&of(1, 2)).unwrap_or_default();
        assert!(older.contains("version 1 of the protocol") && older.contains('2'), "{older}");
        let odd = Versions { checkpoint: [9, 9], ..VERSIONS };
        assert!(odd.misfit(&VERSIONS).is_some_and(|why| why.contains("checkpoints")));
    }
}
