//! Bugs planted on purpose, one at a time, and places to die at, to show that the tests would find what they are for.
//! Only with the feature `planted`; without it every question is answered "no" at compile time.
//!
//! A test plants in its own thread (`plant`); the processes of a server under test are told in words (`arm`).

#[cfg(feature = "planted")]
mod armed;

#[cfg(feature = "planted")]
pub use armed::{arm, arm_here, is_quick, is_unaccounted, pass, swallow};

#[cfg(feature = "planted")]
use std::cell::Cell;

/// A bug that can be planted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A viewer's next byte is one too early: doubled.
    DoubledByte,
    /// One too late: lost.
    LostByte,
    /// Queries reach viewers.
    OpenGate,
    /// A lapped viewer goes on without a restore.
    NoRestore,
    /// Viewers of a face that ended are not told.
    SilentEnd,
    /// A resize takes no checkpoint.
    ResizeUnkept,
    /// Accepted input is not published.
    InputUnkept,
    /// Ids are given out before they are durable.
    IdsUnreserved,
    /// A viewer gets another face's output.
    SwappedFaces,
    /// A full house is not refused.
    NoLimit,
    /// Input that found no room is dropped.
    StashDropped,
    /// What the last read or write returned is forgotten in a crash.
    RecordForgotten,
}

impl Bug {
    /// All of them.
    pub const ALL: [Bug; 12] = [
        Bug::DoubledByte,
        Bug::LostByte,
        Bug::OpenGate,
        Bug::NoRestore,
        Bug::SilentEnd,
        Bug::ResizeUnkept,
        Bug::InputUnkept,
        Bug::IdsUnreserved,
        Bug::SwappedFaces,
        Bug::NoLimit,
        Bug::StashDropped,
        Bug::RecordForgotten,
    ];
}

#[cfg(feature = "planted")]
thread_local!(static PLANTED: Cell<Option<Bug>> = const { Cell::new(None) });

/// Plants a bug in this thread, or none.
#[cfg(feature = "planted")]
pub fn plant(bug: Option<Bug>) {
    PLANTED.with(|planted| planted.set(bug));
}

/// Whether `bug` is planted.
#[cfg(feature = "planted")]
pub fn has(bug: Bug) -> bool {
    PLANTED.with(|planted| planted.get() == Some(bug))
}

/// Whether `bug` is planted: never in a real build.
#[cfg(not(feature = "planted"))]
pub const fn has(_bug: Bug) -> bool {
    false
}

/// A place at which a process under test may be killed: nowhere in a real build.
#[cfg(not(feature = "planted"))]
pub const fn pass(_place: &'static str) {}

/// Output that this process is told to fail at: none in a real build.
#[cfg(not(feature = "planted"))]
pub const fn swallow(_output: &[u8]) {}

/// Whether dead processes are started again without a pause: never in a real build.
#[cfg(not(feature = "planted"))]
pub const fn is_quick() -> bool {
    false
}

/// Whether to do as if the kernel kept no account of reads and writes: never in a real build.
#[cfg(not(feature = "planted"))]
pub const fn is_unaccounted() -> bool {
    false
}
