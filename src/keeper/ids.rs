//! Which ids may be used: a number on disk that only grows, written before any id below it is given out.
//!
//! Two files, each whole or old (`disk::replace`) and each with a checksum.
//! The backup is written first, so it is never behind: when one is damaged, the other tells the truth.

use crate::sys::{SysError, clock, disk};
use sha2::{Digest, Sha256};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

const NAMES: [&str; 2] = ["ids.backup", "ids"];

/// The ids of one state directory.
#[derive(Debug)]
pub struct Ids {
    state: PathBuf,
    next: u64,
    reserved: u64,
}

impl Ids {
    /// Reads what the last server left. Damaged files are reported and never lead to an id used twice.
    pub fn open(state: &Path) -> Ids {
        let found = NAMES.map(|name| read(&state.join(name)));
        let mut next = None;
        for (name, one) in NAMES.iter().zip(&found) {
            match one {
                Ok(Some(upto)) => next = next.max(Some(*upto)),
                Ok(None) => {}
                Err(why) => {
                    log::error!("{}: {why}; ids go on by its copy", state.join(name).display())
                }
            }
        }
        let damaged = found.iter().any(Result::is_err);
        let next = next.unwrap_or_else(|| if damaged { beyond_any() } else { 1 });
        Ids { state: state.to_path_buf(), next, reserved: next }
    }

    /// As the program whose place we took had them.
    pub fn inherited(state: &Path, next: u64, reserved: u64) -> Ids {
        Ids { state: state.to_path_buf(), next, reserved }
    }

    /// The next id that no face had.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// The first id that may not be used.
    pub fn reserved(&self) -> u64 {
        self.reserved
    }

    /// An id was given out.
    pub fn used(&mut self, id: u64) {
        self.next = self.next.max(id.saturating_add(1));
    }

    /// Makes ids below `upto` durable.
    ///
    /// # Errors
    /// Disk full, a read-only directory: nothing is promised then beyond what was.
    pub fn reserve(&mut self, upto: u64) -> Result<(), SysError> {
        if upto > self.reserved {
            self.write(upto)?;
            self.reserved = upto;
        }
        Ok(())
    }

    /// At an orderly end: ids go on without a gap.
    ///
    /// # Errors
    /// As `reserve`; what was reserved stays so.
    pub fn finish(&mut self) -> Result<(), SysError> {
        let next = self.next;
        self.write(next)?;
        self.reserved = next;
        Ok(())
    }

    fn write(&self, upto: u64) -> Result<(), SysError> {
        for name in NAMES {
            let path = self.state.join(name);
            disk::replace(&path, text(upto).as_bytes())
                .map_err(SysError::on("write", path.display().to_string()))?;
        }
        Ok(())
    }
}

/// Beyond every id ever given, when both files are damaged: ids count up by one for each face, so they never reach
/// the seconds since 1970. A clock set back before then is answered with a number as large.
fn beyond_any() -> u64 {
    (clock::wall_ms() / 1000).max(1_700_000_000)
}

fn text(upto: u64) -> String {
    let body = format!("facemux ids 1\nbelow {upto} may have been used\n");
    format!("{body}sum {}\n", sum(&body))
}

fn sum(body: &str) -> String {
    Sha256::digest(body).iter().take(8).map(|b| format!("{b:02x}")).collect()
}

fn read(path: &Path) -> Result<Option<u64>, String> {
    let found = match fs::read_to_string(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found.map_err(|e| e.to_string())?,
    };
    let number = found.lines().nth(1).and_then(|l| l.split(' ').nth(1)?.parse().ok());
    match number {
        Some(upto) if text(upto) == found => Ok(Some(upto)),
        _ => Err("it is damaged".to_owned()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fresh(name: &str) -> PathBuf {
        let dir = std::env::temp_dir().join(format!("facemux-ids-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(&dir).unwrap();
        dir
    }

    #[test]
    fn a_server_that_was_killed_skips_what_it_reserved_and_one_that_ended_does_not() {
        let dir = fresh("order");
        let mut ids = Ids::open(&dir);
        assert_eq!((ids.next(), ids.reserved()), (1, 1));
        ids.reserve(33).unwrap();
        ids.used(1);
        ids.used(2);
        assert_eq!(Ids::open(&dir).next(), 33);
        ids.finish().unwrap();
        assert_eq!(Ids::open(&dir).next(), 3);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn no_damage_to_a_file_leads_to_an_id_used_twice() {
        let dir = fresh("damage");
        let mut ids = Ids::open(&dir);
        ids.reserve(1000).unwrap();
        let whole = fs::read(dir.join("ids")).unwrap();
        for name in NAMES {
            for at in 0..whole.len() {
                let mut damaged = whole.clone();
                damaged[at] ^= 1;
                fs::write(dir.join(name), &damaged).unwrap();
                assert_eq!(Ids::open(&dir).next(), 1000, "{name} damaged at byte {at}");
                fs::write(dir.join(name), &whole[..at]).unwrap();
                assert_eq!(Ids::open(&dir).next(), 1000, "{name} cut at byte {at}");
            }
            fs::remove_file(dir.join(name)).unwrap();
            assert_eq!(Ids::open(&dir).next(), 1000);
            fs::write(dir.join(name), &whole).unwrap();
        }
        for name in NAMES {
            fs::write(dir.join(name), "").unwrap();
        }
        assert!(Ids::open(&dir).next() > 1_600_000_000);
        fs::remove_dir_all(dir).unwrap();
    }

    #[test]
    fn ids_that_cannot_be_made_durable_are_not_given_out() {
        let dir = fresh("gone");
        let mut ids = Ids::open(&dir);
        ids.reserve(33).unwrap();
        fs::remove_dir_all(&dir).unwrap();
        assert!(ids.reserve(65).unwrap_err().to_string().contains("ids"));
        assert_eq!(ids.reserved(), 33);
    }
}
