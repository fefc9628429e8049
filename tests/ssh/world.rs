//! A server with its SSH frontend, keys, and the OpenSSH client that uses them.

use crate::common::{Dir, PATIENCE, Ran, Server, Terminal, eventually};
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

pub struct World {
    pub server: Server,
    /// The client's keys, and the server's list of them.
    pub keys: Dir,
    pub port: u16,
}

/// Makes a key pair `name` in `dir`; gives the public half.
pub fn make_key(dir: &Dir, name: &str) -> String {
    let file = dir.path().join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", name, "-f"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(made.success());
    std::fs::read_to_string(file.with_extension("pub")).unwrap()
}

impl World {
    pub fn start() -> World {
        World::with(&[])
    }

    /// With further flags for `serve`.
    pub fn with(flags: &[&str]) -> World {
        let keys = Dir::new();
        let public = make_key(&keys, "id");
        std::fs::write(keys.path().join("authorized_keys"), public).unwrap();
        let list = format!("{}/authorized_keys", keys.text());
        let own = ["--ssh", "127.0.0.1:0", "--ssh-authorized-keys", &list];
        let server = Server::with(&[&own[..], flags].concat());
        let port = eventually("the SSH frontend says where it listens", || {
            let log = server.log();
            let (_, after) = log.split_once("serving SSH at 127.0.0.1:")?;
            after.split([',', '\n']).next()?.trim().parse().ok()
        });
        World { server, keys, port }
    }

    /// Replaces the list of keys.
    pub fn authorize(&self, lines: &str) {
        std::fs::write(self.keys.path().join("authorized_keys"), lines).unwrap();
    }

    /// The client's command line up to the host, with the key `id`.
    pub fn argv(&self, options: &[&str]) -> Vec<String> {
        argv(&self.keys, self.port, options)
    }

    /// `ssh OPTIONS root@host WORDS`.
    pub fn ssh(&self, options: &[&str], words: &[&str]) -> Command {
        let mut argv = self.argv(options);
        argv.push("root@127.0.0.1".into());
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        let mut command = Command::new(&argv[0]);
        command.args(&argv[1..]).stdin(Stdio::null());
        command
    }

    /// Runs a command over SSH to its end, without a terminal and without input.
    pub fn run(&self, words: &[&str]) -> Ran {
        Ran::of(self.ssh(&[], words).output().unwrap())
    }

    /// The same with `input`.
    pub fn run_with(&self, input: &[u8], words: &[&str]) -> Ran {
        let mut child = self.piped(&[], words);
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    /// A client with pipes at both ends.
    pub fn piped(&self, options: &[&str], words: &[&str]) -> Child {
        let mut command = self.ssh(options, words);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// A terminal with the client in it.
    pub fn terminal(&self, words: &[&str]) -> Terminal {
        self.terminal_as("root", words)
    }

    pub fn terminal_as(&self, login: &str, words: &[&str]) -> Terminal {
        self.terminal_with(&[], login, words)
    }

    pub fn terminal_with(&self, options: &[&str], login: &str, words: &[&str]) -> Terminal {
        let mut argv = self.argv(&[&["-t"], options].concat());
        argv.push(format!("{login}@127.0.0.1"));
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        Terminal::start(&argv, &self.server.dir.environment(), (24, 80))
    }

    /// The ids of the living faces, as the owner at the machine sees them.
    pub fn faces(&self) -> Vec<u64> {
        let list = self.server.run(&["ls", "--json"]).answer();
        let list: serde_json::Value = serde_json::from_str(&list).unwrap();
        list.as_array().unwrap().iter().map(|face| face["id"].as_u64().unwrap()).collect()
    }

    /// Asserts that all that came to a terminal left it as a fresh one is: its settings, and by the model each mode,
    /// the pen, the character sets and the margins, which whatever is printed next would show.
    #[track_caller]
    pub fn assert_untouched(&self, terminal: &mut Terminal) {
        terminal.assert_as_before();
        let probe = format!("\x1b[H\x1b[2J\x1b[3Jlqk {}\x1b[5;1Hend", "line\r\n".repeat(40));
        let after = [&terminal.bytes[..], probe.as_bytes()].concat();
        assert_eq!(self.screen_of(&after), self.screen_of(probe.as_bytes()));
    }

    /// The screen after `bytes`, as the model has it, without what a title or a history says.
    fn screen_of(&self, bytes: &[u8]) -> serde_json::Value {
        let mut model = self.server.dir.command(&["model", "--size", "80x24", "--format", "json"]);
        let mut model = model.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        model.stdin.take().unwrap().write_all(bytes).unwrap();
        let told = model.wait_with_output().unwrap().stdout;
        let mut told: serde_json::Value = serde_json::from_slice(&told).unwrap();
        for other in ["title", "history", "offset"] {
            told.as_object_mut().unwrap().remove(other);
        }
        told
    }

    /// Waits until the frontend's log has `text`.
    pub fn logs(&self, text: &str) {
        eventually(&format!("the log has {text:?}"), || {
            self.server.log().contains(text).then_some(())
        });
    }
}

/// The client's command line up to the host.
pub fn argv(keys: &Dir, port: u16, options: &[&str]) -> Vec<String> {
    let id = format!("{}/id", keys.text());
    let port = port.to_string();
    let first = ["ssh", "-F", "none", "-p", &port, "-i", &id, "-e", "none"];
    // Of two values of an option OpenSSH takes the first.
    let last = [
        "-o",
        "IdentitiesOnly=yes",
        "-o",
        "StrictHostKeyChecking=no",
        "-o",
        "LogLevel=ERROR",
        "-o",
        "UserKnownHostsFile=/dev/null",
        "-o",
        "BatchMode=yes",
    ];
    first.iter().chain(options).chain(&last).map(|word| (*word).to_owned()).collect()
}

/// Reads from a pipe until `mark` has come; gives what came, the mark included.
pub fn read_until(from: &mut impl Read, mark: &str) -> String {
    let deadline = Instant::now() + PATIENCE;
    let mut got = Vec::new();
    let mut byte = [0];
    while !String::from_utf8_lossy(&got).contains(mark) {
        assert!(Instant::now() < deadline, "no {mark:?} in {:?}", String::from_utf8_lossy(&got));
        match from.read(&mut byte).unwrap() {
            0 => panic!("ended before {mark:?}: {:?}", String::from_utf8_lossy(&got)),
            _ => got.push(byte[0]),
        }
    }
    String::from_utf8(got).unwrap()
}
