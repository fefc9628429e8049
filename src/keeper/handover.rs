//! Another program in our place: the table goes with it, the process stays.
//!
//! The program that is run takes the table and goes on, or, when it cannot, runs the old program again, which finds
//! everything as it left it. Children notice nothing: their parent, its pid and its descriptors are the same, and
//! signals stay blocked and pending across execve(2).

use super::accounts::Accounts;
use super::ending::Ending;
use super::error::StartError;
use super::face::{Face, Life};
use super::groups::{Group, Groups};
use super::ids::Ids;
use super::link::Link;
use super::oom::OomCount;
use super::role::{KeptRole, Role, milliseconds};
use super::server::{Daemon, Estate, Frontend, Server};
use super::start::{Held, take_signals};
use super::table::{self, KeptDaemon, KeptFace, KeptFrontend, KeptLeaver, KeptLife, KeptUpgrade};
use super::table::{Table, TableError};
use super::upgrade::{Leaver, Stage, Upgrade};
use crate::sys::ledger::AccountFile;
use crate::sys::lock::Lock;
use crate::sys::log::Sink;
use crate::sys::process::{self, DescriptorLimit};
use crate::sys::{SysError, socket};
use crate::units::FaceId;
use crate::wire::upgrade::{Rehearsal, VERSIONS};
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ffi::OsString;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// The flags of `serve` that say: take the table, and why the new program did not.
const HAND_OVER: &str = "--hand-over";
const REFUSED: &str = "--refused";
/// The descriptors of `rehearse`.
const TABLE: RawFd = 3;
const CONTROL: RawFd = 4;

impl Server {
    /// The table as it is now, for the new program to look at; its descriptors do not go with it.
    pub(super) fn rehearsal_table(&self, now: Instant) -> Result<OwnedFd, SysError> {
        table::write(&self.table(now), &self.certificate_bytes())
    }

    fn certificate_bytes(&self) -> Vec<&[u8]> {
        self.certificates.values().map(Vec::as_slice).collect()
    }

    /// All is ready: runs the new program in our place. Comes back when it cannot be run.
    pub(super) fn hand_over(&mut self, now: Instant) {
        self.flush(now);
        if self.links_mut().any(|l| !l.is_empty()) {
            // What is on its way to a process must be with it first.
            return;
        }
        let Err(error) = self.try_hand_over(now);
        self.roll_back(now, error.to_string());
    }

    fn try_hand_over(&self, now: Instant) -> Result<Infallible, SysError> {
        let table = self.table(now);
        let Some(upgrade) = &table.upgrade else {
            return Err(SysError::on("upgrade", "the keeper")(io::Error::other("to what?")));
        };
        let program = format!("/proc/self/fd/{}", upgrade.program);
        let old = process::open_program(super::role::PROGRAM.as_ref())?;
        let memory = table::write(&table, &self.certificate_bytes())?;
        let numbers = format!("{}:{}", memory.as_raw_fd(), old.as_raw_fd());
        let mut kept = table.descriptors();
        kept.extend([memory.as_raw_fd(), old.as_raw_fd()]);
        keep(&kept, true)?;
        let error = process::exec(&program, &words(&numbers, None));
        keep(&kept, false)?;
        Err(SysError::on("run", upgrade.path.clone())(error))
    }

