//! A server that is process 1 of a PID namespace of its own.

use super::{Dir, FACEMUX, children, eventually};
use facemux::sys::{process, signals};
use std::process::{Child, Command, Stdio};

/// The server, seen from outside.
pub struct ProcessOne {
    pub dir: Dir,
    /// The keeper's pid out here.
    pub pid: u32,
    outer: Child,
}

impl ProcessOne {
    /// Starts one that serves; `None` where that is not ours to do.
    pub fn start() -> Option<ProcessOne> {
        if process::user() != 0 {
            println!("not run: a PID namespace takes root");
            return None;
        }
        let dir = Dir::new();
        let log = std::fs::File::create(dir.path().join("serve.log")).unwrap();
        let outer = Command::new("unshare")
            .args(["--pid", "--fork", "--mount-proc", "--kill-child"])
            .args([FACEMUX, "serve", "--web", "off"])
            .env_clear()
            .envs(dir.environment())
            .stderr(log)
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        eventually("it serves", || (dir.run(&["ls"]).code == 0).then_some(()));
        let pid = children(outer.id())[0];
        Some(ProcessOne { dir, pid, outer })
    }

    /// Tells it to end, and waits until it has, in good order.
    #[track_caller]
    pub fn drain(mut self) {
        process::kill(self.pid, signals::TERMINATE).unwrap();
        let code = self.outer.wait().unwrap().code();
        let log = std::fs::read_to_string(self.dir.path().join("serve.log")).unwrap();
        assert_eq!(code, Some(0), "{log}");
    }
}
