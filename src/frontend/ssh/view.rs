//! A face on an SSH channel: output one way, keys the other.
//!
//! It owns the connection to the daemon and makes it again when the daemon dies, going on from the offset it had. It
//! takes from the daemon what the client's window has room for and a little more, so a client that stalls costs an
//! offset. It never answers for the client's terminal and never writes what the daemon did not send, but for making
//! room before the first screen and undoing modes when the daemon cannot.

use super::daemon::code_of;
use super::link::Link;
use super::seat::{Exit, Seat, Terminal, signal_number};
use super::valve::Hold;
use crate::client::remote::AttachAsk;
use crate::client::{SessionError, Shown, Viewer, undo};
use crate::limits::{SSH_BACKLOG_BYTES, SSH_OUTPUT_BYTES};
use crate::units::{FaceId, Offset};
use crate::wire::{Attach, Holder, Refusal, Request, ViewerNote};
use russh::ChannelMsg;
use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::time::Duration;
use tokio::time::Instant;

/// Ctrl-B d.
const DETACH_KEYS: &[u8] = b"\x02d";
/// Input that its program takes nothing of for this long, while the connection is held for it, is dropped with a
/// bell: other channels are on the same connection.
const STUCK_FOR: Duration = Duration::from_secs(10);
/// The first pause before the daemon is tried again, and the longest.
const REDIAL_FIRST: Duration = Duration::from_millis(10);
const REDIAL_MAX: Duration = Duration::from_millis(50);
/// How long a lost daemon is waited for.
const LOST_FOR: Duration = Duration::from_secs(60);
/// End of transmission, what a terminal sends for the end of its input.
const EOT: u8 = 4;
/// A shell that edits its line loses an end that comes while it runs a command: it is told again after this long,
/// then twice that, so many times.
const EOT_AGAIN: Duration = Duration::from_millis(250);
const EOT_TIMES: u32 = 8;
const BELL: u8 = 7;

/// What is to be looked at, and how.
#[derive(Debug)]
pub struct Wish {
    /// The face.
    pub face: String,
    /// Made for this channel: its output is shown from its first byte.
    pub fresh: bool,
    /// It is a shell: the end of the client's input ends it.
    pub shell: bool,
    /// The client's options.
    pub ask: AttachAsk,
}

/// Why the view is over.
#[derive(Debug)]
enum Over {
    /// Detached: the sentence.
    Detached(String),
    /// The face ended.
    Ended { code: i32, signal: Option<i32> },
    /// Not attached.
    Refused(Refusal),
    /// The daemon is gone for good.
    Lost(String),
    /// The client left.
    Left,
}

type Sending = Pin<Box<dyn Future<Output = Result<(), russh::Error>> + Send>>;

struct View<'a> {
    seat: &'a mut Seat,
    viewer: Viewer,
    link: Option<Link>,
    face: Option<FaceId>,
    fresh: bool,
    shell: bool,
    /// When the end of the client's input is told again, and how often it was told.
    eot: Option<(Instant, u32)>,
    /// What the client's terminal has of the face.
    screen: Screen,
    /// Output on its way to the client's channel.
    out: Vec<u8>,
    /// Whether all that was received has been looked at.
    drained: bool,
    typed: Typed,
    redial: Option<Redial>,
    /// Whether the daemon was ever reached.
    dialled: bool,
    over: Option<Over>,
}

/// What the client typed and the daemon has no room for.
#[derive(Default)]
struct Typed {
    backlog: Vec<u8>,
    /// While the backlog is full: the connection's input is held, and since when nothing was taken.
    held: Option<(Hold, Instant)>,
}

/// The daemon is away: since when, and when to try again.
struct Redial {
    since: Instant,
    again: Instant,
    pause: Duration,
}

impl Redial {
    /// Tries again after a pause, and after a longer one the next time.
    fn put_off(&mut self, now: Instant) {
        self.again = now + self.pause;
        self.pause = (self.pause * 2).min(REDIAL_MAX);
    }
}

/// Shows the face until the view is over. None when the client left.
pub async fn run(seat: &mut Seat, wish: Wish) -> Option<Exit> {
    let ask = match attach(seat, &wish) {
        Ok(ask) => ask,
        Err(sentence) => {
            seat.say(&sentence).await;
            return Some(Exit::code(2));
        }
    };
    let actor = seat.opened.grant.actor.clone();
    let viewer = match Viewer::new(ask, Some(actor)) {
        Ok(viewer) => viewer,
        Err(e) => {
            seat.say(&e.to_string()).await;
            return Some(Exit::code(2));
        }
    };
    let now = Instant::now();
    let redial = Some(Redial { since: now, again: now, pause: REDIAL_FIRST });
    let mut view = View {
        viewer,
        link: None,
        face: None,
        fresh: wish.fresh,
        shell: wish.shell,
        eot: None,
        screen: Screen::Bare,
        out: Vec::new(),
        drained: true,
        typed: Typed::default(),
        redial,
        dialled: false,
        over: None,
        seat,
    };
    let over = view.turn_until_over().await;
    view.finish(over).await
}

