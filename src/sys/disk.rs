//! What a file system has left: statvfs(3); and what a file is marked with: xattr(7).

use std::ffi::{CStr, CString};
use std::io;
use std::os::unix::ffi::OsStrExt;
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
