//! A WebSocket and its viewer on the daemon's socket, joined for as long as the page stays.
//!
//! Owns both ends and a few flags; no queue beyond one window. The page is read only while its input finds room, the
//! daemon only while the page takes what it sends, so each side's slowness is felt by the other and by nobody else.
//! When the daemon goes away the viewer connects again and goes on from its offset; the page does not notice.

use super::access::Visitor;
use super::clipboard::Ear;
use super::dialect::{Dialect, Step};
use super::door::{self, Door, DoorError};
use super::figures;
use super::reactor::{SCRATCH_BYTES, Sleep, Source, Way};
use super::reactor::{TcpStream, UnixStream};
use super::server::{EndingWatch, Server};
use super::socket::{Heard, WebSocket};
use crate::client::{Shown, Viewer};
use crate::limits::{HEAD_MS_MAX, WS_PING_MS, WS_UNSENT_BYTES_MAX};
use crate::wire::{
    Actor, EndReport, FaceInfo, FaceState, Refusal, Reply, Request, Role, ViewerNote,
};
use std::future::{Future, poll_fn};
use std::io::Write;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Between two tries to reach the daemon, at first; it doubles up to `RETRY_LAST`.
const RETRY_FIRST: Duration = Duration::from_millis(5);
const RETRY_LAST: Duration = Duration::from_millis(500);
/// How long a closed WebSocket may take to close its side.
const FINISH: Duration = Duration::from_secs(2);
/// How long a refusal is held back: a stock ttyd page comes back at once and for ever.
const TTYD_PATIENCE: Duration = Duration::from_secs(1);

/// A WebSocket that was asked for.
pub struct Wish {
    /// Who asks; `None` for a ttyd client that has yet to show its ticket, or for one who may not.
    pub visitor: Option<Visitor>,
    /// The face.
    pub face: String,
    /// What it speaks.
    pub dialect: Dialect,
    /// Its `Sec-WebSocket-Key`.
    pub key: String,
}

/// How a WebSocket ends: a close code and a reason.
struct Close(u16, String);

/// Serves the WebSocket to its end.
pub async fn serve(server: Rc<Server>, source: Source<TcpStream>, read: Vec<u8>, wish: Wish) {
    let accept = tungstenite::handshake::derive_accept_key(wish.key.as_bytes());
    let protocol = wish.dialect.subprotocol();
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: {protocol}\r\n\r\n"
    );
    if source.write_all(head.as_bytes()).await.is_err() {
        return;
    }
    figures::add(&server.figures.sockets, 1);
    figures::add(&server.figures.sockets_open, 1);
    let mut socket = WebSocket::new(source, read);
    let dialect_is_tty = wish.dialect.is_tty();
    let close = attach(&server, &mut socket, wish).await;
    if let Some(Close(code, reason)) = close {
        if dialect_is_tty && code != 1000 {
            server.reactor.sleep(TTYD_PATIENCE).await;
        }
        socket.close(code, &reason);
    }
    let _ = server.reactor.within(FINISH, socket.finish()).await;
    figures::less(&server.figures.sockets_open);
}

/// Everything between the handshake and the close; `None` when the page is gone already.
async fn attach(server: &Rc<Server>, socket: &mut WebSocket, wish: Wish) -> Option<Close> {
    let Wish { visitor, face, mut dialect, .. } = wish;
    if visitor.is_none() && !dialect.is_tty() {
        return Some(Close(1008, "not logged in".into()));
    }
    let limit = Duration::from_millis(HEAD_MS_MAX);
    let first = match server.reactor.within(limit, first_message(socket)).await {
        Some(first) => first?,
        None => return Some(Close(1008, "nothing was said".into())),
    };
    let mut ask = match dialect.first(&first, &face) {
        Ok(ask) => ask,
        Err(reason) => return Some(Close(1008, reason.into())),
    };
    let Some(visitor) = visitor.or_else(|| redeem(server, &dialect, &face)) else {
        return Some(Close(1008, "not logged in".into()));
    };
    let Visitor { actor, token, .. } = visitor;
    ask.drive &= actor.role >= Role::Driver;
    let info = match face_info(server, &actor, &face).await {
        Ok(info) => info,
        Err(refused) => return Some(refused.tell(socket, &mut dialect)),
    };
    dialect.meet(&info, socket);
    let is_tty = dialect.is_tty();
    let Ok(viewer) = Viewer::new(ask, Some(actor)) else {
        return Some(Close(1008, "a face's name that is too long".into()));
    };
    let mut relay = Relay {
        server,
        socket,
        dialect,
        viewer,
        door: None,
        deaf: false,
        pause: RETRY_FIRST,
        retry: None,
        started: false,
        waiting_input: Vec::new(),
        ping: server.reactor.sleep(Duration::from_millis(WS_PING_MS)),
        pinged: false,
        ending: EndingWatch::new(server),
        clipboard: (!is_tty).then(|| Ear::new(server, info.id)),
        token,
    };
    poll_fn(|cx| relay.poll(cx)).await
}

