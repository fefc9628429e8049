//! Terminals: size, line discipline settings, foreground group, and opening one anew. tty_ioctl(4), termios(3).

use super::error::{SysError, checked};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;

/// A terminal's size as the kernel keeps it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WindowSize {
    /// Height in rows.
    pub rows: u16,
    /// Width in columns.
    pub cols: u16,
    /// Width and height in pixels, 0 when unknown.
    pub pixels: (u16, u16),
}

impl WindowSize {
    pub(super) fn raw(self) -> libc::winsize {
        let (x, y) = self.pixels;
        libc::winsize { ws_row: self.rows, ws_col: self.cols, ws_xpixel: x, ws_ypixel: y }
    }
}

/// The size of a terminal, from either side of a PTY.
///
/// # Errors
/// ENOTTY when it is none.
pub fn window_size(fd: &impl AsFd) -> io::Result<WindowSize> {
    let mut raw = WindowSize::default().raw();
    // SAFETY: TIOCGWINSZ writes one winsize to the place given.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGWINSZ, &raw mut raw) })?;
    Ok(WindowSize { rows: raw.ws_row, cols: raw.ws_col, pixels: (raw.ws_xpixel, raw.ws_ypixel) })
}

/// Sets the size, from either side of a PTY; its foreground group gets SIGWINCH when it changes.
///
/// # Errors
/// ENOTTY when it is no terminal.
pub fn set_window_size(fd: &impl AsFd, size: WindowSize) -> io::Result<()> {
    let raw = size.raw();
    // SAFETY: TIOCSWINSZ reads one winsize from the place given.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCSWINSZ, &raw const raw) })?;
    Ok(())
}

/// A terminal's settings, opaque: taken to be put back, or changed by the methods here.
#[derive(Clone, Copy)]
pub struct Termios(pub(super) libc::termios);

impl Termios {
    /// The settings of a terminal; on a master those of its slave.
    ///
    /// # Errors
    /// ENOTTY when it is no terminal.
    pub fn of(fd: &impl AsFd) -> io::Result<Termios> {
        // SAFETY: termios is plain data for which zeros are valid.
        let mut raw: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: tcgetattr writes one termios to the place given.
        checked(unsafe { libc::tcgetattr(fd.as_fd().as_raw_fd(), &raw mut raw) })?;
        Ok(Termios(raw))
    }

    /// Puts these settings into force at once; output not yet sent is kept.
    ///
    /// # Errors
    /// ENOTTY, or EIO when the terminal is gone. A background process would be stopped by SIGTTOU.
    pub fn apply(&self, fd: &impl AsFd) -> io::Result<()> {
        // SAFETY: tcsetattr reads one termios from the place given.
        checked(unsafe {
            libc::tcsetattr(fd.as_fd().as_raw_fd(), libc::TCSANOW, &raw const self.0)
        })?;
        Ok(())
    }

    /// The same with every byte passed both ways as it is: cfmakeraw(3).
    pub fn raw(mut self) -> Termios {
        // SAFETY: cfmakeraw changes the termios given.
        unsafe { libc::cfmakeraw(&raw mut self.0) };
        self.0.c_cc[libc::VMIN] = 1;
        self.0.c_cc[libc::VTIME] = 0;
        self
    }

    /// Whether input is taken by lines (ICANON), of which the kernel keeps 4095 bytes.
    pub fn is_canonical(&self) -> bool {
        self.0.c_lflag & libc::ICANON != 0
    }

    /// Whether what is typed is shown (ECHO).
    pub fn echoes(&self) -> bool {
        self.0.c_lflag & libc::ECHO != 0
    }

    /// Whether the kernel knows that characters can be longer than a byte (IUTF8).
    pub fn set_utf8(&mut self, on: bool) {
        if on {
            self.0.c_iflag |= libc::IUTF8;
        } else {
            self.0.c_iflag &= !libc::IUTF8;
        }
    }

