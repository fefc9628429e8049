//! A connection to the daemon's socket: the only way anything is asked of it.
//!
//! Owns the socket and its talk. It never waits but in the reactor. A connection serves one visitor, whose rights it
//! names first.

use super::reactor::UnixStream;
use super::reactor::{Reactor, Source, Way};
use crate::client::{Incoming, Session, SessionError};
use crate::wire::{Actor, Event, Refusal, Reply, Request};
use std::io::{self, Read, Write};
use std::time::Duration;

/// Between two tries to connect, at first; it doubles.
const RETRY_FIRST: Duration = Duration::from_millis(5);
/// Tries to connect: about a second and a half in all, in which a daemon is started anew.
const TRIES: u32 = 8;
/// Bytes read at once.
const READ_BYTES: usize = 16 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum DoorError {
    /// The daemon said no.
    #[error("{0}")]
    Refused(Box<Refusal>),
    /// It cannot be reached, or went away.
    #[error("the daemon cannot be reached: {0}")]
    Lost(#[from] io::Error),
    /// It speaks another language.
    #[error("the daemon cannot be understood: {0}")]
    Session(#[from] SessionError),
}

/// An open connection.
pub struct Door {
    source: Source<UnixStream>,
    session: Session,
}

/// Connects to the daemon without waiting. `WouldBlock` when too many are waiting for it.
///
/// # Errors
/// The system's.
pub fn dial(reactor: &Reactor, path: &str) -> io::Result<Source<UnixStream>> {
    reactor.source(UnixStream::connect(path)?)
}

impl Door {
    /// Connects and names on whose behalf.
    ///
    /// # Errors
    /// `Lost` when nobody answers for a second and a half.
    pub async fn open(reactor: &Reactor, path: &str, actor: &Actor) -> Result<Door, DoorError> {
        let mut pause = RETRY_FIRST;
        let mut tries = 1;
        let source = loop {
            match dial(reactor, path) {
                Ok(source) => break source,
                Err(e) if tries == TRIES => return Err(e.into()),
                Err(_) => reactor.sleep(pause).await,
            }
            (pause, tries) = (pause * 2, tries + 1);
        };
        let mut session = Session::new();
        session.request(&Request::Speak(actor.clone()))?;
        let mut door = Door { source, session };
        door.answer().await?;
        Ok(door)
    }

    /// Asks and waits for the answer, never `Reply::Refused`, and the bytes that belong to it.
    ///
    /// # Errors
    /// `DoorError`.
    pub async fn call(&mut self, request: &Request) -> Result<(Reply, Vec<u8>), DoorError> {
        self.session.request(request)?;
        self.answer().await
    }

    async fn answer(&mut self) -> Result<(Reply, Vec<u8>), DoorError> {
        self.flush().await?;
        loop {
            while let Some(incoming) = self.session.poll()? {
                match incoming {
                    Incoming::Reply(reply, bytes) => {
                        return match *reply {
                            Reply::Refused(refusal) => Err(DoorError::Refused(Box::new(refusal))),
                            reply => Ok((reply, bytes)),
                        };
                    }
                    Incoming::Event(_)
                    | Incoming::Note(_)
                    | Incoming::Parting(_)
                    | Incoming::Stream => {}
                }
            }
            self.fill().await?;
        }
    }

    /// The next event, after `Request::Watch`.
    ///
    /// # Errors
    /// `DoorError`.
    pub async fn event(&mut self) -> Result<Event, DoorError> {
        loop {
            while let Some(incoming) = self.session.poll()? {
                if let Incoming::Event(event) = incoming {
                    return Ok(event);
                }
            }
            self.fill().await?;
        }
    }

    async fn flush(&mut self) -> io::Result<()> {
        while !self.session.unsent().is_empty() {
            let session = &self.session;
            let work = |mut io: &UnixStream| io.write(session.unsent());
            let sent = self.source.io(Way::Write, work).await?;
            self.session.sent(sent);
        }
        Ok(())
    }

    async fn fill(&mut self) -> io::Result<()> {
        let session = &mut self.session;
        let read = self
            .source
            .io(Way::Read, |mut io| {
                // On the stack only while it is used: a waiting connection holds no buffer.
                let mut bytes = [0; READ_BYTES];
                let read = io.read(&mut bytes)?;
                session.receive(&bytes[..read]);
                Ok(read)
            })
            .await?;
        if read == 0 { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}