fn attach(seat: &Seat, wish: &Wish) -> Result<Attach, String> {
    let terminal = seat.terminal.unwrap_or(Terminal::of(0, 0, 0, 0));
    let detach_keys = match (&wish.ask.detach_keys, seat.terminal) {
        // Without a terminal these are bytes like any others.
        (_, None) => Vec::new(),
        (None, Some(_)) => DETACH_KEYS.to_vec(),
        (Some(text), Some(_)) => crate::client::detach_keys::parse(text)
            .ok_or_else(|| format!("detach keys {text:?}: write one or two keys like \"C-b d\""))?,
    };
    let mut token = [0; 8];
    getrandom::fill(&mut token).map_err(|e| e.to_string())?;
    Ok(Attach {
        face: wish.face.clone(),
        drive: !wish.ask.read_only,
        detach_others: wish.ask.detach_others,
        size: terminal.size,
        pixels: terminal.pixels,
        follows_size: seat.terminal.is_none(),
        history: wish.ask.history,
        token: u64::from_le_bytes(token) | 1,
        resume: wish.fresh.then_some(Offset(0)),
        detach_keys,
        window: 0,
        holder: match seat.terminal {
            Some(_) => Holder::Client,
            None => Holder::Nobody { whole: wish.fresh },
        },
        inside: Vec::new(),
    })
}

