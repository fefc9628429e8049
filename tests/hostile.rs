//! A hostile machine: no disk, no descriptors, no processes, no memory. Whoever asks for what cannot be had is told
//! so; all else goes on.
//!
//! Namespaces take root: where we are not, those tests say so and are not run.

#![allow(clippy::unwrap_used)]

#[path = "web/client.rs"]
mod client;
mod common;

use common::{Dir, FACEMUX, Ran, Server, eventually};
use facemux::sys::{process, procfs};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Whether we may do what only root may.
fn root() -> bool {
    let root = process::user() == 0;
    if !root {
        println!("not run: this takes root");
    }
    root
}

fn tool(words: &[&str]) {
    let ran = Command::new(words[0]).args(&words[1..]).output().unwrap();
    assert!(ran.status.success(), "{words:?}: {ran:?}");
}

/// A server whose directory is a file system of its own, of a few hundred KiB.
struct Mounted {
    server: Server,
}

impl Mounted {
    fn start(flags: &[&str]) -> Mounted {
        let server = Server::of(flags, |dir| {
            let state = dir.join("state");
            std::fs::create_dir(&state).unwrap();
            std::fs::set_permissions(&state, mode(0o700)).unwrap();
            tool(&["mount", "-t", "tmpfs", "-o", "size=256k,mode=700", "none", text(&state)]);
            FACEMUX.into()
        });
        Mounted { server }
    }

    fn state(&self) -> std::path::PathBuf {
        self.server.dir.path().join("state")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: the keeper still holds its lock there.
        let _ = Command::new("umount").args(["-l", text(&self.state())]).status();
    }
}

fn mode(bits: u32) -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(bits)
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A face that answers.
fn echo(server: &Server) -> String {
    let face = server.face("while read -r line; do echo got $line; done");
    answers(server, &face, "first");
    face
}

fn answers(server: &Server, face: &str, word: &str) {
    server.run(&["send", face, &format!("{word}\r")]).answer();
    server.shows(face, &format!("got {word}"));
}

/// Starts faces until one is refused; gives their ids and the refusal.
fn until_refused(server: &Server) -> (Vec<String>, Ran) {
    let mut ids = Vec::new();
    loop {
        let ran = server.run(&["new", "-d", "--", "/bin/sh", "-c", "exec sleep 100000"]);
        if ran.code != 0 {
            return (ids, ran);
        }
        ids.push(ran.answer());
        assert!(ids.len() < 200, "nothing is refused");
    }
}

fn kill_daemon(server: &Server) {
    let pid = server.role_pid("daemon");
    process::kill(pid, 9).unwrap();
    eventually("another daemon serves", || {
        (server.role_pid("daemon") != pid && server.run(&["ls"]).code == 0).then_some(())
    });
}

#[test]
fn a_full_disk_costs_new_ids_and_tokens_and_nothing_else() {
    if !root() {
        return;
    }
    let mounted = Mounted::start(&["--web", "127.0.0.1:0"]);
    let server = &mounted.server;
    let face = echo(server);
    let before = server.run(&["token", "new", "--role", "owner"]).answer();
    let filler = mounted.state().join("filler");
    let filled = std::fs::write(&filler, vec![1; 1 << 20]);
    assert!(filled.is_err(), "the disk was to be full");
    let (ids, refused) = until_refused(server);
    assert!(ids.len() <= 64, "ids beyond those that are durable were given: {ids:?}");
    refused.refused(3, &["id", "durable"]);
    server.run(&["token", "new"]).refused(5, &["tokens.json", "No space left"]);
    answers(server, &face, "on a full disk");
    kill_daemon(server);
    answers(server, &face, "after a crash on a full disk");
    // Who had a token still comes in.
    let port = web_port(server);
    let bearer = format!("Authorization: Bearer {before}");
    assert_eq!(client::get(port, "/api/v1/faces", &[&bearer]).status, 200);
    std::fs::remove_file(&filler).unwrap();
    let next = server.face("exec sleep 1000").parse::<u64>().unwrap();
    assert!(ids.iter().all(|id| id.parse::<u64>().unwrap() < next), "{ids:?} and then {next}");
    server.run(&["token", "new"]).answer();
}

fn web_port(server: &Server) -> u16 {
    eventually("the web frontend listens", || {
        let log = server.log();
        let address = log.split("web listens at 127.0.0.1:").nth(1)?;
        address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
    })
}

