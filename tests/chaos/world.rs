//! Thirty faces, their viewers, and what becomes of them while daemons die.

use crate::common::{Dir, FACEMUX, Ran, Server, children, eventually};
use crate::guests::{self, Caller, Guest};
use crate::late::LULL;
use crate::programs::{VOICES, said};
use crate::proxy::Proxy;
use crate::rng::Rng;
use crate::ssh;
use crate::stream::{self, Orders, Part, Seen};
use crate::tally::Tally;
use crate::terminal::{self, Sat};
use crate::visitors::{self, Visits};
use facemux::sys::process;
use facemux::units::Size;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a run is like.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    pub seed: u64,
    pub time: Duration,
    /// The storm ends when it has had so many kills, so many in flight each way, and so many upgrades.
    pub kills: u64,
    pub in_flight: u64,
    pub upgrades: u64,
    /// How many faces run each kind of program.
    pub cast: &'static [(&'static str, usize)],
    /// Pages and SSH clients come too.
    pub guests: bool,
    /// What is planted in every process besides places to die at.
    pub words: &'static str,
    /// How long things may take to settle afterwards.
    pub patience: Duration,
}

/// What a face's program prints, as far as the test can know it.
pub enum Truth {
    /// What this seed speaks.
    Voice(u64),
    /// What is in its record.
    Record,
    /// This and no more.
    Text(&'static str),
}

/// One face.
pub struct Face {
    pub id: String,
    pub name: String,
    pub truth: Truth,
    pub pid: u64,
    /// How much it had printed at the end.
    pub end: Arc<AtomicU64>,
    /// How many type into it.
    pub voices: u8,
}

pub struct World {
    pub plan: Plan,
    pub server: Server,
    pub proxy: Proxy,
    pub faces: Vec<Face>,
    pub streams: Vec<JoinHandle<Seen>>,
    pub sats: Vec<JoinHandle<Sat>>,
    pub guests: Vec<JoinHandle<Guest>>,
    pub callers: Vec<JoinHandle<Caller>>,
    pub visitors: Vec<JoinHandle<Visits>>,
    pub orders: Arc<Orders>,
    pub tally: Tally,
    pub typists: u64,
    pub faults: Vec<String>,
    /// How long nothing was killed, each time somebody had waited for long.
    pub lulls: Vec<Duration>,
    /// Open descriptors of keeper and daemon before there was a face.
    pub descriptors: (usize, usize),
    /// What SSH clients come with.
    keys: Arc<Dir>,
    upgrade: Option<Child>,
    upgrades_asked: u64,
    next_upgrade: Instant,
    rng: Rng,
}

/// Between two upgrades.
const UPGRADE_EVERY: Duration = Duration::from_secs(3);

impl World {
    pub fn begin(plan: Plan) -> World {
        let keys = Arc::new(Dir::new());
        let list = keys.path().join("authorized_keys");
        std::fs::write(&list, ssh::make_key(&keys, "id")).unwrap();
        let flags = ["--web", "127.0.0.1:0", "--auth", "none", "--ssh", "127.0.0.1:0"];
        let flags = [&flags[..], &["--ssh-authorized-keys", list.to_str().unwrap()]].concat();
        let server = Server::planted(&flags, &format!("quick {}", plan.words));
        for name in ["there", "back"] {
            std::fs::copy(FACEMUX, server.dir.path().join(name)).unwrap();
        }
        let proxy = Proxy::start(server.dir.path(), &server.socket(), plan.seed ^ 7);
        let tally = Tally::of(&server.dir.path().join("serve.log"));
        let mut world = World {
            plan,
            server,
            proxy,
            faces: Vec::new(),
            streams: Vec::new(),
            sats: Vec::new(),
            guests: Vec::new(),
            callers: Vec::new(),
            visitors: Vec::new(),
            orders: Arc::default(),
            tally,
            typists: 0,
            faults: Vec::new(),
            lulls: Vec::new(),
            descriptors: (0, 0),
            keys,
            upgrade: None,
            upgrades_asked: 0,
            next_upgrade: Instant::now() + UPGRADE_EVERY,
            rng: Rng::new(plan.seed),
        };
        eventually("all roles serve", || {
            let log = world.server.log();
            ["web listens at", "serving SSH at", ") is ready"]
                .iter()
                .all(|w| log.contains(w))
                .then_some(())
        });
        world.descriptors = world.settled_descriptors();
        for (kind, count) in plan.cast {
            (0..*count).for_each(|n| world.cast(kind, n));
        }
        world.seat();
        if plan.guests {
            world.invite();
        }
        world
    }