    fn table(&self, now: Instant) -> Table {
        let upgrade = self.upgrade.as_ref().map(|u| KeptUpgrade {
            asker: u.asker.as_raw_fd(),
            program: u.program.as_raw_fd(),
            path: u.path.display().to_string(),
            to: u.to.clone(),
            began_ms: milliseconds(now.saturating_duration_since(u.began)),
            paused_ms: u.paused.map_or(0, |at| milliseconds(now.saturating_duration_since(at))),
        });
        Table {
            facemux: env!("CARGO_PKG_VERSION").to_owned(),
            program: self.program.display().to_string(),
            config: self.config.clone(),
            descriptors: (self.descriptors.soft, self.descriptors.hard),
            locks: self.locks,
            listener: self.listener.as_raw_fd(),
            ledger: self.ledger.as_raw_fd(),
            ids: (self.ids.next(), self.ids.reserved()),
            faces: self.faces.values().map(|f| kept_face(f, now)).collect(),
            left_alone: self.left_alone.clone(),
            certificates: self.certificates.iter().map(|(id, b)| (id.0, b.len())).collect(),
            daemon: KeptDaemon {
                role: self.daemon.role.kept(now),
                link: self.daemon.link.as_ref().map(Link::raw_fd),
                account: self.daemon.account.as_ref().map(AccountFile::raw_fd),
                crash: self.daemon.crash.clone(),
                damaged: self.daemon.damaged,
            },
            frontends: self.frontends().map(|f| kept_frontend(f, now)).collect(),
            leaving: self.leaving.iter().map(kept_leaver).collect(),
            oom: self.oom.last(),
            upgrade,
        }
    }
}

fn keep(numbers: &[RawFd], keep: bool) -> Result<(), SysError> {
    numbers
        .iter()
        .try_for_each(|number| process::keep_at_exec(*number, keep))
        .map_err(SysError::on("hand over", "a descriptor"))
}

fn kept_face(face: &Face, now: Instant) -> KeptFace {
    KeptFace {
        id: face.id,
        pid: face.pid,
        master: face.master.as_raw_fd(),
        memory: face.memory.as_raw_fd(),
        meta: face.meta.clone(),
        keep_orphans: face.keep_orphans,
        adopted: face.adopted.clone(),
        life: match &face.life {
            Life::Running => KeptLife::Running,
            Life::Ending(ending) => KeptLife::Ending(ending.kept(now)),
            Life::Gone { exit, reaped } => KeptLife::Gone(*exit, reaped.clone()),
        },
    }
}

fn kept_frontend(frontend: &Frontend, now: Instant) -> KeptFrontend {
    KeptFrontend {
        role: frontend.role.kept(now),
        listener: frontend.listener.as_raw_fd(),
        address: frontend.address,
        link: frontend.link.as_ref().map(Link::raw_fd),
        on_trial: frontend.on_trial,
        predecessor: frontend.predecessor.as_ref().map(kept_leaver),
    }
}

fn kept_leaver(leaver: &Leaver) -> KeptLeaver {
    KeptLeaver { pid: leaver.pid, link: leaver.link.as_ref().map(Link::raw_fd) }
}

/// The command line of the program that takes our place: ours, and where the table is.
fn words(numbers: &str, refused: Option<&str>) -> Vec<OsString> {
    let mut given = std::env::args_os();
    let mut words = vec![given.next().unwrap_or_else(|| "facemux".into())];
    words.extend(["serve".into(), HAND_OVER.into(), numbers.into()]);
    if let Some(why) = refused {
        words.extend([REFUSED.into(), why.replace('\0', " ").into()]);
    }
    let mut served = false;
    while let Some(word) = given.next() {
        if word == HAND_OVER || word == REFUSED {
            given.next();
        } else if served || word != "serve" {
            words.push(word);
        } else {
            served = true;
        }
    }
    words
}

/// What `serve` was told of a table: the numbers of the table and of the program that wrote it, and why the new one
/// did not take it. `None` for any other command line.
pub fn handed(words: &[OsString]) -> Option<(RawFd, RawFd, Option<String>)> {
    let (numbers, rest) = words.strip_prefix(&[OsString::from(HAND_OVER)])?.split_first()?;
    let (table, old) = numbers.to_str()?.split_once(':')?;
    let refused = match rest {
        [flag, why, ..] if flag == REFUSED => Some(why.to_string_lossy().into_owned()),
        _ => None,
    };
    Some((table.parse().ok()?, old.parse().ok()?, refused))
}