impl View<'_> {
    async fn turn_until_over(&mut self) -> Over {
        let mut sending: Option<Sending> = None;
        loop {
            self.look();
            self.type_on();
            self.send_on();
            if sending.is_none() {
                if !self.out.is_empty() {
                    let out = std::mem::take(&mut self.out);
                    sending = Some(self.send(out));
                } else if let Some(over) = self.over.take() {
                    return over;
                }
            }
            let timer = self.next_deadline();
            let more = self.drained && self.out.len() < SSH_OUTPUT_BYTES && self.over.is_none();
            tokio::select! {
                biased;
                sent = async { sending.as_mut().expect("it is there").await }, if sending.is_some() => {
                    sending = None;
                    if sent.is_err() {
                        return Over::Left;
                    }
                }
                message = self.seat.read.wait() => {
                    if !self.handle_client(message) {
                        return Over::Left;
                    }
                }
                readable = readable(self.link.as_ref()), if more => {
                    if let Err(e) = readable.and_then(|()| self.receive()) {
                        self.handle_loss(&e);
                    }
                }
                room = room(self.link.as_ref()) => match room {
                    Ok(()) => self.link.iter_mut().for_each(Link::has_room),
                    Err(e) => self.handle_loss(&e),
                },
                () = tokio::time::sleep_until(timer.unwrap_or_else(Instant::now)), if timer.is_some() => {
                    self.handle_time().await;
                }
            }
        }
    }

    /// Sends `out` as the client's window allows.
    fn send(&self, out: Vec<u8>) -> Sending {
        let write = self.seat.writer();
        Box::pin(async move { write.data_bytes(out).await })
    }

    /// Looks at what was received, until there is as much to send as there may be.
    fn look(&mut self) {
        while self.out.len() < SSH_OUTPUT_BYTES && self.over.is_none() {
            match self.viewer.poll() {
                Ok(None) => {
                    self.drained = true;
                    return;
                }
                Ok(Some(shown)) => {
                    self.drained = false;
                    let change = show(
                        shown,
                        &mut self.out,
                        &mut self.screen,
                        self.seat.terminal,
                        self.fresh,
                    );
                    self.apply(change);
                }
                Err(e) => return self.handle_loss(&io::Error::other(e)),
            }
        }
    }

    fn apply(&mut self, change: Change) {
        match change {
            Change::None => {}
            Change::Attached(id) => {
                self.face = Some(id);
                self.redial = None;
            }
            // It was quicker than we were, or ended while the daemon was away.
            Change::Over(Over::Refused(Refusal::Gone { end, .. }))
                if self.fresh || self.face.is_some() =>
            {
                self.leave_terminal();
                self.over = Some(Over::Ended { code: end.code, signal: end.signal });
            }
            Change::Over(over) => self.over = Some(over),
            Change::Accepted => {
                if let Some((_, since)) = &mut self.typed.held {
                    *since = Instant::now();
                }
            }
            Change::Refused => self.out.push(BELL),
        }
    }

    /// Puts the client's terminal right where no daemon does.
    fn leave_terminal(&mut self) {
        if let Some(terminal) = self.seat.terminal.filter(|_| self.screen != Screen::Bare) {
            self.out.extend(undo::leave(terminal.size.rows()));
        }
    }

    /// Sends what was typed, as much as there is room for; holds the connection's input when that is too little.
    fn type_on(&mut self) {
        if !self.typed.backlog.is_empty() && self.face.is_some() {
            let taken = self.viewer.type_input(&self.typed.backlog);
            self.typed.backlog.drain(..taken);
        }
        let limit = SSH_BACKLOG_BYTES / if self.typed.held.is_some() { 2 } else { 1 };
        if self.typed.backlog.len() < limit {
            self.typed.held = None;
        } else if self.typed.held.is_none() {
            self.typed.held = Some((self.seat.opened.valve.hold(), Instant::now()));
        }
    }

    /// What the client sends; false when it left.
    fn handle_client(&mut self, message: Option<ChannelMsg>) -> bool {
        match message {
            None | Some(ChannelMsg::Close) => return false,
            Some(ChannelMsg::Data { data }) => self.typed.backlog.extend_from_slice(&data),
            // Input without a terminal has an end; a program started for it is told as a terminal would.
            Some(ChannelMsg::Eof) if self.seat.terminal.is_none() && self.fresh => {
                self.typed.backlog.push(EOT);
                self.eot = self.shell.then(|| (Instant::now() + EOT_AGAIN, 1));
            }
            Some(ChannelMsg::WindowChange { col_width, row_height, pix_width, pix_height })
                if self.seat.terminal.is_some() =>
            {
                let terminal = Terminal::of(col_width, row_height, pix_width, pix_height);
                self.seat.terminal = Some(terminal);
                self.request(|viewer| viewer.resize(terminal.size, terminal.pixels));
            }
            Some(ChannelMsg::Signal { signal }) => {
                if let (Some(number), Some(id)) = (signal_number(&signal), self.face) {
                    let faces = vec![id.to_string()];
                    let kill = Request::Kill { faces, signal: Some(number), by: "ssh".to_owned() };
                    self.request(|viewer| viewer.request(&kill));
                }
            }
            Some(_) => {}
        }
        true
    }

    fn request(&mut self, ask: impl FnOnce(&mut Viewer) -> Result<(), SessionError>) {
        if let Err(e) = ask(&mut self.viewer) {
            log::warn!("ask the daemon: {e}");
        }
    }

    /// Sends the daemon what it is to get, as far as there is room.
    fn send_on(&mut self) {
        while let Some(link) = &mut self.link
            && !self.viewer.unsent().is_empty()
        {
            match link.send(self.viewer.unsent()) {
                Ok(0) => return,
                Ok(sent) => self.viewer.sent(sent),
                Err(e) => self.handle_loss(&e),
            }
        }
    }

    /// Reads from the daemon once.
    fn receive(&mut self) -> io::Result<()> {
        let Some(link) = &self.link else { return Ok(()) };
        self.drained = false;
        let viewer = &mut self.viewer;
        if link.receive(|bytes| viewer.receive(bytes))? {
            Ok(())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }

    /// The daemon is gone; it comes back, usually within a fraction of a second.
    fn handle_loss(&mut self, error: &io::Error) {
        log::debug!("lost the daemon: {error}");
        self.link = None;
        self.drained = true;
        if self.screen == Screen::Known {
            self.screen = Screen::Stale;
        }
        let now = Instant::now();
        match &mut self.redial {
            None => self.redial = Some(Redial { since: now, again: now, pause: REDIAL_FIRST }),
            Some(redial) if redial.since + LOST_FOR <= now => {
                self.over = Some(Over::Lost(error.to_string()));
            }
            // It went again before it had answered.
            Some(redial) => redial.put_off(now),
        }
    }

    async fn dial(&mut self) {
        let Some(redial) = &mut self.redial else { return };
        match Link::connect(&self.seat.opened.house.socket).await {
            Ok(link) => {
                self.link = Some(link);
                // Asked again when even this connection gives no answer.
                redial.again = Instant::now() + LOST_FOR;
                if std::mem::replace(&mut self.dialled, true)
                    && let Err(e) = self.viewer.reconnect()
                {
                    self.over = Some(Over::Lost(e.to_string()));
                }
            }
            Err(e) if redial.since.elapsed() > LOST_FOR || self.face.is_none() => {
                self.over = Some(Over::Lost(e.to_string()));
            }
            Err(_) => redial.put_off(Instant::now()),
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let dial = self.redial.as_ref().filter(|_| self.over.is_none()).map(|r| r.again);
        let stuck = self.typed.held.as_ref().map(|(_, since)| *since + STUCK_FOR);
        let eot = self.eot.map(|(at, _)| at);
        dial.into_iter().chain(stuck).chain(eot).min()
    }

    async fn handle_time(&mut self) {
        let now = Instant::now();
        if self.redial.as_ref().is_some_and(|r| r.again <= now) {
            self.dial().await;
        }
        if let Some((at, times)) = self.eot
            && at <= now
        {
            self.typed.backlog.push(EOT);
            self.eot = (times < EOT_TIMES).then(|| (now + EOT_AGAIN * (1 << times), times + 1));
        }
        if self.typed.held.as_ref().is_some_and(|(_, since)| *since + STUCK_FOR <= now) {
            self.typed = Typed::default();
            self.out.push(BELL);
        }
    }

    /// Leaves the client's terminal as it was, and says what happened.
    async fn finish(&mut self, over: Over) -> Option<Exit> {
        let id = self.face.map_or(String::new(), |id| id.to_string());
        let exit = match over {
            Over::Left => return None,
            Over::Refused(refusal) => {
                self.seat.say(&refusal.to_string()).await;
                return Some(Exit::code(code_of(&refusal)));
            }
            Over::Lost(why) => {
                self.leave_terminal();
                let last = std::mem::take(&mut self.out);
                if !last.is_empty() {
                    // A client that is gone has no terminal to put right.
                    let _ = self.send(last).await;
                }
                self.seat.say(&format!("the server is gone: {why}")).await;
                return Some(Exit::code(3));
            }
            Over::Detached(reason) => {
                self.seat.say(&format!("{reason}; to come back: attach {id}")).await;
                Exit::code(0)
            }
            Over::Ended { code, signal } => {
                Exit { code: u8::try_from(code).unwrap_or(u8::MAX), signal }
            }
        };
        Some(exit)
    }
}

/// What the client's terminal has of the face.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Screen {
    /// Nothing yet.
    Bare,
    /// What the daemon knows it has.
    Known,
    /// What a daemon that is gone knew.
    Stale,
}

