//! Where things are: socket, state, log, configuration. Whoever can write there owns the faces, so each place is
//! checked: ours, and not writable for others.

use crate::sys::process;
use serde::{Deserialize, Serialize};
use std::env;
use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

/// Where one server keeps everything.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Places {
    /// `--dir` or `FACEMUX_DIR`, absolute, when one was given.
    pub dir: Option<PathBuf>,
    /// The directory of the socket and the lock.
    pub runtime: PathBuf,
    /// The daemon's socket.
    pub socket: PathBuf,
    /// Ids, tokens, host keys.
    pub state: PathBuf,
    /// The log of a server that runs in the background.
    pub log: PathBuf,
    /// Configuration files, the first that exists is read.
    pub config: Vec<PathBuf>,
}

/// Why a place cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// Somebody else's.
    #[error(
        "{path} belongs to user {owner}, not to us (user {ours}): choose another directory with --dir"
    )]
    Owner {
        /// The directory.
        path: String,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        ours: u32,
    },
    /// Others may put things there.
    #[error(
        "{path} can be written by others (mode {mode:04o}): `chmod go-w {path}` or choose another with --dir"
    )]
    Writable {
        /// The directory.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// A file or a link.
    #[error("{path} is no directory: choose another with --dir")]
    NotADirectory {
        /// What is there.
        path: String,
    },
    /// The system refused.
    #[error("cannot use {path}: {source}")]
    Io {
        /// The directory.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl Places {
    /// The places of the server that `dir` names, else `FACEMUX_DIR`, else the user's own. Touches nothing.
    pub fn find(dir: Option<&Path>) -> Places {
        let given = dir.map(Path::to_path_buf).or_else(|| variable("FACEMUX_DIR"));
        match given {
            Some(dir) => Places::under(&std::path::absolute(&dir).unwrap_or(dir)),
            None => Places::of_user(process::user()),
        }
    }

    fn under(dir: &Path) -> Places {
        Places {
            dir: Some(dir.to_path_buf()),
            runtime: dir.to_path_buf(),
            socket: dir.join("sock"),
            state: dir.join("state"),
            log: dir.join("log"),
            config: vec![dir.join("config.toml")],
        }
    }

    fn of_user(user: u32) -> Places {
        let runtime = match variable("XDG_RUNTIME_DIR") {
            Some(base) => base.join("facemux"),
            None => PathBuf::from(format!("/tmp/facemux-{user}")),
        };
        let home = variable("HOME");
        let under_home = |rest: &str| home.as_ref().map(|h| h.join(rest));
        let state = variable("XDG_STATE_HOME").or_else(|| under_home(".local/state"));
        // Without a home there is nowhere that outlives a boot.
        let state = state.map_or_else(|| runtime.join("state"), |base| base.join("facemux"));
        let config = variable("XDG_CONFIG_HOME").or_else(|| under_home(".config"));
        let mut configs: Vec<PathBuf> =
            config.map(|c| c.join("facemux/config.toml")).into_iter().collect();
        configs.push(PathBuf::from("/etc/facemux/config.toml"));
        Places {
            dir: None,
            socket: runtime.join("sock"),
            log: state.join("log"),
            runtime,
            state,
            config: configs,
        }
    }

    /// Makes the directories (0700) where they are missing, and checks them.
    ///
    /// # Errors
    /// `PlaceError`, each a sentence that says what would be right.
    pub fn prepare(&self) -> Result<(), PlaceError> {
        for place in [&self.runtime, &self.state] {
            let made = DirBuilder::new().recursive(true).mode(0o700).create(place);
            if let Err(source) = made {
                if fs::symlink_metadata(place).is_ok() {
                    check(place, self.dir.is_some())?;
                }
                return Err(PlaceError::Io { path: place.display().to_string(), source });
            }
            check(place, self.dir.is_some())?;
        }
        Ok(())
    }

    /// Checks the socket's directory, for a client about to trust what listens there. A missing one is fine.
    ///
    /// # Errors
    /// `PlaceError`.
    pub fn check_runtime(&self) -> Result<(), PlaceError> {
        if fs::symlink_metadata(&self.runtime).is_err() {
            return Ok(());
        }
        check(&self.runtime, self.dir.is_some())
    }
}

/// A path from the environment; empty and relative ones count as unset, as the XDG base directory rules say (but
/// for `FACEMUX_DIR`, which is made absolute).
fn variable(name: &str) -> Option<PathBuf> {
    let value = PathBuf::from(env::var_os(name)?);
    let usable = !value.as_os_str().is_empty() && (value.is_absolute() || name == "FACEMUX_DIR");
    usable.then_some(value)
}

/// A directory that was named outright may be a link; one at a guessable place may not.
fn check(path: &Path, may_be_link: bool) -> Result<(), PlaceError> {
    let name = || path.display().to_string();
    let found = if may_be_link { fs::metadata(path) } else { fs::symlink_metadata(path) };
    let found = found.map_err(|source| PlaceError::Io { path: name(), source })?;
    let ours = process::user();
    if !found.is_dir() {
        Err(PlaceError::NotADirectory { path: name() })
    } else if found.uid() != ours {
        Err(PlaceError::Owner { path: name(), owner: found.uid(), ours })
    } else if found.mode() & 0o022 != 0 {
        Err(PlaceError::Writable { path: name(), mode: found.mode() & 0o7777 })
    } else {
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_directory_of_others_or_open_to_others_is_refused() {
        let dir = env::temp_dir().join(format!(
            "facemux-places-{}",
            process::user() as usize + std::process::id() as usize
        ));
        let places = Places::under(&dir);
        places.prepare().unwrap();
        assert_eq!(fs::metadata(&places.state).unwrap().mode() & 0o777, 0o700);
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o770)).unwrap();
        let refused = places.prepare().unwrap_err().to_string();
        assert!(refused.contains("0770") && refused.contains("chmod"), "{refused}");
        assert!(places.check_runtime().is_err());
        fs::remove_dir_all(&dir).unwrap();
        assert!(places.check_runtime().is_ok());
        fs::write(&dir, "").unwrap();
        assert!(matches!(places.prepare(), Err(PlaceError::NotADirectory { .. })));
        fs::remove_file(&dir).unwrap();
    }

    #[test]
    fn a_link_at_a_guessable_place_is_refused() {
        let dir = env::temp_dir().join(format!("facemux-link-{}", std::process::id()));
        fs::create_dir_all(dir.join("real")).unwrap();
        std::os::unix::fs::symlink(dir.join("real"), dir.join("link")).unwrap();
        assert!(check(&dir.join("link"), true).is_ok());
        assert!(matches!(check(&dir.join("link"), false), Err(PlaceError::NotADirectory { .. })));
        fs::remove_dir_all(&dir).unwrap();
    }
}
