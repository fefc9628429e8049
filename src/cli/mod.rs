//! The commands: one file per verb.

pub mod model;
