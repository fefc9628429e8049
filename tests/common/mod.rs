//! What end-to-end tests share: a server of their own, and terminals with the real binary in them.
//!
//! Nothing sleeps: every wait ends with the event it is for, or fails at a deadline with what was there instead.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

pub mod following;
pub mod namespace;
pub mod reader;
pub mod table;
pub mod terminal;

use std::fs::File;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

pub use terminal::Terminal;

/// How long anything may take on a busy machine before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The binary under test.
pub const FACEMUX: &str = env!("CARGO_BIN_EXE_facemux");

/// Calls `look` until it gives something; panics with `what` at the deadline.
#[track_caller]
pub fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(3));
    }
}

/// A directory of its own, removed at the end.
pub struct Dir(PathBuf);

impl Dir {
    pub fn new() -> Dir {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("facemux-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        let mut mode = std::fs::metadata(&path).unwrap().permissions();
        std::os::unix::fs::PermissionsExt::set_mode(&mut mode, 0o700);
        std::fs::set_permissions(&path, mode).unwrap();
        Dir(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn text(&self) -> &str {
        self.0.to_str().unwrap()
    }

    /// The binary, in this directory's world and no other.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(FACEMUX);
        command.args(arguments).env_clear().envs(self.environment()).stdin(Stdio::null());
        command
    }

    /// The environment of everything run here.
    pub fn environment(&self) -> Vec<(String, String)> {
        let path = std::env::var("PATH").unwrap();
        let fixed = [
            ("PATH", path.as_str()),
            ("HOME", self.text()),
            ("FACEMUX_DIR", self.text()),
            ("TERM", "xterm-256color"),
            ("LANG", "C.UTF-8"),
            ("SHELL", "/bin/sh"),
            ("PS1", "$ "),
        ];
        fixed.map(|(k, v)| (k.to_owned(), v.to_owned())).to_vec()
    }

    /// Runs the binary to its end.
    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// What a command that ran left.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Ran {
    pub fn of(output: Output) -> Ran {
        Ran {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// Asserts the exit code and one sentence on stderr that contains each of `words`; nothing on stdout.
    #[track_caller]
    pub fn refused(&self, code: i32, words: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (code, ""), "{self:?}");
        assert_eq!(self.err.lines().count(), 1, "{self:?}");
        for word in words {
            assert!(self.err.contains(word), "{word:?} is not in {self:?}");
        }
    }

    /// Asserts that it did what was asked; gives its stdout without the last newline.
    #[track_caller]
    pub fn answer(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (0, ""), "{self:?}");
        self.out.trim_end_matches('\n').to_owned()
    }
}

/// A server of its own, in the foreground, without web and SSH.
pub struct Server {
    pub dir: Dir,
    keeper: Child,
}

impl Server {
    pub fn start() -> Server {
        Server::with(&[])
    }

    pub fn with(flags: &[&str]) -> Server {
        Server::planted(flags, "")
    }

    /// The same in a build where bugs can be planted; the words in the file `planted` say which.
    pub fn planted(flags: &[&str], words: &str) -> Server {
        Server::of(flags, |dir| {
            std::fs::write(dir.join("planted"), words).unwrap();
            PathBuf::from(FACEMUX)
        })
    }

    /// A server of the binary that `make` puts into its directory.
    pub fn of(flags: &[&str], make: impl FnOnce(&Path) -> PathBuf) -> Server {
        let dir = Dir::new();
        let log = File::create(dir.path().join("serve.log")).unwrap();
        let mut command = Command::new(make(dir.path()));
        command.args(["serve", "--web", "off", "--ssh", "off"]).stdin(Stdio::null());
        command.env_clear().envs(dir.environment());
        command.env("FACEMUX_PLANTED", dir.path().join("planted"));
        let keeper = command.args(flags).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        let mut server = Server { dir, keeper };
        let socket = server.socket();
        eventually("the server listens", || {
            if let Some(status) = server.keeper.try_wait().unwrap() {
                panic!("the server ended with {status}: {}", server.log());
            }
            UnixStream::connect(&socket).ok()
        });
        server
    }

    pub fn socket(&self) -> PathBuf {
        self.dir.path().join("sock")
    }

    pub fn keeper_pid(&self) -> u32 {
        self.keeper.id()
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("serve.log")).unwrap_or_default()
    }

    /// The children of the keeper that are our own roles, by what their command line contains.
    pub fn role_pid(&self, role: &str) -> u32 {
        eventually(&format!("the {role} runs"), || {
            children(self.keeper.id()).into_iter().find(|pid| {
                let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                String::from_utf8_lossy(&line).contains(role)
            })
        })
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.dir.run(arguments)
    }

    /// Starts a detached face running `sh -c SCRIPT`; gives its id.
    #[track_caller]
    pub fn face(&self, script: &str) -> String {
        self.run(&["new", "-d", "--", "/bin/sh", "-c", script]).answer()
    }

    /// The screen of a face as text.
    #[track_caller]
    pub fn snap(&self, face: &str) -> String {
        self.run(&["snap", face]).answer()
    }

    /// Waits until the screen of a face contains `text`.
    #[track_caller]
    pub fn shows(&self, face: &str, text: &str) -> String {
        let mut last = String::new();
        eventually(&format!("face {face} shows {text:?}"), || {
            last = self.snap(face);
            last.contains(text).then(|| last.clone())
        })
    }

    /// A terminal in which the binary runs with these arguments.
    pub fn terminal(&self, arguments: &[&str]) -> Terminal {
        let mut argv = vec![FACEMUX];
        argv.extend(arguments);
        Terminal::start(&argv, &self.dir.environment(), (24, 80))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = facemux::sys::process::kill(self.keeper.id(), 15);
        let deadline = Instant::now() + Duration::from_secs(10);
        while self.keeper.try_wait().unwrap().is_none() {
            if Instant::now() > deadline {
                let _ = self.keeper.kill();
                let _ = self.keeper.wait();
                break;
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        if std::thread::panicking() {
            eprintln!("--- log of the server\n{}", self.log());
        }
    }
}

/// The children of a process.
pub fn children(parent: u32) -> Vec<u32> {
    let all = facemux::sys::procfs::all();
    all.into_iter().filter(|p| p.parent == parent && !p.is_dead()).map(|p| p.pid).collect()
}

/// The keepers whose world is a directory.
pub fn keepers(dir: &Dir) -> Vec<u32> {
    let read = |pid: u32, file: &str| {
        let bytes = std::fs::read(format!("/proc/{pid}/{file}")).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    };
    let living = facemux::sys::procfs::all().into_iter().filter(|p| !p.is_dead());
    let serving = living.map(|p| p.pid).filter(|pid| read(*pid, "cmdline").contains("\0serve\0"));
    serving.filter(|pid| read(*pid, "environ").contains(dir.text())).collect()
}
