//! A real keeper in its own process, and the test in the daemon's place.
//!
//! The keeper starts this very binary as `daemon`; that process hands its control socket to the test and waits. So
//! the test speaks the real protocol, and killing the process is the death of the daemon.

use facemux::config::Config;
use facemux::limits::FRAME_BYTES_MAX;
use facemux::sys::poll::{self, Watched};
use facemux::sys::{process, signals, socket};
use facemux::units::{FaceId, Size};
use facemux::wire::keeper::{Exit, FromKeeper, FrontendStart, KeptFace, Spawn, Start, ToKeeper};
use facemux::wire::{decode, encode};
use std::ffi::OsString;
use std::io::{BufRead, BufReader, IoSlice, Read, Write};
use std::net::TcpListener;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitCode, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Longer than anything here takes, also on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(20);
const DESK: &str = "FACEMUX_TEST_DESK";
const LOG: &str = "log.txt";

static NUMBER: AtomicU32 = AtomicU32::new(0);

/// The process in the daemon's place.
pub fn daemon() {
    let control = process::inherited(3).unwrap();
    let desk = UnixStream::connect(std::env::var(DESK).unwrap()).unwrap();
    let pid = std::process::id().to_le_bytes();
    socket::send_with_fds(desk.as_fd(), &[IoSlice::new(&pid)], &[control.as_fd()]).unwrap();
    drop(control);
    // The test holds the control socket now; it says by closing the desk that we may go.
    let _ = (&desk).read(&mut [0; 1]);
}

/// The keeper under test.
pub fn serve(words: &[String]) -> ExitCode {
    let words: Vec<OsString> = words.iter().map(OsString::from).collect();
    let config = Config::load(&words).unwrap();
    match facemux::keeper::serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("facemux serve: {error}");
            ExitCode::FAILURE
        }
    }
}

/// In the web frontend's place: answers every connection with its pid.
pub fn web() {
    let listener = TcpListener::from(process::inherited(3).unwrap());
    let control = process::inherited(4).unwrap();
    let mut bytes = vec![0; 65536];
    let message = nix::unistd::read(&control, &mut bytes);
    let len = message.unwrap_or(0);
    let start: Option<FrontendStart> = facemux::wire::decode(&bytes[..len]).ok();
    listener.set_nonblocking(false).unwrap();
    for stream in listener.incoming() {
        let url = start.as_ref().map_or("", |s| s.url.as_str());
        let _ = writeln!(stream.unwrap(), "{} {url}", std::process::id());
    }
}

/// A directory with a keeper on it.
pub struct Keeper {
    pub dir: PathBuf,
    pub process: Child,
    stdout: BufReader<ChildStdout>,
    desk: UnixListener,
}

/// How to start one.
#[derive(Default, Clone, Copy)]
pub struct Options<'a> {
    pub flags: &'a [&'a str],
    /// As PID 1 of a PID namespace of its own.
    pub pid_one: bool,
}

impl Keeper {
    pub fn start() -> Keeper {
        Keeper::start_with(Options::default())
    }

