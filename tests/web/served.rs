//! The real server with its web frontend, as the tests of both files start it.

#![allow(dead_code, clippy::unwrap_used)] // Each test file uses its part.

use crate::client::get;
use crate::common::{Server, eventually};

/// A server with its web frontend on a free port.
pub struct Web {
    pub server: Server,
    pub port: u16,
}

impl Web {
    pub fn start(auth: &str) -> Web {
        Web::with(&["--auth", auth])
    }

    pub fn with(flags: &[&str]) -> Web {
        let server = Server::with(&[&["--web", "127.0.0.1:0"], flags].concat());
        let port = eventually("the web frontend listens", || {
            let log = server.log();
            let address = log.split("web listens at 127.0.0.1:").nth(1)?;
            address.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
        });
        Web { server, port }
    }

    pub fn token(&self, flags: &[&str]) -> String {
        self.server.run(&[&["token", "new"], flags].concat()).answer()
    }

    /// The cookie of a browser that opened this token's link.
    pub fn cookie(&self, token: &str) -> String {
        let answer = get(self.port, &format!("/?t={token}"), &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        format!("Cookie: {}", answer.cookie())
    }

    pub fn origin(&self) -> String {
        format!("Origin: http://127.0.0.1:{}", self.port)
    }

    pub fn kill(&self, role: &str) {
        let pid = self.server.role_pid(role);
        facemux::sys::process::kill(pid, 9).unwrap();
        eventually("another takes its place", || (self.server.role_pid(role) != pid).then_some(()));
    }
}
