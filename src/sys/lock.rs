//! A lock that lasts as long as its holder lives: flock(2) on a file that says who holds it.

use super::error::SysError;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A lock held until dropped; descriptors of it are not inherited.
#[derive(Debug)]
pub struct Lock(Flock<File>);

impl Lock {
    /// The lock that was handed to us held.
    ///
    /// # Errors
    /// When it is not held after all.
    pub fn inherited(fd: OwnedFd) -> Result<Lock, SysError> {
        let failed = SysError::on("take over", "a lock");
        // The lock belongs to the open file, which we share with whoever held it: asking again gives it.
        match Flock::lock(File::from(fd), FlockArg::LockExclusiveNonblock) {
            Ok(held) => Ok(Lock(held)),
            Err((_, errno)) => Err(failed(errno)),
        }
    }

    /// The number of its descriptor.
    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// Why a lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process has it.
    #[error("held by process {pid}")]
    Held {
        /// Which; 0 when it did not say.
        pid: u32,
    },
    /// The file cannot be used.
    #[error(transparent)]
    Sys(#[from] SysError),
}

/// Takes the lock at `path`, made when missing (0600), and writes our pid into it.
///
/// # Errors
/// `Held` naming the holder.
pub fn take(path: &Path) -> Result<Lock, LockError> {
    let name = path.display().to_string();
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    let file = file.map_err(SysError::on("open", &name))?;
    let mut held = match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(held) => held,
        Err((mut file, Errno::EWOULDBLOCK)) => {
            let mut text = String::new();
            let _ = Read::by_ref(&mut file).take(20).read_to_string(&mut text);
            return Err(LockError::Held { pid: text.trim().parse().unwrap_or(0) });
        }
        Err((_, errno)) => return Err(SysError::on("lock", name)(errno).into()),
    };
    let write = |file: &mut File| {
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{}", std::process::id())
    };
    write(&mut held).map_err(SysError::on("write", name))?;
    Ok(Lock(held))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_names_its_holder() {
        let path = std::env::temp_dir().join(format!("facemux-lock-{}", std::process::id()));
        let first = take(&path).unwrap();
        let ours = std::process::id();
        assert!(matches!(take(&path), Err(LockError::Held { pid }) if pid == ours));
        drop(first);
        drop(take(&path).unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
