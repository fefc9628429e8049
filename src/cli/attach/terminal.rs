//! Attach by handing the terminal over: the daemon reads and writes it, this process waits for the daemon's notes and
//! for signals, takes the terminal back when it is stopped, and puts it right when the daemon is lost.

use super::ending::Ending;
use super::patience::{Attempts, BELL, GOODBYE};
use super::{SIGCONT, SIGSTOP, SIGTSTP, SIGWINCH, Settings, View};
use super::{preamble, size_of, stop_here, wait_for_foreground};
use crate::cli::stop::Stop;
use crate::client::connection::dial;
use crate::client::{Shown, Viewer, undo};
use crate::sys::poll::{self, Watched};
use crate::sys::{clock, socket};
use crate::units::Size;
use crate::wire::{Attach, Holder, Request, ViewerNote};
use std::fs::File;
use std::io::{self, IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

pub(super) fn run(view: &mut View, mut ask: Attach, terminal: File) -> Result<u8, Stop> {
    let settings = Settings::take(&terminal)?;
    (ask.size, ask.pixels) = size_of(&terminal);
    ask.holder = Holder::Daemon { termios: settings.saved.to_bytes(), alternate: view.alternate };
    let server = dial(&view.socket)?;
    write_all(&terminal, &preamble(ask.size, view.alternate));
    let viewer = Viewer::new(ask, view.actor.clone()).map_err(crate::client::ClientError::from)?;
    let mut held = Held {
        view,
        viewer,
        server,
        terminal: &terminal,
        settings,
        goodbye: None,
        over: None,
        owed: 0,
        draining: false,
        stale: false,
    };
    let ending = held.run();
    if matches!(ending, Ending::Lost(_) | Ending::Refused(_)) {
        write_all(&terminal, &undo::leave(size_of(&terminal).0.rows()));
    }
    held.settings.restore();
    let id = held.view.id;
    drop(held);
    ending.tell(id)
}

/// A terminal in the daemon's hands.
struct Held<'a> {
    view: &'a mut View,
    viewer: Viewer,
    server: UnixStream,
    terminal: &'a File,
    settings: Settings<'a, File>,
    /// Set when we asked to leave: the signal that told us to, and until when the daemon may answer.
    goodbye: Option<(i32, Instant)>,
    /// Set when it is over.
    over: Option<Ending>,
    /// Answers to `Yield` and `Resume` that have not come: the last one asked for may not be taken for another's.
    owed: u32,
    /// The server said that it ends.
    draining: bool,
    /// The terminal was resized, and the daemon does not know it: it is to be painted anew.
    stale: bool,
}

