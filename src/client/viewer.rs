//! A viewer across reconnects, as a pure state machine over `Session`.
//!
//! It remembers how much output it has shown and which input was not accepted yet. `reconnect` starts a new
//! connection that asks to go on from there, so each byte of output is shown once and each byte of input is typed
//! once. It holds at most `UNACCEPTED_BYTES_MAX` of input; beyond that its driver stops reading keys.

use super::session::{Incoming, Session, SessionError};
use crate::limits::UNACCEPTED_BYTES_MAX;
use crate::units::{FaceId, Offset, Size};
use crate::wire::{Actor, Attach, Event, Frame, Refusal, Reply, Request, ViewerNote};

/// One thing for the driver to show or to know.
#[derive(Debug, PartialEq)]
pub enum Shown<'a> {
    /// Attached, for the first time or again.
    Attached {
        /// The face.
        id: FaceId,
        /// Its size.
        size: Size,
        /// Output goes on from here, after a restore unless `resumed`.
        offset: Offset,
        /// How much of this viewer's input stream was accepted before.
        accepted: u64,
        /// Whether this viewer may type.
        drive: bool,
        /// The output goes on where it stopped; else a restore comes first.
        resumed: bool,
    },
    /// Not attached, and why; the connection serves no more.
    Refused(Refusal),
    /// The next bytes of output.
    Output {
        /// Where they stand in the face's output.
        offset: Offset,
        /// The bytes; none of them was given before.
        bytes: &'a [u8],
    },
    /// A piece of a restore. Before the first piece the viewer's terminal is made as fresh.
    Restore {
        /// Output goes on from here after the last piece.
        offset: Offset,
        /// The first piece.
        first: bool,
        /// The last piece.
        last: bool,
        /// The bytes.
        bytes: &'a [u8],
    },
    /// The last bytes for the viewer's terminal: they undo what the output set in it.
    Parting(Vec<u8>),
    /// Something happened to this viewer.
    Note(ViewerNote),
    /// Something happened to a face, when the driver asked to watch.
    Event(Event),
    /// The answer to a request the driver made.
    Answer(Box<Reply>),
}

/// A viewer of one face.
#[derive(Debug)]
pub struct Viewer {
    session: Session,
    actor: Option<Actor>,
    ask: Attach,
    stage: Stage,
    /// The offset after the last byte shown.
    received: Offset,
    /// Whether the screen shown is whole at `received`.
    whole: bool,
    /// Whether anything was shown: the terminal is as fresh no more.
    painted: bool,
    /// Input typed and not accepted.
    unaccepted: Vec<u8>,
    /// Where `unaccepted` starts in the input stream.
    accepted: u64,
}

/// Which answer comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stage {
    Speaking,
    Asking,
    Attached,
}

impl Viewer {
    /// A viewer that asks for `ask`, on behalf of `actor` when one is named.
    ///
    /// # Errors
    /// `Codec` when the request does not fit a frame.
    pub fn new(ask: Attach, actor: Option<Actor>) -> Result<Viewer, SessionError> {
        let mut viewer = Viewer {
            session: Session::new(),
            received: ask.resume.unwrap_or_default(),
            whole: ask.resume.is_some(),
            painted: ask.resume.is_some(),
            stage: Stage::Speaking,
            unaccepted: Vec::new(),
            accepted: 0,
            actor,
            ask,
        };
        viewer.open()?;
        Ok(viewer)
    }

    /// Starts over on a new connection: what the old one had not sent or received is forgotten, what was shown and
    /// what was typed is not.
    ///
    /// # Errors
    /// As `new`.
    pub fn reconnect(&mut self) -> Result<(), SessionError> {
        self.session = Session::new();
        self.ask.resume = match (self.whole, self.painted) {
            (true, _) => Some(self.received),
            (false, true) => Some(Offset::UNKNOWN),
            (false, false) => None,
        };
        self.ask.detach_others = false;
        self.open()
    }

    /// The screen is as fresh again, whatever was shown: after `reconnect` a restore comes first.
    pub fn forget_screen(&mut self) {
        (self.whole, self.painted) = (false, false);
    }

    fn open(&mut self) -> Result<(), SessionError> {
        self.stage = Stage::Asking;
        if let Some(actor) = &self.actor {
            self.session.request(&Request::Speak(actor.clone()))?;
            self.stage = Stage::Speaking;
        }
        self.session.request(&Request::Attach(Box::new(self.ask.clone())))
    }

