//! What a file system has left, what a file is marked with, and files that are written whole or not at all: statvfs(3),
//! xattr(7), rename(2), fsync(2).

use std::ffi::{CStr, CString};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// Bytes an ordinary user may still write where `path` is, and whether nothing may be written there at all.
///
/// # Errors
/// ENOENT, EACCES.
pub fn free(path: &Path) -> io::Result<(u64, bool)> {
    let found = nix::sys::statvfs::statvfs(path)?;
    let read_only = found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY);
    Ok((found.blocks_available().saturating_mul(found.fragment_size()), read_only))
}

/// Whether a file has this extended attribute with the value `1`.
pub fn has_mark(path: &Path, name: &CStr) -> bool {
    let Ok(path) = CString::new(path.as_os_str().as_bytes()) else { return false };
    let mut value = [0u8; 2];
    // SAFETY: two C strings that live through the call, and a place for as many bytes as said.
    let len = unsafe {
        libc::getxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    len == 1 && value[0] == b'1'
}

/// Writes a file for its owner alone (0600). Whenever the power goes, and whatever goes wrong, it holds these bytes
/// whole or what it held before. Two that replace the same file at once need a lock.
///
/// # Errors
/// Disk full, a read-only file system, no descriptors: then nothing has changed.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path);
    let written = write_new(&fresh, bytes).and_then(|()| fs::rename(&fresh, path));
    if written.is_err() {
        // What is left of it takes room that may be what is missing.
        let _ = fs::remove_file(&fresh);
        return written;
    }
    sync_directory(path)
}

/// As `replace`, but a file that is there stays as it is: whoever was first wins.
///
/// # Errors
/// As `replace`.
pub fn create(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = beside(path).with_extension(format!("new-{}", std::process::id()));
    let named = write_new(&fresh, bytes).and_then(|()| match fs::hard_link(&fresh, path) {
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        // A file system without hard links.
        Err(_) if !path.exists() => fs::rename(&fresh, path),
        other => other,
    });
    let _ = fs::remove_file(&fresh);
    named?;
    sync_directory(path)
}

fn beside(path: &Path) -> PathBuf {
    path.with_extension("new")
}

fn write_new(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// A name counts once its directory is on the disk too.
fn sync_directory(path: &Path) -> io::Result<()> {
    let dir = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(dir)?.sync_all()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
        let dir = std::env::temp_dir().join(format!("facemux-disk-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let path = dir.join("file");
        replace(&path, b"one").unwrap();
        replace(&path, b"another").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        create(&path, b"late").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"another", "whoever was first wins");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 1);
        let nowhere = dir.join("missing/file");
        assert!(replace(&nowhere, b"x").is_err() && create(&nowhere, b"x").is_err());
        fs::remove_dir_all(&dir).unwrap();
    }
}
