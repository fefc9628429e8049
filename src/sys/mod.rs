//! What the kernel does for us: the only folder with `unsafe`.
//!
//! One small file for each thing the kernel gives, each `unsafe` block with the reason it is sound. Nothing here
//! decides anything; nothing here parses terminal output or the network. Errors name the operation and its subject;
//! calls on the fast path give plain `io::Result`, because their caller knows both.
//!
//! Reads and writes: the kernel counts what read(2) and write(2) return (proc_pid_io(5)), and recovery after SIGKILL
//! rests on that count. The daemon therefore reads and writes through `ledger` alone, and sockets through `socket`,
//! whose recvmsg and sendmsg are not counted.

#![allow(unsafe_code)]

pub mod clock;
pub mod disk;
mod error;
pub mod footprint;
pub mod ledger;
pub mod lock;
pub mod log;
pub mod memory;
pub mod modes;
pub mod poll;
pub mod process;
pub mod procfs;
pub mod pty;
pub mod sandbox;
pub mod signals;
pub mod socket;
pub mod spawn;
pub mod tty;

pub use error::SysError;