    /// Descriptors once they have been the same for a while: a connection or two may still be closing.
    fn settled_descriptors(&self) -> (usize, usize) {
        let (mut last, mut same) = ((0, 0), 0);
        eventually("descriptors settle", || {
            let now = self.open_descriptors();
            same = if now == last { same + 1 } else { 0 };
            last = now;
            (same > 40).then_some(now)
        })
    }

    /// Descriptors of keeper and daemon.
    pub fn open_descriptors(&self) -> (usize, usize) {
        let count =
            |pid: u32| std::fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        (count(self.server.keeper_pid()), count(self.server.role_pid("daemon")))
    }

    fn cast(&mut self, kind: &str, n: usize) {
        let name = format!("{kind}{n}");
        let exe = std::env::current_exe().unwrap();
        let (exe, dir) = (exe.to_str().unwrap().to_owned(), self.server.dir.text().to_owned());
        let seed = self.rng.next() >> 1;
        let program: Vec<String> = match kind {
            "flood" => vec!["chaos-printer".into(), seed.to_string(), "150000".into()],
            "printer" => vec!["chaos-printer".into(), seed.to_string(), "20000".into()],
            "echo" => vec!["chaos-echo".into()],
            "asker" => vec!["chaos-asker".into(), seed.to_string()],
            "vim" => record(&["vim", "-u", "NONE", "-N", "-n", "+startinsert"]),
            "shell" => record(&["sh", "-c", "stty -echo; exec sh"]),
            _ => vec!["".into()],
        };
        let mut words = vec!["new".to_owned(), "-d".into(), "--".into()];
        if kind == "idle" {
            words.push(["cat", "sleep", "sh"][n % 3].into());
            words.extend((n % 3 == 1).then(|| "100000".to_owned()));
        } else {
            words.extend([exe, program[0].clone(), dir, name.clone()]);
            words.extend_from_slice(&program[1..]);
        }
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let id = self.server.run(&words).answer();
        let truth = match kind {
            "flood" | "printer" => Truth::Voice(seed),
            "idle" if n % 3 == 2 => Truth::Text("$ "),
            "idle" => Truth::Text(""),
            _ => Truth::Record,
        };
        let pid = self.info(&id)["pid"].as_u64().unwrap();
        self.faces.push(Face { id, name, truth, pid, end: Arc::default(), voices: 0 });
    }

    pub fn info(&self, id: &str) -> serde_json::Value {
        let ran = self.server.run(&["info", id, "--json"]);
        serde_json::from_str(&ran.out).unwrap_or_default()
    }

    /// Viewers of all kinds sit down. The first at each face has its size and leads.
    fn seat(&mut self) {
        let faces: Vec<(String, String)> =
            self.faces.iter().map(|f| (f.id.clone(), f.name.clone())).collect();
        for (at, (id, name)) in faces.iter().enumerate() {
            let types = name.starts_with("echo") || name.starts_with("vim");
            match (types, at % 3) {
                (true, 0) => self.sit_at_a_terminal(at, types),
                (false, 2) if !name.starts_with("flood") => self.sit_at_a_terminal(at, types),
                _ => self.watch(at, true, true, Size::DEFAULT, types),
            }
            eventually("it is viewed", || {
                (self.info(id)["viewers"].as_u64() >= Some(1)).then_some(())
            });
            self.watch(
                at,
                at % 2 == 0,
                at % 5 == 0,
                Size::DEFAULT,
                types && name.starts_with("echo"),
            );
            if at % 4 == 1 {
                self.watch(at, true, true, Size::new(30, 100).unwrap(), false);
            }
            if at % 7 == 2 {
                self.ignore(at);
            }
        }
    }

    fn sit_at_a_terminal(&mut self, at: usize, types: bool) {
        let face = self.faces[at].id.clone();
        let kind = if self.faces[at].name.starts_with("vim") { 'v' } else { 't' };
        let typist = types.then(|| self.next_typist(at, kind));
        let terminal = self.server.terminal(&["attach", &face]);
        let seed = self.rng.next();
        let sat = Sat { face, typist, terminal, typed: 0, calls: 0 };
        let dir = self.server.dir.path().to_owned();
        self.sats.push(terminal::start(dir, sat, self.orders.clone(), seed));
    }

    fn watch(&mut self, at: usize, straight: bool, drive: bool, size: Size, types: bool) {
        let socket = if straight { self.server.socket() } else { self.proxy.path.clone() };
        let kind = if self.faces[at].name.starts_with("vim") { 'v' } else { 't' };
        let typist = types.then(|| self.next_typist(at, kind));
        let drive = drive || types;
        let seed = self.rng.next();
        let face = self.faces[at].id.clone();
        let part = Part { face, size, socket, drive, typist, reads: true, seed };
        self.start(at, part);
    }