/// Answers whether this program could take over with the table at hand; the role `hand-over`.
pub fn rehearse() -> u8 {
    let answer = || -> Result<(), SysError> {
        let (memory, control) = (process::inherited(TABLE)?, process::inherited(CONTROL)?);
        let refused = table::read(&memory).err().map(|e| e.to_string());
        let facemux = env!("CARGO_PKG_VERSION").to_owned();
        let said = Rehearsal { facemux, versions: VERSIONS, refused };
        let text = serde_json::to_string(&said).unwrap_or_default();
        socket::send_vectored(control.as_fd(), &[IoSlice::new(text.as_bytes())])
            .map_err(SysError::on("answer", "the keeper"))?;
        Ok(())
    };
    u8::from(answer().is_err())
}

/// Takes the table of the program in whose place we run. When it cannot be taken that program is run again.
///
/// # Errors
/// Neither we nor it can go on.
pub(super) fn take(
    table: RawFd,
    old: RawFd,
    refused: Option<String>,
) -> Result<(Server, Held), StartError> {
    // Descriptors stay marked to be kept until the table is known to be good: the way back needs them.
    let found = process::inherited_copy(table)
        .map_err(|e| TableError::Io(e.source))
        .and_then(|memory| read_whole(&memory));
    let (read, certificates) = match found {
        Ok(found) => found,
        Err(e) if refused.is_none() => {
            let numbers = format!("{table}:{old}");
            let why = e.to_string();
            let error =
                process::exec(&format!("/proc/self/fd/{old}"), &words(&numbers, Some(&why)));
            return Err(SysError::on("go back to", "the old program")(error).into());
        }
        Err(e) => {
            return Err(SysError::on("go on with", "its own table")(io::Error::other(e)).into());
        }
    };
    let now = Instant::now();
    let from = read.facemux.clone();
    let (mut server, held) = inherit(read, certificates, now)?;
    drop((process::inherited(table)?, process::inherited(old)?));
    server.handle_children(now);
    match refused {
        None => server.commit_upgrade(now, from),
        Some(why) => server.roll_back(now, why),
    }
    Ok((server, held))
}

/// The table, when every descriptor it names is open.
fn read_whole(memory: &OwnedFd) -> Result<(Table, BTreeMap<FaceId, Vec<u8>>), TableError> {
    let (table, certificates) = table::read(memory)?;
    let closed = table.descriptors().into_iter().find(|n| !process::is_open(*n));
    let roles = table.frontends.iter().map(|f| &f.role).chain([&table.daemon.role]);
    let unknown = roles.filter(|r| Role::inherited(r, Instant::now()).is_none()).count();
    match (closed, unknown) {
        (Some(number), _) => Err(TableError::Malformed(format!("descriptor {number} is not open"))),
        (None, 0) => Ok((table, certificates)),
        (None, _) => Err(TableError::Malformed("it names a role that is unknown here".into())),
    }
}

