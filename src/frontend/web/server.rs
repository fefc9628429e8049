//! The server: what all connections share, and the loop that takes them.

use super::access::{Access, Ends, Visitor};
use super::clipboard::Listeners;
use super::figures::{self, Figures};
use super::rate::Failures;
use super::reactor::{Reactor, Source, Way};
use super::reactor::{TcpListener, TcpStream};
use super::ticket::Tickets;
use super::{access, connection};
use crate::frontend::token_file::TokenFile;
use crate::limits::WEB_CONNECTIONS_MAX;
use crate::sys::clock;
use crate::wire::keeper::FrontendStart;
use smol::LocalExecutor;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;

/// What all connections share.
pub struct Server {
    /// Readiness and time.
    pub reactor: Reactor,
    /// What the keeper said.
    pub start: FrontendStart,
    /// Who may come in.
    pub access: Access,
    /// The tokens.
    pub tokens: RefCell<TokenFile>,
    /// The tickets.
    pub tickets: RefCell<Tickets>,
    /// Who waits for what programs write to the clipboard.
    pub clipboard: Listeners,
    /// Runs what outlives a request.
    pub executor: Rc<LocalExecutor<'static>>,
    /// Failed logins.
    pub failures: RefCell<Failures>,
    /// What is counted.
    pub figures: Figures,
    /// Set when the server ends.
    pub ending: Ending,
    /// Set when another frontend has the listener.
    pub retirement: Retirement,
}

/// The end of the server, as WebSockets wait for it.
#[derive(Default)]
pub struct Ending {
    set: Cell<bool>,
    count: Cell<u64>,
    wakers: RefCell<BTreeMap<u64, Waker>>,
}

/// Another frontend has the listener: this one ends with its last connection.
#[derive(Default)]
pub struct Retirement {
    begun: Cell<bool>,
    waker: RefCell<Option<Waker>>,
}

impl Retirement {
    /// Says so.
    pub fn begin(&self) {
        self.begun.set(true);
    }

    /// Whether it has begun: answers close their connections.
    pub fn has_begun(&self) -> bool {
        self.begun.get()
    }

    /// Ready when no connection is open; else the task is woken when one ends.
    pub fn poll(&self, open: u64, waker: &Waker) -> Poll<()> {
        *self.waker.borrow_mut() = Some(waker.clone());
        if open == 0 { Poll::Ready(()) } else { Poll::Pending }
    }

    /// A connection ended.
    pub fn handle_close(&self) {
        if let Some(waker) = self.waker.borrow_mut().take() {
            waker.wake();
        }
    }
}

/// One who waits for it.
pub struct EndingWatch {
    server: Rc<Server>,
    number: u64,
}

impl Ending {
    /// Says so to all.
    pub fn begin(&self) {
        self.set.set(true);
        for waker in std::mem::take(&mut *self.wakers.borrow_mut()).into_values() {
            waker.wake();
        }
    }

    /// Whether it has begun.
    pub fn has_begun(&self) -> bool {
        self.set.get()
    }
}

impl EndingWatch {
    /// A watch on the server's end.
    pub fn new(server: &Rc<Server>) -> EndingWatch {
        let number = server.ending.count.get();
        server.ending.count.set(number + 1);
        EndingWatch { server: server.clone(), number }
    }

    /// Whether it has begun; else the task is woken when it does.
    pub fn poll(&self, waker: &Waker) -> bool {
        let ending = &self.server.ending;
        if !ending.has_begun() {
            let mut wakers = ending.wakers.borrow_mut();
            let known = wakers.get(&self.number).is_some_and(|w| w.will_wake(waker));
            if !known {
                wakers.insert(self.number, waker.clone());
            }
        }
        ending.has_begun()
    }
}

impl Drop for EndingWatch {
    fn drop(&mut self) {
        self.server.ending.wakers.borrow_mut().remove(&self.number);
    }
}

impl Server {
    /// Who sent this request.
    ///
    /// # Errors
    /// `Denied`.
    pub fn visitor(&self, head: &super::head::Head, ends: Ends) -> Result<Visitor, access::Denied> {
        let mut tokens = self.tokens.borrow_mut();
        match tokens.read() {
            Ok(store) => self.access.visitor(head, ends, store, clock::wall_ms()),
            Err(error) => {
                log::error!("nobody can log in: {error}");
                self.access.visitor(head, ends, &Default::default(), clock::wall_ms())
            }
        }
    }
}

impl Server {
    /// Whether what somebody came in by is good still: it may have been revoked, or have expired.
    pub fn still_valid(&self, token: Option<&str>) -> bool {
        let Some(id) = token else { return true };
        let mut tokens = self.tokens.borrow_mut();
        tokens.read().is_ok_and(|store| store.is_living(id, clock::wall_ms()))
    }
}

/// Takes connections for ever.
pub async fn accept(server: Rc<Server>, listener: Source<TcpListener>) {
    loop {
        match listener.io(Way::Read, TcpListener::accept).await {
            Ok((stream, peer)) => {
                figures::add(&server.figures.connections, 1);
                if server.figures.open.get() >= WEB_CONNECTIONS_MAX as u64 {
                    figures::add(&server.figures.turned_away, 1);
                    connection::turn_away(stream);
                } else if let Ok((source, local)) = prepare(&server.reactor, stream) {
                    let ends = Ends { peer, local };
                    server.executor.spawn(connection::serve(server.clone(), source, ends)).detach();
                }
            }
            Err(e) if is_peers(&e) => {}
            Err(e) => {
                // Out of descriptors or memory: those that are open must end first.
                log::warn!("cannot take a connection: {e}");
                server.reactor.sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

fn prepare(
    reactor: &Reactor,
    stream: TcpStream,
) -> io::Result<(Source<TcpStream>, std::net::SocketAddr)> {
    stream.set_nodelay(true)?;
    let local = stream.local_addr()?;
    Ok((reactor.source(stream)?, local))
}

/// Whether an error of accept(2) is that of a connection that ended in the queue.
fn is_peers(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::PermissionDenied
            | io::ErrorKind::TimedOut
    )
}
