//! Who may come in: the authorized_keys files, read again whenever one has changed.
//!
//! A path is a file, or a directory of files named for their users: the keys in `alice` are alice's. A file that
//! others may write to is not believed. Nothing is cached beyond what the files' times and sizes confirm.

use super::authorized::{self, Entry, Grant};
use crate::limits::AUTHORIZED_KEYS_BYTES_MAX;
use russh::keys::PublicKey;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files and what was read of them.
#[derive(Debug)]
pub struct Keys {
    paths: Vec<PathBuf>,
    files: Vec<KeyFile>,
}

#[derive(Debug)]
struct KeyFile {
    path: PathBuf,
    user: Option<String>,
    stamp: Stamp,
    entries: Vec<Entry>,
}

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    inode: u64,
    len: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(meta: &Metadata) -> Stamp {
        Stamp {
            inode: meta.ino(),
            len: meta.len(),
            modified: (meta.mtime(), meta.mtime_nsec()),
            changed: (meta.ctime(), meta.ctime_nsec()),
        }
    }
}

impl Keys {
    /// The keys below `paths`; nothing is read yet.
    pub fn new(paths: Vec<PathBuf>) -> Keys {
        Keys { paths, files: Vec::new() }
    }

    /// What `key` allows, if it is authorized at all. The first line that has it counts.
    pub fn find(&mut self, key: &PublicKey) -> Option<Grant> {
        self.refresh();
        let entries = self.files.iter().flat_map(|file| &file.entries);
        let found = entries.into_iter().find(|entry| entry.key.key_data() == key.key_data());
        found.map(|entry| entry.grant.clone())
    }

    /// How many keys there are.
    pub fn count(&mut self) -> usize {
        self.refresh();
        self.files.iter().map(|file| file.entries.len()).sum()
    }

    fn refresh(&mut self) {
        let mut wanted = Vec::new();
        for path in &self.paths {
            match fs::read_dir(path) {
                Ok(entries) => {
                    let mut inside: Vec<PathBuf> = entries.flatten().map(|e| e.path()).collect();
                    inside.sort();
                    wanted.extend(inside.into_iter().filter_map(|p| {
                        let user = p.file_name()?.to_str()?.to_owned();
                        (!user.starts_with('.')).then_some((p, Some(user)))
                    }));
                }
                Err(_) => wanted.push((path.clone(), None)),
            }
        }
        let mut old = std::mem::take(&mut self.files);
        for (path, user) in wanted {
            let Ok(meta) = fs::metadata(&path) else { continue };
            let stamp = Stamp::of(&meta);
            let known =
                old.iter().position(|f| f.path == path && f.stamp == stamp && f.user == user);
            self.files.push(match known {
                Some(at) => old.swap_remove(at),
                None => read(path, user, &meta),
            });
        }
    }
}

fn read(path: PathBuf, user: Option<String>, meta: &Metadata) -> KeyFile {
    let text = believable(&path, meta).unwrap_or_else(|reason| {
        log::warn!("{}: {reason}; none of its keys is accepted", path.display());
        String::new()
    });
    let (entries, bad) = authorized::parse(&text, user.as_deref());
    for line in bad {
        log::warn!("{}: {line}", path.display());
    }
    KeyFile { user, stamp: Stamp::of(meta), entries, path }
}

fn believable(path: &Path, meta: &Metadata) -> Result<String, String> {
    let ours = crate::sys::process::user();
    if meta.uid() != ours && meta.uid() != 0 {
        return Err(format!("it belongs to uid {}, not to us", meta.uid()));
    }
    if meta.mode() & 0o022 != 0 {
        return Err("others may write to it; chmod go-w it".to_owned());
    }
    if !meta.is_file() || meta.len() > AUTHORIZED_KEYS_BYTES_MAX {
        return Err(format!("it is no file of at most {AUTHORIZED_KEYS_BYTES_MAX} bytes"));
    }
    fs::read_to_string(path).map_err(|e| format!("it cannot be read: {e}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const KEY: &str =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHAqFbTk4Jv3a8T4QyYwpCq2l0jJtqfBKM8dG0dOqS9V";

    #[test]
    fn files_are_read_again_when_they_change_and_users_are_named_by_them() {
        let dir = std::env::temp_dir().join(format!("facemux-keys-{}", std::process::id()));
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir_all(dir.join("users")).unwrap();
        let key = PublicKey::from_openssh(KEY).unwrap();
        let mut keys = Keys::new(vec![dir.join("keys"), dir.join("users")]);
        assert!(keys.find(&key).is_none());
        fs::write(dir.join("users/alice"), KEY).unwrap();
        assert_eq!(keys.find(&key).unwrap().actor.user.as_deref(), Some("alice"));
        fs::write(dir.join("keys"), format!("facemux-role=viewer {KEY}\n")).unwrap();
        assert_eq!(keys.find(&key).unwrap().actor.role, crate::wire::Role::Viewer);
        assert_eq!(keys.count(), 2);
        fs::set_permissions(dir.join("keys"), fs::Permissions::from_mode(0o666)).unwrap();
        assert_eq!(keys.find(&key).unwrap().actor.user.as_deref(), Some("alice"));
        fs::remove_file(dir.join("users/alice")).unwrap();
        assert!(keys.find(&key).is_none());
        fs::remove_dir_all(&dir).unwrap();
    }
}
