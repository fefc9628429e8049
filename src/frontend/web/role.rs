//! The process: what it starts with, its loop, its end.

use super::access::Access;
use super::figures::Figures;
use super::reactor::{Reactor, Source};
use super::reactor::{TcpListener, UnixStream};
use super::server::{self, Ending, Server};
use crate::frontend::account::Account;
use crate::frontend::token::{Grant, Use};
use crate::frontend::token_file::{TokenFile, TokenFileError, random};
use crate::limits::LINK_MS;
use crate::sys::log::{Sink, Style};
use crate::sys::poll::{self, Watched};
use crate::sys::sandbox::{self, Needs, Reach};
use crate::sys::signals::{self, Signals};
use crate::sys::{clock, footprint, process, socket};
use crate::wire::keeper::{Auth, FromFrontend, FrontendStart, ToFrontend};
use crate::wire::{Role, decode, encode};
use smol::LocalExecutor;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

/// How long WebSockets may take to say goodbye when the server ends; the keeper waits a second.
const GOODBYE: Duration = Duration::from_millis(800);
/// Where the keeper puts the listener and the control socket.
const LISTENER: i32 = 3;
const CONTROL: i32 = 4;
/// Bytes of the keeper's message, beyond which it is none.
const START_BYTES_MAX: usize = 64 * 1024;

/// The role `web`: serves until the keeper's control socket closes. Gives the exit code.
pub fn run() -> u8 {
    match serve() {
        Ok(()) => 0,
        Err(sentence) => {
            log::error!("{sentence}");
            1
        }
    }
}

fn serve() -> Result<(), String> {
    let sys = |e: crate::sys::SysError| e.to_string();
    // The keeper says when to go by closing the control socket; the terminal's Ctrl-C is for it alone.
    let _held = Signals::take(&[signals::TERMINATE, signals::INTERRUPT]).map_err(sys)?;
    let control = process::inherited(CONTROL).map_err(sys)?;
    let listener = process::inherited(LISTENER).map_err(sys)?;
    let start = first_message(&control)?;
    let style = if start.log_json { Style::Json } else { Style::Text };
    crate::sys::log::start("web", style, Sink::Stderr);
    process::raise_descriptor_limit().map_err(sys)?;
    // Read now: it will be out of reach.
    Account::own();
    if start.sandbox {
        let reach = Reach { write: vec![PathBuf::from(&start.state)], ..Reach::default() };
        let needs = Needs { sockets: true, programs: false, files: true, reach: Some(reach) };
        sandbox::confine(&needs).map_err(|e| format!("confine the web frontend: {e}"))?;
    }
    if start.first
        && let Err(e) = print_link(&start)
    {
        // Who has a token comes in still; and when the disk has room again `facemux token new` makes one.
        log::error!("no link to log in with: {e}");
    }
    let listener = std::net::TcpListener::from(listener);
    serve_on(start, listener, std::os::unix::net::UnixStream::from(control))
}

fn first_message(control: &OwnedFd) -> Result<FrontendStart, String> {
    let mut bytes = vec![0; START_BYTES_MAX];
    let mut watched = [Watched::new(control.as_fd(), true, false)];
    poll::wait(&mut watched, None).map_err(|e| format!("the control socket: {e}"))?;
    let (len, _) = socket::recv_with_fds(control.as_fd(), &mut bytes)
        .map_err(|e| format!("the control socket: {e}"))?;
    decode(&bytes[..len])
        .map_err(|e| format!("the keeper's message: {e}; `web` is started by `facemux serve`"))
}

