//! The other way in: `facemux ssh-entry` as the forced command of an OpenSSH or Dropbear that is already there.

use crate::common::{Dir, Ran, Server, Terminal, eventually};
use crate::world::{argv, make_key};
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};

/// Somebody else's SSH server in front of ours.
struct Front {
    server: Server,
    keys: Dir,
    port: u16,
    daemon: Child,
}

impl Drop for Front {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.keys.path().join("log")).unwrap_or_default();
            eprintln!("--- log of the SSH server\n{log}");
        }
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn user() -> String {
    String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout)
        .unwrap()
        .trim()
        .to_owned()
}

impl Front {
    fn sshd(entry: &str) -> Front {
        Front::start(entry, |keys, port, command| {
            if user() == "root" {
                // sshd insists on it when it is root.
                std::fs::create_dir_all("/run/sshd").unwrap();
            }
            let dir = keys.text();
            let config = format!(
                "ListenAddress 127.0.0.1:{port}\nHostKey {dir}/host\nPidFile none\nUsePAM no\nStrictModes no\n\
                 AuthorizedKeysFile {dir}/authorized_keys\nPermitRootLogin yes\nPrintMotd no\nPrintLastLog no\n\
                 MaxStartups 200\nMaxSessions 200\nAllowTcpForwarding no\nX11Forwarding no\nForceCommand {command}\n"
            );
            std::fs::write(keys.path().join("sshd_config"), config).unwrap();
            let mut sshd = Command::new("/usr/sbin/sshd");
            sshd.args(["-D", "-e", "-f"]).arg(keys.path().join("sshd_config"));
            sshd
        })
    }

    fn dropbear(entry: &str) -> Front {
        Front::start(entry, |keys, port, command| {
            let dir = keys.text();
            let host = format!("{dir}/dropbear_host");
            let made = Command::new("dropbearkey").args(["-t", "ed25519", "-f", &host]).output();
            assert!(made.unwrap().status.success());
            // This dropbear reads ~/.ssh alone: it gets one of its own, in a mount namespace of its own.
            let dot_ssh = format!("{dir}/.ssh");
            std::fs::create_dir(&dot_ssh).unwrap();
            std::fs::copy(format!("{dir}/authorized_keys"), format!("{dot_ssh}/authorized_keys"))
                .unwrap();
            let home = std::env::var("HOME").unwrap();
            let (from, to) = if std::path::Path::new(&home).join(".ssh").is_dir() {
                (dot_ssh, format!("{home}/.ssh"))
            } else {
                (dir.to_owned(), home)
            };
            let script = format!(
                "mount --make-rprivate / && mount --bind {from} {to} && \
                 exec dropbear -F -E -s -P '' -p 127.0.0.1:{port} -r {host} -c '{command}'"
            );
            let mut dropbear = Command::new("unshare");
            dropbear.args(["-m", "sh", "-c", &script]);
            dropbear
        })
    }

    fn start(entry: &str, command: impl FnOnce(&Dir, u16, &str) -> Command) -> Front {
        let (server, keys, port) = (Server::start(), Dir::new(), free_port());
        let public = make_key(&keys, "id");
        make_key(&keys, "host");
        std::fs::write(keys.path().join("authorized_keys"), public).unwrap();
        let forced = format!("{} --dir {} {entry}", crate::common::FACEMUX, server.dir.text());
        let log = std::fs::File::create(keys.path().join("log")).unwrap();
        let daemon = command(&keys, port, &forced)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn();
        let front = Front { server, keys, port, daemon: daemon.unwrap() };
        eventually("the SSH server listens", || TcpStream::connect(("127.0.0.1", port)).ok());
        front
    }

    fn command(&self, options: &[&str], words: &[&str]) -> Vec<String> {
        let mut argv = argv(&self.keys, self.port, options);
        argv.push(format!("{}@127.0.0.1", user()));
        argv.extend(words.iter().map(|w| (*w).to_owned()));
        argv
    }

    fn run_with(&self, input: &[u8], words: &[&str]) -> Ran {
        let argv = self.command(&[], words);
        let mut command = Command::new(&argv[0]);
        command
            .args(&argv[1..])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        Ran::of(child.wait_with_output().unwrap())
    }

    fn run(&self, words: &[&str]) -> Ran {
        self.run_with(b"", words)
    }

    fn terminal(&self, words: &[&str]) -> Terminal {
        let argv = self.command(&["-t"], words);
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        Terminal::start(&argv, &self.server.dir.environment(), (24, 80))
    }

    /// What both servers must let through.
    fn check(&self) {
        let face = self.run(&["new", "-d", "--name", "x", "--", "cat"]).answer();
        let list: serde_json::Value =
            serde_json::from_str(&self.run(&["ls", "--json"]).answer()).unwrap();
        assert_eq!(list[0]["kind"].as_str(), Some("ssh"));
        assert_eq!(self.run_with(b"pasted\n", &["send", "x", "--paste", "-"]).code, 0);
        self.server.shows("x", "pasted");
        assert!(self.run(&["snap", "x"]).answer().contains("pasted"));
        self.run(&["snap", "99"]).refused(4, &["99"]);
        self.run(&["uname"]).refused(2, &["uname"]);
        self.run(&["serve"]).refused(5, &["not offered over SSH"]);
        self.run(&["snap", "x", "-o", "/tmp/never"]).refused(5, &["over SSH"]);
        let mut here = self.terminal(&["attach", &face]);
        here.expect("pasted");
        here.resize(30, 90);
        here.type_text("\x02d");
        assert_eq!(here.wait(), 0);
        here.assert_as_before();
        let mut login = self.terminal(&[]);
        login.expect("comes back, Ctrl-B d leaves");
        login.type_text("stty size; exit 4\r");
        assert_eq!(login.wait(), 4);
        login.expect("24 80");
    }
}

#[test]
fn openssh_forces_the_command() {
    Front::sshd("ssh-entry").check();
}

#[test]
fn dropbear_forces_the_command() {
    if user() != "root" {
        eprintln!(
            "skipped: a mount namespace needs root, and this dropbear reads nothing but ~/.ssh"
        );
        return;
    }
    Front::dropbear("ssh-entry").check();
}

#[test]
fn the_forced_command_says_on_whose_behalf() {
    let front = Front::sshd("ssh-entry --role viewer --user alice");
    let face = front.server.face("echo owners; cat");
    front.run(&["snap", &face]).refused(4, &[&face]);
    front.run(&["new", "-d", "--", "cat"]).refused(5, &[]);
    front.run(&["kill", &face]).refused(4, &[&face]);
    assert_eq!(front.run(&["ls"]).answer(), "");
}