    /// The settings as bytes, to be sent to another process of the same machine and program.
    pub fn to_bytes(&self) -> Vec<u8> {
        let raw = &self.0;
        let mut bytes = Vec::with_capacity(TERMIOS_BYTES);
        for flags in [raw.c_iflag, raw.c_oflag, raw.c_cflag, raw.c_lflag] {
            bytes.extend_from_slice(&flags.to_le_bytes());
        }
        bytes.push(raw.c_line);
        bytes.extend_from_slice(&raw.c_cc);
        bytes.extend_from_slice(&raw.c_ispeed.to_le_bytes());
        bytes.extend_from_slice(&raw.c_ospeed.to_le_bytes());
        bytes
    }

    /// What `to_bytes` made; `None` when these bytes were not made by it.
    pub fn from_bytes(bytes: &[u8]) -> Option<Termios> {
        if bytes.len() != TERMIOS_BYTES {
            return None;
        }
        let word = |at: usize| bytes[at..].first_chunk().map(|b| u32::from_le_bytes(*b));
        // SAFETY: termios is plain data for which zeros are valid.
        let mut raw: libc::termios = unsafe { std::mem::zeroed() };
        (raw.c_iflag, raw.c_oflag) = (word(0)?, word(4)?);
        (raw.c_cflag, raw.c_lflag) = (word(8)?, word(12)?);
        raw.c_line = bytes[16];
        raw.c_cc.copy_from_slice(&bytes[17..17 + libc::NCCS]);
        (raw.c_ispeed, raw.c_ospeed) = (word(17 + libc::NCCS)?, word(21 + libc::NCCS)?);
        Some(Termios(raw))
    }
}

const TERMIOS_BYTES: usize = 4 * 4 + 1 + libc::NCCS + 2 * 4;

impl std::fmt::Debug for Termios {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Termios({:?})", self.to_bytes())
    }
}

impl PartialEq for Termios {
    fn eq(&self, other: &Termios) -> bool {
        self.to_bytes() == other.to_bytes()
    }
}

/// Whether a descriptor is a terminal.
pub fn is_terminal(fd: &impl AsFd) -> bool {
    window_size(fd).is_ok()
}

/// The foreground process group: on a terminal its own, on a master that of its slave. `None` when there is none.
///
/// # Errors
/// ENOTTY when it is not the caller's controlling terminal, and no master either.
pub fn foreground_group(fd: &impl AsFd) -> io::Result<Option<u32>> {
    let mut group: libc::pid_t = 0;
    // SAFETY: TIOCGPGRP writes one pid_t to the place given. (tcgetpgrp(3) is this call.)
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::TIOCGPGRP, &raw mut group) })?;
    Ok(u32::try_from(group).ok().filter(|g| *g > 0))
}

/// Whether this process is in the foreground of the terminal: it may read it and change its settings.
pub fn is_foreground(fd: &impl AsFd) -> bool {
    // SAFETY: getpgrp has no arguments and cannot fail.
    let ours = unsafe { libc::getpgrp() };
    foreground_group(fd).ok().flatten() == u32::try_from(ours).ok()
}

/// The terminal behind `fd` opened anew, not blocking and not as controlling terminal: an open file of our own, so
/// that O_NONBLOCK does not leak into the shell that lent it.
///
/// # Errors
/// No /proc, another user's terminal (su), one in exclusive mode (TIOCEXCL), or no terminal at all.
pub fn reopen(fd: &impl AsFd) -> Result<OwnedFd, SysError> {
    let path = format!("/proc/self/fd/{}", fd.as_fd().as_raw_fd());
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file: File = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(flags)
        .open(&path)
        .map_err(SysError::on("open anew", "the terminal"))?;
    if !is_terminal(&file) {
        let other = io::Error::from_raw_os_error(libc::ENOTTY);
        return Err(SysError::on("open anew", "the terminal")(other));
    }
    Ok(file.into())
}

