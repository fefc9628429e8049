//! A client at the daemon's socket that reads a face's output as a stream.

use super::Server;
use facemux::client::{Shown, Viewer};
use facemux::wire::Attach;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

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
