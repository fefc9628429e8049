//! A client at the daemon's socket that reads a face's output as a stream.

use super::Server;
use facemux::client::{Shown, Viewer};
use facemux::units::Size;
use facemux::wire::{Attach, Holder};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// A driver that follows the face's size; `token` names it across connections.
pub fn following(face: &str, token: u64) -> Attach {
    Attach {
        face: face.to_owned(),
        drive: true,
        detach_others: false,
        size: Size::DEFAULT,
        pixels: (0, 0),
        follows_size: true,
        history: 0,
        token,
        resume: None,
        detach_keys: Vec::new(),
        window: 0,
        holder: Holder::Client,
        inside: Vec::new(),
    }
}

/// One connection.
pub struct Reader {
    pub socket: UnixStream,
    pub viewer: Viewer,
    bytes: Vec<u8>,
}

impl Reader {
    /// Asks to be attached.
    pub fn attach(server: &Server, ask: Attach) -> Reader {
        let socket = UnixStream::connect(server.socket()).unwrap();
        let viewer = Viewer::new(ask, None).unwrap();
        let mut reader = Reader { socket, viewer, bytes: vec![0; 65536] };
        reader.flush();
        reader
    }

    /// Sends what waits.
    pub fn flush(&mut self) {
        self.socket.write_all(self.viewer.unsent()).unwrap();
        self.viewer.sent(self.viewer.unsent().len());
    }

    /// Reads until `each` says that it is enough.
    pub fn read(&mut self, mut each: impl FnMut(Shown<'_>) -> bool) {
        loop {
            while let Some(shown) = self.viewer.poll().unwrap() {
                if each(shown) {
                    return;
                }
            }
            let read = self.socket.read(&mut self.bytes).unwrap();
            assert!(read > 0, "the daemon closed the connection");
            self.viewer.receive(&self.bytes[..read]);
        }
    }
}