    /// Types as much of `bytes` as there is room for; returns how much.
    pub fn type_input(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.room());
        if taken > 0 && self.stage == Stage::Attached {
            self.session.input(self.input_position(), &bytes[..taken]);
        }
        self.unaccepted.extend_from_slice(&bytes[..taken]);
        taken
    }

    /// Where in this viewer's input stream the next byte typed stands.
    pub fn input_position(&self) -> u64 {
        self.accepted + self.unaccepted.len() as u64
    }

    /// Whether the daemon has it as a viewer just now.
    pub fn is_attached(&self) -> bool {
        self.stage == Stage::Attached
    }

    /// How many bytes may be typed now.
    pub fn room(&self) -> usize {
        UNACCEPTED_BYTES_MAX - self.unaccepted.len()
    }

    /// The viewer's terminal has this size now, also after a reconnect.
    ///
    /// # Errors
    /// None in practice: the request is small.
    pub fn resize(&mut self, size: Size, pixels: (u16, u16)) -> Result<(), SessionError> {
        if self.ask.size != size && !self.ask.follows_size {
            // What is shown has been cut or padded: the daemon sends a restore, now or after a reconnect.
            self.whole = false;
        }
        (self.ask.size, self.ask.pixels) = (size, pixels);
        if self.stage == Stage::Attached {
            self.session.request(&Request::ViewerSize { size, pixels })?;
        }
        Ok(())
    }

    /// The size it asked for last, and its pixels.
    pub fn size(&self) -> (Size, (u16, u16)) {
        (self.ask.size, self.ask.pixels)
    }

    /// Asks something else on this connection; its answer comes as `Shown::Answer`.
    ///
    /// # Errors
    /// `Codec` when the request does not fit a frame.
    pub fn request(&mut self, request: &Request) -> Result<(), SessionError> {
        self.session.request(request)
    }

    /// Takes what was read from the socket; see `Session::receive`.
    pub fn receive(&mut self, bytes: &[u8]) {
        self.session.receive(bytes);
    }

    /// The next thing to show or to know.
    ///
    /// # Errors
    /// The connection cannot go on; after `reconnect` the viewer can.
    pub fn poll(&mut self) -> Result<Option<Shown<'_>>, SessionError> {
        while let Some(incoming) = self.session.poll()? {
            match incoming {
                Incoming::Stream => return self.show().map(Some),
                Incoming::Parting(bytes) => return Ok(Some(Shown::Parting(bytes))),
                Incoming::Event(event) => return Ok(Some(Shown::Event(event))),
                Incoming::Note(note) => {
                    self.handle_note(&note);
                    return Ok(Some(Shown::Note(note)));
                }
                Incoming::Reply(reply, _) => {
                    if let Some(shown) = self.handle_reply(*reply)? {
                        return Ok(Some(shown));
                    }
                }
            }
        }
        Ok(None)
    }

    /// The frame at hand, without what was shown before.
    fn show(&mut self) -> Result<Shown<'_>, SessionError> {
        match self.session.stream()? {
            Frame::Output { offset, bytes } => {
                if offset > self.received {
                    self.whole = false;
                    let (expected, got) = (self.received.0, offset.0);
                    return Err(SessionError::Gap { expected, got });
                }
                let known = usize::try_from(self.received.since(offset)).unwrap_or(usize::MAX);
                let bytes = &bytes[known.min(bytes.len())..];
                let offset = self.received;
                self.received = offset.plus(bytes.len());
                Ok(Shown::Output { offset, bytes })
            }
            Frame::Restore { offset, first, last, bytes } => {
                (self.received, self.whole) = (offset, last && offset != Offset::UNKNOWN);
                if last && !self.ask.follows_size {
                    self.ask.history = 0;
                }
                Ok(Shown::Restore { offset, first, last, bytes })
            }
            Frame::Input { .. } | Frame::Message(_) => Err(SessionError::WrongWay),
        }
    }

    fn handle_note(&mut self, note: &ViewerNote) {
        let end = self.accepted + self.unaccepted.len() as u64;
        match note {
            ViewerNote::Accepted { upto } if *upto >= self.accepted => {
                self.unaccepted.drain(..(*upto.min(&end) - self.accepted) as usize);
                self.accepted = *upto;
            }
            ViewerNote::InputRefused { at, .. } if (self.accepted..=end).contains(at) => {
                self.unaccepted.truncate((at - self.accepted) as usize);
            }
            _ => {}
        }
    }

    fn handle_reply(&mut self, reply: Reply) -> Result<Option<Shown<'static>>, SessionError> {
        match (self.stage, reply) {
            (Stage::Attached, reply) => Ok(Some(Shown::Answer(Box::new(reply)))),
            (_, Reply::Refused(refusal)) => Ok(Some(Shown::Refused(refusal))),
            (Stage::Speaking, _) => {
                self.stage = Stage::Asking;
                Ok(None)
            }
            (Stage::Asking, Reply::Attached { id, size, offset, accepted, drive }) => {
                self.stage = Stage::Attached;
                self.painted = true;
                // A name may belong to another face after a reconnect; an id never does.
                self.ask.face = id.to_string();
                let resumed = self.whole && self.ask.resume == Some(offset);
                if !resumed {
                    (self.received, self.whole) = (offset, false);
                }
                self.retype(accepted);
                Ok(Some(Shown::Attached { id, size, offset, accepted, drive, resumed }))
            }
            (Stage::Asking, _) => Err(SessionError::Unasked),
        }
    }

    /// Types again what the daemon has not accepted by its own account.
    fn retype(&mut self, accepted: u64) {
        let known = accepted.saturating_sub(self.accepted).min(self.unaccepted.len() as u64);
        self.unaccepted.drain(..known as usize);
        // A daemon that knows nothing of this viewer counts from zero: so does the input stream from here on.
        self.accepted = accepted;
        if !self.unaccepted.is_empty() {
            self.session.input(self.accepted, &self.unaccepted);
        }
    }

    /// Bytes to be sent.
    pub fn unsent(&self) -> &[u8] {
        self.session.unsent()
    }

    /// `bytes` of `unsent` were sent.
    pub fn sent(&mut self, bytes: usize) {
        self.session.sent(bytes);
    }

    /// The offset after the last byte shown, once the screen was whole.
    pub fn offset(&self) -> Option<Offset> {
        self.whole.then_some(self.received)
    }

    /// Bytes typed and not accepted yet.
    pub fn unaccepted(&self) -> usize {
        self.unaccepted.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::wire::{FrameReader, Holder, Message, decode, encode, frame};
    use proptest::prelude::*;

    const OUTPUT: usize = 300;

    /// What a face printed: each byte tells its offset.
    fn printed(from: usize, to: usize) -> Vec<u8> {
        (from..to).map(|at| (at * 7 + at / 256) as u8).collect()
    }

    fn ask() -> Attach {
        Attach {
            face: "1".into(),
            drive: true,
            detach_others: true,
            size: Size::DEFAULT,
            pixels: (0, 0),
            follows_size: false,
            history: 5,
            token: 77,
            resume: None,
            detach_keys: Vec::new(),
            window: 0,
            holder: Holder::Client,
            inside: Vec::new(),
        }
    }

    /// The daemon's side: keeps what was typed, across connections.
    #[derive(Default)]
    struct Daemon {
        reader: FrameReader,
        out: Vec<u8>,
        typed: Vec<u8>,
        attached: bool,
        /// Bytes printed; a journal of `journal` bytes is kept.
        at: usize,
        journal: usize,
        sent: usize,
    }

    impl Daemon {
        fn connect(&mut self) {
            self.reader = FrameReader::new();
            self.out = frame::preamble().to_vec();
            self.attached = false;
        }

        fn say(&mut self, message: &Message) {
            self.out.extend(frame::framed(&encode(message).unwrap()));
        }

        fn handle(&mut self, bytes: &[u8]) {
            self.reader.push(bytes);
            let mut reader = std::mem::take(&mut self.reader);
            while let Some(frame) = reader.next().unwrap() {
                match frame {
                    Frame::Message(payload) => match decode::<Request>(payload).unwrap() {
                        Request::Attach(ask) => self.attach(&ask),
                        other => panic!("{other:?}"),
                    },
                    Frame::Input { at, bytes } => {
                        let at = usize::try_from(at).unwrap();
                        assert!(at <= self.typed.len(), "input has a gap");
                        let known = (self.typed.len() - at).min(bytes.len());
                        self.typed.extend_from_slice(&bytes[known..]);
                        let upto = self.typed.len() as u64;
                        self.say(&Message::Viewer(ViewerNote::Accepted { upto }));
                    }
                    other => panic!("{other:?}"),
                }
            }
            self.reader = reader;
        }

        fn attach(&mut self, ask: &Attach) {
            self.attached = true;
            let oldest = self.at.saturating_sub(self.journal);
            let resume = ask
                .resume
                .map(|o| usize::try_from(o.0).unwrap())
                .filter(|o| (oldest..=self.at).contains(o));
            let offset = Offset(resume.unwrap_or(self.at) as u64);
            self.sent = resume.unwrap_or(self.at);
            self.say(&Message::Reply(Box::new(Reply::Attached {
                id: FaceId(1),
                size: ask.size,
                offset,
                accepted: self.typed.len() as u64,
                drive: true,
            })));
            if resume.is_none() {
                for (first, last) in [(true, false), (false, true)] {
                    // A restore stands for all that was printed: here it is just that, in two pieces.
                    let half = self.at / 2;
                    let bytes = if first { printed(0, half) } else { printed(half, self.at) };
                    self.out.extend(frame::restore_header(offset, first, last, bytes.len()));
                    self.out.extend(bytes);
                }
            }
            self.print(0);
        }

        fn print(&mut self, bytes: usize) {
            self.at += bytes;
            if self.attached {
                let bytes = printed(self.sent, self.at);
                self.out.extend(frame::output_header(Offset(self.sent as u64), bytes.len()));
                self.out.extend(bytes);
                self.sent = self.at;
            }
        }
    }

    /// Moves bytes both ways until nothing moves, or `cut` bytes have moved in all, which breaks the connection.
    fn pump(
        viewer: &mut Viewer,
        daemon: &mut Daemon,
        screen: &mut Vec<u8>,
        cut: &mut usize,
    ) -> bool {
        loop {
            let up = viewer.unsent().len().min(*cut).min(7);
            daemon.handle(&viewer.unsent()[..up]);
            viewer.sent(up);
            *cut -= up;
            let down = daemon.out.len().min(*cut).min(11);
            viewer.receive(&daemon.out.drain(..down).collect::<Vec<_>>());
            *cut -= down;
            while let Some(shown) = viewer.poll().unwrap() {
                match shown {
                    Shown::Output { offset, bytes } => {
                        assert_eq!(offset.0 as usize, screen.len());
                        screen.extend_from_slice(bytes);
                    }
                    Shown::Restore { first, bytes, .. } => {
                        if first {
                            screen.clear();
                        }
                        screen.extend_from_slice(bytes);
                    }
                    _ => {}
                }
            }
            if *cut == 0 {
                return false;
            }
            if up == 0 && down == 0 {
                return true;
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

        /// Wherever connections break, the screen is what was printed and what was typed arrives once, in order.
        #[test]
        fn nothing_is_lost_or_doubled_wherever_connections_break(
            cuts in prop::collection::vec(1usize..600, 0..12),
            journal in 0usize..OUTPUT,
            steps in prop::collection::vec((0usize..40, 0usize..40), 1..8),
        ) {
            let mut daemon = Daemon { journal, ..Daemon::default() };
            let mut viewer = Viewer::new(ask(), None).unwrap();
            let (mut screen, mut keys) = (Vec::new(), Vec::new());
            let mut cuts = cuts.into_iter();
            let mut cut = cuts.next().unwrap_or(usize::MAX);
            daemon.connect();
            for (out, input) in steps {
                daemon.print(out);
                let new = printed(keys.len(), keys.len() + input);
                prop_assert_eq!(viewer.type_input(&new), input);
                keys.extend(new);
                while !pump(&mut viewer, &mut daemon, &mut screen, &mut cut) {
                    daemon.connect();
                    viewer.reconnect().unwrap();
                    cut = cuts.next().unwrap_or(usize::MAX);
                }
            }
            prop_assert_eq!(screen, printed(0, daemon.at));
            prop_assert_eq!(&daemon.typed, &keys);
            prop_assert_eq!(viewer.unaccepted(), 0);
        }
    }

    #[test]
    fn every_single_byte_is_a_place_where_a_connection_may_break() {
        for at in 1..700 {
            let mut daemon = Daemon { journal: 50, ..Daemon::default() };
            let mut viewer = Viewer::new(ask(), None).unwrap();
            let (mut screen, mut cut) = (Vec::new(), at);
            daemon.connect();
            daemon.print(80);
            viewer.type_input(b"hello");
            while !pump(&mut viewer, &mut daemon, &mut screen, &mut cut) {
                daemon.connect();
                viewer.reconnect().unwrap();
                daemon.print(20);
                viewer.type_input(b" again");
                cut = usize::MAX;
            }
            assert_eq!(screen, printed(0, daemon.at), "cut at {at}");
            assert!(daemon.typed.starts_with(b"hello"), "cut at {at}");
            assert_eq!(viewer.unaccepted(), 0, "cut at {at}");
        }
    }

    #[test]
    fn refused_input_is_forgotten_and_the_stream_goes_on_from_there() {
        let mut viewer = Viewer::new(ask(), None).unwrap();
        let mut daemon = Daemon::default();
        daemon.connect();
        pump(&mut viewer, &mut daemon, &mut Vec::new(), &mut usize::MAX.clone());
        viewer.type_input(b"too much");
        viewer.handle_note(&ViewerNote::InputRefused { at: 0, reason: "full".into() });
        assert_eq!(viewer.unaccepted(), 0);
        viewer.sent(viewer.unsent().len());
        viewer.type_input(b"ls");
        pump(&mut viewer, &mut daemon, &mut Vec::new(), &mut usize::MAX.clone());
        assert_eq!(daemon.typed, b"ls");
    }

    #[test]
    fn typing_is_bounded_while_nobody_accepts() {
        let mut viewer = Viewer::new(ask(), None).unwrap();
        let taken = viewer.type_input(&vec![b'x'; 2 * UNACCEPTED_BYTES_MAX]);
        assert_eq!((taken, viewer.room()), (UNACCEPTED_BYTES_MAX, 0));
    }
}