#[test]
fn a_state_directory_that_becomes_read_only_costs_the_same() {
    if !root() {
        return;
    }
    let mounted = Mounted::start(&[]);
    let server = &mounted.server;
    let face = echo(server);
    // A lock is open for writing there: the file system cannot be made read-only, what is mounted can.
    tool(&["mount", "--bind", text(&mounted.state()), text(&mounted.state())]);
    tool(&["mount", "-o", "remount,bind,ro", text(&mounted.state())]);
    let (ids, refused) = until_refused(server);
    assert!(ids.len() <= 64, "{ids:?}");
    refused.refused(3, &["id", "durable"]);
    server.run(&["token", "new"]).refused(5, &["tokens", "Read-only"]);
    kill_daemon(server);
    answers(server, &face, "read-only");
    let doctor = server.run(&["doctor"]).out;
    assert!(doctor.contains("read-only"), "{doctor}");
    tool(&["umount", text(&mounted.state())]);
    server.face("exec sleep 1000");
}

#[test]
fn a_server_does_not_start_where_it_cannot_write() {
    if !root() {
        return;
    }
    let dir = Dir::new();
    let state = dir.path().join("state");
    std::fs::create_dir(&state).unwrap();
    std::fs::set_permissions(&state, mode(0o700)).unwrap();
    tool(&["mount", "-t", "tmpfs", "-o", "ro,mode=700", "none", text(&state)]);
    let ran = dir.run(&["serve", "--web", "off"]);
    tool(&["umount", text(&state)]);
    ran.refused(1, &["state/lock", "Read-only"]);
}

/// A server under `prlimit` or the like.
fn limited(words: &[&str]) -> Server {
    Server::of(&[], |dir| {
        let path = dir.join("limited");
        let line = format!("#!/bin/sh\nexec {} {FACEMUX} \"$@\"\n", words.join(" "));
        std::fs::write(&path, line).unwrap();
        std::fs::set_permissions(&path, mode(0o755)).unwrap();
        path
    })
}

#[test]
fn without_descriptors_faces_and_clients_are_refused_and_the_daemon_can_still_be_replaced() {
    let server = limited(&["prlimit", "--nofile=80:80"]);
    let face = echo(&server);
    let (ids, refused) = until_refused(&server);
    assert!(ids.len() > 5, "{ids:?}");
    refused.refused(126, &["Too many open files"]);
    answers(&server, &face, "no descriptors");
    kill_daemon(&server);
    answers(&server, &face, "a new daemon");
    // Clients that say nothing take what is left to the daemon, but not what faces need.
    server
        .run(&[&["kill"], &ids.iter().map(String::as_str).collect::<Vec<_>>()[..]].concat())
        .answer();
    let silent: Vec<_> = (0..100)
        .map_while(|_| std::os::unix::net::UnixStream::connect(server.socket()).ok())
        .collect();
    eventually("further clients are refused", || {
        let ran = server.run(&["ls"]);
        (ran.code == 6 && ran.err.contains("descriptors")).then_some(())
    });
    drop(silent);
    eventually("clients come in again", || (server.run(&["ls"]).code == 0).then_some(()));
    answers(&server, &face, "after the crowd");
    server.face("exec sleep 1000");
}

#[test]
fn a_process_that_cannot_be_forked_is_one_face_that_does_not_start() {
    if !root() {
        return;
    }
    let dir = Dir::new();
    // A user of nobody else's: the limit counts all its processes.
    let user = (60_000 + std::process::id() % 5000).to_string();
    std::os::unix::fs::chown(dir.path(), user.parse().ok(), user.parse().ok()).unwrap();
    let as_user = |words: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &user, "--regid", &user, "--clear-groups"]).args(words);
        command.env_clear().envs(dir.environment()).stdin(Stdio::null());
        command
    };
    let log = std::fs::File::create(dir.path().join("serve.log")).unwrap();
    let words = ["prlimit", "--nproc=8:8", FACEMUX, "serve", "--web", "off"];
    let keeper = as_user(&words).stderr(log).stdout(Stdio::null()).spawn().unwrap();
    let _keeper = Ended(keeper);
    let run = |words: &[&str]| Ran::of(as_user(&[&[FACEMUX], words].concat()).output().unwrap());
    eventually("it serves", || (run(&["ls"]).code == 0).then_some(()));
    let first = run(&["new", "-d", "--", "cat"]).answer();
    let mut faces = vec![first.clone()];
    let refused = loop {
        let ran = run(&["new", "-d", "--", "sleep", "1000"]);
        if ran.code != 0 {
            break ran;
        }
        faces.push(ran.answer());
        assert!(faces.len() < 20, "nothing is refused");
    };
    refused.refused(126, &["start sleep", "Resource temporarily unavailable"]);
    run(&["send", &first, "still here\r"]).answer();
    eventually("the first face answers", || {
        run(&["snap", &first]).out.contains("still here\nstill here").then_some(())
    });
    run(&["kill", faces.last().unwrap()]).answer();
    run(&["new", "-d", "--", "sleep", "1000"]).answer();
}

