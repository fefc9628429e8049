//! The keeper's table as bytes in a memfd: what the program that takes its place must know, and by which numbers the
//! descriptors it inherits are known.
//!
//! JSON, so that a newer program reads an older one's: what it does not know it ignores, what it misses has a
//! default. Times are written as how long from now. Layout: magic, length of the JSON, checksum of all that follows,
//! the JSON, the certificates one after another.

use super::ending::KeptEnding;
use super::role::KeptRole;
use crate::config::Config;
use crate::sys::{SysError, memory};
use crate::units::FaceId;
use crate::wire::keeper::{Crash, Exit};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::fd::{OwnedFd, RawFd};
use std::os::unix::fs::FileExt;

const MAGIC: &[u8; 8] = b"fmtable1";
/// Bytes of magic, length and checksum.
const HEAD_BYTES: usize = 24;
/// Bytes beyond which it is no table: the largest has 4096 faces with a metadata of some KiB each.
const TABLE_BYTES_MAX: usize = 64 << 20;

/// Everything.
#[derive(Debug, Serialize, Deserialize)]
pub struct Table {
    /// The version of the program that wrote it.
    pub facemux: String,
    /// The file it was started from.
    pub program: String,
    /// Its settings.
    pub config: Config,
    /// The limit of open files that children get: soft, hard.
    pub descriptors: (u64, u64),
    /// The two locks.
    pub locks: [RawFd; 2],
    /// The Unix socket.
    pub listener: RawFd,
    /// The ledger's memfd.
    pub ledger: RawFd,
    /// The next id, and the first that may not be used.
    pub ids: (u64, u64),
    /// The faces.
    pub faces: Vec<KeptFace>,
    /// Children that are nobody's.
    pub left_alone: BTreeSet<u32>,
    /// Whose certificates follow, and how long each is.
    pub certificates: Vec<(u64, usize)>,
    /// The daemon.
    pub daemon: KeptDaemon,
    /// The frontends.
    pub frontends: Vec<KeptFrontend>,
    /// Frontends that end with their last connection.
    pub leaving: Vec<KeptLeaver>,
    /// Processes killed for memory so far.
    pub oom: u64,
    /// The upgrade under way.
    pub upgrade: Option<KeptUpgrade>,
}

/// A face.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptFace {
    /// Its id.
    pub id: FaceId,
    /// Its first process.
    pub pid: u32,
    /// Its PTY's master.
    pub master: RawFd,
    /// Its memfd.
    pub memory: RawFd,
    /// The daemon's own.
    pub meta: Vec<u8>,
    /// Whether its orphans are left alone.
    pub keep_orphans: bool,
    /// Orphans that came to the keeper.
    pub adopted: BTreeSet<u32>,
    /// How far it is.
    pub life: KeptLife,
}

/// How far a face is towards its end.
#[derive(Debug, Serialize, Deserialize)]
pub enum KeptLife {
    /// It runs.
    Running,
    /// Its end is under way.
    Ending(KeptEnding),
    /// The daemon has yet to read its last bytes.
    Gone(Exit, Vec<(u32, String)>),
}

/// The daemon.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptDaemon {
    /// Its process.
    pub role: KeptRole,
    /// The way to it.
    pub link: Option<RawFd>,
    /// Its account.
    pub account: Option<RawFd>,
    /// What the last one left unfinished.
    pub crash: Option<Crash>,
    /// Faces it could not read.
    pub damaged: u32,
}

/// A frontend.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptFrontend {
    /// Its process.
    pub role: KeptRole,
    /// Its listener.
    pub listener: RawFd,
    /// Where that listens.
    pub address: std::net::SocketAddr,
    /// The way to it.
    pub link: Option<RawFd>,
    /// It waits to be told to begin.
    pub on_trial: bool,
    /// The one whose place it takes.
    pub predecessor: Option<KeptLeaver>,
}

/// A process that is on its way out.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptLeaver {
    /// Its pid.
    pub pid: u32,
    /// The way to it.
    pub link: Option<RawFd>,
}

/// The upgrade under way.
#[derive(Debug, Serialize, Deserialize)]
pub struct KeptUpgrade {
    /// Where its outcome is to be written.
    pub asker: RawFd,
    /// The new program.
    pub program: RawFd,
    /// Its path.
    pub path: String,
    /// Its version.
    pub to: Option<String>,
    /// How long ago it began, in milliseconds.
    pub began_ms: u64,
    /// How long faces have not been served, in milliseconds.
    pub paused_ms: u64,
}

