//! The blocking driver of the command line: one socket, one thread, one question after the other.
//!
//! It owns the socket and a `Session`; it never retries by itself and never waits but in a read or a write.

use super::session::{Incoming, Session, SessionError};
use crate::limits::SOCKET_PATH_BYTES_MAX;
use crate::sys::socket;
use crate::wire::{Event, FrameError, Refusal, Reply, Request};
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Bytes read at once.
const READ_BYTES: usize = 64 * 1024;

/// Why the daemon gave no answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The path cannot be a socket's.
    #[error(
        "socket path of {} bytes, at most {SOCKET_PATH_BYTES_MAX} are possible: {}; choose a shorter --dir",
        .0.as_os_str().len(), .0.display()
    )]
    PathTooLong(PathBuf),
    /// Nobody listens there.
    #[error("no server at {}: {source}", .path.display())]
    Unreachable {
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The connection broke.
    #[error("lost the server: {0}")]
    Lost(#[from] io::Error),
    /// The other side is not a server of our version.
    #[error("{}", sentence(.0))]
    Session(#[from] SessionError),
    /// The daemon refused.
    #[error("{0}")]
    Refused(Refusal),
    /// The daemon's answer is of a kind that does not fit the question.
    #[error("the server gave an answer that does not fit the question")]
    Misfit,
}

fn sentence(error: &SessionError) -> String {
    match error {
        SessionError::Frame(FrameError::Version { ours, theirs }) => format!(
            "version mismatch: this facemux speaks version {ours} of the protocol, the server speaks {theirs}; \
             use the server's own binary or restart the server"
        ),
        other => format!("the server cannot be understood: {other}"),
    }
}

/// An answer and the bytes that belong to it.
#[derive(Debug)]
pub struct Answer {
    /// The answer; never `Refused`.
    pub reply: Reply,
    /// A snapshot's bytes, else empty.
    pub bytes: Vec<u8>,
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    socket: UnixStream,
    session: Session,
}

/// Opens a socket to the server at `path`, which has not been greeted yet.
///
/// # Errors
/// `PathTooLong` or `Unreachable`.
pub fn dial(path: &Path) -> Result<UnixStream, ClientError> {
    if path.as_os_str().len() > SOCKET_PATH_BYTES_MAX {
        return Err(ClientError::PathTooLong(path.to_owned()));
    }
    UnixStream::connect(path)
        .map_err(|source| ClientError::Unreachable { path: path.to_owned(), source })
}

impl Connection {
    /// Connects to the server at `path`. The greeting goes out with the first request.
    ///
    /// # Errors
    /// `PathTooLong` or `Unreachable`.
    pub fn open(path: &Path) -> Result<Connection, ClientError> {
        Ok(Connection { socket: dial(path)?, session: Session::new() })
    }

    /// Asks and waits for the answer. Events that come before it are dropped; use `next_event` to have them.
    ///
    /// # Errors
    /// `Refused` when the daemon said no, else what broke.
    pub fn call(&mut self, request: &Request) -> Result<Answer, ClientError> {
        self.session.request(request)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Answer, ClientError> {
        self.flush()?;
        loop {
            while let Some(incoming) = self.session.poll()? {
                if let Incoming::Reply(reply, bytes) = incoming {
                    return match *reply {
                        Reply::Refused(refusal) => Err(ClientError::Refused(refusal)),
                        reply => Ok(Answer { reply, bytes }),
                    };
                }
            }
            self.fill()?;
        }
    }

    /// Asks as `call` does, with a descriptor beside the question.
    ///
    /// # Errors
    /// As `call`.
    pub fn call_with(
        &mut self,
        request: &Request,
        fd: BorrowedFd<'_>,
    ) -> Result<Answer, ClientError> {
        // The greeting first: the descriptor goes with the request's own first byte.
        self.flush()?;
        let before = self.session.unsent().len();
        self.session.request(request)?;
        debug_assert!(before == 0 && !self.session.unsent().is_empty());
        let part = [IoSlice::new(self.session.unsent())];
        let sent = socket::send_with_fds(self.socket.as_fd(), &part, &[fd])?;
        self.session.sent(sent);
        self.answer()
    }

    /// Waits for the next event (after `Request::Watch`), at most `patience`; `None` when that has passed.
    ///
    /// # Errors
    /// What broke.
    pub fn next_event(&mut self, patience: Option<Duration>) -> Result<Option<Event>, ClientError> {
        if patience == Some(Duration::ZERO) {
            return Ok(None);
        }
        self.socket.set_read_timeout(patience)?;
        let event = loop {
            match self.session.poll()? {
                Some(Incoming::Event(event)) => break Ok(Some(event)),
                Some(_) => {}
                None => match self.fill() {
                    Ok(()) => {}
                    Err(ClientError::Lost(e)) if e.kind() == io::ErrorKind::WouldBlock => {
                        break Ok(None);
                    }
                    Err(e) => break Err(e),
                },
            }
        };
        self.socket.set_read_timeout(None)?;
        event
    }

    fn flush(&mut self) -> Result<(), ClientError> {
        while !self.session.unsent().is_empty() {
            match self.socket.write(self.session.unsent()) {
                Ok(written) => self.session.sent(written),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                // The other side may have said why before it closed: read that first.
                Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                    self.fill()?;
                    while self.session.poll()?.is_some() {}
                    return Err(e.into());
                }
                Err(e) => return Err(e.into()),
            }
        }
        Ok(())
    }

    fn fill(&mut self) -> Result<(), ClientError> {
        let mut bytes = [0; READ_BYTES];
        loop {
            match self.socket.read(&mut bytes) {
                Ok(0) => {
                    return Err(io::Error::new(
                        io::ErrorKind::UnexpectedEof,
                        "it closed the connection",
                    )
                    .into());
                }
                Ok(read) => {
                    self.session.receive(&bytes[..read]);
                    return Ok(());
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
}
