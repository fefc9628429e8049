//! Who talks to the outside: the web frontend and what it shares with the SSH frontend.
//!
//! Each frontend is its own process and a client of the daemon's socket like any other.

#[cfg(feature = "ssh")]
pub mod ssh;
#[cfg(feature = "web")]
pub mod account;
pub mod token;
pub mod token_file;
#[cfg(feature = "web")]
pub mod web;
