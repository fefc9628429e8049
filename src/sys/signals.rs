//! Signals as a descriptor to be polled: signalfd(2). Nothing here runs in a signal handler.

use super::error::SysError;
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// Terminal gone, or the end asked for politely.
pub const HANGUP: i32 = libc::SIGHUP;
/// From the keyboard.
pub const INTERRUPT: i32 = libc::SIGINT;
/// From the keyboard, with a core.
pub const QUIT: i32 = libc::SIGQUIT;
/// The end asked for.
pub const TERMINATE: i32 = libc::SIGTERM;
/// The end, not to be refused.
pub const KILL: i32 = libc::SIGKILL;
/// Stop, not to be refused.
pub const STOP: i32 = libc::SIGSTOP;
/// Go on after a stop.
pub const CONTINUE: i32 = libc::SIGCONT;
/// Stop, from the keyboard.
pub const TERMINAL_STOP: i32 = libc::SIGTSTP;
/// The terminal's size changed.
pub const WINDOW_CHANGE: i32 = libc::SIGWINCH;
/// A child ended or stopped.
pub const CHILD: i32 = libc::SIGCHLD;

/// Whether a process that this signal ended did it to itself: a memory fault, an abort, a forbidden call.
pub fn is_fault(signal: i32) -> bool {
    use libc::{SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS, SIGTRAP};
    matches!(signal, SIGABRT | SIGBUS | SIGFPE | SIGILL | SIGSEGV | SIGSYS | SIGTRAP)
}

/// A file's size limit is met by an error of the write, not by our death: `ulimit -f` binds shared memory too.
pub fn ignore_file_size_limit() {
    // SAFETY: ignoring a signal runs no code of ours; children get the default action back (`spawn`).
    unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
}

/// Signals that are blocked in this thread and taken from a descriptor instead.
#[derive(Debug)]
pub struct Signals(SignalFd);

impl Signals {
    /// Blocks these signals (by number) for this thread and the threads it will start, and takes them from now on.
    ///
    /// # Errors
    /// A number that is no signal; out of descriptors.
    pub fn take(numbers: &[i32]) -> Result<Signals, SysError> {
        let failed = || SysError::on("take", format!("signals {numbers:?}"));
        let mut set = SigSet::empty();
        for number in numbers {
            set.add(Signal::try_from(*number).map_err(failed())?);
        }
        set.thread_block().map_err(failed())?;
        if numbers.contains(&CHILD) {
            // Inherited as ignored, the kernel would reap our children before we look at them.
            // SAFETY: the default action runs no code of ours.
            unsafe { libc::signal(CHILD, libc::SIG_DFL) };
        }
        let flags = SfdFlags::SFD_NONBLOCK | SfdFlags::SFD_CLOEXEC;
        Ok(Signals(SignalFd::with_flags(&set, flags).map_err(failed())?))
    }

    /// The next signal: its number and who sent it; `None` when there is none waiting.
    ///
    /// # Errors
    /// read(2)'s but `WouldBlock`.
    pub fn next(&self) -> io::Result<Option<(i32, u32)>> {
        let taken = self.0.read_signal()?;
        Ok(taken.map(|s| (s.ssi_signo as i32, s.ssi_pid)))
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A signal's number by its name, with or without `SIG`, or by its number: "TERM", "SIGTERM", "15".
pub fn number_of(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse::<i32>() {
        return (1..=64).contains(&number).then_some(number);
    }
    let upper = name.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    full.parse::<Signal>().ok().map(|s| s as i32)
}

/// A signal's name ("SIGTERM"), or "signal N".
pub fn name_of(number: i32) -> String {
    Signal::try_from(number).map_or_else(|_| format!("signal {number}"), |s| s.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_are_known_by_name_and_number() {
        assert_eq!(
            (number_of("TERM"), number_of("sigkill"), number_of("2")),
            (Some(15), Some(9), Some(2))
        );
        assert_eq!((number_of("NOPE"), number_of("0"), number_of("65")), (None, None, None));
        assert_eq!((name_of(9), name_of(40)), ("SIGKILL".to_owned(), "signal 40".to_owned()));
    }
}