/// A server that is ended, whatever the test came to.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = process::kill(self.0.id(), 15);
        let _ = self.0.wait();
    }
}

#[test]
fn memory_that_is_refused_to_the_keeper_is_one_face_that_does_not_start() {
    // A file's size limit binds shared memory: the ledger fits, a face's memory does not.
    let server = limited(&["prlimit", "--fsize=4194304:unlimited"]);
    let refused = server.run(&["new", "-d", "--", "cat"]);
    refused.refused(126, &["memory", "File too large"]);
    let keeper = server.keeper_pid().to_string();
    tool(&["prlimit", "--pid", &keeper, "--fsize=unlimited:unlimited"]);
    let face = echo(&server);
    tool(&["prlimit", "--pid", &keeper, "--fsize=4194304:unlimited"]);
    server.run(&["new", "-d", "--", "cat"]).refused(126, &["File too large"]);
    answers(&server, &face, "no memory");
    kill_daemon(&server);
    answers(&server, &face, "a new daemon");
}

#[test]
fn memory_that_is_refused_to_the_daemon_is_one_face_that_does_not_start() {
    let server = Server::start();
    let face = echo(&server);
    let daemon = server.role_pid("daemon");
    let status = std::fs::read_to_string(format!("/proc/{daemon}/status")).unwrap();
    let kib = status.lines().find_map(|l| l.strip_prefix("VmSize:")?.trim().strip_suffix(" kB"));
    let bytes = kib.unwrap().trim().parse::<u64>().unwrap() * 1024 + (32 << 20);
    // A face's memory is 66 MiB of address space, most of which is never used.
    tool(&["prlimit", "--pid", &daemon.to_string(), &format!("--as={bytes}:unlimited")]);
    let refused = server.run(&["new", "-d", "--", "/bin/sh", "-c", "exec sleep 100000"]);
    refused.refused(126, &["memory", "Cannot allocate"]);
    answers(&server, &face, "no memory");
    assert_eq!(server.role_pid("daemon"), daemon, "the daemon is the one it was");
    eventually("what was started for nothing is gone", || {
        let all = procfs::all();
        (procfs::descendants(&all, &[server.keeper_pid()]).len() == 2).then_some(())
    });
    tool(&["prlimit", "--pid", &daemon.to_string(), "--as=unlimited:unlimited"]);
    server.face("exec sleep 1000");
}

#[test]
fn damaged_state_files_are_named_and_nothing_is_given_out_twice() {
    let dir = Dir::new();
    let serve = || {
        let log = std::fs::File::create(dir.path().join("serve.log")).unwrap();
        let mut command = dir.command(&["serve", "--web", "127.0.0.1:0", "--ssh", "127.0.0.1:0"]);
        let keeper = Ended(command.stderr(log).stdout(Stdio::null()).spawn().unwrap());
        eventually("it serves", || (dir.run(&["ls"]).code == 0).then_some(()));
        keeper
    };
    let log = || std::fs::read_to_string(dir.path().join("serve.log")).unwrap();
    let state = dir.path().join("state");
    let keeper = serve();
    eventually("there is a host key", || state.join("ssh_host_ed25519_key").exists().then_some(()));
    let first: u64 = dir.run(&["new", "-d", "--", "true"]).answer().parse().unwrap();
    dir.run(&["token", "new"]).answer();
    drop(keeper);
    for name in ["ids", "ids.backup", "tokens.json", "ssh_host_ed25519_key"] {
        let path = state.join(name);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    }
    let keeper = serve();
    for name in ["ids", "ids.backup", "tokens.json", "ssh_host_ed25519_key"] {
        eventually(&format!("{name} is named"), || log().contains(name).then_some(()));
    }
    let next: u64 = dir.run(&["new", "-d", "--", "true"]).answer().parse().unwrap();
    assert!(next > first, "{next} after {first}");
    dir.run(&["token", "new"]).refused(5, &["tokens.json is damaged", "Move it away"]);
    assert!(!log().contains("panic"), "{}", log());
    drop(keeper);
}
