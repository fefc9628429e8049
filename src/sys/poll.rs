//! Waiting for descriptors in a client: poll(2). The daemon and the keeper have their own loop.

use nix::poll::{PollFd, PollFlags, PollTimeout};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

/// One descriptor to wait for, and what came of it.
#[derive(Clone, Copy, Debug)]
pub struct Watched<'a> {
    fd: BorrowedFd<'a>,
    read: bool,
    write: bool,
    /// Something can be read, or its end can.
    pub readable: bool,
    /// Something can be written, or the error that prevents it can be had.
    pub writable: bool,
}

impl<'a> Watched<'a> {
    /// Waits until `fd` can be read or written, as asked; with neither only its end is noticed, as `readable`.
    pub fn new(fd: BorrowedFd<'a>, read: bool, write: bool) -> Watched<'a> {
        Watched { fd, read, write, readable: false, writable: false }
    }
}

/// Waits until one of them is ready or `patience` has passed (`None`: for ever); a signal ends the wait early.
///
/// # Errors
/// poll(2)'s but EINTR.
pub fn wait(watched: &mut [Watched<'_>], patience: Option<Duration>) -> io::Result<()> {
    let timeout = match patience {
        None => PollTimeout::NONE,
        // Rounded up: a wait must not end before its time.
        Some(time) => {
            PollTimeout::try_from(time.as_nanos().div_ceil(1_000_000)).unwrap_or(PollTimeout::MAX)
        }
    };
    let mut fds: Vec<PollFd<'_>> = watched
        .iter()
        .map(|w| {
            let mut flags = PollFlags::empty();
            flags.set(PollFlags::POLLIN, w.read);
            flags.set(PollFlags::POLLOUT, w.write);
            PollFd::new(w.fd, flags)
        })
        .collect();
    match nix::poll::poll(&mut fds, timeout) {
        Ok(_) | Err(nix::errno::Errno::EINTR) => {}
        Err(e) => return Err(e.into()),
    }
    for (watched, fd) in watched.iter_mut().zip(fds) {
        let flags = fd.revents().unwrap_or(PollFlags::empty());
        let over = flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL);
        watched.readable = flags.contains(PollFlags::POLLIN) || over;
        watched.writable = watched.write && (flags.contains(PollFlags::POLLOUT) || over);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_ready_is_told_and_what_is_not_is_not() {
        let (mut a, b) = UnixStream::pair().unwrap();
        let mut watched = [Watched::new(b.as_fd(), true, true)];
        wait(&mut watched, None).unwrap();
        assert!(!watched[0].readable && watched[0].writable);
        a.write_all(b"x").unwrap();
        let mut watched = [Watched::new(b.as_fd(), true, false)];
        wait(&mut watched, Some(Duration::from_secs(5))).unwrap();
        assert!(watched[0].readable && !watched[0].writable);
    }
}