/// The controlling terminal opened anew through /dev/tty, as `reopen` does: works for another user's (su), too. Only
/// to be asked for a terminal whose `foreground_group` is known, which says that it is the controlling one.
///
/// # Errors
/// There is none.
pub fn reopen_controlling() -> Result<OwnedFd, SysError> {
    let flags = libc::O_NOCTTY | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open("/dev/tty");
    file.map(OwnedFd::from).map_err(SysError::on("open", "/dev/tty"))
}

/// Whether two descriptors are the same terminal.
pub fn is_same(a: &impl AsFd, b: &impl AsFd) -> bool {
    let device = |fd: BorrowedFd<'_>| {
        let stat = nix::sys::stat::fstat(fd).ok()?;
        Some((stat.st_dev, stat.st_ino, stat.st_rdev))
    };
    is_terminal(a) && is_terminal(b) && device(a.as_fd()) == device(b.as_fd())
}

/// Drops what the terminal was sent but its program has not read (TCIFLUSH).
///
/// # Errors
/// ENOTTY when it is no terminal.
pub fn flush_input(fd: &impl AsFd) -> io::Result<()> {
    // SAFETY: tcflush takes a descriptor and a constant.
    checked(unsafe { libc::tcflush(fd.as_fd().as_raw_fd(), libc::TCIFLUSH) })?;
    Ok(())
}

/// Whether each read of a PTY's master begins with a byte that tells what follows (TIOCPKT).
///
/// # Errors
/// ENOTTY for what is no master.
pub fn set_packet_mode(master: &impl AsFd, on: bool) -> io::Result<()> {
    let on = libc::c_int::from(on);
    // SAFETY: TIOCPKT reads one int from the place given.
    checked(unsafe { libc::ioctl(master.as_fd().as_raw_fd(), libc::TIOCPKT, &raw const on) })?;
    Ok(())
}

/// Bytes that can be read from a descriptor at once (FIONREAD).
///
/// # Errors
/// ENOTTY for what has no such count.
pub fn readable_bytes(fd: &impl AsFd) -> io::Result<usize> {
    let mut count: libc::c_int = 0;
    // SAFETY: FIONREAD writes one int to the place given.
    checked(unsafe { libc::ioctl(fd.as_fd().as_raw_fd(), libc::FIONREAD, &raw mut count) })?;
    Ok(usize::try_from(count).unwrap_or(0))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::pty;

    #[test]
    fn sizes_and_settings_are_seen_from_both_sides() {
        let size = WindowSize { rows: 30, cols: 100, pixels: (800, 480) };
        let pty = pty::open(size, &[]).unwrap();
        assert_eq!(window_size(&pty.slave).unwrap(), size);
        let larger = WindowSize { rows: 31, ..size };
        set_window_size(&pty.master, larger).unwrap();
        assert_eq!(window_size(&pty.slave).unwrap(), larger);
        let saved = Termios::of(&pty.master).unwrap();
        assert!(saved.is_canonical() && saved.echoes());
        saved.raw().apply(&pty.slave).unwrap();
        assert!(!Termios::of(&pty.master).unwrap().is_canonical());
        let carried = Termios::from_bytes(&saved.to_bytes()).unwrap();
        carried.apply(&pty.slave).unwrap();
        assert_eq!(Termios::of(&pty.slave).unwrap(), saved);
        assert!(Termios::from_bytes(b"short").is_none());
    }

    #[test]
    fn a_terminal_opened_anew_does_not_lend_its_flags() {
        let pty = pty::open(WindowSize::default(), &[]).unwrap();
        let anew = reopen(&pty.slave).unwrap();
        let flags = |fd: &OwnedFd| nix::fcntl::fcntl(fd, nix::fcntl::FcntlArg::F_GETFL).unwrap();
        assert!(flags(&anew) & libc::O_NONBLOCK != 0);
        assert!(flags(&pty.slave) & libc::O_NONBLOCK == 0);
        assert!(reopen(&std::fs::File::open("/dev/null").unwrap()).is_err());
    }
}