/// What something shown changes.
enum Change {
    None,
    Attached(FaceId),
    Accepted,
    Refused,
    Over(Over),
}

/// Puts what is shown into `out`, and says what it changes.
fn show(
    shown: Shown<'_>,
    out: &mut Vec<u8>,
    screen: &mut Screen,
    terminal: Option<Terminal>,
    fresh: bool,
) -> Change {
    match shown {
        Shown::Attached { id, resumed, .. } => {
            match (terminal, *screen) {
                (Some(terminal), Screen::Bare) if fresh && resumed => {
                    out.extend(undo::make_room(terminal.size.rows()));
                    *screen = Screen::Known;
                }
                (_, Screen::Stale) if resumed => *screen = Screen::Known,
                _ => {}
            }
            return Change::Attached(id);
        }
        Shown::Refused(refusal) => return Change::Over(Over::Refused(refusal)),
        Shown::Output { bytes, .. } => out.extend_from_slice(bytes),
        Shown::Restore { first, bytes, .. } => {
            if let (Some(terminal), true) = (terminal, first) {
                match screen {
                    Screen::Bare => out.extend(undo::make_room(terminal.size.rows())),
                    // A daemon makes a terminal as fresh that it has painted itself.
                    Screen::Known => {}
                    Screen::Stale => out.extend([undo::MODES, undo::CLEAR].concat()),
                }
                *screen = Screen::Known;
            }
            out.extend_from_slice(bytes);
        }
        Shown::Note(note) => return of_note(note),
        Shown::Parting(bytes) if terminal.is_some() => out.extend_from_slice(&bytes),
        Shown::Parting(_) | Shown::Event(_) | Shown::Answer(_) => {}
    }
    Change::None
}

fn of_note(note: ViewerNote) -> Change {
    match note {
        ViewerNote::Accepted { .. } => Change::Accepted,
        ViewerNote::InputRefused { .. } => Change::Refused,
        ViewerNote::Detached { reason } => Change::Over(Over::Detached(reason)),
        ViewerNote::Ended { end } => {
            Change::Over(Over::Ended { code: end.code, signal: end.signal })
        }
        ViewerNote::Size { .. } | ViewerNote::Lapped { .. } | ViewerNote::Draining => Change::None,
    }
}

/// Waits for the daemon to say something; for ever while there is none.
async fn readable(link: Option<&Link>) -> io::Result<()> {
    match link {
        Some(link) => link.readable().await,
        None => std::future::pending().await,
    }
}

/// Waits for room where there was none; for ever while there is some.
async fn room(link: Option<&Link>) -> io::Result<()> {
    match link.filter(|link| link.is_full()) {
        Some(link) => link.room().await,
        None => std::future::pending().await,
    }
}
