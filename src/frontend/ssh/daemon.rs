//! Asking the daemon: one connection, on behalf of one actor, one question after the other.

use crate::client::{Incoming, Session, SessionError};
use crate::wire::{Actor, Refusal, Reply, Request};
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

/// Bytes read from the daemon at once.
pub const READ_BYTES: usize = 32 * 1024;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The daemon refused.
    #[error("{0}")]
    Refused(Refusal),
    /// It cannot be reached, or went away.
    #[error("the server cannot be reached: {0}")]
    Lost(#[from] io::Error),
    /// It cannot be understood.
    #[error("the server cannot be understood: {0}")]
    Session(#[from] SessionError),
}

impl AskError {
    /// The exit code that says the same.
    pub fn code(&self) -> u8 {
        match self {
            AskError::Refused(refusal) => code_of(refusal),
            AskError::Lost(_) | AskError::Session(_) => 3,
        }
    }
}

/// The exit code of a refusal.
pub fn code_of(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::Invalid(_) => 2,
        Refusal::Unavailable(_) => 3,
        Refusal::NoSuchFace(_) | Refusal::Gone { .. } => 4,
        Refusal::NotAllowed(_) => 5,
        Refusal::Limit(_) => 6,
    }
}

/// Asks one thing on behalf of `actor`.
///
/// # Errors
/// A refusal, or no answer.
pub async fn ask(socket: &Path, actor: &Actor, request: &Request) -> Result<Reply, AskError> {
    let mut stream = UnixStream::connect(socket).await?;
    let mut session = Session::new();
    session.request(&Request::Speak(actor.clone()))?;
    session.request(request)?;
    stream.write_all(session.unsent()).await?;
    session.sent(session.unsent().len());
    let mut bytes = vec![0; READ_BYTES];
    let mut spoken = false;
    loop {
        while let Some(incoming) = session.poll()? {
            match incoming {
                Incoming::Reply(reply, _) => match *reply {
                    Reply::Refused(refusal) => return Err(AskError::Refused(refusal)),
                    reply if spoken => return Ok(reply),
                    _ => spoken = true,
                },
                Incoming::Event(_)
                | Incoming::Note(_)
                | Incoming::Parting(_)
                | Incoming::Stream => {}
            }
        }
        match stream.read(&mut bytes).await? {
            0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            read => session.receive(&bytes[..read]),
        }
    }
}
