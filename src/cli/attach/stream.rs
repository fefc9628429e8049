//! Attach by copying: output comes as frames and goes to stdout, keys go from stdin to the daemon. For terminals that
//! cannot be handed over, and for stdin and stdout that are no terminal at all.

use super::ending::Ending;
use super::patience::{Attempts, BELL, GOODBYE};
use super::{SIGCONT, SIGSTOP, SIGTSTP, SIGWINCH, Settings, View};
use super::{preamble, size_of, stop_here, wait_for_foreground};
use crate::cli::stop::Stop;
use crate::client::connection::dial;
use crate::client::{ClientError, Shown, Viewer, undo};
use crate::limits::FRAME_BYTES_MAX;
use crate::sys::clock;
use crate::sys::poll::{self, Watched};
use crate::wire::{Attach, Request, ViewerNote};
use std::io::{self, IsTerminal, Read, Stdin, Write, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

/// Bytes moved at once. A pipe that polls writable takes so many without blocking.
const COPY_BYTES: usize = 4096;

pub(super) fn run(view: &mut View, mut ask: Attach) -> Result<u8, Stop> {
    let input = stdin();
    let settings = if input.is_terminal() { Some(Settings::take(&input)?) } else { None };
    (ask.size, ask.pixels) = size_of(&stdout());
    let server = connect(&view.socket)?;
    let shows = stdout().is_terminal();
    let out = if shows { preamble(ask.size, view.alternate) } else { Vec::new() };
    let viewer = Viewer::new(ask, view.actor.clone()).map_err(ClientError::from)?;
    let mut copy = Copy {
        view,
        viewer,
        server,
        settings,
        shows,
        out,
        typed: Vec::new(),
        input_open: true,
        goodbye: None,
        over: None,
        draining: false,
        stale: false,
    };
    let ending = copy.run();
    let (id, alternate) = (copy.view.id, copy.view.alternate);
    if shows {
        let mut last = std::mem::take(&mut copy.out);
        if matches!(ending, Ending::Lost(_) | Ending::Refused(_)) {
            last.extend(undo::leave(size_of(&stdout()).0.rows()));
        }
        if alternate {
            last.extend(b"\x1b[?1049l");
        }
        // A terminal that is gone needs nothing put right.
        let _ = stdout().write_all(&last).and_then(|()| stdout().flush());
    }
    drop(copy);
    ending.tell(id)
}

/// The state of the copying.
struct Copy<'a> {
    view: &'a mut View,
    viewer: Viewer,
    server: UnixStream,
    settings: Option<Settings<'a, Stdin>>,
    /// Whether stdout is a terminal.
    shows: bool,
    /// To be written to stdout; at most what one read from the socket brought.
    out: Vec<u8>,
    /// Read from stdin and not yet taken by the viewer.
    typed: Vec<u8>,
    input_open: bool,
    goodbye: Option<(i32, Instant)>,
    over: Option<Ending>,
    /// The server said that it ends.
    draining: bool,
    /// The terminal was resized, and the daemon does not know it.
    stale: bool,
}

