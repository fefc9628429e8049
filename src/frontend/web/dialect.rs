//! The two languages a WebSocket may speak, seen alike: our page's `facemux.1` and ttyd's `tty`.
//!
//! Owns what each must remember of the talk. Messages in, effects on the viewer and messages out; no socket is read
//! here and nothing waits.

use super::socket::WebSocket;
use super::{page, tty};
use crate::client::{Shown, Viewer};
use crate::limits::WS_WINDOW_BYTES;
use crate::units::{Offset, Size};
use crate::wire::request::ViewerReport;
use crate::wire::{Attach, FaceInfo, Holder, Request, ViewerNote};

/// A WebSocket's language.
pub enum Dialect {
    /// `facemux.1`.
    Page(Page),
    /// `tty`.
    Tty(Tty),
}

/// What is remembered of a page.
#[derive(Default)]
pub struct Page {
    met: Option<Met>,
    size: Option<Size>,
    drive: bool,
    /// What the daemon was last told that it shows.
    told: Offset,
    /// What it said of its colours, for each daemon anew.
    report: Option<ViewerReport>,
}

/// What a page learns of its face besides what the daemon says when it is attached.
struct Met {
    key: String,
    name: Option<String>,
    title: String,
}

/// What is remembered of a ttyd client.
#[derive(Default)]
pub struct Tty {
    ticket: String,
    paused: bool,
    painted: bool,
}

/// What a message of the client asks of the relay.
pub enum Step<'a> {
    /// Nothing more.
    Done,
    /// To type this.
    Type(&'a [u8]),
    /// To go.
    Leave,
}

impl Dialect {
    /// The language of the first subprotocol offered that is known here.
    pub fn choose<'a>(mut offered: impl Iterator<Item = &'a str>) -> Option<Dialect> {
        offered.find_map(|name| match name {
            "facemux.1" => Some(Dialect::Page(Page::default())),
            "tty" => Some(Dialect::Tty(Tty::default())),
            _ => None,
        })
    }

    /// Its name in the handshake.
    pub fn subprotocol(&self) -> &'static str {
        match self {
            Dialect::Page(_) => "facemux.1",
            Dialect::Tty(_) => "tty",
        }
    }

    /// Whether it is ttyd's.
    pub fn is_tty(&self) -> bool {
        matches!(self, Dialect::Tty(_))
    }

    /// The ticket a ttyd client showed.
    pub fn ticket(&self) -> Option<&str> {
        match self {
            Dialect::Tty(tty) if !tty.ticket.is_empty() => Some(&tty.ticket),
            _ => None,
        }
    }

    /// Whether the client wants nothing for a while.
    pub fn is_paused(&self) -> bool {
        matches!(self, Dialect::Tty(tty) if tty.paused)
    }

    /// Reads the first message: how to attach to `face`.
    ///
    /// # Errors
    /// A sentence for the close reason.
    pub fn first(&mut self, message: &[u8], face: &str) -> Result<Attach, &'static str> {
        let mut ask = Attach {
            face: face.to_owned(),
            drive: true,
            detach_others: false,
            size: Size::DEFAULT,
            pixels: (0, 0),
            follows_size: false,
            history: 0,
            token: 0,
            resume: None,
            detach_keys: Vec::new(),
            window: 0,
            holder: Holder::Client,
            inside: Vec::new(),
        };
        match self {
            Dialect::Page(page) => {
                let page::Told::Attach(wish) = page::told(message)? else {
                    return Err("the first message must be attach");
                };
                page.drive = wish.drive;
                ask.follows_size = true;
                ask.window = WS_WINDOW_BYTES;
                (ask.drive, ask.size, ask.history) = (wish.drive, wish.size, wish.history);
                (ask.token, ask.resume) = (wish.token, wish.resume);
            }
            Dialect::Tty(tty) => {
                let hello = tty::hello(message).ok_or("the first message must be ttyd's JSON")?;
                (tty.ticket, ask.size) = (hello.ticket, hello.size);
                let mut token = [0; 8];
                // Without a token its input would be lost with the daemon; zero means none.
                if getrandom::fill(&mut token).is_ok() {
                    ask.token = u64::from_le_bytes(token);
                }
            }
        }
        Ok(ask)
    }

    /// The face is there: says what is said before anything else.
    pub fn meet(&mut self, info: &FaceInfo, socket: &mut WebSocket) {
        match self {
            Dialect::Page(page) => {
                page.size = Some(info.size);
                page.met = Some(Met {
                    key: info.key.clone(),
                    name: info.name.clone(),
                    title: info.title.clone(),
                });
            }
            Dialect::Tty(_) => {
                let title = if info.title.is_empty() { &info.command } else { &info.title };
                socket.push(&[&[tty::TITLE], title.as_bytes()]);
                socket.push(&[&[tty::PREFERENCES], b"{}"]);
            }
        }
    }

    /// Acts on a message of the client.
    ///
    /// # Errors
    /// The close code and reason it deserves.
    pub fn told<'a>(
        &mut self,
        message: &'a [u8],
        viewer: &mut Viewer,
        socket: &mut WebSocket,
    ) -> Result<Step<'a>, (u16, &'static str)> {
        match self {
            Dialect::Page(page) => page.told(message, viewer, socket),
            Dialect::Tty(tty) => Ok(tty.told(message, viewer)),
        }
    }

    /// Shows output, a restore or the attachment.
    pub fn show(&mut self, shown: Shown<'_>, socket: &mut WebSocket) {
        match self {
            Dialect::Page(page) => page.show(shown, socket),
            Dialect::Tty(tty) => tty.show(shown, socket),
        }
    }

    /// What each daemon is to be told of the client once it is attached.
    pub fn report(&self) -> Option<Request> {
        match self {
            Dialect::Page(page) => page.report.clone().map(Request::Report),
            Dialect::Tty(_) => None,
        }
    }

    /// Passes on what the program wrote to the clipboard, to a page that drives it.
    pub fn clipboard(&self, base64: &str, socket: &mut WebSocket) {
        if let Dialect::Page(page) = self
            && page.drive
        {
            socket.push(&[&page::clipboard(base64)]);
        }
    }

    /// Passes a note of the daemon on; ttyd has no words for them.
    pub fn note(&mut self, note: &ViewerNote, socket: &mut WebSocket) {
        if let Dialect::Page(page) = self {
            if let ViewerNote::Size { size, .. } = note {
                page.size = Some(*size);
            }
            socket.push(&[&page::note(note)]);
        }
    }
}

