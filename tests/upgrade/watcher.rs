//! A stream viewer in a thread of its own: it reads all the time and comes back when its connection breaks.

use crate::common::following::following;
use crate::common::{PATIENCE, Server};
use facemux::client::{Shown, Viewer};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The thread, and what it shows.
pub struct Watcher {
    attached: Receiver<()>,
    thread: Option<JoinHandle<(String, usize)>>,
}

impl Watcher {
    /// Watches a face; it is attached when this returns.
    pub fn attach(server: &Server, face: &str) -> Watcher {
        let (tell, attached) = channel();
        let (socket, face) = (server.socket(), face.to_owned());
        let thread = std::thread::spawn(move || watch(socket, face, &tell));
        let watcher = Watcher { attached, thread: Some(thread) };
        watcher.attached.recv_timeout(PATIENCE).unwrap();
        watcher
    }

    /// Waits until the printer has said how many lines there were, and checks that each since the first restore
    /// came, in order, once, and that no restore was needed after it.
    pub fn read_all(&mut self) {
        let (text, restores) = self.thread.take().unwrap().join().unwrap();
        assert_eq!(restores, 1, "a viewer that kept up goes on where it was");
        let numbers: Vec<u64> =
            text.lines().filter_map(|line| line.strip_prefix("line ")?.parse().ok()).collect();
        let count: u64 = text.lines().find_map(|l| l.strip_prefix("all ")?.parse().ok()).unwrap();
        let wrong = numbers.windows(2).find(|pair| pair[1] != pair[0] + 1);
        assert_eq!((wrong, numbers.last()), (None, Some(&count)));
    }
}

fn watch(socket: PathBuf, face: String, tell: &std::sync::mpsc::Sender<()>) -> (String, usize) {
    let ask = following(&face, 0x1234_5678 + std::process::id() as u64);
    let mut viewer = Viewer::new(ask, None).unwrap();
    let (mut text, mut restores) = (Vec::new(), 0);
    let deadline = Instant::now() + 6 * PATIENCE;
    while Instant::now() < deadline {
        let _ = follow(&socket, &mut viewer, &mut text, &mut restores, tell);
        if ended(&text) {
            return (String::from_utf8_lossy(&text).replace('\r', ""), restores);
        }
        viewer.reconnect().unwrap();
        std::thread::sleep(Duration::from_millis(2));
    }
    panic!("the printer does not end; {} bytes came", text.len());
}

fn ended(text: &[u8]) -> bool {
    let tail = &text[text.len().saturating_sub(100)..];
    tail.windows(4).position(|w| w == b"all ").is_some_and(|at| tail[at..].contains(&b'\n'))
}

/// One connection, until it breaks or the printer has ended.
fn follow(
    socket: &PathBuf,
    viewer: &mut Viewer,
    text: &mut Vec<u8>,
    restores: &mut usize,
    tell: &std::sync::mpsc::Sender<()>,
) -> std::io::Result<()> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut bytes = vec![0; 65536];
    loop {
        stream.write_all(viewer.unsent())?;
        viewer.sent(viewer.unsent().len());
        while let Some(shown) = viewer.poll().map_err(std::io::Error::other)? {
            match shown {
                Shown::Attached { .. } => drop(tell.send(())),
                Shown::Restore { first, .. } => *restores += usize::from(first),
                Shown::Output { bytes, .. } => text.extend_from_slice(bytes),
                Shown::Refused(refusal) => panic!("{refusal}"),
                _ => {}
            }
        }
        if ended(text) {
            return Ok(());
        }
        match stream.read(&mut bytes)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => viewer.receive(&bytes[..read]),
        }
    }
}