/// Why bytes are no table.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// They cannot be had.
    #[error("the keeper's table cannot be read: {0}")]
    Io(#[from] io::Error),
    /// They are damaged, or another version's.
    #[error("the keeper's table cannot be used: {0}")]
    Malformed(String),
}

impl Table {
    /// The numbers of all descriptors that go with it.
    pub fn descriptors(&self) -> Vec<RawFd> {
        let mut numbers = self.locks.to_vec();
        numbers.extend([self.listener, self.ledger]);
        numbers.extend(self.upgrade.iter().flat_map(|u| [u.asker, u.program]));
        numbers.extend(self.faces.iter().flat_map(|f| [f.master, f.memory]));
        numbers.extend([self.daemon.link, self.daemon.account].into_iter().flatten());
        for frontend in &self.frontends {
            numbers.push(frontend.listener);
            numbers.extend(frontend.link);
            numbers.extend(frontend.predecessor.iter().filter_map(|p| p.link));
        }
        numbers.extend(self.leaving.iter().filter_map(|l| l.link));
        numbers
    }
}

/// Writes the table, and behind it the certificates it lists.
///
/// # Errors
/// Out of memory or descriptors; a path that is no text.
pub fn write(table: &Table, certificates: &[&[u8]]) -> Result<OwnedFd, SysError> {
    let failed = || SysError::on("write", "the keeper's table");
    let mut body = serde_json::to_vec(table).map_err(io::Error::from).map_err(failed())?;
    let json_len = body.len() as u64;
    certificates.iter().for_each(|bytes| body.extend_from_slice(bytes));
    let memory = memory::create_memfd("facemux-table", HEAD_BYTES + body.len())?;
    let file = File::from(memory.try_clone().map_err(failed())?);
    let mut head = Vec::with_capacity(HEAD_BYTES);
    head.extend_from_slice(MAGIC);
    head.extend_from_slice(&json_len.to_le_bytes());
    head.extend_from_slice(&sum(&body));
    file.write_all_at(&head, 0).map_err(failed())?;
    file.write_all_at(&body, HEAD_BYTES as u64).map_err(failed())?;
    Ok(memory)
}

/// Reads what `write` wrote, and the certificates behind it.
///
/// # Errors
/// `TableError`: then nothing of it is to be used.
pub fn read(memory: &OwnedFd) -> Result<(Table, BTreeMap<FaceId, Vec<u8>>), TableError> {
    let malformed = |why: &str| TableError::Malformed(why.to_owned());
    let len = memory::length(memory)?;
    if !(HEAD_BYTES..=TABLE_BYTES_MAX).contains(&len) {
        return Err(malformed("it has another length"));
    }
    let mut bytes = vec![0; len];
    File::from(memory.try_clone()?).read_exact_at(&mut bytes, 0)?;
    parse(&bytes)
}

fn parse(bytes: &[u8]) -> Result<(Table, BTreeMap<FaceId, Vec<u8>>), TableError> {
    let malformed = |why: &str| TableError::Malformed(why.to_owned());
    let cut = || malformed("it is cut short");
    let (magic, rest) = bytes.split_first_chunk::<8>().ok_or_else(cut)?;
    if magic != MAGIC {
        return Err(malformed("another version wrote it"));
    }
    let (json_len, rest) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    let (found, body) = rest.split_first_chunk::<8>().ok_or_else(cut)?;
    if *found != sum(body) {
        return Err(malformed("its checksum does not match"));
    }
    let json_len = usize::try_from(u64::from_le_bytes(*json_len)).unwrap_or(usize::MAX);
    let (json, mut tail) = body.split_at_checked(json_len).ok_or_else(cut)?;
    let table: Table =
        serde_json::from_slice(json).map_err(|e| TableError::Malformed(e.to_string()))?;
    let mut certificates = BTreeMap::new();
    for (id, len) in &table.certificates {
        let (one, rest) = tail.split_at_checked(*len).ok_or_else(cut)?;
        certificates.insert(FaceId(*id), one.to_vec());
        tail = rest;
    }
    let numbers = table.descriptors();
    if numbers.iter().collect::<BTreeSet<_>>().len() < numbers.len() {
        return Err(malformed("it names a descriptor twice"));
    }
    Ok((table, certificates))
}