impl Held<'_> {
    fn run(&mut self) -> Ending {
        let mut step = self.send(true).map_err(|e| e.to_string());
        loop {
            if let Some(ending) = self.over.take() {
                return ending;
            }
            if let Err(why) = step
                && let Err(ending) = self.reconnect(&why)
            {
                return ending;
            }
            step = self.turn();
        }
    }

    /// Waits for one thing and deals with it. `Err` says why the daemon seems lost.
    fn turn(&mut self) -> Result<(), String> {
        let now = clock::now();
        let patience = self.goodbye.map(|(_, until)| until.saturating_duration_since(now));
        if let (Some((signal, _)), Some(Duration::ZERO)) = (self.goodbye, patience) {
            self.over = Some(Ending::Signalled(signal));
            return Ok(());
        }
        if self.goodbye.is_none() && self.viewer.is_attached() && std::mem::take(&mut self.stale) {
            self.yield_terminal()?;
            return if self.over.is_none() { self.resume() } else { Ok(()) };
        }
        let mut watched = [
            Watched::new(self.server.as_fd(), true, false),
            Watched::new(self.view.signals.as_fd(), true, false),
        ];
        poll::wait(&mut watched, patience).map_err(|e| e.to_string())?;
        let (told, signalled) = (watched[0].readable, watched[1].readable);
        if told {
            self.hear()?;
        }
        if signalled && self.over.is_none() { self.handle_signals() } else { Ok(()) }
    }

    /// Reads what the daemon says.
    fn hear(&mut self) -> Result<(), String> {
        let mut bytes = [0; 4096];
        let read = match self.server.read(&mut bytes) {
            Ok(0) => return Err("it closed the connection".into()),
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => return Ok(()),
            Err(e) => return Err(e.to_string()),
        };
        self.viewer.receive(&bytes[..read]);
        while let Some(shown) = self.viewer.poll().map_err(|e| e.to_string())? {
            match shown {
                Shown::Refused(refusal) => self.over = Some(Ending::Refused(refusal)),
                Shown::Note(ViewerNote::Detached { reason }) => {
                    let ours = self.goodbye.map(|(signal, _)| Ending::Signalled(signal));
                    self.over = Some(ours.unwrap_or(Ending::Detached(reason)));
                }
                Shown::Note(ViewerNote::Draining) => self.draining = true,
                Shown::Note(ViewerNote::Ended { end }) => self.over = Some(Ending::Ended(end)),
                Shown::Answer(_) => self.owed = self.owed.saturating_sub(1),
                Shown::Note(ViewerNote::InputRefused { .. }) => write_all(self.terminal, &[BELL]),
                // The rest is on the terminal already.
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
                    self.view.resized = Some(clock::now());
                    let (size, pixels) = size_of(self.terminal);
                    // There and back, of which the daemon is not told: what it did to the screen nobody knows.
                    let back = self.viewer.size() == (size, pixels);
                    self.stale |= back || !self.viewer.is_attached();
                    self.viewer.resize(size, pixels).map_err(|e| e.to_string())?;
                    self.send(false).map_err(|e| e.to_string())?;
                }
                SIGTSTP => self.suspend()?,
                // Continued after a stop nobody told us of: the shell had the terminal.
                SIGCONT => {
                    self.yield_terminal()?;
                    if self.over.is_none() {
                        self.resume()?;
                    }
                }
                signal => self.leave(signal)?,
            }
            if self.over.is_some() {
                break;
            }
        }
        Ok(())
    }

    /// Asks the daemon to end the attachment.
    fn leave(&mut self, signal: i32) -> Result<(), String> {
        if self.goodbye.is_some() {
            return Ok(());
        }
        self.goodbye = Some((signal, clock::now() + GOODBYE));
        self.viewer.request(&Request::Leave).map_err(|e| e.to_string())?;
        self.send(false).map_err(|e| e.to_string())
    }

    /// Takes the terminal back, stops, and hands it over again when continued.
    fn suspend(&mut self) -> Result<(), String> {
        self.yield_terminal()?;
        if self.over.is_some() {
            return Ok(());
        }
        self.settings.restore();
        stop_here(SIGSTOP);
        let mut told = [Watched::new(self.server.as_fd(), true, false)];
        poll::wait(&mut told, Some(Duration::ZERO)).map_err(|e| e.to_string())?;
        if told[0].readable
            && let Err(why) = self.hear()
        {
            // The daemon ended meanwhile: the next one is handed what this one would have been.
            self.enter()?;
            return Err(why);
        }
        if let Some(signal) = self.view.told_to_end() {
            return self.leave(signal);
        }
        if self.over.is_some() { Ok(()) } else { self.resume() }
    }

    /// The daemon gives the terminal back.
    fn yield_terminal(&mut self) -> Result<(), String> {
        self.ask(&Request::Yield, false)?;
        let until = clock::now() + GOODBYE;
        while self.owed > 0 && self.over.is_none() {
            let left = until.saturating_duration_since(clock::now());
            let mut told = [Watched::new(self.server.as_fd(), true, false)];
            poll::wait(&mut told, Some(left)).map_err(|e| e.to_string())?;
            if !told[0].readable {
                return Err("it does not give the terminal back".into());
            }
            self.hear()?;
        }
        Ok(())
    }

    /// Hands the terminal over again.
    fn resume(&mut self) -> Result<(), String> {
        let size = self.enter()?;
        self.ask(&Request::Resume { size }, true)
    }

    /// Asks for something that the daemon answers.
    fn ask(&mut self, request: &Request, with_terminal: bool) -> Result<(), String> {
        self.viewer.request(request).map_err(|e| e.to_string())?;
        self.owed += 1;
        self.send(with_terminal).map_err(|e| e.to_string())
    }

    /// Takes the terminal from the shell that had it: raw, with room for the face.
    fn enter(&mut self) -> Result<Size, String> {
        wait_for_foreground(self.terminal).map_err(|_| "no longer in the foreground".to_owned())?;
        self.settings.raw();
        let (size, pixels) = size_of(self.terminal);
        write_all(self.terminal, &preamble(size, self.view.alternate));
        self.viewer.resize(size, pixels).map_err(|e| e.to_string())?;
        Ok(size)
    }

    /// Sends what waits, the terminal's descriptor beside it when asked.
    fn send(&mut self, with_terminal: bool) -> io::Result<()> {
        let mut terminal = with_terminal.then(|| self.terminal.as_fd());
        while !self.viewer.unsent().is_empty() {
            let part = [IoSlice::new(self.viewer.unsent())];
            let fds: Vec<_> = terminal.into_iter().collect();
            match socket::send_with_fds(self.server.as_fd(), &part, &fds) {
                Ok(sent) => {
                    terminal = None;
                    self.viewer.sent(sent);
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    /// The daemon is gone: connects to its successor and hands the terminal over again.
    fn reconnect(&mut self, why: &str) -> Result<(), Ending> {
        if let Some((signal, _)) = self.goodbye {
            return Err(Ending::Signalled(signal));
        }
        if self.draining {
            return Err(Ending::Drained);
        }
        let (lost, mut attempts) = (clock::now(), Attempts::begin());
        loop {
            if let Ok(server) = dial(&self.view.socket) {
                self.server = server;
                self.owed = 0;
                self.stale |= self.view.was_resized(lost);
                let (size, pixels) = size_of(self.terminal);
                let known = self.viewer.resize(size, pixels);
                known.map_err(|e| Ending::Lost(e.to_string()))?;
                self.viewer.reconnect().map_err(|e| Ending::Lost(e.to_string()))?;
                if self.send(true).is_ok() {
                    return Ok(());
                }
            }
            attempts.wait(self.view, why)?;
        }
    }
}

/// Writes to a terminal that does not block; gives up when nobody empties it.
pub(super) fn write_all(mut terminal: &File, mut bytes: &[u8]) {
    while !bytes.is_empty() {
        match terminal.write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                let mut watched = [Watched::new(terminal.as_fd(), false, true)];
                if poll::wait(&mut watched, Some(GOODBYE)).is_err() || !watched[0].writable {
                    return;
                }
            }
            Err(_) => return,
        }
    }
}
