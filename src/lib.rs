//! facemux: a PTY multiplexer without tmux.
//!
//! This file is the map; docs/architecture.md has the tree, the flow and the invariants.

pub mod cli;
pub mod client;
pub mod config;
pub mod daemon;
pub mod face;
pub mod frontend;
pub mod keeper;
pub mod limits;
pub mod mux;
pub mod planted;
pub mod region;
pub mod sys;
pub mod term;
pub mod units;
pub mod wire;