    pub fn start_with(options: Options<'_>) -> Keeper {
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("fmk-{}-{number}", std::process::id()));
        let _ = std::fs::remove_dir_all(&dir);
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::set_permissions(&dir, std::os::unix::fs::PermissionsExt::from_mode(0o700))
            .unwrap();
        Keeper::start_on(dir, options)
    }

    pub fn start_on(dir: PathBuf, options: Options<'_>) -> Keeper {
        let desk_path = dir.join("desk");
        let _ = std::fs::remove_file(&desk_path);
        let desk = UnixListener::bind(&desk_path).unwrap();
        let exe = std::env::current_exe().unwrap();
        let mut command = if options.pid_one {
            let mut unshare = Command::new("unshare");
            unshare.args(["--pid", "--fork", "--mount-proc", "--kill-child"]).arg(exe);
            unshare
        } else {
            Command::new(exe)
        };
        command.args(["serve", "--ready-fd", "1", "--grace", "300ms", "--dir"]).arg(&dir);
        if !options.flags.contains(&"--web") {
            command.args(["--web", "off"]);
        }
        command.args(options.flags).env(DESK, &desk_path).env("FACEMUX_LOG", "debug");
        let log =
            std::fs::OpenOptions::new().create(true).append(true).open(dir.join(LOG)).unwrap();
        let mut process =
            command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let stdout = BufReader::new(process.stdout.take().unwrap());
        Keeper { dir, process, stdout, desk }
    }

    /// The pid of the keeper itself.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The next daemon that the keeper starts.
    pub fn next_daemon(&self) -> Daemon {
        let mut watched = [Watched::new(self.desk.as_fd(), true, false)];
        poll::wait(&mut watched, Some(PATIENCE)).unwrap();
        assert!(watched[0].readable, "no daemon was started; log:\n{}", self.log());
        let (stream, _) = self.desk.accept().unwrap();
        let mut watched = [Watched::new(stream.as_fd(), true, false)];
        poll::wait(&mut watched, Some(PATIENCE)).unwrap();
        let mut pid = [0; 4];
        let (_, mut fds) = socket::recv_with_fds(stream.as_fd(), &mut pid).unwrap();
        let peer = socket::peer_credentials(&stream).unwrap().pid;
        Daemon { pid: peer, socket: fds.remove(0), _stream: stream, processes: String::new() }
    }

    /// The first daemon, recovered and ready.
    pub fn ready_daemon(&self) -> Daemon {
        let mut daemon = self.next_daemon();
        daemon.take_start();
        daemon.send(&ToKeeper::Ready { whole: 0, damaged: 0 });
        // An answer shows that what came before was acted on.
        daemon.send(&ToKeeper::Reserve { upto: 0 });
        assert!(matches!(daemon.next().0, FromKeeper::Reserved { .. }));
        daemon
    }

    /// The next line on its stdout.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.join(LOG)).unwrap()
    }

    pub fn signal(&self, number: i32) {
        process::kill(self.pid(), number).unwrap();
    }

    /// Its end, which must come by itself.
    pub fn wait(&mut self) -> ExitStatus {
        let patience = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < patience, "the keeper does not end; log:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("log of the keeper:\n{}", self.log());
        }
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.dir);
    }
}

/// The test's end of the keeper's control socket.
pub struct Daemon {
    pub pid: u32,
    socket: OwnedFd,
    _stream: UnixStream,
    /// The last `Processes`.
    pub processes: String,
}

/// All that comes before `Go`.
pub struct Started {
    pub start: Start,
    pub fds: Vec<OwnedFd>,
    pub faces: Vec<(KeptFace, Vec<OwnedFd>)>,
    pub certificates: Vec<(FaceId, Vec<u8>)>,
}

/// A face that was started.
pub struct Face {
    pub id: FaceId,
    pub pid: u32,
    pub master: OwnedFd,
    pub memory: OwnedFd,
}

impl Daemon {
    pub fn send(&self, message: &ToKeeper) {
        let bytes = encode(message).unwrap();
        let patience = Instant::now() + PATIENCE;
        while let Err(e) = socket::send_vectored(self.socket.as_fd(), &[IoSlice::new(&bytes)]) {
            assert!(e.kind() == std::io::ErrorKind::WouldBlock && Instant::now() < patience, "{e}");
            std::thread::yield_now();
        }
    }

