//! The host key: one ed25519 key, made at the first start, in OpenSSH's own format, readable by its owner alone.

use crate::sys::disk;
use russh::keys::ssh_key::LineEnding;
use russh::keys::ssh_key::private::{Ed25519Keypair, KeypairData};
use russh::keys::{HashAlg, PrivateKey};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Why there is no host key.
#[derive(Debug, thiserror::Error)]
pub enum HostKeyError {
    /// The system refused.
    #[error("{verb} the host key {}: {source}", .path.display())]
    Io {
        /// What was tried.
        verb: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is no key.
    #[error("the host key {} cannot be used: {reason}", .path.display())]
    Unusable {
        /// Where.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

/// The key at `path`, made when there is none.
///
/// # Errors
/// A file that is no key, that others may read, or that cannot be written.
pub fn load_or_make(path: &Path) -> Result<PrivateKey, HostKeyError> {
    match load(path) {
        Err(HostKeyError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {
            make(path)?;
            load(path)
        }
        found => found,
    }
}

/// The line of the log that lets a person compare what their client shows.
pub fn fingerprint(key: &PrivateKey) -> String {
    format!("ssh-ed25519 {}", key.fingerprint(HashAlg::Sha256))
}

fn load(path: &Path) -> Result<PrivateKey, HostKeyError> {
    let io = |verb| move |source| HostKeyError::Io { verb, path: path.to_owned(), source };
    let unusable = |reason| HostKeyError::Unusable { path: path.to_owned(), reason };
    let mode = fs::metadata(path).map_err(io("read"))?.permissions().mode();
    if mode & 0o077 != 0 {
        return Err(unusable(
            "others may read it; chmod 600 it, or remove it for a new one".into(),
        ));
    }
    let bytes = fs::read(path).map_err(io("read"))?;
    let text = String::from_utf8(bytes).map_err(|_| unusable("it is no text".into()))?;
    let key = PrivateKey::from_openssh(&text).map_err(|e| unusable(e.to_string()))?;
    if matches!(key.key_data(), KeypairData::Ed25519(_)) {
        Ok(key)
    } else {
        Err(unusable("it must be an ed25519 key without a passphrase".into()))
    }
}

/// Writes a new key; whoever was first wins.
fn make(path: &Path) -> Result<(), HostKeyError> {
    let io = |verb| move |source| HostKeyError::Io { verb, path: path.to_owned(), source };
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|e| io("make")(std::io::Error::other(e)))?;
    let key = PrivateKey::new(Ed25519Keypair::from_seed(&seed).into(), "facemux");
    let text = key
        .and_then(|key| key.to_openssh(LineEnding::LF))
        .map_err(|e| io("make")(std::io::Error::other(e)))?;
    disk::create(path, text.as_bytes()).map_err(io("write"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_for_its_owner_alone() {
        let dir = std::env::temp_dir().join(format!("facemux-host-key-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("host_key");
        let first = load_or_make(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(load_or_make(&path).unwrap(), first);
        assert!(fingerprint(&first).starts_with("ssh-ed25519 SHA256:"));
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut damaged = whole.clone();
                damaged[at] ^= bit;
                fs::write(&path, &damaged).unwrap();
                match load_or_make(&path) {
                    // Its comment, a letter of an armour that is not looked at: it is the same key.
                    Ok(key) => assert_eq!(fingerprint(&key), fingerprint(&first), "byte {at}"),
                    Err(e) => assert!(e.to_string().contains("cannot be used"), "{e}"),
                }
                assert_eq!(fs::read(&path).unwrap(), damaged, "a key is never written over");
            }
            fs::write(&path, &whole[..at]).unwrap();
            assert!(load_or_make(&path).is_err() || at + 2 > whole.len(), "cut at byte {at}");
        }
        fs::write(&path, &whole).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(load_or_make(&path).unwrap_err().to_string().contains("chmod 600"));
        fs::remove_dir_all(&dir).unwrap();
    }
}
