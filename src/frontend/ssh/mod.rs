//! The SSH frontend: `ssh host` is a face (RFC 4251-4254, OpenSSH's PROTOCOL).
//!
//! A process of its own, with tokio's current-thread runtime inside; to the daemon it is a client like any other. It
//! owns the host key and the connections; the listener is the keeper's, so a restart refuses nobody. It never touches
//! a PTY or a screen, and gives no client more memory than limits.rs says.
//!
//! `door` says who may knock and how often, `guest` is one connection, `channel` one channel of it, which is a `view`
//! of a face or a `verb`.

mod algorithms;
mod authorized;
mod channel;
mod daemon;
mod door;
mod guest;
mod host_key;
mod keys;
mod link;
mod login;
mod rules;
mod seat;
mod settings;
mod source;
mod valve;
mod verb;
mod view;

use crate::frontend::account::Account;
use crate::limits::FRAME_BYTES_MAX;
use crate::sys::sandbox::{self, Needs, Reach};
use crate::sys::{self, footprint, process, socket};
use crate::wire::{
    self,
    keeper::{FromFrontend, FrontendStart, ToFrontend},
};
use door::{Answer, Door, Knock};
use guest::Guest;
use rules::Rules;
use source::Source;
use std::collections::BTreeMap;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UnixDatagram};
use valve::{Valve, Valved};

/// The descriptor of the listener.
const LISTENER: i32 = 3;
/// The descriptor of the control socket.
const CONTROL: i32 = 4;
/// Between two tries to take connections when there is no descriptor left for one.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// A client that is silent for so long is asked by the kernel whether its machine still lives, so often, so many times.
/// The kernel of one that was stopped answers for it.
const ALIVE_AFTER: Duration = Duration::from_secs(60);
const ALIVE_AGAIN: Duration = Duration::from_secs(20);
const ALIVE_TIMES: u32 = 6;
/// How long connections have to say goodbye when the server ends.
const GOODBYE: Duration = Duration::from_millis(500);

