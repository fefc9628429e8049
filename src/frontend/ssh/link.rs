//! A view's socket to the daemon, watched for what is waited for and nothing else.
//!
//! tokio watches a socket of its own for reading and writing. Each byte that the daemon takes makes room for another,
//! and that alone would wake this process once more for every keystroke. So room is asked about only after a write
//! that found none.

use crate::limits::CHUNK_BYTES;
use std::cell::RefCell;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

thread_local! {
    /// What every view reads into, one at a time: a frame of output at most.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; CHUNK_BYTES].into());
}

/// The connection, as long as the daemon lives.
#[derive(Debug)]
pub struct Link {
    stream: AsyncFd<UnixStream>,
    /// A second descriptor of it, while it has no room.
    full: Option<AsyncFd<UnixStream>>,
}

impl Link {
    /// Connects to the daemon.
    ///
    /// # Errors
    /// connect(2)'s.
    pub async fn connect(socket: &Path) -> io::Result<Link> {
        let stream = tokio::net::UnixStream::connect(socket).await?.into_std()?;
        Ok(Link { stream: watch(stream, Interest::READABLE)?, full: None })
    }

    /// Sends what there is room for; gives how much that was.
    ///
    /// # Errors
    /// write(2)'s, but that the daemon has closed: what it said before is worth reading, and `receive` tells the end.
    pub fn send(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.is_full() {
            return Ok(0);
        }
        loop {
            match self.stream.get_ref().write(bytes) {
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    let again = self.stream.get_ref().try_clone()?;
                    self.full = Some(watch(again, Interest::WRITABLE)?);
                    return Ok(0);
                }
                Err(e) if e.kind() == ErrorKind::BrokenPipe => return Ok(0),
                sent => return sent,
            }
        }
    }

    /// Whether the last write found no room.
    pub fn is_full(&self) -> bool {
        self.full.is_some()
    }

    /// Waits until there is room again.
    ///
    /// # Errors
    /// None in practice.
    pub async fn room(&self) -> io::Result<()> {
        match &self.full {
            Some(full) => full.writable().await.map(drop),
            None => Ok(()),
        }
    }

    /// There is room again.
    pub fn has_room(&mut self) {
        self.full = None;
    }

    /// Waits until there is something to read.
    ///
    /// # Errors
    /// None in practice.
    pub async fn readable(&self) -> io::Result<()> {
        self.stream.readable().await.map(drop)
    }

    /// Reads once and gives what came to `take`; false at the end.
    ///
    /// # Errors
    /// read(2)'s.
    pub fn receive(&self, take: impl FnOnce(&[u8])) -> io::Result<bool> {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut short = None;
            let read = self.stream.try_io(Interest::READABLE, |mut stream| {
                match stream.read(scratch)? {
                    // It is empty now and whatever comes later wakes us: tokio is told so, as if this read had come
                    // in vain.
                    read if (1..scratch.len()).contains(&read) => {
                        short = Some(read);
                        Err(ErrorKind::WouldBlock.into())
                    }
                    read => Ok(read),
                }
            });
            match short.map_or(read, Ok) {
                Ok(read) => {
                    take(&scratch[..read]);
                    Ok(read > 0)
                }
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {
                    Ok(true)
                }
                Err(e) => Err(e),
            }
        })
    }
}

#[allow(
    deprecated,
    reason = "its replacement is unsafe, for descriptors that are not owned; a stream owns its own"
)]
fn watch(stream: UnixStream, interest: Interest) -> io::Result<AsyncFd<UnixStream>> {
    AsyncFd::with_interest(stream, interest)
}
