//! As PID 1 in a root that holds one static binary, /proc, /dev/pts and /dev/ptmx: read-only but for one tmpfs, as
//! user 65532. The face's program is a static child of this test's own.
//!
//! No test harness: this binary is also what prepares the root from inside, as container runtimes do. `make static`
//! names the static binary in FACEMUX_STATIC; otherwise the box holds the tested binary with its libraries. Root is
//! needed to make the namespaces.

#![allow(clippy::unwrap_used)]

mod common;

use common::{Dir, PATIENCE, Ran, Terminal, children, eventually};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::unistd::{Gid, Uid, chdir, pivot_root, setgroups, setresgid, setresuid};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Who everything in the box runs as: the user that images without a user database name "nonroot".
const USER: u32 = 65532;

type Test = (&'static str, fn(&Parts));

const TESTS: &[Test] = &[
    ("it_serves_faces_and_drains_in_time", it_serves_faces_and_drains_in_time),
    ("what_is_not_mounted_is_named", what_is_not_mounted_is_named),
    ("a_kill_leaves_nothing_behind", a_kill_leaves_nothing_behind),
];

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().collect();
    if words.get(1).is_some_and(|word| word == "inside") {
        inside(Path::new(&words[2]), &words[3]);
    }
    if facemux::sys::process::user() != 0 {
        println!("not run: namespaces and mounts take root");
        return ExitCode::SUCCESS;
    }
    let dir = Dir::new();
    let parts = Parts::find(dir.path());
    for (name, test) in TESTS {
        let begun = Instant::now();
        test(&parts);
        println!("test {name} ... ok ({:.2} s)", begun.elapsed().as_secs_f32());
    }
    ExitCode::SUCCESS
}

/// What lies in the box.
struct Parts {
    binary: PathBuf,
    child: PathBuf,
    /// At the same places as outside; none for a static binary.
    libraries: Vec<PathBuf>,
}

impl Parts {
    fn find(dir: &Path) -> Parts {
        let named = std::env::var_os("FACEMUX_STATIC").map(PathBuf::from);
        let is_static = named.is_some();
        let binary = named.unwrap_or_else(|| common::FACEMUX.into());
        let listed = Ran::of(Command::new("ldd").arg(&binary).output().unwrap()).out;
        let words = listed.split_ascii_whitespace().filter(|word| word.starts_with('/'));
        let libraries: Vec<PathBuf> = words.map(PathBuf::from).collect();
        assert_eq!(is_static, libraries.is_empty(), "{}: {listed}", binary.display());
        Parts { binary, child: build_child(dir), libraries }
    }

    /// Makes what the root is to hold, in a directory.
    fn lay_out(&self, dir: &Path) {
        fs::copy(&self.binary, dir.join("facemux")).unwrap();
        fs::copy(&self.child, dir.join("child")).unwrap();
        for library in &self.libraries {
            let place = dir.join(library.strip_prefix("/").unwrap());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            fs::copy(library, place).unwrap();
        }
        for name in ["proc", "dev/pts", "state"] {
            fs::create_dir_all(dir.join(name)).unwrap();
        }
    }
}

fn build_child(dir: &Path) -> PathBuf {
    let child = dir.join("child");
    let mut rustc = Command::new("rustc");
    rustc.args([
        "--edition",
        "2024",
        "-C",
        "target-feature=+crt-static",
        "-C",
        "panic=abort",
        "-o",
    ]);
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boxed/child.rs");
    let built = Ran::of(rustc.arg(&child).arg(source).output().unwrap());
    assert_eq!(built.code, 0, "{built:?}");
    child
}

