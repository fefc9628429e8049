//! One end of a socket pair to a process we started: messages out in order with their descriptors, messages in.
//!
//! Never blocks: what the other side has no room for waits here. What waits is bounded by what the other side asked
//! for and by the tables' own bounds, each message at most a frame.

use crate::limits::FRAME_BYTES_MAX;
use crate::sys::socket;
use crate::wire::{CodecError, decode, encode};
use serde::{Serialize, de::DeserializeOwned};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;

/// The keeper's end.
#[derive(Debug)]
pub struct Link {
    socket: OwnedFd,
    waiting: VecDeque<Parcel>,
    bytes: Vec<u8>,
    /// The loop's poll has it.
    pub watched: bool,
}

#[derive(Debug)]
struct Parcel {
    bytes: Vec<u8>,
    fds: Vec<Rc<OwnedFd>>,
}

/// How sending stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sent {
    /// Nothing waits.
    All,
    /// The other side must read first; the socket tells when.
    Waiting,
    /// The kernel holds too many descriptors in flight; to be tried again in a while, the socket does not tell.
    Later,
}

impl Link {
    /// Over our end of a pair.
    pub fn new(socket: OwnedFd) -> Link {
        Link { socket, waiting: VecDeque::new(), bytes: Vec::new(), watched: false }
    }

    /// The socket's number, to be polled.
    pub fn raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Puts a message in line; `flush` sends.
    ///
    /// # Errors
    /// A message larger than a frame.
    pub fn post<T: Serialize>(
        &mut self,
        message: &T,
        fds: Vec<Rc<OwnedFd>>,
    ) -> Result<(), CodecError> {
        self.waiting.push_back(Parcel { bytes: encode(message)?, fds });
        Ok(())
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Sends what it can.
    ///
    /// # Errors
    /// The other side is gone.
    pub fn flush(&mut self) -> io::Result<Sent> {
        while let Some(parcel) = self.waiting.front() {
            let fds: Vec<_> = parcel.fds.iter().map(|fd| fd.as_fd()).collect();
            match socket::send_with_fds(self.socket.as_fd(), &[IoSlice::new(&parcel.bytes)], &fds) {
                Ok(_) => self.waiting.pop_front(),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Sent::Waiting),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if socket::is_shortage(&e) => return Ok(Sent::Later),
                Err(e) => return Err(e),
            };
        }
        Ok(Sent::All)
    }

    /// The next message and its descriptors; `None` when there is none just now.
    ///
    /// # Errors
    /// `UnexpectedEof` when the other side is gone; `InvalidData` for what is no message.
    pub fn next<T: DeserializeOwned>(&mut self) -> io::Result<Option<(T, Vec<OwnedFd>)>> {
        let Some((len, fds)) = self.next_bytes()? else { return Ok(None) };
        let message = decode(&self.bytes[..len]);
        message
            .map(|message| Some((message, fds)))
            .map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))
    }

    /// The next message as text, for what is not said by the codec.
    ///
    /// # Errors
    /// As `next`.
    pub fn next_text(&mut self) -> io::Result<Option<String>> {
        let Some((len, _)) = self.next_bytes()? else { return Ok(None) };
        Ok(Some(String::from_utf8_lossy(&self.bytes[..len]).into_owned()))
    }

    fn next_bytes(&mut self) -> io::Result<Option<(usize, Vec<OwnedFd>)>> {
        // Made when something is first heard: frontends hardly say anything. Fresh from the kernel, so that only what
        // messages have filled is memory.
        if self.bytes.is_empty() {
            self.bytes = vec![0; FRAME_BYTES_MAX];
        }
        loop {
            return match socket::recv_with_fds(self.socket.as_fd(), &mut self.bytes) {
                Ok((0, _)) => Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(taken) => Ok(Some(taken)),
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => Ok(None),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => Err(e),
            };
        }
    }
}
