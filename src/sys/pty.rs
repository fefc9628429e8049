//! A new pseudo-terminal: master and slave, both close-on-exec. pty(7), TIOCGPTPEER of ioctl_tty(2).

use super::error::{SysError, checked};
use super::tty::{Termios, WindowSize, set_window_size};
use crate::units::Mode;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// Both ends of a pseudo-terminal.
#[derive(Debug)]
pub struct Pty {
    /// The multiplexer's end, not blocking.
    pub master: OwnedFd,
    /// The program's end.
    pub slave: OwnedFd,
}

/// Opens a pseudo-terminal of this size with the kernel's usual settings, and UTF-8 known to its line editing; then
/// with `modes`.
///
/// # Errors
/// No /dev/ptmx or /dev/pts, or no more pseudo-terminals (/proc/sys/kernel/pty/max).
pub fn open(size: WindowSize, modes: &[Mode]) -> Result<Pty, SysError> {
    let failed = |what: &'static str| SysError::on(what, "a PTY (/dev/ptmx)");
    let master: File = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC)
        .open("/dev/ptmx")
        .map_err(failed("open"))?;
    // SAFETY: unlockpt works on the descriptor of a master alone.
    checked(unsafe { libc::unlockpt(master.as_raw_fd()) }).map_err(failed("unlock"))?;
    let slave = open_slave(&master).map_err(failed("open the slave of"))?;
    let mut settings = Termios::of(&slave).map_err(failed("read the settings of"))?;
    settings.set_utf8(true);
    modes.iter().for_each(|mode| settings.set_mode(*mode));
    settings.apply(&slave).map_err(failed("set up"))?;
    set_window_size(&slave, size).map_err(failed("size"))?;
    Ok(Pty { master: master.into(), slave })
}

fn open_slave(master: &File) -> io::Result<OwnedFd> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    // SAFETY: TIOCGPTPEER takes open flags and gives a new descriptor.
    match checked(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags) }) {
        // SAFETY: the kernel gave this descriptor to us alone.
        Ok(raw) => Ok(unsafe { OwnedFd::from_raw_fd(raw) }),
        // Kernels before 4.13.
        Err(e) if matches!(e.raw_os_error(), Some(libc::EINVAL | libc::ENOTTY)) => {
            let mut number: libc::c_uint = 0;
            // SAFETY: TIOCGPTN writes one unsigned int to the place given.
            checked(unsafe { libc::ioctl(master.as_raw_fd(), libc::TIOCGPTN, &raw mut number) })?;
            let mut options = OpenOptions::new();
            let file = options
                .read(true)
                .write(true)
                .custom_flags(flags)
                .open(format!("/dev/pts/{number}"))?;
            Ok(file.into())
        }
        Err(e) => Err(e),
    }
}
