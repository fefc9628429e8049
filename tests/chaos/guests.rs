//! Viewers that come by the network: pages over a WebSocket, a stock SSH client in a terminal. Their frontends are
//! killed; pages resume by offset, the SSH client is started again.

use crate::common::{Dir, Terminal};
use crate::late::Wait;
use crate::page::Page;
use crate::programs::word;
use crate::rng::Rng;
use crate::ssh;
use crate::stream::Orders;
use facemux::sys::poll::{self, Watched};
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long one looks for the rest at the end before that is a fault.
const PATIENCE: Duration = Duration::from_secs(60);

/// A page, and how many words were typed in it.
pub struct Guest {
    pub face: String,
    pub typist: Option<String>,
    pub typed: u64,
    pub page: Page,
    /// How often it came back.
    pub returns: u64,
    /// What was typed in it was not accepted in time.
    pub unaccepted: bool,
    /// Where it says that it has waited for long.
    dir: PathBuf,
}

/// Opens a page, while nothing dies yet.
pub fn open_page(
    dir: PathBuf,
    port: u16,
    face: String,
    typist: Option<String>,
    seed: u64,
) -> Guest {
    let token: &'static str = Box::leak(format!("{:x}", seed | 1).into_boxed_str());
    let page = Page::open(port, &face, token, "");
    Guest { face, typist, typed: 0, page, returns: 0, unaccepted: false, dir }
}

/// It types until `hush`, looks until `finish` and has then seen all up to `end`.
pub fn start_page(
    mut guest: Guest,
    port: u16,
    orders: Arc<Orders>,
    end: Arc<AtomicU64>,
    mut rng: Rng,
) -> JoinHandle<Guest> {
    std::thread::spawn(move || {
        let (mut next, mut hushed, mut since) = (Instant::now(), false, None);
        loop {
            let hush = orders.hush.load(Ordering::Relaxed);
            if guest.typist.is_some() && !hush && Instant::now() >= next {
                guest.speak();
                next = Instant::now() + Duration::from_millis(rng.spread(6));
            }
            if !guest.look() {
                guest.come_back(port);
            }
            if hush && !hushed && guest.page.accepted == guest.page.typed {
                hushed = true;
                orders.hushed.fetch_add(1, Ordering::Relaxed);
            }
            if orders.finish.load(Ordering::Relaxed) {
                guest.unaccepted |= !hushed;
                let since = *since.get_or_insert_with(Instant::now);
                let whole = guest.page.offset >= Some(end.load(Ordering::Relaxed));
                if whole || since.elapsed() > PATIENCE {
                    return guest;
                }
            }
        }
    })
}

impl Guest {
    fn speak(&mut self) {
        let Some(typist) = &self.typist else { return };
        // What is not accepted is kept to be sent again: not too much of it.
        if self.page.typed - self.page.accepted < 2000 {
            self.typed += 1;
            // A page has no keys to detach.
            let text = word(typist, self.typed);
            self.page.write(text.as_bytes());
        }
    }

    /// Takes what there is, waiting a little. `false` when the connection is gone.
    fn look(&mut self) -> bool {
        if !self.page.socket.has_begun_one() {
            let mut watched = [Watched::new(self.page.socket.stream.as_fd(), true, false)];
            poll::wait(&mut watched, Some(Duration::from_millis(5))).unwrap();
            if !watched[0].readable {
                return true;
            }
        }
        self.page.try_step().is_ok()
    }

    fn come_back(&mut self, port: u16) {
        let name = format!("page{}", self.face);
        let mut wait = Wait::begin(&self.dir, &name, "the server");
        self.returns += 1;
        while !self.page.try_reopen(port, &self.face, "") {
            assert!(wait.goes_on(), "a page of face {} {}", self.face, wait.story());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A terminal with an SSH client in it.
pub struct Caller {
    pub face: String,
    pub terminal: Terminal,
    pub calls: u64,
}

/// Calls, and calls again whenever the connection is lost, until `finish`.
pub fn start_caller(
    keys: Arc<Dir>,
    port: u16,
    face: String,
    orders: Arc<Orders>,
) -> JoinHandle<Caller> {
    std::thread::spawn(move || {
        let call = || {
            let mut argv = ssh::argv(&keys, port, &["-t"]);
            argv.extend(["root@127.0.0.1", "attach", "-r", &face].map(str::to_owned));
            let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
            Terminal::start(&argv, &keys.environment(), (24, 80))
        };
        let mut caller = Caller { face: face.clone(), terminal: call(), calls: 1 };
        while !orders.finish.load(Ordering::Relaxed) {
            caller.terminal.collect(Duration::from_millis(20));
            if caller.terminal.poll_end().is_some() {
                caller.terminal = call();
                caller.calls += 1;
            }
        }
        caller
    })
}