fn serve_on(
    start: FrontendStart,
    listener: std::net::TcpListener,
    control: std::os::unix::net::UnixStream,
) -> Result<(), String> {
    let io = |what: &'static str| move |e: io::Error| format!("{what}: {e}");
    listener.set_nonblocking(true).map_err(io("the listener"))?;
    control.set_nonblocking(true).map_err(io("the control socket"))?;
    let local = listener.local_addr().map_err(io("the listener's address"))?;
    let access = Access::new(start.auth.clone(), &start.url, &start.origins, local)?;
    let reactor = Reactor::new().map_err(io("epoll"))?;
    let executor: Rc<LocalExecutor<'static>> = Rc::new(LocalExecutor::new());
    let listener = reactor.source(TcpListener::from_std(listener)).map_err(io("the listener"))?;
    let control =
        reactor.source(UnixStream::from_std(control)).map_err(io("the control socket"))?;
    let server = Rc::new(Server {
        tokens: RefCell::new(TokenFile::new(Path::new(&start.state))),
        reactor: reactor.clone(),
        start,
        access,
        clipboard: Default::default(),
        executor: executor.clone(),
        tickets: RefCell::default(),
        failures: RefCell::default(),
        figures: Figures::default(),
        ending: Ending::default(),
        retirement: Default::default(),
    });
    let done = Rc::new(Cell::new(false));
    executor.spawn(stay(server, listener, control, done.clone())).detach();
    footprint::settle();
    reactor.run(&executor, &done).map_err(io("epoll"))
}

/// Takes connections until the keeper says otherwise; ends with the server, or with the last connection once another
/// frontend has the listener.
async fn stay(
    server: Rc<Server>,
    listener: Source<TcpListener>,
    control: Source<UnixStream>,
    done: Rc<Cell<bool>>,
) {
    // The keeper notices a frontend that cannot tell by its silence.
    let _ = control.write_all(&encode(&FromFrontend::Ready).unwrap_or_default()).await;
    let accept = |listener| server.executor.spawn(server::accept(server.clone(), listener));
    let (mut waiting, mut accepting) = (Some(listener), None);
    if !server.start.trial {
        accepting = waiting.take().map(accept);
    }
    while let Some(said) = hear(&control).await {
        match said {
            ToFrontend::Begin => accepting = accepting.or_else(|| waiting.take().map(accept)),
            ToFrontend::Retire => {
                log::info!(
                    "another frontend takes the new connections; this one ends with its last"
                );
                (waiting, accepting) = (None, None);
                let last = end_with_the_last(server.clone(), done.clone());
                server.executor.spawn(last).detach();
            }
        }
    }
    end(&server, &done).await;
}

/// What the keeper says next; `None` when the server ends.
async fn hear(control: &Source<UnixStream>) -> Option<ToFrontend> {
    let mut bytes = [0; 64];
    loop {
        match control.read(&mut bytes).await {
            Ok(0) | Err(_) => return None,
            Ok(len) => match decode(&bytes[..len]) {
                Ok(said) => return Some(said),
                Err(e) => log::error!("what the keeper says is not understood: {e}"),
            },
        }
    }
}

async fn end_with_the_last(server: Rc<Server>, done: Rc<Cell<bool>>) {
    server.retirement.begin();
    poll_fn(|cx| server.retirement.poll(server.figures.open.get(), cx.waker())).await;
    done.set(true);
}

/// Gives the WebSockets a moment.
async fn end(server: &Rc<Server>, done: &Cell<bool>) {
    server.ending.begin();
    let quiet = async {
        while server.figures.sockets_open.get() > 0 {
            server.reactor.sleep(Duration::from_millis(10)).await;
        }
    };
    let _ = server.reactor.within(GOODBYE, quiet).await;
    done.set(true);
}

/// Makes the link that lets its first user in as the owner, in place of those nobody used, and prints it on
/// standard output: nowhere else is it ever written.
///
/// # Errors
/// A sentence.
fn print_link(start: &FrontendStart) -> Result<(), String> {
    if start.auth != Auth::Token {
        return Ok(());
    }
    let grant = Grant {
        good_for: Use::Once,
        role: Role::Owner,
        face: None,
        user: None,
        ttl_ms: Some(LINK_MS),
    };
    let secret = TokenFile::new(Path::new(&start.state)).change(|store| {
        store.drop_unused_links();
        Ok::<_, TokenFileError>(store.add(grant, random()?, clock::wall_ms())?)
    });
    let secret = secret.map_err(|e| e.to_string())?;
    let line = format!("open {}/?t={secret}\n", start.url);
    // Nobody reading it is no reason not to serve: `facemux token new` makes another.
    let _ = io::stdout().write_all(line.as_bytes()).and_then(|()| io::stdout().flush());
    Ok(())
}
