//! Somebody at the daemon's socket who types and waits for the echo, and how long it takes.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

use crate::common::Server;
use facemux::client::{Shown, Viewer};
use facemux::units::Size;
use facemux::wire::{Attach, Holder};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// Between two keys: the server's processes go to sleep, as they do between a person's.
const PAUSE: Duration = Duration::from_millis(1);

/// An attached client.
pub struct Typist {
    socket: UnixStream,
    viewer: Viewer,
}

impl Typist {
    /// Sits down at a face of its own whose program answers every byte with itself.
    pub fn new(server: &Server) -> Typist {
        let face = server.face("stty raw -echo; printf ready; exec cat");
        server.shows(&face, "ready");
        let attach = Attach {
            face,
            drive: true,
            detach_others: false,
            size: Size::DEFAULT,
            pixels: (0, 0),
            follows_size: true,
            history: 0,
            token: 7,
            resume: None,
            detach_keys: Vec::new(),
            window: 0,
            holder: Holder::Client,
            inside: Vec::new(),
        };
        let socket = UnixStream::connect(server.socket()).unwrap();
        let mut typist = Typist { socket, viewer: Viewer::new(attach, None).unwrap() };
        typist.flush();
        typist.hear(|shown| matches!(shown, Shown::Restore { last: true, .. }));
        typist
    }

    /// Types a key, waits for its echo, and tells how long that took.
    pub fn key(&mut self) -> Duration {
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        assert_eq!(self.viewer.type_input(b"x"), 1);
        self.flush();
        self.hear(|shown| matches!(shown, Shown::Output { bytes: b"x", .. }));
        begin.elapsed()
    }

    fn flush(&mut self) {
        self.socket.write_all(self.viewer.unsent()).unwrap();
        self.viewer.sent(self.viewer.unsent().len());
    }

    fn hear(&mut self, mut enough: impl FnMut(Shown<'_>) -> bool) {
        let mut bytes = [0; 4096];
        loop {
            while let Some(shown) = self.viewer.poll().unwrap() {
                if enough(shown) {
                    return;
                }
            }
            let read = self.socket.read(&mut bytes).unwrap();
            assert!(read > 0, "the daemon closed the connection");
            self.viewer.receive(&bytes[..read]);
        }
    }
}