    /// A driver that never reads.
    fn ignore(&mut self, at: usize) {
        let (face, seed) = (self.faces[at].id.clone(), self.rng.next());
        let (socket, size) = (self.server.socket(), Size::DEFAULT);
        self.start(at, Part { face, size, socket, drive: true, typist: None, reads: false, seed });
    }

    fn start(&mut self, at: usize, part: Part) {
        let end = self.faces[at].end.clone();
        self.streams.push(stream::start(part, self.orders.clone(), end));
    }

    fn next_typist(&mut self, at: usize, kind: char) -> String {
        let voice = self.faces[at].voices;
        self.faces[at].voices += 1;
        assert!(usize::from(voice) < VOICES);
        self.typists += 1;
        format!("{kind}{}{}", self.typists, char::from(b'a' + voice))
    }

    /// Pages, SSH clients and visitors come.
    fn invite(&mut self) {
        let log = self.server.log();
        let port = |mark: &str| -> u16 {
            let after = log.split(mark).nth(1).unwrap();
            after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        let (web, secure) = (port("web listens at 127.0.0.1:"), port("serving SSH at 127.0.0.1:"));
        for name in ["echo0", "echo1", "printer0", "asker0"] {
            let Some(at) = self.faces.iter().position(|face| face.name == name) else { continue };
            let (id, end) = (self.faces[at].id.clone(), self.faces[at].end.clone());
            let typist = name.starts_with("echo").then(|| self.next_typist(at, 'p'));
            let (orders, seed) = (self.orders.clone(), self.rng.next() >> 1);
            let dir = self.server.dir.path().to_owned();
            let guest = guests::open_page(dir, web, id, typist, seed);
            self.guests.push(guests::start_page(guest, web, orders, end, Rng::new(seed)));
        }
        for name in ["printer1", "echo2"] {
            let Some(face) = self.faces.iter().find(|face| face.name == name) else { continue };
            let (keys, id) = (self.keys.clone(), face.id.clone());
            self.callers.push(guests::start_caller(keys, secure, id, self.orders.clone()));
        }
        for name in ["idle0", "idle1"] {
            let Some(face) = self.faces.iter().find(|face| face.name == name) else { continue };
            let (env, orders) = (self.server.dir.environment(), self.orders.clone());
            let dir = self.server.dir.path().to_owned();
            self.visitors.push(visitors::start(dir, env, face.id.clone(), orders));
        }
    }

    /// Daemons die, frontends die, connections are cut, until there was enough of it.
    pub fn storm(&mut self) {
        let mut until = Instant::now() + self.plan.time;
        self.arm(true);
        while Instant::now() < until && !self.has_enough() && !self.has_fault() {
            until += self.lull();
            self.upgrade_now_and_then();
            self.strike();
            self.tally.read();
        }
        self.arm(false);
        self.proxy.calm();
        if let Some(upgrade) = self.upgrade.take() {
            self.conclude(upgrade);
        }
        self.kill("daemon");
        let (ready, until) = (self.tally.ready, Instant::now() + LULL);
        while self.tally.ready == ready {
            assert!(Instant::now() < until, "the last daemon does not get ready");
            std::thread::sleep(Duration::from_millis(3));
            self.tally.read();
        }
    }

    /// While somebody has waited for long nothing is killed: then what is late comes, and what is lost does not. Gives
    /// how long that took.
    fn lull(&mut self) -> Duration {
        let (dir, began) = (self.server.dir.path().to_owned(), Instant::now());
        let late = said(&dir, "late");
        if late.is_empty() {
            return Duration::ZERO;
        }
        self.arm(false);
        if let Some(upgrade) = self.upgrade.take() {
            self.conclude(upgrade);
        }
        let (mut answers, mut asked) = (0, Instant::now());
        while !said(&dir, "late").is_empty() && !self.has_fault() {
            if asked.elapsed() > Duration::from_secs(1) {
                answers += u64::from(self.server.run(&["ls"]).code == 0);
                asked = Instant::now();
            }
            if began.elapsed() > LULL * 2 {
                break;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let last = said(&dir, "late");
        if self.has_fault() || !last.is_empty() {
            let seconds = began.elapsed().as_secs();
            self.faults.push(format!(
                "{late:?} had waited for long; {seconds} s later {last:?} still did, nothing was killed \
                 meanwhile, and the daemon had answered {answers} questions of ours"
            ));
        }
        self.lulls.push(began.elapsed());
        self.arm(true);
        began.elapsed()
    }

    /// Whether the storm has had all that the plan asks.
    pub fn has_enough(&self) -> bool {
        let (plan, tally) = (&self.plan, &self.tally);
        tally.kills >= plan.kills
            && tally.reads.min(tally.writes) >= plan.in_flight
            && tally.upgrades >= plan.upgrades
            && (plan.upgrades == 0 || tally.web.min(tally.ssh) > 0)
    }

    /// Whether a program has complained already.
    pub fn has_fault(&self) -> bool {
        !self.faults.is_empty() || !said(self.server.dir.path(), "fault").is_empty()
    }

    /// Another binary takes over, and the next time back. Every other time it is left in peace meanwhile, but for
    /// daemons that die by themselves.
    fn upgrade_now_and_then(&mut self) {
        if let Some(upgrade) = &mut self.upgrade {
            if upgrade.try_wait().unwrap().is_some() {
                let upgrade = self.upgrade.take().unwrap();
                self.conclude(upgrade);
            }
        } else if self.plan.upgrades > 0 && Instant::now() >= self.next_upgrade {
            let name = ["there", "back"][self.tally.upgrades as usize % 2];
            let binary = self.server.dir.path().join(name);
            let mut command =
                self.server.dir.command(&["upgrade", "--binary", binary.to_str().unwrap()]);
            let upgrade = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            self.upgrades_asked += 1;
            if self.upgrades_asked.is_multiple_of(2) {
                self.upgrade = Some(upgrade);
            } else {
                self.arm(false);
                self.conclude(upgrade);
                self.arm(true);
            }
        }
    }

    /// An upgrade ends: with the new binary, or with the old one.
    fn conclude(&mut self, upgrade: Child) {
        let ran = Ran::of(upgrade.wait_with_output().unwrap());
        // 3: the daemon died before it had been asked.
        if !matches!(ran.code, 0..=3) {
            self.faults.push(format!("an upgrade ended with {ran:?}"));
        }
        self.tally.read();
        self.next_upgrade = Instant::now() + UPGRADE_EVERY;
    }

    /// What processes started from now on are told.
    fn arm(&self, fail: bool) {
        let fail = if fail { format!("fail={}", self.plan.seed) } else { String::new() };
        let words = format!("quick {} {fail}", self.plan.words);
        let (file, new) =
            (self.server.dir.path().join("planted"), self.server.dir.path().join("new"));
        std::fs::write(&new, words).unwrap();
        std::fs::rename(&new, &file).unwrap();
    }

    fn strike(&mut self) {
        if self.rng.once_in(12) {
            let frontend = if self.rng.once_in(2) { "web" } else { "ssh" };
            self.kill(frontend);
        }
        // Mostly it is left alone until it dies by itself at its place, or has lived for a while.
        let life = if self.rng.once_in(3) { self.rng.spread(6) } else { 250 };
        let (until, kills) = (Instant::now() + Duration::from_millis(life), self.tally.kills);
        while self.tally.kills == kills {
            if Instant::now() >= until {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
            self.tally.read();
        }
        if self.tally.kills == kills || self.rng.once_in(8) {
            self.kill("daemon");
        }
    }

    fn kill(&mut self, role: &str) {
        let word = format!("{role}\0");
        let found = children(self.server.keeper_pid()).into_iter().find(|pid| {
            let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            line.ends_with(word.as_bytes())
        });
        if let Some(pid) = found {
            // It may have died by itself meanwhile.
            let _ = process::kill(pid, 9);
        }
    }

    /// Everybody stops typing, all that was typed arrives; programs stop.
    pub fn calm(&mut self) {
        let typing = (self.streams.len() + self.guests.len() + self.sats.len()) as u64;
        self.orders.hush.store(true, Ordering::Relaxed);
        if !self.wait(|w| w.orders.hushed.load(Ordering::Relaxed) >= typing) {
            self.faults.push("typed input was not accepted in the end".into());
        }
        std::fs::write(self.server.dir.path().join("stop"), "").unwrap();
        let programs = self.faces.iter().filter(|f| !matches!(f.truth, Truth::Text(_))).count();
        self.wait(|w| said(w.server.dir.path(), "end").len() >= programs);
        let dir = self.server.dir.path().to_owned();
        for face in &self.faces {
            let place = dir.join(format!("end.{}", face.name));
            match std::fs::read_to_string(&place).ok().and_then(|text| text.parse().ok()) {
                Some(end) => face.end.store(end, Ordering::Relaxed),
                None => match face.truth {
                    Truth::Text(text) => face.end.store(text.len() as u64, Ordering::Relaxed),
                    _ => self.faults.push(format!("{} does not come to its end", face.name)),
                },
            }
        }
        self.faults.extend(said(&dir, "fault"));
    }

    fn wait(&self, holds: impl Fn(&World) -> bool) -> bool {
        let until = Instant::now() + self.plan.patience;
        while !holds(self) {
            // Whoever has waited for long gives up by itself.
            if Instant::now() > until && said(self.server.dir.path(), "late").is_empty() {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

fn record(argv: &[&str]) -> Vec<String> {
    let words = std::iter::once(&"chaos-record").chain(argv);
    words.map(|word| (*word).to_owned()).collect()
}
