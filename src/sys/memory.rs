//! Memory that outlives the process that writes it: memfds, their shared mapping, and its pieces as regions.
//!
//! The keeper holds the memfd, the daemon maps and writes it; one process writes at a time. memfd_create(2),
//! madvise(2).

use super::error::{SysError, checked};
use crate::region::Region;
use std::ffi::CString;
use std::io;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::Arc;

/// Bytes of a page. Lengths given to `carve` that are multiples of it can be given back whole; where the kernel's
/// page is larger, `discard` writes zeros at the edges instead.
pub const PAGE_BYTES: usize = 4096;

/// Memory of `len` bytes, all zeros, reached by descriptor alone: close-on-exec, not executable, and it cannot
/// shrink under a mapping.
///
/// # Errors
/// Out of memory or descriptors.
pub fn create_memfd(name: &str, len: usize) -> Result<OwnedFd, SysError> {
    let subject = || format!("memory {name} of {len} bytes");
    let label =
        CString::new(name).map_err(|e| SysError::on("create", subject())(io::Error::from(e)))?;
    let flags = libc::MFD_CLOEXEC | libc::MFD_ALLOW_SEALING;
    // SAFETY: the name is a C string that lives through the call; the result is checked before use.
    let mut raw = unsafe { libc::memfd_create(label.as_ptr(), flags | libc::MFD_NOEXEC_SEAL) };
    if raw < 0 && io::Error::last_os_error().raw_os_error() == Some(libc::EINVAL) {
        // Kernels before 6.3 do not know MFD_NOEXEC_SEAL.
        // SAFETY: as above.
        raw = unsafe { libc::memfd_create(label.as_ptr(), flags) };
    }
    let raw = checked(raw).map_err(SysError::on("create", subject()))?;
    // SAFETY: memfd_create gave this descriptor to us alone.
    let fd = unsafe { OwnedFd::from_raw_fd(raw) };
    nix::unistd::ftruncate(&fd, len as i64).map_err(SysError::on("size", subject()))?;
    // SAFETY: fcntl with an integer argument on a descriptor we own.
    checked(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_ADD_SEALS, libc::F_SEAL_SHRINK) })
        .map_err(SysError::on("seal", subject()))?;
    Ok(fd)
}

/// Bytes of what a descriptor refers to.
///
/// # Errors
/// fstat(2)'s.
pub fn length(fd: &impl AsFd) -> io::Result<usize> {
    let stat = nix::sys::stat::fstat(fd)?;
    Ok(usize::try_from(stat.st_size).unwrap_or(0))
}

/// A shared, writable mapping of a memfd, to be carved into regions.
#[derive(Debug)]
pub struct Mapping(Pages);

impl Mapping {
    /// Maps the first `len` bytes of `fd`.
    ///
    /// # Errors
    /// When `fd` is shorter than `len`, or the kernel refuses the mapping.
    pub fn of(fd: &impl AsFd, len: usize) -> Result<Mapping, SysError> {
        let subject = || format!("shared memory of {len} bytes");
        let held = length(fd).map_err(SysError::on("measure", subject()))?;
        if len == 0 || held < len {
            let short = io::Error::new(io::ErrorKind::InvalidInput, format!("it has {held} bytes"));
            return Err(SysError::on("map", subject())(short));
        }
        let protection = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a fresh mapping at an address of the kernel's choice touches no memory of ours; the file is long
        // enough (checked above) and sealed against shrinking by `create_memfd`.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                protection,
                libc::MAP_SHARED,
                fd.as_fd().as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(SysError::on("map", subject())(io::Error::last_os_error()));
        }
        let start = NonNull::new(start.cast()).expect("a mapping is never at address 0");
        Ok(Mapping(Pages { start, len }))
    }

    /// Pieces of these lengths, one after another, from the mapping's start. They share no byte; the mapping goes
    /// when the last of them does.
    ///
    /// # Panics
    /// When the lengths come to more than the mapping has: they are the caller's own layout.
    pub fn carve(self, lengths: &[usize]) -> Vec<MappedRegion> {
        let total = lengths.iter().try_fold(0usize, |sum, len| sum.checked_add(*len));
        assert!(total.is_some_and(|t| t <= self.0.len), "the pieces are longer than the mapping");
        let pages = Arc::new(self.0);
        let mut at = 0;
        let piece = |len: &usize| {
            // SAFETY: `at` is at most the mapping's length, as asserted above.
            let start = unsafe { pages.start.add(at) };
            at += len;
            MappedRegion { start, len: *len, _pages: Arc::clone(&pages) }
        };
        lengths.iter().map(piece).collect()
    }
}