/// In namespaces of our own, as PID 1: makes the root, goes into it, becomes nobody, and is the server from then on.
/// `lack` names what is left out.
fn inside(root: &Path, lack: &str) -> ! {
    let none = None::<&Path>;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_PRIVATE, none).unwrap();
    mount(Some(root), root, none, MsFlags::MS_BIND, none).unwrap();
    if lack != "/proc" {
        mount(Some("proc"), &root.join("proc"), Some("proc"), MsFlags::empty(), none).unwrap();
    }
    if lack != "/dev/pts" {
        let options = Some("newinstance,ptmxmode=0666,mode=0620");
        let place = root.join("dev/pts");
        mount(Some("devpts"), &place, Some("devpts"), MsFlags::empty(), options).unwrap();
    }
    if lack != "/dev/ptmx" {
        symlink("pts/ptmx", root.join("dev/ptmx")).unwrap();
    }
    let options = format!("mode=700,uid={USER},gid={USER}");
    let state = root.join("state");
    mount(Some("tmpfs"), &state, Some("tmpfs"), MsFlags::empty(), Some(&*options)).unwrap();
    let read_only = MsFlags::MS_REMOUNT | MsFlags::MS_BIND | MsFlags::MS_RDONLY;
    mount(none, root, none, read_only, none).unwrap();
    chdir(root).unwrap();
    pivot_root(".", ".").unwrap();
    umount2(".", MntFlags::MNT_DETACH).unwrap();
    chdir("/").unwrap();
    assert!(fs::write("/x", "").is_err(), "the root is not read-only");
    setgroups(&[]).unwrap();
    let (uid, gid) = (Uid::from_raw(USER), Gid::from_raw(USER));
    setresgid(gid, gid, gid).unwrap();
    setresuid(uid, uid, uid).unwrap();
    let mut server = Command::new("/facemux");
    server.args(["serve", "--dir", "/state", "--ready-fd", "1", "--grace", "500ms"]);
    server.args(["--web", "127.0.0.1:0", "--ssh", "127.0.0.1:0"]);
    panic!("{}", server.env_clear().exec())
}

/// A running box.
struct Boxed {
    /// unshare(1), which gives the exit code of PID 1.
    outer: Child,
    /// PID 1 as it is numbered outside.
    pid: u32,
    ready: String,
    _dir: Dir,
}

fn start(parts: &Parts, lack: &str) -> (Child, Dir) {
    let dir = Dir::new();
    let root = dir.path().join("root");
    fs::create_dir(&root).unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).unwrap();
    parts.lay_out(&root);
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--pid", "--fork", "--kill-child", "--"]);
    unshare.arg(std::env::current_exe().unwrap()).arg("inside").arg(&root).arg(lack);
    unshare.stdin(Stdio::null()).stdout(Stdio::piped());
    let log = fs::File::create(dir.path().join("log")).unwrap();
    (unshare.stderr(log).spawn().unwrap(), dir)
}

impl Boxed {
    fn start(parts: &Parts) -> Boxed {
        let (mut outer, dir) = start(parts, "");
        let mut stdout = BufReader::new(outer.stdout.take().unwrap());
        // The web frontend prints its link there too.
        let mut lines = stdout.by_ref().lines().map_while(Result::ok);
        let ready = lines.find(|line| line.starts_with("ready "));
        let log = || fs::read_to_string(dir.path().join("log")).unwrap();
        let ready = ready.unwrap_or_else(|| panic!("it is never ready; log:\n{}", log()));
        std::thread::spawn(move || stdout.read_to_end(&mut Vec::new()));
        let pid = children(outer.id())[0];
        Boxed { outer, pid, ready, _dir: dir }
    }

    fn log(&self) -> String {
        fs::read_to_string(self._dir.path().join("log")).unwrap()
    }

    /// What runs a command of the binary inside, as the same user; as `docker exec` with processes of its own, whose
    /// terminal is unknown there.
    fn inside(&self, arguments: &[&str]) -> Vec<String> {
        let (pid, user) = (self.pid.to_string(), USER.to_string());
        let enter = ["nsenter", "-t", &pid, "-m", "--root", "--wd=/", "-S", &user, "-G", &user];
        let facemux = ["--", "/facemux", "--dir", "/state"];
        enter.iter().chain(&facemux).chain(arguments).map(|w| (*w).to_owned()).collect()
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        let words = self.inside(arguments);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null()).env_remove("FACEMUX_DIR");
        Ran::of(command.output().unwrap())
    }

    /// Waits until the screen of a face has `text`.
    #[track_caller]
    fn shows(&self, face: &str, text: &str) {
        eventually(&format!("face {face} shows {text:?}"), || {
            self.run(&["snap", face]).answer().contains(text).then_some(())
        });
    }

    /// Where a frontend listens.
    fn address(&self, frontend: &str) -> &str {
        self.ready.split_ascii_whitespace().find_map(|w| w.strip_prefix(frontend)).unwrap()
    }

    fn terminate(&self) {
        facemux::sys::process::kill(self.pid, 15).unwrap();
    }

    fn wait(&mut self) -> ExitStatus {
        eventually("the box ends", || self.outer.try_wait().unwrap())
    }
}