impl Page {
    fn told<'a>(
        &mut self,
        message: &'a [u8],
        viewer: &mut Viewer,
        socket: &mut WebSocket,
    ) -> Result<Step<'a>, (u16, &'static str)> {
        let told = page::told(message).map_err(|reason| (1008, reason))?;
        let request = match told {
            page::Told::Input(at, bytes) => return self.input(at, bytes, viewer),
            page::Told::Shown(offset) => {
                // The window has room for this; telling of every key would wake the daemon once more for each.
                if offset.0.saturating_sub(self.told.0) < u64::from(WS_WINDOW_BYTES / 4) {
                    return Ok(Step::Done);
                }
                self.told = offset;
                Request::Shown { offset }
            }
            page::Told::Report(report) => {
                self.report = Some(report.clone());
                Request::Report(report)
            }
            page::Told::Size(size) => {
                let _ = viewer.resize(size, (0, 0));
                return Ok(Step::Done);
            }
            page::Told::Ping(n) => {
                socket.push(&[&page::pong(n)]);
                return Ok(Step::Done);
            }
            page::Told::Leave => return Ok(Step::Leave),
            page::Told::Attach(_) => return Err((1008, "attached already")),
        };
        // Before it is attached the daemon knows no viewer to take these for: the report is said again then, and
        // a later acknowledgement stands for this one.
        if viewer.is_attached() {
            let _ = viewer.request(&request);
        }
        Ok(Step::Done)
    }

    /// Input of which a part may have come before the page's last reconnect. What comes after a gap belongs to
    /// input that was refused: the page learns of that, and it is not typed.
    fn input<'a>(
        &self,
        at: u64,
        bytes: &'a [u8],
        viewer: &Viewer,
    ) -> Result<Step<'a>, (u16, &'static str)> {
        if !self.drive {
            return Err((4409, "only looking: attach with drive to type"));
        }
        let position = viewer.input_position();
        if at > position {
            return Ok(Step::Done);
        }
        let known = usize::try_from(position - at).unwrap_or(usize::MAX).min(bytes.len());
        Ok(Step::Type(&bytes[known..]))
    }

    fn show(&mut self, shown: Shown<'_>, socket: &mut WebSocket) {
        match shown {
            Shown::Output { offset, bytes } => {
                socket.push(&[&page::output_header(offset), bytes]);
            }
            Shown::Restore { offset, first, last, bytes } => {
                let size = self.size.unwrap_or(Size::DEFAULT);
                socket.push(&[&page::restore_header(offset, first, last, size), bytes]);
            }
            Shown::Attached { id, size, drive, offset, accepted, .. } => {
                self.drive = drive;
                // The page hears of its first attachment only; later ones it need not notice.
                let before = self.size.replace(size);
                if let Some(met) = self.met.take() {
                    let attached = page::Attached {
                        id,
                        key: &met.key,
                        name: met.name.as_deref(),
                        title: &met.title,
                        size,
                        offset,
                        accepted,
                        drive,
                    };
                    socket.push(&[&page::attached(&attached)]);
                    return;
                }
                if before != Some(size) {
                    let note = ViewerNote::Size { size, leads: false };
                    socket.push(&[&page::note(&note)]);
                }
                if accepted > 0 {
                    // The last daemon may have died before it could say so.
                    socket.push(&[&page::note(&ViewerNote::Accepted { upto: accepted })]);
                }
            }
            _ => {}
        }
    }
}

impl Tty {
    fn told<'a>(&mut self, message: &'a [u8], viewer: &mut Viewer) -> Step<'a> {
        match tty::told(message) {
            Some(tty::Told::Input(bytes)) => return Step::Type(bytes),
            Some(tty::Told::Size(size)) => {
                let _ = viewer.resize(size, (0, 0));
            }
            Some(tty::Told::Pause) => self.paused = true,
            Some(tty::Told::Resume) => self.paused = false,
            None => {}
        }
        Step::Done
    }

    fn show(&mut self, shown: Shown<'_>, socket: &mut WebSocket) {
        match shown {
            Shown::Output { bytes, .. } if !bytes.is_empty() => {
                socket.push(&[&[tty::OUTPUT], bytes]);
            }
            Shown::Restore { first, bytes, .. } => {
                // Its terminal is fresh at first; later restores must make it so, also one after half of another.
                let fresh: &[u8] = if first && self.painted { tty::FRESH } else { b"" };
                self.painted = true;
                if !fresh.is_empty() || !bytes.is_empty() {
                    socket.push(&[&[tty::OUTPUT], fresh, bytes]);
                }
            }
            _ => {}
        }
    }
}
