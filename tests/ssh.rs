//! The SSH frontend with real clients: OpenSSH, libssh2, and with those who mean no good.

#![allow(clippy::unwrap_used)]

#[path = "ssh/alive.rs"]
mod alive;
#[path = "ssh/commands.rs"]
mod commands;
#[path = "common/mod.rs"]
mod common;
#[path = "ssh/deaths.rs"]
mod deaths;
#[path = "ssh/entry.rs"]
mod entry;
#[path = "ssh/hostile.rs"]
mod hostile;
#[path = "ssh/keys.rs"]
mod keys;
#[path = "ssh/libssh2.rs"]
mod libssh2;
#[path = "ssh/load.rs"]
mod load;
#[path = "ssh/login.rs"]
mod login;
#[path = "ssh/signals.rs"]
mod signals;
#[path = "ssh/world.rs"]
mod world;
