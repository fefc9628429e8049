//! The daemon's end of the socket to its keeper: messages with descriptors in, messages out, never blocking.

use crate::limits::{KEEPER_MESSAGE_BYTES_MAX, KEEPER_QUEUE_MAX};
use crate::sys::socket::{recv_with_some_fds, send_with_fds};
use crate::wire::keeper::{FromKeeper, ToKeeper};
use crate::wire::{decode, encode};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{ErrorKind, IoSlice};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;

/// The socket and what waits to be sent. Clones share both: the log writes to it too.
#[derive(Clone)]
pub(super) struct KeeperLink {
    shared: Rc<Shared>,
    readable: bool,
}

struct Shared {
    socket: OwnedFd,
    queue: RefCell<VecDeque<(Vec<u8>, Option<OwnedFd>)>>,
}

/// What came of listening.
pub(super) enum Heard {
    /// A message and its descriptors.
    Message(FromKeeper, Vec<OwnedFd>),
    /// Nothing more for now.
    Nothing,
    /// The keeper is gone.
    Gone,
}

impl KeeperLink {
    pub fn new(socket: OwnedFd) -> KeeperLink {
        KeeperLink { shared: Rc::new(Shared { socket, queue: RefCell::default() }), readable: true }
    }

    pub fn fd(&self) -> BorrowedFd<'_> {
        self.shared.socket.as_fd()
    }

    /// The poll says so.
    pub fn wake(&mut self, readable: bool, writable: bool) {
        self.readable |= readable;
        if writable {
            self.flush();
        }
    }

    pub fn readable(&self) -> bool {
        self.readable
    }

    /// The next message. One that does not decode is logged and skipped: it cannot be ours.
    pub fn hear(&mut self) -> Heard {
        let mut bytes = [0; KEEPER_MESSAGE_BYTES_MAX];
        loop {
            return match recv_with_some_fds(self.fd(), &mut bytes) {
                Ok((0, _)) => Heard::Gone,
                Ok((n, fds)) => match decode(&bytes[..n]) {
                    Ok(message) => {
                        if fds.is_none() {
                            log::error!(
                                "the keeper's descriptors were lost: there is no room for them"
                            );
                        }
                        Heard::Message(message, fds.unwrap_or_default())
                    }
                    Err(error) => {
                        log::error!("a message of the keeper: {error}");
                        continue;
                    }
                },
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.readable = false;
                    Heard::Nothing
                }
                Err(_) => Heard::Gone,
            };
        }
    }

    /// Says something; what the socket does not take now waits.
    pub fn tell(&self, message: &ToKeeper) {
        self.tell_with(message, None);
    }

    /// The same, a descriptor beside it.
    pub fn tell_with(&self, message: &ToKeeper, fd: Option<OwnedFd>) {
        let Ok(bytes) = encode(message) else { return };
        let mut queue = self.shared.queue.borrow_mut();
        // Only log lines may be lost.
        if queue.len() < KEEPER_QUEUE_MAX || !matches!(message, ToKeeper::Log { .. }) {
            queue.push_back((bytes, fd));
        }
        drop(queue);
        self.flush();
    }

    /// Sends what waits.
    pub fn flush(&self) {
        let Ok(mut queue) = self.shared.queue.try_borrow_mut() else { return };
        while let Some((bytes, fd)) = queue.front() {
            let fds: Vec<BorrowedFd<'_>> = fd.iter().map(AsFd::as_fd).collect();
            match send_with_fds(self.fd(), &[IoSlice::new(bytes)], &fds) {
                Ok(_) => {
                    queue.pop_front();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return,
            }
        }
    }
}
