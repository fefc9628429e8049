//! Somebody at the daemon's socket who types and waits for the echo, and how long it takes.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

use crate::common::Server;
use crate::common::following::following;
use crate::common::reader::Reader;
use facemux::client::Shown;
use std::time::{Duration, Instant};

/// Between two keys: the server's processes go to sleep, as they do between a person's.
const PAUSE: Duration = Duration::from_millis(1);

/// An attached client.
pub struct Typist(Reader);

impl Typist {
    /// Sits down at a face of its own whose program answers every byte with itself.
    pub fn new(server: &Server) -> Typist {
        let face = server.face("stty raw -echo; printf ready; exec cat");
        server.shows(&face, "ready");
        let mut typist = Typist(Reader::attach(server, following(&face, 7)));
        typist.0.read(|shown| matches!(shown, Shown::Restore { last: true, .. }));
        typist
    }

    /// Types a key, waits for its echo, and tells how long that took.
    pub fn key(&mut self) -> Duration {
        std::thread::sleep(PAUSE);
        let begin = Instant::now();
        assert_eq!(self.0.viewer.type_input(b"x"), 1);
        self.0.flush();
        self.0.read(|shown| matches!(shown, Shown::Output { bytes: b"x", .. }));
        begin.elapsed()
    }
}
