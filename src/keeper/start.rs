//! What happens before the first turn: locks, listeners, ids, and the wish to stay alive.
//!
//! Everything that can be refused is refused here, with a sentence, before anything was changed.

use super::accounts::Accounts;
use super::error::StartError;
use super::groups::Groups;
use super::ids::Ids;
use super::role::{PROGRAM, Role};
use super::server::{Estate, Frontend, Server};
use crate::config::{Config, Places};
use crate::limits::{DAEMON_MEMORY_BYTES, IDS_RESERVED};
use crate::sys::lock::{Lock, LockError};
use crate::sys::log::Sink;
use crate::sys::sandbox::Support;
use crate::sys::signals::{self, Signals};
use crate::sys::socket;
use crate::sys::{SysError, lock, memory, process};
use std::fs::{self, OpenOptions};
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

/// Bytes after which a background server's log is set aside at its next start.
const LOG_BYTES_MAX: u64 = 1 << 20;

/// What must not be dropped while the server runs.
#[derive(Debug)]
pub struct Held {
    /// SIGCHLD and the rest.
    pub signals: Signals,
    pub(super) _locks: [Lock; 2],
}

/// Takes everything the server needs.
///
/// # Errors
/// `StartError`, each a sentence.
pub fn start(config: Config) -> Result<(Server, Held), StartError> {
    look_for_mounts()?;
    let accounts = Accounts::new(config.user_map.clone())?;
    socket::check_path(&config.places.socket)?;
    config.places.prepare()?;
    // The locks are descriptors 3 and up, and stay: see `spawn::role`.
    let locks = [take_lock(&config.places.runtime)?, take_lock(&config.places.state)?];
    let listener: OwnedFd = socket::listen(&config.places.socket)?.into();
    let descriptors = process::raise_descriptor_limit()?;
    let signals = take_signals()?;
    let ready = config.ready_fd.map(take_ready).transpose()?;
    if config.background {
        go_to_background(&config.places)?;
    }
    crate::sys::log::start("keeper", config.log_style, Sink::Stderr);
    process::become_subreaper().map_err(SysError::on("become", "subreaper"))?;
    process::set_dumpable(false).map_err(SysError::on("protect", "the keeper's memory"))?;
    if let (true, Some(lack)) = (config.sandbox, Support::find().lack()) {
        log::warn!("{lack}");
    }
    let now = Instant::now();
    let web = config.web.and_then(|a| open_frontend("web", a, cfg!(feature = "web"), now));
    let ssh = config.ssh.and_then(|a| open_frontend("ssh", a, cfg!(feature = "ssh"), now));
    let mut ids = Ids::open(&config.places.state);
    if let Err(e) = ids.reserve(ids.next() + IDS_RESERVED) {
        log::error!("{e}: no face can be started until ids can be made durable");
    }
    let estate = Estate {
        descriptors,
        locks: locks.each_ref().map(Lock::raw_fd),
        program: fs::read_link(PROGRAM).unwrap_or_default(),
        listener,
        ledger: memory::create_memfd("facemux-ledger", DAEMON_MEMORY_BYTES)?,
        ids,
        web,
        ssh,
        ready,
    };
    let groups = Groups::find(config.limits, config.cgroup);
    let mut server = Server::new(config, estate, now);
    (server.accounts, server.groups) = (accounts, groups);
    Ok((server, Held { signals, _locks: locks }))
}

/// The signals we wait for.
pub(super) fn take_signals() -> Result<Signals, SysError> {
    Signals::take(&[
        signals::CHILD,
        signals::TERMINATE,
        signals::INTERRUPT,
        signals::QUIT,
        signals::HANGUP,
    ])
}

/// What container images may lack.
fn look_for_mounts() -> Result<(), StartError> {
    let needed = [
        ("/proc/self/stat", "/proc", "processes are found and counted by it; mount proc on /proc"),
        // Every devpts has this one.
        ("/dev/pts/ptmx", "/dev/pts", "terminals are made there; mount devpts on it"),
        ("/dev/ptmx", "/dev/ptmx", "terminals are made by it; link it to pts/ptmx"),
    ];
    for (probe, path, why) in needed {
        if !Path::new(probe).exists() {
            return Err(StartError::Missing { path, why });
        }
    }
    Ok(())
}

fn take_lock(place: &Path) -> Result<Lock, StartError> {
    lock::take(&place.join("lock")).map_err(|e| match e {
        LockError::Held { pid } => StartError::Running { pid, place: place.display().to_string() },
        LockError::Sys(e) => StartError::Sys(e),
    })
}

/// Where to say that we are ready. A standard stream stays as it is; the copy is closed when it was said.
fn take_ready(number: i32) -> Result<OwnedFd, SysError> {
    if number < 3 { process::inherited_copy(number) } else { process::inherited(number) }
}

/// A session of our own, `/` as directory, the log on standard error.
fn go_to_background(places: &Places) -> Result<(), SysError> {
    // Refused when we lead a process group: then we are nobody's background job already.
    let _ = process::new_session();
    std::env::set_current_dir("/").map_err(SysError::on("enter", "/"))?;
    let name = || places.log.display().to_string();
    if fs::metadata(&places.log).is_ok_and(|m| m.len() > LOG_BYTES_MAX) {
        fs::rename(&places.log, places.log.with_extension("old"))
            .map_err(SysError::on("set aside", name()))?;
    }
    let log = OpenOptions::new().append(true).create(true).mode(0o600).open(&places.log);
    let log = log.map_err(SysError::on("open", name()))?;
    // Pipes without another end where the image has no /dev/null.
    let (nothing, _) = io::pipe().map_err(SysError::on("make", "a pipe"))?;
    let (_, nowhere) = io::pipe().map_err(SysError::on("make", "a pipe"))?;
    process::redirect_stream(0, &nothing)?;
    match OpenOptions::new().write(true).open("/dev/null") {
        Ok(null) => process::redirect_stream(1, &null)?,
        Err(_) => process::redirect_stream(1, &nowhere)?,
    }
    process::redirect_stream(2, &log)
}

/// A frontend with its listener; a taken port costs this frontend, not the faces.
fn open_frontend(
    name: &'static str,
    address: SocketAddr,
    built: bool,
    now: Instant,
) -> Option<Frontend> {
    if !built {
        log::warn!("this build has no {name} frontend: {address} is not listened at");
        return None;
    }
    let bound = TcpListener::bind(address).and_then(|l| {
        l.set_nonblocking(true)?;
        let address = l.local_addr()?;
        Ok((l, address))
    });
    match bound {
        Ok((listener, address)) => {
            log::info!("{name} listens at {address}");
            Some(Frontend::new(Role::new(name, now), listener.into(), address))
        }
        Err(e) => {
            log::error!(
                "{name} cannot listen at {address}: {e}. The {name} frontend is OFF; faces and the command line work. \
                 Free the port or choose another with --{name}, then start again"
            );
            None
        }
    }
}
