//! Who talks to the outside: the web frontend and what it shares with the SSH frontend.
//!
//! Each frontend is its own process and a client of the daemon's socket like any other.

#[cfg(feature = "web")]
pub mod account;
#[cfg(feature = "ssh")]
pub mod ssh;
pub mod token;
pub mod token_file;
#[cfg(feature = "web")]
pub mod web;
