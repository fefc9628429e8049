//! Clients that come and go: faces that end by themselves and say how, terminals that are lent and given back.

use crate::common::{FACEMUX, Ran, Terminal};
use crate::late::Wait;
use crate::stream::Orders;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::JoinHandle;
use std::time::Duration;

/// What the visits came to.
#[derive(Default)]
pub struct Visits {
    /// Faces that ended as they were to.
    pub ended: u64,
    /// Terminals that were given back.
    pub given_back: u64,
    pub faults: Vec<String>,
    /// Where it says that it has waited for long, and as whom.
    desk: (PathBuf, String),
}

/// Comes and goes until `hush`, at `face` where a terminal is lent.
pub fn start(
    dir: PathBuf,
    env: Vec<(String, String)>,
    face: String,
    orders: Arc<Orders>,
) -> JoinHandle<Visits> {
    std::thread::spawn(move || {
        let desk = (dir, format!("visitor{face}"));
        let mut visits = Visits { desk, ..Visits::default() };
        while !orders.hush.load(Ordering::Relaxed) && visits.faults.is_empty() {
            visits.start_a_face(&env);
            visits.lend_a_terminal(&env, &["attach", &face], b"\x02d", 0);
            // Nobody may have been told of it: it ends by itself too.
            let limited = ["new", "--", "timeout", "--foreground", "20"];
            let program = [&limited[..], &["sh", "-c", "read -r x; exit $x"]].concat();
            visits.lend_a_terminal(&env, &program, b"7\r", 7);
        }
        visits
    })
}

fn run(env: &[(String, String)], words: &[&str]) -> Ran {
    let mut command = Command::new(FACEMUX);
    let command = command.args(words).env_clear().stdin(Stdio::null());
    Ran::of(command.envs(env.iter().map(|(name, value)| (name, value))).output().unwrap())
}

impl Visits {
    fn start_a_face(&mut self, env: &[(String, String)]) {
        let made = run(env, &["new", "-d", "--", "sh", "-c", "echo visitor; exit 7"]);
        match made.code {
            0 => {}
            // The daemon died before it had answered.
            3 => return,
            _ => return self.faults.push(format!("a visitor's face: {made:?}")),
        }
        let mut wait = Wait::begin(&self.desk.0, &self.desk.1, "the end of a face");
        let mut info = serde_json::Value::Null;
        while info["state"] != "ended" {
            if !wait.goes_on() {
                let story = wait.story();
                return self.faults.push(format!("a visitor {story}: {made:?} {info}"));
            }
            let ran = run(env, &["info", made.out.trim(), "--json"]);
            info = serde_json::from_str(&ran.out).unwrap_or_default();
        }
        if info["end"]["code"] != 7 {
            self.faults.push(format!("a visitor's face ended otherwise: {info}"));
        }
        self.ended += 1;
    }

    /// Somebody comes with these words, types these keys, and goes with this code.
    fn lend_a_terminal(
        &mut self,
        env: &[(String, String)],
        words: &[&str],
        keys: &[u8],
        code: i32,
    ) {
        let words = [&[FACEMUX][..], words].concat();
        let mut terminal = Terminal::start(&words, env, (24, 80));
        let mut wait = Wait::begin(&self.desk.0, &self.desk.1, "a lent terminal");
        let mut waits = |terminal: &mut Terminal| {
            terminal.collect(Duration::from_millis(2));
            terminal.poll_end().is_none() && wait.goes_on()
        };
        while terminal.settings().is_canonical() && waits(&mut terminal) {}
        terminal.type_collecting(keys);
        while waits(&mut terminal) {}
        let got = terminal.poll_end();
        let lost = b"facemux: lost the server";
        if words[1] == "new" && got == Some(3) && terminal.bytes.starts_with(lost) {
            // The daemon died before it had answered; a face is not asked for twice.
            return;
        }
        if got != Some(code) || terminal.settings() != terminal.before {
            let last = String::from_utf8_lossy(&terminal.bytes).into_owned();
            return self.faults.push(format!("a visitor's terminal ended with {got:?}: {last:?}"));
        }
        self.given_back += 1;
    }
}