async fn first_message(socket: &mut WebSocket) -> Option<tungstenite::Bytes> {
    poll_fn(|cx| {
        loop {
            match socket.next() {
                Heard::Message(message) => return Poll::Ready(Some(message)),
                Heard::End => return Poll::Ready(None),
                Heard::Nothing => {}
            }
            if socket.poll_send(cx).is_ready_err() {
                return Poll::Ready(None);
            }
            match socket.poll_read(cx) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(None),
                Poll::Ready(Ok(_)) => {}
                Poll::Pending => return Poll::Pending,
            }
        }
    })
    .await
}

/// A ttyd client's ticket, spent.
fn redeem(server: &Server, dialect: &Dialect, face: &str) -> Option<Visitor> {
    let now_ms = crate::sys::clock::mono_ms();
    server.tickets.borrow_mut().redeem(dialect.ticket()?, face, now_ms)
}

/// Why a face cannot be attached to.
enum Refused {
    Missing,
    Gone(Box<EndReport>),
    Other(u16, String),
}

impl Refused {
    fn of(refusal: Refusal) -> Refused {
        match refusal {
            Refusal::NoSuchFace(_) => Refused::Missing,
            Refusal::Gone { end, .. } => Refused::Gone(end),
            Refusal::NotAllowed(reason) => Refused::Other(1008, reason),
            Refusal::Limit(reason) | Refusal::Invalid(reason) => Refused::Other(1008, reason),
            Refusal::Unavailable(reason) => Refused::Other(1001, reason),
        }
    }

    fn tell(self, socket: &mut WebSocket, dialect: &mut Dialect) -> Close {
        match self {
            Refused::Missing => Close(4404, "no such face".into()),
            Refused::Gone(end) => {
                let reason = end.reason.clone();
                dialect.note(&ViewerNote::Ended { end }, socket);
                Close(4410, reason)
            }
            Refused::Other(code, reason) => Close(code, reason),
        }
    }
}

async fn face_info(server: &Server, actor: &Actor, face: &str) -> Result<FaceInfo, Refused> {
    let unreachable = |e: DoorError| match e {
        DoorError::Refused(refusal) => Refused::of(*refusal),
        other => {
            log::warn!("a WebSocket was not served: {other}");
            Refused::Other(1001, "the server is starting".into())
        }
    };
    let mut door =
        Door::open(&server.reactor, &server.start.socket, actor).await.map_err(unreachable)?;
    match door.call(&Request::Info { face: face.to_owned() }).await.map_err(unreachable)?.0 {
        Reply::Face(info) => match (info.state, &info.end) {
            (FaceState::Ended, Some(end)) => Err(Refused::Gone(Box::new(end.clone()))),
            _ => Ok(*info),
        },
        _ => Err(Refused::Missing),
    }
}

/// Both ends.
struct Relay<'a> {
    server: &'a Rc<Server>,
    socket: &'a mut WebSocket,
    dialect: Dialect,
    viewer: Viewer,
    door: Option<Source<UnixStream>>,
    /// The daemon takes nothing more; what it said before is still read.
    deaf: bool,
    pause: Duration,
    retry: Option<Sleep>,
    /// A daemon was reached before: the next one is a reconnect.
    started: bool,
    /// Input the viewer had no room for.
    waiting_input: Vec<u8>,
    ping: Sleep,
    pinged: bool,
    ending: EndingWatch,
    clipboard: Option<Ear>,
    /// The token it came in by, which may be revoked meanwhile.
    token: Option<String>,
}