impl Drop for Boxed {
    fn drop(&mut self) {
        let _ = self.outer.kill();
        let _ = self.outer.wait();
    }
}

fn it_serves_faces_and_drains_in_time(parts: &Parts) {
    let mut boxed = Boxed::start(parts);
    let face = boxed.run(&["new", "-d", "--", "/child"]).answer();
    boxed.shows(&face, "ready");
    boxed.run(&["send", &face, "from outside", "--keys", "Enter"]).answer();
    boxed.shows(&face, "heard from outside");
    // Each process is static, confined, and nobody's but the box's user.
    let roles = eventually("daemon, web, ssh and the face run", || {
        Some(children(boxed.pid)).filter(|roles| roles.len() == 4)
    });
    for role in roles {
        let status = fs::read_to_string(format!("/proc/{role}/status")).unwrap();
        assert!(status.contains(&format!("Uid:\t{USER}\t{USER}\t{USER}\t{USER}")), "{status}");
    }
    let mut stream = TcpStream::connect(boxed.address("web=")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut banner = [0; 8];
    let mut stream = TcpStream::connect(boxed.address("ssh=")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.read_exact(&mut banner).unwrap();
    assert_eq!(&banner, b"SSH-2.0-");
    let second = boxed.run(&["new", "-d", "--", "/child"]).answer();
    boxed.shows(&second, "ready");
    boxed.run(&["send", &second, "exit", "--keys", "Enter"]).answer();
    let info = eventually("the second face ended", || {
        let info = boxed.run(&["info", &second, "--json"]).answer();
        info.contains("\"ended\"").then_some(info)
    });
    assert!(info.contains("\"code\":7"), "{info}");
    let argv = boxed.inside(&["attach", &face]);
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let path = std::env::var("PATH").unwrap();
    let environment = [("PATH".into(), path), ("TERM".into(), "xterm-256color".into())];
    let mut viewer = Terminal::start(&words, &environment, (24, 80));
    viewer.expect("heard from outside");
    let asked = Instant::now();
    boxed.terminate();
    assert_eq!(boxed.wait().code(), Some(0), "{}", boxed.log());
    assert!(asked.elapsed() < Duration::from_secs(5), "{:?}", asked.elapsed());
    viewer.expect("the server was asked to end");
}

fn what_is_not_mounted_is_named(parts: &Parts) {
    for lack in ["/proc", "/dev/pts", "/dev/ptmx"] {
        let (mut outer, dir) = start(parts, lack);
        let status = eventually("it ends", || outer.try_wait().unwrap());
        let said = fs::read_to_string(dir.path().join("log")).unwrap();
        assert_eq!(status.code(), Some(1), "{lack}: {said}");
        assert_eq!(said.lines().count(), 1, "{lack}: {said}");
        assert!(said.contains(&format!("{lack} is missing")), "{lack}: {said}");
    }
}

fn a_kill_leaves_nothing_behind(parts: &Parts) {
    let boxed = Boxed::start(parts);
    let face = boxed.run(&["new", "-d", "--", "/child"]).answer();
    for _ in 0..3 {
        boxed.run(&["send", &face, "leave", "--keys", "Enter"]).answer();
    }
    boxed.shows(&face, "left");
    eventually("three were left", || (all_below(boxed.pid) == 7).then_some(()));
    let said = boxed.run(&["kill", &face]).answer();
    assert!(said.matches("child").count() >= 3, "{said}");
    assert_eq!(all_below(boxed.pid), 3, "daemon, web and ssh are left");
}

/// How many processes live below one.
fn all_below(pid: u32) -> usize {
    let all = facemux::sys::procfs::all();
    let below = facemux::sys::procfs::descendants(&all, &[pid]);
    below.iter().filter(|p| !p.is_dead()).count()
}