#[derive(Debug)]
struct Pages {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the pages are plain memory, tied to no thread; access goes through regions that share no byte.
unsafe impl Send for Pages {}
// SAFETY: nothing is reached through a shared reference to `Pages`.
unsafe impl Sync for Pages {}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: this range was mapped by `Mapping::of`, and no region is left (each holds an Arc of it).
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.len) };
    }
}

/// A piece of a mapping, owned by one part of the program.
#[derive(Debug)]
pub struct MappedRegion {
    start: NonNull<u8>,
    len: usize,
    _pages: Arc<Pages>,
}

// SAFETY: a region is the only way to its bytes in this process (`carve` consumes the mapping), like a Box<[u8]>.
unsafe impl Send for MappedRegion {}

impl MappedRegion {
    /// Gives the pages of `range` back to the kernel: it reads as zeros again and its whole pages cost nothing.
    ///
    /// # Panics
    /// When the range ends beyond the region.
    pub fn discard(&mut self, range: Range<usize>) {
        let piece = &mut self.bytes_mut()[range];
        let page = page_bytes();
        let head = piece.as_ptr().align_offset(page).min(piece.len());
        let whole = (piece.len() - head) / page * page;
        let inner = &mut piece[head..head + whole];
        // SAFETY: whole pages inside memory that this region alone reaches, of a shared mapping (madvise(2)).
        let given = whole > 0
            && unsafe { libc::madvise(inner.as_mut_ptr().cast(), whole, libc::MADV_REMOVE) } == 0;
        if given {
            piece[..head].fill(0);
            piece[head + whole..].fill(0);
        } else {
            piece.fill(0);
        }
    }

    /// Where the region starts; for what is laid over it as atomics.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }
}

impl Region for MappedRegion {
    fn bytes(&self) -> &[u8] {
        // SAFETY: the range is mapped while `_pages` lives, and this region is its only user in this process. The
        // one process that writes a memfd at a time is the one that maps it.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        // SAFETY: as above, and `&mut self` makes it the only reference.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }
}

/// Makes every page of `bytes` present and writable, contents unchanged, so that a read(2) into them cannot fault.
pub(super) fn touch(bytes: &mut [u8]) {
    let mut at = 0;
    while at < bytes.len() {
        let place = &raw mut bytes[at];
        // SAFETY: `place` is inside `bytes`, which we hold exclusively; volatile so that it is not optimised away.
        unsafe { place.write_volatile(place.read_volatile()) };
        at += PAGE_BYTES - (place as usize) % PAGE_BYTES;
    }
}

fn page_bytes() -> usize {
    // SAFETY: sysconf reads a constant of the system.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(PAGE_BYTES)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn pieces_do_not_overlap_and_outlive_each_other() {
        let fd = create_memfd("pieces", 3 * PAGE_BYTES).unwrap();
        let mut pieces = Mapping::of(&fd, 3 * PAGE_BYTES).unwrap().carve(&[100, PAGE_BYTES, 50]);
        for (mark, piece) in (1..).zip(&mut pieces) {
            piece.bytes_mut().fill(mark);
        }
        let last = pieces.pop().unwrap();
        drop(pieces);
        assert!(last.bytes().iter().all(|b| *b == 3));
        let again = Mapping::of(&fd, 3 * PAGE_BYTES).unwrap().carve(&[3 * PAGE_BYTES]);
        assert_eq!(again[0].bytes()[99..101], [1, 2]);
    }

    #[test]
    fn discarded_pages_are_zeros_and_cost_nothing() {
        let len = 8 * PAGE_BYTES;
        let fd = create_memfd("discard", len).unwrap();
        let mut region = Mapping::of(&fd, len).unwrap().carve(&[len]).remove(0);
        region.bytes_mut().fill(7);
        let blocks = || nix::sys::stat::fstat(&fd).unwrap().st_blocks;
        assert_eq!(blocks(), 8 * 8);
        region.discard(100..len - 100);
        assert_eq!(blocks(), 2 * 8);
        assert!(region.bytes()[100..len - 100].iter().all(|b| *b == 0));
        assert_eq!((region.bytes()[99], region.bytes()[len - 100]), (7, 7));
    }

    #[test]
    fn a_memfd_does_not_shrink_under_its_mapping() {
        let fd = create_memfd("sealed", PAGE_BYTES).unwrap();
        assert!(nix::unistd::ftruncate(&fd, 0).is_err());
        assert!(Mapping::of(&fd, 2 * PAGE_BYTES).is_err());
    }
}
