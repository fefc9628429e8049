//! One connection's talk as a pure state machine: bytes received become answers, notes and output; requests become
//! bytes to send. It pairs each answer with the bytes that belong to it and checks that every answer was asked for.

use crate::limits::ANSWER_BYTES_MAX;
use crate::wire::{self, CodecError, Frame, FrameError, FrameReader, Message, Reply, Request};
use crate::wire::{Event, ViewerNote, frame};

/// Why a connection cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SessionError {
    /// The peer's bytes are no frames of ours.
    #[error(transparent)]
    Frame(#[from] FrameError),
    /// A frame's content is no message of ours.
    #[error(transparent)]
    Codec(#[from] CodecError),
    /// An answer came that nobody asked for.
    #[error("an answer came without a question")]
    Unasked,
    /// An answer is longer than this side accepts.
    #[error("an answer of more than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    /// A frame that only a client sends.
    #[error("a frame that only clients send")]
    WrongWay,
    /// Output that does not continue where the last ended.
    #[error("output at {got} where {expected} should follow")]
    Gap {
        /// Where the output should go on.
        expected: u64,
        /// Where it did.
        got: u64,
    },
}

/// One thing the daemon said.
#[derive(Debug, PartialEq)]
pub enum Incoming {
    /// The answer to the oldest request without one, with the bytes sent for it.
    Reply(Box<Reply>, Vec<u8>),
    /// Something happened to a face.
    Event(Event),
    /// Something happened to this viewer.
    Note(ViewerNote),
    /// Bytes for the viewer's terminal that are no output: what undoes its modes at the end.
    Parting(Vec<u8>),
    /// Output or a piece of a restore: `Session::stream` has it until the next `poll`.
    Stream,
}

/// One connection's state. It begins with our preamble in `unsent`.
#[derive(Debug)]
pub struct Session {
    reader: FrameReader,
    answer: Vec<u8>,
    unanswered: usize,
    out: Vec<u8>,
    out_from: usize,
}

impl Default for Session {
    fn default() -> Session {
        Session::new()
    }
}

impl Session {
    /// A fresh connection.
    pub fn new() -> Session {
        Session {
            reader: FrameReader::new(),
            answer: Vec::new(),
            unanswered: 0,
            out: frame::preamble().to_vec(),
            out_from: 0,
        }
    }

    /// Asks for something; the bytes wait in `unsent`.
    ///
    /// # Errors
    /// `Codec` when the request does not fit a frame; nothing is queued then.
    pub fn request(&mut self, request: &Request) -> Result<(), SessionError> {
        let payload = wire::encode(request)?;
        self.out.extend_from_slice(&frame::message_header(payload.len()));
        self.out.extend_from_slice(&payload);
        if expects_reply(request) {
            self.unanswered += 1;
        }
        Ok(())
    }

    /// Queues `bytes` of input that start `at` bytes into the viewer's input stream.
    pub fn input(&mut self, at: u64, bytes: &[u8]) {
        self.out.extend_from_slice(&frame::input_header(at, bytes.len()));
        self.out.extend_from_slice(bytes);
    }

    /// Takes what was read from the socket, at most `FRAME_BYTES_MAX` between two runs of `poll` until it is empty.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.reader.push(bytes);
    }

    /// The next thing said, if it has all arrived.
    ///
    /// # Errors
    /// After an error nothing more is to be expected of this connection.
    pub fn poll(&mut self) -> Result<Option<Incoming>, SessionError> {
        while self.reader.advance()? {
            let Frame::Message(payload) = self.reader.frame()? else {
                return Ok(Some(Incoming::Stream));
            };
            match wire::decode::<Message>(payload)? {
                Message::Bytes(bytes) if self.unanswered == 0 => {
                    return Ok(Some(Incoming::Parting(bytes)));
                }
                Message::Bytes(bytes) => self.keep(&bytes)?,
                Message::Reply(reply) => {
                    self.unanswered =
                        self.unanswered.checked_sub(1).ok_or(SessionError::Unasked)?;
                    let bytes = std::mem::take(&mut self.answer);
                    return Ok(Some(Incoming::Reply(reply, bytes)));
                }
                Message::Event(event) => return Ok(Some(Incoming::Event(event))),
                Message::Viewer(note) => return Ok(Some(Incoming::Note(note))),
            }
        }
        Ok(None)
    }

    /// What `Incoming::Stream` stands for.
    ///
    /// # Errors
    /// `WrongWay` when there is nothing of the kind.
    pub fn stream(&self) -> Result<Frame<'_>, SessionError> {
        match self.reader.frame()? {
            Frame::Input { .. } | Frame::Message(_) => Err(SessionError::WrongWay),
            frame => Ok(frame),
        }
    }

    /// Keeps a piece of the answer that is coming.
    fn keep(&mut self, bytes: &[u8]) -> Result<(), SessionError> {
        if self.answer.len() + bytes.len() > ANSWER_BYTES_MAX {
            return Err(SessionError::TooLong);
        }
        self.answer.extend_from_slice(bytes);
        Ok(())
    }

    /// Bytes to be sent.
    pub fn unsent(&self) -> &[u8] {
        &self.out[self.out_from..]
    }

    /// `bytes` of `unsent` were sent.
    pub fn sent(&mut self, bytes: usize) {
        self.out_from += bytes;
        if self.out_from >= self.out.len() {
            self.out.clear();
            self.out_from = 0;
        }
    }

    /// Requests whose answer is still to come.
    pub fn unanswered(&self) -> usize {
        self.unanswered
    }
}

/// Whether the daemon answers this request.
fn expects_reply(request: &Request) -> bool {
    !matches!(
        request,
        Request::Shown { .. } | Request::ViewerSize { .. } | Request::Report(_) | Request::Leave
    )
}
