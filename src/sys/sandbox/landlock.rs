//! Which files are within reach: landlock(7), by the kernel's own numbers (linux/landlock.h), which libc lacks.

use super::{Reach, nearest};
use crate::sys::error::checked;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

/// The same on every architecture.
const CREATE_RULESET: libc::c_long = 444;
const ADD_RULE: libc::c_long = 445;
const RESTRICT_SELF: libc::c_long = 446;
const ASK_VERSION: libc::c_uint = 1;
const BENEATH_PATH: libc::c_int = 1;

const EXECUTE: u64 = 1;
const WRITE_FILE: u64 = 1 << 1;
const READ_FILE: u64 = 1 << 2;
const READ_DIR: u64 = 1 << 3;
/// What makes and removes: directories, files, sockets and the rest.
const MAKE_AND_REMOVE: u64 = 0x1ff0;
/// Since versions 2, 3 and 5.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const DEVICE_IOCTL: u64 = 1 << 15;
/// What of these can be granted on a file that is no directory.
const FILE_RIGHTS: u64 = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | DEVICE_IOCTL;

const READ: u64 = READ_FILE | READ_DIR;

/// `struct landlock_ruleset_attr`; an older kernel is given its beginning.
#[repr(C)]
#[derive(Default)]
struct Ruleset {
    files: u64,
    /// Since version 4: binding and connecting TCP. None is granted.
    net: u64,
    /// Since version 6: abstract Unix sockets and signals to those outside.
    scoped: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct Beneath {
    rights: u64,
    parent: i32,
}

/// The version of the kernel's interface; `None` when it has none or it is switched off.
pub fn version() -> Option<u32> {
    let none = std::ptr::null::<Ruleset>();
    // SAFETY: with this flag the kernel reads nothing and gives a number.
    let found = unsafe { libc::syscall(CREATE_RULESET, none, 0usize, ASK_VERSION) };
    u32::try_from(found).ok().filter(|v| *v > 0)
}

/// Restricts the calling thread to what is within reach; nothing without landlock.
///
/// # Errors
/// The kernel's.
pub fn restrict(reach: &Reach) -> io::Result<()> {
    let Some(version) = version() else { return Ok(()) };
    let (attributes, size) = ruleset(version);
    let handled = attributes.files;
    // SAFETY: the kernel reads `size` bytes of a struct that is no shorter, and gives a new descriptor.
    let raw = unsafe { libc::syscall(CREATE_RULESET, &raw const attributes, size, 0) };
    let raw = checked(raw as libc::c_int)?;
    // SAFETY: the kernel gave this descriptor to us alone.
    let ruleset = unsafe { OwnedFd::from_raw_fd(raw) };
    let write = READ | WRITE_FILE | MAKE_AND_REMOVE | REFER | TRUNCATE;
    for (paths, rights) in [(&reach.read, READ), (&reach.write, write)] {
        for path in paths.iter().filter_map(|p| nearest(p)) {
            grant(&ruleset, open(path)?, rights & handled)?;
        }
    }
    // Some C libraries and crates take randomness from there.
    for device in ["/dev/random", "/dev/urandom"] {
        if let Ok(place) = open(Path::new(device)) {
            grant(&ruleset, place, READ)?;
        }
    }
    if reach.own_program {
        let rights = READ | EXECUTE;
        grant(&ruleset, open(Path::new("/proc/self/exe"))?, rights)?;
        for place in libraries() {
            grant(&ruleset, open(&place)?, rights)?;
        }
    }
    // SAFETY: restrict_self takes a descriptor and a number.
    let done = unsafe { libc::syscall(RESTRICT_SELF, ruleset.as_raw_fd(), 0) };
    checked(done as libc::c_int).map(drop)
}

/// All that this version can restrict, and the bytes of it that the version knows.
fn ruleset(version: u32) -> (Ruleset, usize) {
    let since = |first: u32, rights: u64| if version >= first { rights } else { 0 };
    let files = EXECUTE
        | WRITE_FILE
        | READ
        | MAKE_AND_REMOVE
        | since(2, REFER)
        | since(3, TRUNCATE)
        | since(5, DEVICE_IOCTL);
    let size = match version {
        ..4 => 8,
        4..6 => 16,
        _ => 24,
    };
    (Ruleset { files, net: since(4, 3), scoped: since(6, 3) }, size)
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_PATH | libc::O_CLOEXEC).open(path)
}

fn grant(ruleset: &OwnedFd, place: File, rights: u64) -> io::Result<()> {
    let is_dir = place.metadata()?.is_dir();
    let rights = if is_dir { rights } else { rights & FILE_RIGHTS };
    let beneath = Beneath { rights, parent: place.as_raw_fd() };
    // SAFETY: the kernel reads one struct of this kind; both descriptors are open.
    let added = unsafe {
        libc::syscall(ADD_RULE, ruleset.as_raw_fd(), BENEATH_PATH, &raw const beneath, 0)
    };
    checked(added as libc::c_int).map(drop)
}

/// Where the libraries lie that this program runs with, its loader among them; none for a static one. Directories:
/// a library that is replaced while we run is another file.
fn libraries() -> Vec<PathBuf> {
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap_or_default();
    let mut found: Vec<PathBuf> = maps
        .lines()
        .filter_map(|line| line.split_once('/').map(|(_, rest)| PathBuf::from(format!("/{rest}"))))
        .filter(|path| path.file_name().is_some_and(|n| n.to_string_lossy().contains(".so")))
        .filter_map(|path| path.parent().map(Path::to_path_buf))
        .filter(|place| place.is_dir())
        .collect();
    found.sort();
    found.dedup();
    found
}
