//! What a file system has left: statvfs(3).

use std::io;
use std::path::Path;

/// Bytes an ordinary user may still write where `path` is, and whether nothing may be written there at all.
///
/// # Errors
/// ENOENT, EACCES.
pub fn free(path: &Path) -> io::Result<(u64, bool)> {
    let found = nix::sys::statvfs::statvfs(path)?;
    let read_only = found.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY);
    Ok((found.blocks_available().saturating_mul(found.fragment_size()), read_only))
}