/// Whether a step of the relay moved anything, or the relay is over.
type Moved = Result<bool, Option<Close>>;

impl Relay<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Close>> {
        if self.ending.poll(cx.waker()) {
            self.dialect.note(&ViewerNote::Draining, self.socket);
            return Poll::Ready(Some(Close(1001, "the server ends".into())));
        }
        if let Some(text) = self.clipboard.as_ref().and_then(|ear| ear.poll(cx.waker())) {
            self.dialect.clipboard(&text, self.socket);
        }
        loop {
            match self.turn(cx) {
                Ok(true) => {}
                Ok(false) => return Poll::Pending,
                Err(close) => return Poll::Ready(close),
            }
        }
    }

    /// One look at everything.
    fn turn(&mut self, cx: &mut Context<'_>) -> Moved {
        let page = self.hear_page(cx)?;
        let door = self.reach_daemon(cx)? && (self.tell_daemon(cx) | self.hear_daemon(cx)?);
        let unsent = self.socket.unsent();
        if let Poll::Ready(Err(_)) = self.socket.poll_send(cx) {
            return Err(None);
        }
        // What was held back for want of room here is looked at once more.
        let sent = self.socket.unsent() < unsent;
        self.keep_alive(cx)?;
        Ok(page | door | sent)
    }

    fn hear_page(&mut self, cx: &mut Context<'_>) -> Moved {
        if !self.type_waiting() || self.socket.unsent() >= WS_UNSENT_BYTES_MAX {
            return Ok(false);
        }
        let moved = match self.socket.poll_read(cx) {
            Poll::Ready(Ok(0) | Err(_)) => return Err(None),
            Poll::Ready(Ok(_)) => true,
            Poll::Pending => false,
        };
        while self.waiting_input.is_empty() {
            match self.socket.next() {
                Heard::Message(message) => self.told(&message)?,
                Heard::End => return Err(None),
                Heard::Nothing => break,
            }
        }
        Ok(moved)
    }

    fn told(&mut self, message: &[u8]) -> Result<(), Option<Close>> {
        match self.dialect.told(message, &mut self.viewer, self.socket) {
            Ok(Step::Done) => {}
            Ok(Step::Type(bytes)) => {
                figures::add(&self.server.figures.input_bytes, bytes.len() as u64);
                let taken = self.viewer.type_input(bytes);
                self.waiting_input.extend_from_slice(&bytes[taken..]);
            }
            Ok(Step::Leave) => return Err(Some(Close(1000, "left".into()))),
            Err((code, reason)) => return Err(Some(Close(code, reason.into()))),
        }
        Ok(())
    }

    /// Types what waits; whether there is room for more.
    fn type_waiting(&mut self) -> bool {
        if !self.waiting_input.is_empty() {
            let taken = self.viewer.type_input(&self.waiting_input);
            self.waiting_input.drain(..taken);
        }
        self.waiting_input.is_empty()
    }

    /// Connects to the daemon when there is no connection; whether there is one.
    fn reach_daemon(&mut self, cx: &mut Context<'_>) -> Moved {
        if self.door.is_some() {
            return Ok(true);
        }
        loop {
            if let Some(retry) = &mut self.retry {
                if Pin::new(retry).poll(cx).is_pending() {
                    return Ok(false);
                }
                self.retry = None;
            }
            if let Ok(source) = door::dial(&self.server.reactor, &self.server.start.socket) {
                if self.started {
                    self.viewer.reconnect().map_err(|_| None)?;
                    figures::add(&self.server.figures.resumed, 1);
                }
                self.started = true;
                self.door = Some(source);
                return Ok(true);
            }
            self.lost();
        }
    }

    /// The daemon cannot be reached or went away: tries again in a while.
    fn lost(&mut self) {
        self.door = None;
        self.deaf = false;
        self.retry = Some(self.server.reactor.sleep(self.pause));
        self.pause = (self.pause * 2).min(RETRY_LAST);
    }

    fn tell_daemon(&mut self, cx: &mut Context<'_>) -> bool {
        while !self.deaf && !self.viewer.unsent().is_empty() {
            let Some(door) = &self.door else { return true };
            let viewer = &self.viewer;
            match door.poll_io(Way::Write, cx, |mut io| io.write(viewer.unsent())) {
                Poll::Ready(Ok(n)) => self.viewer.sent(n),
                // It may have said the last of its face before it closed: its end is read, not written to.
                Poll::Ready(Err(_)) => self.deaf = true,
                Poll::Pending => return false,
            }
        }
        false
    }

    fn hear_daemon(&mut self, cx: &mut Context<'_>) -> Moved {
        if self.dialect.is_paused() || self.socket.unsent() >= WS_UNSENT_BYTES_MAX {
            return Ok(false);
        }
        let Some(door) = &self.door else { return Ok(true) };
        let viewer = &mut self.viewer;
        match door.poll_read(cx, SCRATCH_BYTES, |bytes| viewer.receive(bytes)) {
            Poll::Pending => return Ok(false),
            Poll::Ready(Ok(n)) if n > 0 => {}
            Poll::Ready(_) => {
                self.lost();
                return Ok(true);
            }
        }
        self.show()?;
        Ok(true)
    }

    /// Passes on what the daemon said.
    fn show(&mut self) -> Result<(), Option<Close>> {
        let before = self.socket.unsent();
        let ended = loop {
            match self.viewer.poll() {
                Ok(Some(shown)) => {
                    let attached = matches!(shown, Shown::Attached { .. });
                    if let Some(close) = pass_on(shown, &mut self.dialect, self.socket) {
                        break Err(Some(close));
                    }
                    if attached {
                        self.pause = RETRY_FIRST;
                        if let Some(report) = self.dialect.report() {
                            // A report is a few bytes: it always fits a frame.
                            let _ = self.viewer.request(&report);
                        }
                    }
                }
                Ok(None) => break Ok(()),
                Err(error) => {
                    log::warn!("the daemon's stream broke: {error}");
                    self.lost();
                    break Ok(());
                }
            }
        };
        let sent = self.socket.unsent() - before;
        figures::add(&self.server.figures.output_bytes, sent as u64);
        ended
    }

    /// One ping in a minute without a word; gone when the next minute has none either.
    fn keep_alive(&mut self, cx: &mut Context<'_>) -> Result<(), Option<Close>> {
        while Pin::new(&mut self.ping).poll(cx).is_ready() {
            if !self.server.still_valid(self.token.as_deref()) {
                return Err(Some(Close(1008, "the token has ended".into())));
            }
            if self.socket.take_heard() {
                self.pinged = false;
            } else if self.pinged {
                return Err(None);
            } else {
                self.pinged = true;
                self.socket.ping();
                let _ = self.socket.poll_send(cx);
            }
            self.ping = self.server.reactor.sleep(Duration::from_millis(WS_PING_MS));
        }
        Ok(())
    }
}

/// Passes one thing on; a close when it is the last.
fn pass_on(shown: Shown<'_>, dialect: &mut Dialect, socket: &mut WebSocket) -> Option<Close> {
    match shown {
        Shown::Refused(refusal) => Some(Refused::of(refusal).tell(socket, dialect)),
        Shown::Note(note) => {
            dialect.note(&note, socket);
            match note {
                ViewerNote::Ended { end } => Some(Close(1000, end.reason)),
                ViewerNote::Detached { reason } => {
                    Some(Close(if dialect.is_tty() { 1000 } else { 4001 }, reason))
                }
                _ => None,
            }
        }
        shown => {
            dialect.show(shown, socket);
            None
        }
    }
}

/// Whether a poll ended badly.
trait ReadyErr {
    fn is_ready_err(&self) -> bool;
}

impl<T, E> ReadyErr for Poll<Result<T, E>> {
    fn is_ready_err(&self) -> bool {
        matches!(self, Poll::Ready(Err(_)))
    }
}