/// The server of the table. Every number in it is open and named once.
fn inherit(
    table: Table,
    certificates: BTreeMap<FaceId, Vec<u8>>,
    now: Instant,
) -> Result<(Server, Held), SysError> {
    let config = table.config;
    crate::sys::log::start("keeper", config.log_style, Sink::Stderr);
    // Neither is worth ending for: ps shows another name, or the flag held across execve(2) as it should.
    let _ = process::set_name("facemux");
    let _ = process::become_subreaper();
    process::set_dumpable(false).map_err(SysError::on("protect", "the keeper's memory"))?;
    let lock = |number| Lock::inherited(process::inherited(number)?);
    let [first, second] = table.locks;
    let held = Held { signals: take_signals()?, _locks: [lock(first)?, lock(second)?] };
    let (mut web, mut ssh) = (None, None);
    for kept in table.frontends {
        let frontend = inherited_frontend(kept, now)?;
        let slot = if frontend.role.name == "web" { &mut web } else { &mut ssh };
        *slot = Some(frontend);
    }
    let accounts = Accounts::inherited(config.user_map.clone());
    let groups = Groups::find(config.limits, config.cgroup);
    let estate = Estate {
        descriptors: DescriptorLimit { soft: table.descriptors.0, hard: table.descriptors.1 },
        locks: table.locks,
        program: PathBuf::from(table.program),
        listener: process::inherited(table.listener)?,
        ledger: process::inherited(table.ledger)?,
        ids: Ids::inherited(&config.places.state, table.ids.0, table.ids.1),
        web,
        ssh,
        ready: None,
    };
    let mut server = Server::new(config, estate, now);
    server.accounts = accounts;
    for face in table.faces {
        let group = groups.of(face.id);
        server.faces.insert(face.id, inherited_face(face, group, now)?);
    }
    server.groups = groups;
    (server.left_alone, server.certificates) = (table.left_alone, certificates);
    server.daemon = Daemon {
        role: inherited_role(&table.daemon.role, now),
        link: inherited_link(table.daemon.link)?,
        account: table
            .daemon
            .account
            .map(process::inherited)
            .transpose()?
            .map(AccountFile::inherited),
        crash: table.daemon.crash,
        damaged: table.daemon.damaged,
    };
    for leaver in table.leaving {
        server.leaving.push(inherited_leaver(leaver)?);
    }
    server.oom = OomCount::inherited(table.oom);
    server.upgrade = table.upgrade.map(|u| inherited_upgrade(u, now)).transpose()?;
    Ok((server, held))
}

/// Its name was found to be known before.
fn inherited_role(kept: &KeptRole, now: Instant) -> Role {
    Role::inherited(kept, now).unwrap_or_else(|| Role::new("daemon", now))
}

fn inherited_frontend(kept: KeptFrontend, now: Instant) -> Result<Frontend, SysError> {
    let role = inherited_role(&kept.role, now);
    let listener = process::inherited(kept.listener)?;
    Ok(Frontend {
        link: inherited_link(kept.link)?,
        on_trial: kept.on_trial,
        predecessor: kept.predecessor.map(inherited_leaver).transpose()?,
        ..Frontend::new(role, listener, kept.address)
    })
}

fn inherited_link(number: Option<RawFd>) -> Result<Option<Link>, SysError> {
    Ok(number.map(process::inherited).transpose()?.map(Link::new))
}

fn inherited_leaver(kept: KeptLeaver) -> Result<Leaver, SysError> {
    Ok(Leaver { pid: kept.pid, link: inherited_link(kept.link)? })
}

fn inherited_face(kept: KeptFace, group: Group, now: Instant) -> Result<Face, SysError> {
    Ok(Face {
        id: kept.id,
        pid: kept.pid,
        master: Rc::new(process::inherited(kept.master)?),
        memory: Rc::new(process::inherited(kept.memory)?),
        meta: kept.meta,
        keep_orphans: kept.keep_orphans,
        adopted: kept.adopted,
        group,
        life: match kept.life {
            KeptLife::Running => Life::Running,
            KeptLife::Ending(ending) => Life::Ending(Ending::inherited(ending, now)),
            KeptLife::Gone(exit, reaped) => Life::Gone { exit, reaped },
        },
    })
}

fn inherited_upgrade(kept: KeptUpgrade, now: Instant) -> Result<Upgrade, SysError> {
    let ago = |ms| now.checked_sub(Duration::from_millis(ms)).unwrap_or(now);
    Ok(Upgrade {
        asker: process::inherited(kept.asker)?,
        program: process::inherited(kept.program)?,
        path: PathBuf::from(kept.path),
        to: kept.to,
        began: ago(kept.began_ms),
        paused: Some(ago(kept.paused_ms)),
        stage: Stage::Trying { until: now, daemon: true },
    })
}