    /// The next message but `Processes`; `None` when none comes in time.
    pub fn next_within(&mut self, patience: Duration) -> Option<(FromKeeper, Vec<OwnedFd>)> {
        let until = Instant::now() + patience;
        let mut bytes = vec![0; FRAME_BYTES_MAX];
        loop {
            match socket::recv_with_fds(self.socket.as_fd(), &mut bytes) {
                Ok((0, _)) => return None,
                Ok((len, fds)) => match decode(&bytes[..len]).unwrap() {
                    FromKeeper::Processes(text) => self.processes = text,
                    message => return Some((message, fds)),
                },
                Err(e) if e.kind() == std::io::ErrorKind::WouldBlock => {
                    let left = until.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return None;
                    }
                    let mut watched = [Watched::new(self.socket.as_fd(), true, false)];
                    poll::wait(&mut watched, Some(left)).unwrap();
                }
                Err(e) => panic!("the keeper's socket: {e}"),
            }
        }
    }

    pub fn next(&mut self) -> (FromKeeper, Vec<OwnedFd>) {
        self.next_within(PATIENCE).expect("a message of the keeper")
    }

    pub fn take_start(&mut self) -> Started {
        let (message, fds) = self.next();
        let FromKeeper::Start(start) = message else { panic!("{message:?} came before Start") };
        let mut started = Started { start: *start, fds, faces: vec![], certificates: vec![] };
        loop {
            match self.next() {
                (FromKeeper::Face(face), fds) => started.faces.push((face, fds)),
                (FromKeeper::Certificate { id, bytes }, _) => {
                    started.certificates.push((id, bytes))
                }
                (FromKeeper::Go, _) => return started,
                (other, _) => panic!("{other:?} came before Go"),
            }
        }
    }

    /// Starts a shell script as a face.
    pub fn spawn_script(&mut self, id: u64, script: &str) -> Face {
        self.spawn(spawn(id, &["sh", "-c", script]))
    }

    pub fn spawn(&mut self, spawn: Spawn) -> Face {
        self.send(&ToKeeper::Spawn(Box::new(spawn)));
        match self.next() {
            (FromKeeper::Spawned { id, pid }, mut fds) => {
                assert_eq!(fds.len(), 2);
                let memory = fds.pop().unwrap();
                Face { id, pid, master: fds.pop().unwrap(), memory }
            }
            (other, _) => panic!("{other:?} instead of Spawned"),
        }
    }

    /// Waits for the end of this face.
    pub fn exited(&mut self, wanted: u64) -> (Exit, Vec<(u32, String)>) {
        match self.next() {
            (FromKeeper::Exited { id, exit, reaped }, _) if id.0 == wanted => (exit, reaped),
            (other, _) => panic!("{other:?} instead of the end of face {wanted}"),
        }
    }

    pub fn kill(&self) {
        process::kill(self.pid, signals::KILL).unwrap();
    }
}

/// What it takes to start `argv` as face `id`.
pub fn spawn(id: u64, argv: &[&str]) -> Spawn {
    let path = std::env::var("PATH").unwrap();
    Spawn {
        id: FaceId(id),
        argv: argv.iter().map(|w| (*w).to_owned()).collect(),
        arg0: None,
        env: vec![("PATH".into(), path), ("FACE_ID".into(), id.to_string())],
        cwd: "/".into(),
        size: Size::DEFAULT,
        memory_bytes: 65536,
        modes: Vec::new(),
        keep_orphans: false,
        user: None,
        meta: format!("meta {id}").into_bytes(),
    }
}

/// Reads a master until its output holds `needle`.
pub fn read_until(master: &OwnedFd, needle: &str) -> String {
    let patience = Instant::now() + PATIENCE;
    let mut text = String::new();
    while !text.contains(needle) {
        assert!(Instant::now() < patience, "{needle:?} does not come; there is {text:?}");
        let mut bytes = [0; 4096];
        match nix::unistd::read(master, &mut bytes) {
            Ok(len) => text.push_str(&String::from_utf8_lossy(&bytes[..len])),
            Err(nix::errno::Errno::EAGAIN) => {
                let mut watched = [Watched::new(master.as_fd(), true, false)];
                poll::wait(&mut watched, Some(Duration::from_secs(1))).unwrap();
            }
            Err(e) => panic!("{e} before {needle:?}; there is {text:?}"),
        }
    }
    text
}

/// Waits until something holds.
pub fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < patience, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The living processes whose command line holds `mark`.
pub fn marked(mark: &str) -> Vec<u32> {
    let entries = std::fs::read_dir("/proc").unwrap();
    let pids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let alive = facemux::sys::procfs::stat(*pid).is_some_and(|s| !s.is_dead());
        alive && *pid != std::process::id() && String::from_utf8_lossy(&line).contains(mark)
    })
    .collect()
}

/// A path that exists.
pub fn exists(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
