//! The token store's file: read when it has changed, changed by one process at a time, written whole.
//!
//! It lies in the state directory, for its owner alone. The command line and the web frontend both change it: each
//! takes a lock beside it, reads, changes, writes a new file and renames it over the old one, so that nobody ever
//! reads half of it.

use super::token::{SECRET_BYTES, Store, TokenError};
use crate::sys::disk;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Its name in the state directory.
const NAME: &str = "tokens.json";

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TokenFileError {
    /// The system refused.
    #[error("{what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is in it is not what was written.
    #[error(
        "{} is damaged ({why}): nobody is let in by it. Move it away; tokens and logins are then to be made anew",
        .path.display()
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// How.
        why: TokenError,
    },
    /// What was asked of it.
    #[error(transparent)]
    Token(#[from] TokenError),
}

/// The file and what was last read of it.
pub struct TokenFile {
    path: PathBuf,
    store: Store,
    /// What the file looked like then: inode, size, time of change.
    seen: Option<(u64, u64, i64, i64)>,
}

impl TokenFile {
    /// The file in the directory `state`.
    pub fn new(state: &Path) -> TokenFile {
        TokenFile { path: state.join(NAME), store: Store::default(), seen: None }
    }

    /// The tokens as they are now.
    ///
    /// # Errors
    /// When the file is there and cannot be read: then nobody is let in.
    pub fn read(&mut self) -> Result<&Store, TokenFileError> {
        let looks = match fs::metadata(&self.path) {
            Ok(m) => Some((m.ino(), m.size(), m.ctime(), m.ctime_nsec())),
            Err(e) if e.kind() == io::ErrorKind::NotFound => None,
            Err(e) => return Err(self.error("look at", e)),
        };
        if looks != self.seen || looks.is_none() {
            self.store = match looks {
                None => Store::default(),
                Some(_) => {
                    let bytes = fs::read(&self.path).map_err(|e| self.error("read", e))?;
                    let damaged = |why| TokenFileError::Damaged { path: self.path.clone(), why };
                    let text = String::from_utf8(bytes)
                        .map_err(|_| damaged(TokenError::Malformed("it is no text".into())))?;
                    Store::parse(&text).map_err(damaged)?
                }
            };
            self.seen = looks;
        }
        Ok(&self.store)
    }

    /// Changes the tokens and makes the change durable before it counts.
    ///
    /// # Errors
    /// Those of `change`, and the system's; the file is then as it was.
    pub fn change<T, E: From<TokenFileError>>(
        &mut self,
        change: impl FnOnce(&mut Store) -> Result<T, E>,
    ) -> Result<T, E> {
        let _lock = self.lock()?;
        self.read()?;
        let mut store = self.store.clone();
        let result = change(&mut store)?;
        disk::replace(&self.path, store.to_text().as_bytes())
            .map_err(|e| self.error("write", e))?;
        self.store = store;
        self.seen = None;
        Ok(result)
    }

    fn lock(&self) -> Result<File, TokenFileError> {
        let path = self.path.with_extension("lock");
        let open = || {
            let mut options = OpenOptions::new();
            let file = options.write(true).create(true).truncate(false).mode(0o600).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        open().map_err(|e| self.error("lock", e))
    }

    fn error(&self, what: &'static str, source: io::Error) -> TokenFileError {
        TokenFileError::Io { what, path: self.path.clone(), source }
    }
}

/// Randomness for a secret, from the kernel.
///
/// # Errors
/// When the kernel has none, which is not to be expected.
pub fn random() -> Result<[u8; SECRET_BYTES], TokenFileError> {
    let mut bytes = [0; SECRET_BYTES];
    getrandom::fill(&mut bytes).map_err(|e| TokenFileError::Io {
        what: "read randomness from",
        path: "the kernel".into(),
        source: io::Error::other(e),
    })?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::frontend::token::{Grant, Use};
    use crate::wire::Role;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_change_by_another_process_is_seen_and_the_file_is_private() {
        let dir = std::env::temp_dir().join(format!("facemux-tokens-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let (mut one, mut two) = (TokenFile::new(&dir), TokenFile::new(&dir));
        assert_eq!(one.read().unwrap().tokens(0).count(), 0);
        let grant = || Grant {
            good_for: Use::Token,
            role: Role::Owner,
            face: None,
            user: None,
            ttl_ms: None,
        };
        let secret =
            two.change(|s| Ok::<_, TokenFileError>(s.add(grant(), random().unwrap(), 0)?)).unwrap();
        assert!(one.read().unwrap().find(&secret, 0).is_some());
        one.change(|s| Ok::<_, TokenFileError>(s.add(grant(), random().unwrap(), 0)?)).unwrap();
        assert_eq!(two.read().unwrap().tokens(0).count(), 2);
        let mode = fs::metadata(dir.join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_damaged_file_lets_nobody_in_and_says_so() {
        let dir = std::env::temp_dir().join(format!("facemux-damaged-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let grant =
            |role| Grant { good_for: Use::Token, role, face: Some(7), user: None, ttl_ms: Some(9) };
        let add = |s: &mut Store| {
            s.add(grant(Role::Viewer), [7; SECRET_BYTES], 0)?;
            Ok::<_, TokenFileError>(s.add(grant(Role::Driver), [8; SECRET_BYTES], 0)?)
        };
        let secret = TokenFile::new(&dir).change(add).unwrap();
        let path = dir.join(NAME);
        let whole = fs::read(&path).unwrap();
        let found = |bytes: &[u8]| {
            fs::write(&path, bytes).unwrap();
            let mut file = TokenFile::new(&dir);
            file.read().map(|s| (s.find(&secret, 1).cloned(), s.tokens(1).count()))
        };
        let good = found(&whole).unwrap();
        assert_eq!((good.0.is_some(), good.1), (true, 2));
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            for bit in [0x01, 0x20, 0x80] {
                damaged[at] = whole[at] ^ bit;
                // Blanks between its parts say nothing: damage there does no harm.
                match found(&damaged) {
                    Ok(same) => assert_eq!(same, good, "byte {at} with {bit}"),
                    Err(e) => assert!(e.to_string().contains("tokens.json is damaged"), "{e}"),
                }
            }
            assert!(at == whole.len() - 1 || found(&whole[..at]).is_err(), "cut at byte {at}");
        }
        // Nothing is added to what cannot be read: what it holds may still be wanted.
        fs::write(&path, "x").unwrap();
        assert!(TokenFile::new(&dir).change(add).is_err());
        assert_eq!(fs::read(&path).unwrap(), b"x");
        fs::remove_dir_all(&dir).unwrap();
    }
}
