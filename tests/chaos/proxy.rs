//! A way to the server's socket that breaks: each connection is cut, both ways, after a random number of bytes.

use crate::rng::Rng;
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};

/// The proxy; it goes with the test's process.
pub struct Proxy {
    pub path: PathBuf,
    pub cuts: Arc<AtomicU64>,
    calm: Arc<AtomicBool>,
}

impl Proxy {
    pub fn start(dir: &Path, server: &Path, seed: u64) -> Proxy {
        let path = dir.join("proxy");
        let listener = UnixListener::bind(&path).unwrap();
        let (cuts, calm) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let proxy = Proxy { path, cuts: cuts.clone(), calm: calm.clone() };
        let server = server.to_owned();
        std::thread::spawn(move || {
            let mut rng = Rng::new(seed);
            for client in listener.incoming() {
                let Ok(daemon) = UnixStream::connect(&server) else { continue };
                let left =
                    if calm.load(Ordering::Relaxed) { i64::MAX } else { rng.spread(20) as i64 };
                relay(client.unwrap(), daemon, left, &cuts);
            }
        });
        proxy
    }

    /// New connections are not cut any more.
    pub fn calm(&self) {
        self.calm.store(true, Ordering::Relaxed);
    }
}

fn relay(client: UnixStream, daemon: UnixStream, left: i64, cuts: &Arc<AtomicU64>) {
    let left = Arc::new(AtomicI64::new(left));
    for (from, to) in [(&client, &daemon), (&daemon, &client)] {
        let (from, to) = (from.try_clone().unwrap(), to.try_clone().unwrap());
        let (left, cuts) = (left.clone(), cuts.clone());
        std::thread::spawn(move || copy(from, to, &left, &cuts));
    }
}

fn copy(mut from: UnixStream, mut to: UnixStream, left: &AtomicI64, cuts: &AtomicU64) {
    let mut bytes = [0; 16384];
    while let Ok(read @ 1..) = from.read(&mut bytes) {
        let before = left.fetch_sub(read as i64, Ordering::Relaxed);
        let passes = before.clamp(0, read as i64) as usize;
        if to.write_all(&bytes[..passes]).is_err() || passes < read {
            cuts.fetch_add(u64::from(passes < read), Ordering::Relaxed);
            break;
        }
    }
    // One end or the other may be closed already.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