/// Why the frontend does not start.
#[derive(Debug, thiserror::Error)]
pub enum SshError {
    /// It was not started by the keeper, or the system refused.
    #[error(transparent)]
    Sys(#[from] sys::SysError),
    /// The keeper said nothing that is understood.
    #[error("the keeper's first message: {0}")]
    Start(String),
    /// The listener or the runtime.
    #[error("set up: {0}")]
    Io(#[from] io::Error),
    /// There is no host key.
    #[error(transparent)]
    HostKey(#[from] host_key::HostKeyError),
}

/// What all connections share.
#[derive(Debug)]
struct House {
    /// The daemon's socket.
    socket: PathBuf,
    /// `--dir`, for the processes that run verbs.
    dir: Option<String>,
    rules: Mutex<Rules>,
    door: Mutex<Door>,
    /// How to end a connection that has not logged in.
    waiting: Mutex<BTreeMap<Knock, std::net::TcpStream>>,
    /// A connection ended.
    left: tokio::sync::Notify,
    began: Instant,
}

impl House {
    fn door(&self) -> MutexGuard<'_, Door> {
        self.door.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn rules(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn waiting(&self) -> MutexGuard<'_, BTreeMap<Knock, std::net::TcpStream>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends a connection that has not logged in, if it still has not.
    fn show_out(&self, knock: Knock) {
        if let Some(stream) = self.waiting().remove(&knock) {
            // It may be gone already.
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// Runs the frontend until the server ends, or until a newer one has taken over and its own connections are gone.
///
/// # Errors
/// When it cannot start.
pub fn run() -> Result<(), SshError> {
    let listener = TcpListener::from(process::inherited(LISTENER)?);
    let control = process::inherited(CONTROL)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        // A socket that keeps messages apart is, for receiving, a datagram socket.
        let control = std::os::unix::net::UnixDatagram::from(control);
        control.set_nonblocking(true)?;
        let control = UnixDatagram::from_std(control)?;
        let start = first_message(&control).await?;
        sys::log::start(
            "ssh",
            if start.log_json { sys::log::Style::Json } else { sys::log::Style::Text },
            sys::log::Sink::Stderr,
        );
        if start.sandbox {
            // Read now: it may be out of reach later.
            Account::own();
            sandbox::confine(&needs(&start))?;
        }
        let house = Arc::new(open(&start)?);
        listener.set_nonblocking(true)?;
        let listener = tokio::net::TcpListener::from_std(listener)?;
        log::info!("serving SSH at {}, {} keys", start.address, house.rules().count_keys());
        footprint::settle();
        let ready = wire::encode(&FromFrontend::Ready).unwrap_or_default();
        // The keeper notices a frontend that cannot tell by its silence.
        let _ = control.send(&ready).await;
        serve(&house, listener, &control, !start.trial).await;
        Ok(())
    })
}

/// What is left to it: its state, keys and configuration where they lie (a file may be replaced by another), and to run
/// this same program for the verbs.
fn needs(start: &FrontendStart) -> Needs {
    let given = start.ssh.authorized_keys.iter().map(PathBuf::from).chain(start.files.clone());
    let resolved = given.clone().filter_map(|path| path.canonicalize().ok());
    let places = given.chain(resolved).filter_map(|path| {
        if path.is_dir() { Some(path) } else { path.parent().map(Path::to_path_buf) }
    });
    let reach = Reach {
        read: places.collect(),
        write: vec![PathBuf::from(&start.state)],
        own_program: true,
    };
    Needs { sockets: true, programs: true, files: true, reach: Some(reach) }
}

fn open(start: &FrontendStart) -> Result<House, SshError> {
    let state = Path::new(&start.state);
    let host_key = host_key::load_or_make(&state.join("ssh_host_ed25519_key"))?;
    log::info!("host key {}", host_key::fingerprint(&host_key));
    Ok(House {
        socket: PathBuf::from(&start.socket),
        dir: start.dir.clone(),
        rules: Mutex::new(Rules::new(start, host_key)),
        door: Mutex::default(),
        waiting: Mutex::default(),
        left: tokio::sync::Notify::new(),
        began: Instant::now(),
    })
}

async fn first_message(control: &UnixDatagram) -> Result<FrontendStart, SshError> {
    let bytes = receive(control).await?;
    let bytes = bytes.ok_or_else(|| SshError::Start("it closed the socket".into()))?;
    wire::decode(&bytes).map_err(|e| SshError::Start(e.to_string()))
}

/// The keeper's next message; none when it has closed the socket.
async fn receive(control: &UnixDatagram) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; FRAME_BYTES_MAX];
    let len = control.recv(&mut bytes).await?;
    bytes.truncate(len);
    Ok((len > 0).then_some(bytes))
}

/// What the keeper says next; `None` when the server ends.
async fn hear(control: &UnixDatagram) -> Option<ToFrontend> {
    loop {
        match wire::decode(&receive(control).await.ok()??) {
            Ok(said) => return Some(said),
            Err(e) => log::error!("what the keeper says is not understood: {e}"),
        }
    }
}

/// Takes connections until the keeper says otherwise.
async fn serve(
    house: &Arc<House>,
    listener: tokio::net::TcpListener,
    control: &UnixDatagram,
    mut begun: bool,
) {
    loop {
        tokio::select! {
            accepted = listener.accept(), if begun => match accepted {
                Ok((stream, peer)) => admit(house, stream, peer),
                Err(e) => {
                    log::warn!("take a connection: {e}");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
            said = hear(control) => match said {
                Some(ToFrontend::Begin) => begun = true,
                Some(ToFrontend::Retire) => break,
                None => return tokio::time::sleep(GOODBYE).await,
            },
        }
    }
    drop(listener);
    log::info!("another frontend takes the new connections; this one ends with its last");
    while house.door().guests() > 0 {
        tokio::select! {
            () = house.left.notified() => {}
            said = hear(control) => {
                if said.is_none() {
                    return tokio::time::sleep(GOODBYE).await;
                }
            }
        }
    }
}

/// Lets a new connection in, or not.
fn admit(house: &Arc<House>, stream: TcpStream, peer: SocketAddr) {
    let source = Source::of(peer.ip());
    let (knock, answer, evicted) = house.door().handle_knock(house.began.elapsed(), source);
    if let Some(evicted) = evicted {
        log::warn!("too many connections wait to log in; the longest waiting is closed");
        house.show_out(evicted);
    }
    let Answer::Wait(delay) = answer else {
        log::warn!("refused {source} port {}: all connections are taken", peer.port());
        return;
    };
    let house = Arc::clone(house);
    tokio::spawn(async move {
        if let Err(e) = host(&house, stream, peer, knock, delay).await {
            log::debug!("connection from {peer}: {e}");
        }
        house.waiting().remove(&knock);
        house.left.notify_one();
    });
}

/// One connection, from its first byte to its last.
async fn host(
    house: &Arc<House>,
    stream: TcpStream,
    peer: SocketAddr,
    knock: Knock,
    delay: Duration,
) -> Result<(), russh::Error> {
    let guest = Guest::new(Arc::clone(house), knock, peer);
    // Keys are single bytes: none waits for the answer to the one before.
    stream.set_nodelay(true)?;
    socket::keep_alive(&stream, ALIVE_AFTER, ALIVE_AGAIN, ALIVE_TIMES)?;
    let stream = stream.into_std()?;
    house.waiting().insert(knock, stream.try_clone()?);
    let stream = TcpStream::from_std(stream)?;
    if !delay.is_zero() {
        log::info!("{} keeps failing to log in: held for {} ms", peer.ip(), delay.as_millis());
        tokio::time::sleep(delay).await;
    }
    let valve: Arc<Valve> = guest.valve();
    let (config, login_time) = house.rules().of_connection();
    let deadline = tokio::time::sleep(login_time);
    tokio::pin!(deadline);
    let session = async {
        let running = russh::server::run_stream(config, Valved::new(stream, valve), guest).await?;
        running.await
    };
    tokio::pin!(session);
    tokio::select! {
        ended = &mut session => return ended,
        () = &mut deadline => house.show_out(knock),
    }
    session.await
}