fn sum(body: &[u8]) -> [u8; 8] {
    let digest = Sha256::digest(body);
    std::array::from_fn(|i| digest[i])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::keeper::ending::Ending;
    use crate::keeper::role::Role;
    use std::time::Instant;

    fn role(name: &'static str) -> KeptRole {
        let now = Instant::now();
        Role::new(name, now).kept(now)
    }

    fn face(id: u64, fd: RawFd, life: KeptLife) -> KeptFace {
        KeptFace {
            id: FaceId(id),
            pid: 100 + id as u32,
            master: fd,
            memory: fd + 1,
            meta: vec![1, 2, 3],
            keep_orphans: id == 2,
            adopted: BTreeSet::from([7, 8]),
            life,
        }
    }

    fn faces() -> Vec<KeptFace> {
        let now = Instant::now();
        let ending = Ending::begin(now, std::time::Duration::from_secs(1)).kept(now);
        let killed = Exit::Signal { signal: 9, oom: true };
        vec![
            face(1, 20, KeptLife::Running),
            face(2, 22, KeptLife::Ending(ending)),
            face(3, 24, KeptLife::Gone(killed, vec![(5, "sleep".into())])),
        ]
    }

    fn frontend(name: &'static str, fd: RawFd) -> KeptFrontend {
        KeptFrontend {
            role: role(name),
            listener: fd,
            address: "127.0.0.1:7681".parse().unwrap(),
            link: Some(fd + 1),
            on_trial: true,
            predecessor: Some(KeptLeaver { pid: 9, link: Some(fd + 2) }),
        }
    }

    /// A table with one of everything.
    fn table() -> Table {
        let words = ["--dir", "/nonexistent", "--ssh", "127.0.0.1:7622"];
        let crash = Crash {
            returned_read: Some(3),
            returned_written: None,
            reason: "x".into(),
            own_fault: false,
        };
        Table {
            facemux: "0.1.0".into(),
            program: "/usr/bin/facemux".into(),
            config: Config::load(&words.map(Into::into)).unwrap(),
            descriptors: (1024, 524_288),
            locks: [3, 4],
            listener: 5,
            ledger: 9,
            ids: (40, 65),
            faces: faces(),
            left_alone: BTreeSet::from([77]),
            certificates: vec![(10, 4), (11, 0)],
            daemon: KeptDaemon {
                role: role("daemon"),
                link: Some(30),
                account: Some(31),
                crash: Some(crash),
                damaged: 1,
            },
            frontends: vec![frontend("web", 40), frontend("ssh", 50)],
            leaving: vec![
                KeptLeaver { pid: 12, link: Some(60) },
                KeptLeaver { pid: 13, link: None },
            ],
            oom: 2,
            upgrade: Some(KeptUpgrade {
                asker: 70,
                program: 71,
                path: "/usr/bin/facemux".into(),
                to: Some("0.1.1".into()),
                began_ms: 20,
                paused_ms: 10,
            }),
        }
    }

    #[test]
    fn a_table_is_read_as_it_was_written_and_never_when_it_is_damaged() {
        let memory = write(&table(), &[b"four", b""]).unwrap();
        let (read, certificates) = read(&memory).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), serde_json::to_value(table()).unwrap());
        assert_eq!(certificates[&FaceId(10)], b"four");
        let len = memory::length(&memory).unwrap();
        let mut bytes = vec![0; len];
        File::from(memory).read_exact_at(&mut bytes, 0).unwrap();
        for at in 0..len {
            assert!(parse(&bytes[..at]).is_err(), "cut at byte {at}");
            bytes[at] ^= 1 << (at % 8);
            assert!(parse(&bytes).is_err(), "damaged at byte {at}");
            bytes[at] ^= 1 << (at % 8);
        }
        assert!(parse(&bytes).is_ok());
    }

    #[test]
    fn a_descriptor_is_named_once() {
        let mut twice = table();
        twice.ledger = twice.listener;
        let memory = write(&twice, &[b"four", b""]).unwrap();
        assert!(read(&memory).unwrap_err().to_string().contains("twice"));
        assert_eq!(table().descriptors().len(), 6 + 6 + 2 + 6 + 1);
    }
}
