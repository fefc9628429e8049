//! A page without a browser: speaks `facemux.1`, keeps what its terminal would have been fed, and comes back.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

use super::client::{Answer, Socket};
use serde_json::{Value, json};

/// One view of one face.
pub struct Page {
    pub socket: Socket,
    /// The last restore.
    pub restored: Vec<u8>,
    /// Output since.
    pub output: Vec<u8>,
    /// Where the next byte of output must stand; `None` before the first restore.
    pub offset: Option<u64>,
    /// Restores begun.
    pub restores: u32,
    /// Input position after the last byte typed, and what was accepted.
    pub typed: u64,
    pub accepted: u64,
    unaccepted: Vec<u8>,
    token: &'static str,
    drive: bool,
    history: u32,
}

impl Page {
    /// Opens a view with this token.
    pub fn open(port: u16, face: &str, token: &'static str, lines: &str) -> Page {
        Page::attached(port, face, token, lines, (true, 1000))
    }

    /// Opens a view of the screen alone, to type into.
    pub fn drive(port: u16, face: &str, token: &'static str) -> Page {
        Page::attached(port, face, token, "", (true, 0))
    }

    /// Opens a view of the screen alone that does not ask to type: nobody waits for it.
    pub fn look(port: u16, face: &str, token: &'static str) -> Page {
        Page::attached(port, face, token, "", (false, 0))
    }

    fn attached(
        port: u16,
        face: &str,
        token: &'static str,
        lines: &str,
        (drive, history): (bool, u32),
    ) -> Page {
        let socket = dial(port, face, lines).unwrap_or_else(|a| panic!("{a:?}"));
        let mut page = Page {
            socket,
            restored: Vec::new(),
            output: Vec::new(),
            offset: None,
            restores: 0,
            typed: 0,
            accepted: 0,
            unaccepted: Vec::new(),
            token,
            drive,
            history,
        };
        assert!(page.attach(), "the page's socket ended");
        page
    }

    /// Comes back after its connection was lost, as the page does: resumes, and resends what was not accepted.
    pub fn reopen(&mut self, port: u16, face: &str, lines: &str) {
        assert!(self.try_reopen(port, face, lines), "the page's socket ended");
    }

    /// The same, unless the server goes meanwhile.
    pub fn try_reopen(&mut self, port: u16, face: &str, lines: &str) -> bool {
        let Ok(socket) = dial(port, face, lines) else { return false };
        self.socket = socket;
        if !self.attach() {
            return false;
        }
        let mut message = vec![1];
        message.extend_from_slice(&self.accepted.to_le_bytes());
        message.extend_from_slice(&self.unaccepted);
        self.socket.send(&message)
    }

    fn attach(&mut self) -> bool {
        let resume = self.offset.map(|offset| offset.to_string());
        let wish = json!({
            "type": "attach", "token": self.token, "resume": resume, "history": self.history,
            "cols": 80, "rows": 24, "drive": self.drive,
        });
        self.say(&wish);
        loop {
            match self.try_step() {
                Ok(Some(said)) if said["type"] == "attached" => return true,
                Ok(_) => {}
                Err(_) => return false,
            }
        }
    }

    pub fn say(&mut self, value: &Value) {
        let mut message = vec![3];
        message.extend_from_slice(value.to_string().as_bytes());
        self.socket.send(&message);
    }

    /// Types.
    pub fn write(&mut self, bytes: &[u8]) {
        let mut message = vec![1];
        message.extend_from_slice(&self.typed.to_le_bytes());
        message.extend_from_slice(bytes);
        self.typed += bytes.len() as u64;
        self.unaccepted.extend_from_slice(bytes);
        self.socket.send(&message);
    }

    /// Takes one message; its JSON when it is some. Panics when the socket ends.
    pub fn step(&mut self) -> Option<Value> {
        self.try_step().expect("the WebSocket is open")
    }

    /// The same; an error when the socket ends.
    pub fn try_step(&mut self) -> Result<Option<Value>, Option<u16>> {
        let frame = self.socket.next().ok_or(None)?;
        if frame.opcode == 8 {
            return Err(frame.close_code());
        }
        let (kind, rest) = frame.bytes.split_first().unwrap();
        let number = || u64::from_le_bytes(rest[..8].try_into().unwrap());
        match kind {
            1 => {
                assert_eq!(Some(number()), self.offset, "output continues where it stopped");
                self.output.extend_from_slice(&rest[8..]);
                self.offset = Some(number() + rest[8..].len() as u64);
                self.acknowledge();
            }
            2 => {
                let flags = rest[8];
                if flags & 1 != 0 {
                    self.output.clear();
                    self.restored.clear();
                    self.restores += 1;
                }
                self.restored.extend_from_slice(&rest[13..]);
                self.offset = Some(number());
                self.acknowledge();
            }
            _ => {
                let said: Value = serde_json::from_slice(rest).unwrap();
                let upto = match said["type"].as_str().unwrap() {
                    "accepted" => said["upto"].as_str(),
                    "attached" => said["accepted"].as_str(),
                    _ => None,
                };
                if let Some(upto) = upto {
                    let upto: u64 = upto.parse().unwrap();
                    assert!(
                        upto >= self.accepted && upto <= self.typed,
                        "{upto} of {}",
                        self.typed
                    );
                    self.unaccepted.drain(..(upto - self.accepted) as usize);
                    self.accepted = upto;
                }
                return Ok(Some(said));
            }
        }
        Ok(None)
    }

    fn acknowledge(&mut self) {
        let mut message = vec![2];
        message.extend_from_slice(&self.offset.unwrap().to_le_bytes());
        self.socket.send(&message);
    }

    /// Goes on until its output contains `text`.
    pub fn until(&mut self, text: &str) {
        while !contains(&self.output, text) {
            self.step();
        }
    }
}

fn dial(port: u16, face: &str, lines: &str) -> Result<Socket, Answer> {
    Socket::open(port, &format!("/ws?face={face}"), "facemux.1", lines)
}

pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|w| w == text.as_bytes())
}