impl Copy<'_> {
    fn run(&mut self) -> Ending {
        loop {
            // What came before the end is shown first.
            if self.out.is_empty()
                && let Some(ending) = self.over.take()
            {
                return ending;
            }
            if let Err(why) = self.turn()
                && self.over.is_none()
                && let Err(ending) = self.reconnect(&why)
            {
                return ending;
            }
        }
    }

    /// Waits for something and deals with it. `Err` says why the daemon seems lost.
    fn turn(&mut self) -> Result<(), String> {
        let patience = self.goodbye.map(|(_, until)| until.saturating_duration_since(clock::now()));
        if let (Some((signal, _)), Some(Duration::ZERO)) = (self.goodbye, patience) {
            self.out.clear();
            self.over = Some(Ending::Signalled(signal));
            return Ok(());
        }
        let (input, output) = (stdin(), stdout());
        let over = self.over.is_some();
        let reads = self.input_open && self.typed.is_empty() && self.goodbye.is_none() && !over;
        let mut watched = [
            Watched::new(self.view.signals.as_fd(), true, false),
            Watched::new(output.as_fd(), false, !self.out.is_empty()),
            Watched::new(
                self.server.as_fd(),
                self.out.is_empty(),
                !self.viewer.unsent().is_empty() && !over,
            ),
            Watched::new(input.as_fd(), reads, false),
        ];
        // A descriptor that is not asked about is left out: its hang-up would be told again and again.
        let count = if reads { 4 } else { 3 };
        poll::wait(&mut watched[..count], patience).map_err(|e| e.to_string())?;
        let [signalled, writable, told, typed] = watched.map(|w| w.readable);
        let (writes, sends) = (watched[1].writable, watched[2].writable);
        if signalled {
            self.handle_signals()?;
        }
        if writes || (writable && !self.out.is_empty()) {
            self.write();
        }
        if typed && reads {
            self.read_keys();
        }
        self.pass_keys();
        if told && self.out.is_empty() && self.over.is_none() {
            self.hear()?;
        }
        if self.viewer.is_attached() && std::mem::take(&mut self.stale) {
            let (size, pixels) = size_of(&stdout());
            self.viewer.resize(size, pixels).map_err(|e| e.to_string())?;
        }
        if sends || !self.viewer.unsent().is_empty() {
            self.send()?;
        }
        Ok(())
    }

    fn write(&mut self) {
        let piece = self.out.len().min(COPY_BYTES);
        let mut output = stdout().lock();
        match output.write(&self.out[..piece]).and_then(|n| output.flush().map(|()| n)) {
            Ok(written) => {
                self.out.drain(..written);
            }
            Err(e) if is_passing(&e) => {}
            Err(_) => {
                self.out.clear();
                self.over = Some(Ending::Unread);
            }
        }
    }

    fn read_keys(&mut self) {
        let mut bytes = [0; COPY_BYTES];
        match stdin().lock().read(&mut bytes) {
            // A hang-up of a terminal ends the view; the end of a file or pipe only the typing.
            Ok(0) => self.input_open = false,
            Ok(read) => self.typed.extend_from_slice(&bytes[..read]),
            Err(e) if is_passing(&e) => {}
            Err(_) => self.input_open = false,
        }
        if !self.input_open && self.settings.is_some() {
            self.over = Some(Ending::Unread);
        }
    }

    fn pass_keys(&mut self) {
        let taken = self.viewer.type_input(&self.typed);
        self.typed.drain(..taken);
    }

    fn send(&mut self) -> Result<(), String> {
        match self.server.write(self.viewer.unsent()) {
            Ok(sent) => {
                self.viewer.sent(sent);
                Ok(())
            }
            Err(e) if is_passing(&e) => Ok(()),
            // It may have said the last of its face before it closed.
            Err(e) if e.kind() == io::ErrorKind::BrokenPipe => {
                while self.over.is_none() {
                    self.hear()?;
                }
                Ok(())
            }
            Err(e) => Err(e.to_string()),
        }
    }

    fn hear(&mut self) -> Result<(), String> {
        let mut bytes = vec![0; FRAME_BYTES_MAX / 4];
        let read = match self.server.read(&mut bytes) {
            Ok(0) => return Err("it closed the connection".into()),
            Ok(read) => read,
            Err(e) if is_passing(&e) => return Ok(()),
            Err(e) => return Err(e.to_string()),
        };
        self.viewer.receive(&bytes[..read]);
        while let Some(shown) = self.viewer.poll().map_err(|e| e.to_string())? {
            match shown {
                Shown::Output { bytes, .. } => self.out.extend_from_slice(bytes),
                Shown::Restore { bytes, .. } => self.out.extend_from_slice(bytes),
                Shown::Parting(bytes) if self.shows => self.out.extend(bytes),
                Shown::Note(ViewerNote::InputRefused { .. }) if self.shows => self.out.push(BELL),
                Shown::Refused(refusal) => self.over = Some(Ending::Refused(refusal)),
                Shown::Note(ViewerNote::Detached { reason }) => {
                    let ours = self.goodbye.map(|(signal, _)| Ending::Signalled(signal));
                    self.over = Some(ours.unwrap_or(Ending::Detached(reason)));
                }
                Shown::Note(ViewerNote::Draining) => self.draining = true,
                Shown::Note(ViewerNote::Ended { end }) => self.over = Some(Ending::Ended(end)),
                _ => {}
            }
            if self.over.is_some() {
                break;
            }
        }
        Ok(())
    }

    fn handle_signals(&mut self) -> Result<(), String> {
        while let Ok(Some((signal, _))) = self.view.signals.next() {
            match signal {
                SIGWINCH => {
                    self.stale |= !self.viewer.is_attached();
                    let (size, pixels) = size_of(&stdout());
                    self.viewer.resize(size, pixels).map_err(|e| e.to_string())?;
                }
                SIGTSTP => return self.suspend(),
                SIGCONT => {
                    if let Some(settings) = &self.settings {
                        settings.raw();
                    }
                }
                signal if self.goodbye.is_none() => {
                    self.goodbye = Some((signal, clock::now() + GOODBYE));
                    self.viewer.request(&Request::Leave).map_err(|e| e.to_string())?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Leaves the terminal to the shell, stops, and starts over with a restore when continued.
    fn suspend(&mut self) -> Result<(), String> {
        let mut last = std::mem::take(&mut self.out);
        if self.shows {
            last.extend(undo::leave(size_of(&stdout()).0.rows()));
            // A terminal that is gone needs nothing put right.
            let _ = stdout().write_all(&last).and_then(|()| stdout().flush());
        }
        if let Some(settings) = &self.settings {
            settings.restore();
        }
        // The daemon is not kept waiting for a reader that is stopped.
        let _ = self.server.shutdown(std::net::Shutdown::Both);
        self.viewer.forget_screen();
        stop_here(SIGSTOP);
        if let Some(settings) = &self.settings {
            if wait_for_foreground(&stdin()).is_err() {
                self.over = Some(Ending::Unread);
                return Ok(());
            }
            settings.raw();
        }
        if self.shows {
            let (size, pixels) = size_of(&stdout());
            self.viewer.resize(size, pixels).map_err(|e| e.to_string())?;
            self.out = preamble(size, self.view.alternate);
        }
        Err("stopped meanwhile".into())
    }

    /// The daemon is gone: connects to its successor and goes on from what was shown.
    fn reconnect(&mut self, why: &str) -> Result<(), Ending> {
        if let Some((signal, _)) = self.goodbye {
            return Err(Ending::Signalled(signal));
        }
        if self.draining {
            return Err(Ending::Drained);
        }
        let mut attempts = Attempts::begin();
        loop {
            if let Ok(server) = connect(&self.view.socket) {
                self.server = server;
                let (size, pixels) = size_of(&stdout());
                let known = self.viewer.resize(size, pixels);
                known.map_err(|e| Ending::Lost(e.to_string()))?;
                return self.viewer.reconnect().map_err(|e| Ending::Lost(e.to_string()));
            }
            attempts.wait(self.view, why)?;
        }
    }
}

/// A socket to the daemon that never blocks.
fn connect(path: &Path) -> Result<UnixStream, ClientError> {
    let server = dial(path)?;
    server.set_nonblocking(true)?;
    Ok(server)
}

/// Whether an error says only that it is to be tried again.
fn is_passing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock)
}
