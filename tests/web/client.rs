//! A client of our own: HTTP by hand and WebSocket frames by hand, so that it can be as rude as a test needs.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (n, value) = line.split_once(':')?;
            n.eq_ignore_ascii_case(name).then_some(value.trim())
        })
    }

    /// The cookie it sets, as a request sends it.
    pub fn cookie(&self) -> String {
        let set = self.header("set-cookie").unwrap_or_else(|| panic!("no cookie: {self:?}"));
        set.split(';').next().unwrap().to_owned()
    }
}

/// A connection to the server.
pub fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Sends raw bytes and reads one answer.
pub fn raw(port: u16, request: &[u8]) -> Answer {
    let mut stream = connect(port);
    // A server that refuses early may close before it has read everything.
    let _ = stream.write_all(request);
    read_answer(&mut stream)
}

/// Reads one answer.
pub fn read_answer(stream: &mut TcpStream) -> Answer {
    let (head, mut body) = read_head(stream);
    let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    let answer = Answer { status, head, body: String::new() };
    let length = answer.header("content-length").and_then(|n| n.parse().ok()).unwrap_or(0);
    while body.len() < length {
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(n) if n > 0 => body.extend_from_slice(&bytes[..n]),
            _ => break,
        }
    }
    Answer { body: String::from_utf8_lossy(&body).into_owned(), ..answer }
}

fn read_head(stream: &mut TcpStream) -> (String, Vec<u8>) {
    let mut read = Vec::new();
    loop {
        if let Some(end) = read.windows(4).position(|w| w == b"\r\n\r\n") {
            let body = read.split_off(end + 4);
            return (String::from_utf8(read).unwrap(), body);
        }
        let mut bytes = [0; 4096];
        match stream.read(&mut bytes) {
            Ok(n) if n > 0 => read.extend_from_slice(&bytes[..n]),
            _ => return (String::from_utf8_lossy(&read).into_owned(), Vec::new()),
        }
    }
}

/// A request with the right Host, further header lines and a body.
pub fn ask(port: u16, method: &str, path: &str, lines: &[&str], body: &str) -> Answer {
    let mut text = format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n");
    for line in lines {
        text.push_str(line);
        text.push_str("\r\n");
    }
    if !body.is_empty() {
        text.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    text.push_str(body);
    raw(port, text.as_bytes())
}

/// A GET.
pub fn get(port: u16, path: &str, lines: &[&str]) -> Answer {
    ask(port, "GET", path, lines, "")
}

/// A WebSocket.
pub struct Socket {
    pub stream: TcpStream,
    read: Vec<u8>,
}

/// One frame.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    pub opcode: u8,
    pub bytes: Vec<u8>,
}

impl Frame {
    /// The code of a close frame.
    pub fn close_code(&self) -> Option<u16> {
        (self.opcode == 8 && self.bytes.len() >= 2)
            .then(|| u16::from_be_bytes([self.bytes[0], self.bytes[1]]))
    }
}

/// The header lines of a handshake.
pub fn handshake(protocol: &str) -> String {
    format!(
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: {protocol}\r\n"
    )
}

impl Socket {
    /// Opens one with the right Host and Origin; an answer when it is none.
    pub fn open(port: u16, path: &str, protocol: &str, lines: &str) -> Result<Socket, Answer> {
        let own = format!("Host: 127.0.0.1:{port}\r\nOrigin: http://127.0.0.1:{port}\r\n");
        Socket::open_from(port, path, protocol, &format!("{own}{lines}"))
    }

    /// Opens one with whatever Host and Origin are in `lines`.
    pub fn open_from(port: u16, path: &str, protocol: &str, lines: &str) -> Result<Socket, Answer> {
        let mut stream = connect(port);
        let text = format!("GET {path} HTTP/1.1\r\n{lines}{}\r\n", handshake(protocol));
        // A server that goes meanwhile answers nothing: status 0.
        let _ = stream.write_all(text.as_bytes());
        let (head, read) = read_head(&mut stream);
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        if status == 101 {
            assert!(head.contains("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="), "{head}");
            Ok(Socket { stream, read })
        } else {
            Err(Answer { status, head, body: String::new() })
        }
    }

    /// Sends one frame; false when the other side is gone.
    pub fn frame(&mut self, first: u8, bytes: &[u8]) -> bool {
        let mask = [1u8, 2, 3, 4];
        let mut frame = vec![first];
        match bytes.len() {
            n @ 0..=125 => frame.push(0x80 | n as u8),
            n @ 126..=0xffff => {
                frame.push(0x80 | 126);
                frame.extend_from_slice(&(n as u16).to_be_bytes());
            }
            n => {
                frame.push(0x80 | 127);
                frame.extend_from_slice(&(n as u64).to_be_bytes());
            }
        }
        frame.extend_from_slice(&mask);
        frame.extend(bytes.iter().zip(mask.iter().cycle()).map(|(b, m)| b ^ m));
        self.stream.write_all(&frame).is_ok()
    }

    /// Sends a binary message.
    pub fn send(&mut self, bytes: &[u8]) -> bool {
        self.frame(0x82, bytes)
    }

    /// Whether a part of the next frame was read already.
    pub fn has_begun_one(&self) -> bool {
        !self.read.is_empty()
    }

    /// The next frame; `None` at the end. Pings are answered, pongs dropped.
    pub fn next(&mut self) -> Option<Frame> {
        loop {
            if let Some(frame) = self.take() {
                match frame.opcode {
                    9 => _ = self.frame(0x8a, &frame.bytes),
                    10 => {}
                    _ => return Some(frame),
                }
                continue;
            }
            let mut bytes = [0; 65536];
            match self.stream.read(&mut bytes) {
                Ok(n) if n > 0 => self.read.extend_from_slice(&bytes[..n]),
                _ => return None,
            }
        }
    }

    fn take(&mut self) -> Option<Frame> {
        let (&first, &second) = (self.read.first()?, self.read.get(1)?);
        assert_eq!((first & 0x70, second & 0x80), (0, 0), "a reserved bit or a masked frame");
        let (head, len) = match second {
            126 => (4, u16::from_be_bytes(self.read.get(2..4)?.try_into().unwrap()) as usize),
            127 => (10, u64::from_be_bytes(self.read.get(2..10)?.try_into().unwrap()) as usize),
            n => (2, n as usize),
        };
        let bytes = self.read.get(head..head + len)?.to_vec();
        self.read.drain(..head + len);
        Some(Frame { opcode: first & 0x0f, bytes })
    }

    /// The code this socket is closed with.
    pub fn closed(&mut self) -> Option<u16> {
        std::iter::from_fn(|| self.next()).find_map(|frame| frame.close_code())
    }
}
