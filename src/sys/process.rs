//! This process's own settings, and what it does to others: wait, signal. prctl(2), waitid(2), pidfd_open(2).

use super::error::{SysError, checked};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// What the keeper answers for an id that is taken.
pub const EEXIST: i32 = libc::EEXIST;
/// What the keeper answers to whom it may not serve.
pub const EPERM: i32 = libc::EPERM;
/// What the keeper answers when there is no room.
pub const EAGAIN: i32 = libc::EAGAIN;

/// How a process ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ended {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Ended::Code(code) => write!(f, "exited with code {code}"),
            Ended::Signal(signal) => {
                write!(f, "was killed by {}", super::signals::name_of(*signal))
            }
        }
    }
}

/// How a child of ours ended, without reaping it: its pid stays taken, its /proc stays readable. `None` while it lives.
///
/// # Errors
/// ECHILD when it is no child of ours.
pub fn peek_end(pid: u32) -> io::Result<Option<Ended>> {
    wait(libc::P_PID, pid, libc::WNOWAIT).map(|found| found.map(|(_, ended)| ended))
}

/// Reaps a dead child. `None` while it lives.
///
/// # Errors
/// ECHILD when it is no child of ours.
pub fn reap(pid: u32) -> io::Result<Option<Ended>> {
    wait(libc::P_PID, pid, 0).map(|found| found.map(|(_, ended)| ended))
}

/// Any dead child, without reaping it. `None` when all live or there are none.
///
/// # Errors
/// waitid(2)'s but ECHILD.
pub fn peek_any() -> io::Result<Option<(u32, Ended)>> {
    match wait(libc::P_ALL, 0, libc::WNOWAIT) {
        Err(e) if e.raw_os_error() == Some(libc::ECHILD) => Ok(None),
        found => found,
    }
}

fn wait(which: libc::idtype_t, pid: u32, flags: libc::c_int) -> io::Result<Option<(u32, Ended)>> {
    // SAFETY: siginfo_t is plain data for which zeros are valid.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let flags = flags | libc::WEXITED | libc::WNOHANG;
    // SAFETY: waitid writes one siginfo_t to the place given.
    checked(unsafe { libc::waitid(which, pid, &raw mut info, flags) })?;
    // SAFETY: waitid left zeros, or filled the fields of SIGCHLD.
    let (found, status) = unsafe { (info.si_pid(), info.si_status()) };
    if found == 0 {
        return Ok(None);
    }
    let ended =
        if info.si_code == libc::CLD_EXITED { Ended::Code(status) } else { Ended::Signal(status) };
    Ok(Some((found as u32, ended)))
}

/// Signals a process; 0 only asks whether it is there.
///
/// # Errors
/// ESRCH, EPERM.
pub fn kill(pid: u32, signal: i32) -> io::Result<()> {
    let pid =
        libc::pid_t::try_from(pid).ok().filter(|p| *p > 0).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: kill takes two integers; the pid is positive, so it names one process.
    checked(unsafe { libc::kill(pid, signal) }).map(drop)
}

/// Signals a process group.
///
/// # Errors
/// ESRCH, EPERM.
pub fn kill_group(group: u32, signal: i32) -> io::Result<()> {
    let group =
        libc::pid_t::try_from(group).ok().filter(|p| *p > 1).ok_or(io::ErrorKind::InvalidInput)?;
    // SAFETY: killpg takes two integers; the group is a real one.
    checked(unsafe { libc::killpg(group, signal) }).map(drop)
}

/// A descriptor that names a process for good, however its pid is used later.
///
/// # Errors
/// ESRCH; ENOSYS before Linux 5.3.
pub fn open_pidfd(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: pidfd_open takes two integers and gives a new descriptor.
    let raw = unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) };
    let raw = checked(raw as libc::c_int)?;
    // SAFETY: the kernel gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Signals the process a pidfd names.
///
/// # Errors
/// ESRCH, EPERM.
pub fn kill_pidfd(pidfd: BorrowedFd<'_>, signal: i32) -> io::Result<()> {
    let none = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: pidfd_send_signal takes integers, and a null siginfo for the usual one.
    let result =
        unsafe { libc::syscall(libc::SYS_pidfd_send_signal, pidfd.as_raw_fd(), signal, none, 0) };
    checked(result as libc::c_int).map(drop)
}

/// Our effective user.
pub fn user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Whether we may start programs as other users, give them their terminals, and signal them: capabilities(7).
pub fn may_change_user() -> bool {
    const NEEDED: u64 = 1 << CHOWN | 1 << KILL | 1 << SETGID | 1 << SETUID;
    const CHOWN: u32 = 0;
    const KILL: u32 = 5;
    const SETGID: u32 = 6;
    const SETUID: u32 = 7;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let held = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    let held = held.and_then(|hex| u64::from_str_radix(hex.trim(), 16).ok());
    held.is_some_and(|held| held & NEEDED == NEEDED)
}

/// Our session.
pub fn session() -> u32 {
    nix::unistd::getsid(None).map_or(0, |s| s.as_raw().cast_unsigned())
}

/// Makes a session of our own, without a terminal.
///
/// # Errors
/// EPERM when we lead a process group.
pub fn new_session() -> io::Result<()> {
    nix::unistd::setsid()?;
    Ok(())
}

/// Orphans among our descendants become our children.
///
/// # Errors
/// prctl(2)'s.
pub fn become_subreaper() -> io::Result<()> {
    prctl(libc::PR_SET_CHILD_SUBREAPER, 1)
}

/// Whether others of our user may trace us and read our memory and descriptors.
///
/// # Errors
/// prctl(2)'s.
pub fn set_dumpable(on: bool) -> io::Result<()> {
    prctl(libc::PR_SET_DUMPABLE, libc::c_ulong::from(on))
}

/// Programs that this process starts gain no rights by being started, for good.
///
/// # Errors
/// prctl(2)'s.
pub fn forbid_new_privileges() -> io::Result<()> {
    prctl(libc::PR_SET_NO_NEW_PRIVS, 1)
}

/// The signal we get when our parent dies; 0 for none.
///
/// # Errors
/// EINVAL for what is no signal.
pub fn set_parent_death_signal(signal: i32) -> io::Result<()> {
    prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong)
}

/// The name that ps and /proc/PID/comm show, at most 15 bytes of it.
///
/// # Errors
/// A NUL inside.
pub fn set_name(name: &str) -> io::Result<()> {
    let name = CString::new(name)?;
    prctl(libc::PR_SET_NAME, name.as_ptr() as libc::c_ulong)
}

fn prctl(what: libc::c_int, argument: libc::c_ulong) -> io::Result<()> {
    // SAFETY: the operations used here take an integer, or (PR_SET_NAME) a C string that lives through the call.
    checked(unsafe { libc::prctl(what, argument, 0, 0, 0) }).map(drop)
}

/// How many descriptors a process may have, soft and hard.
#[derive(Clone, Copy, Debug)]
pub struct DescriptorLimit {
    /// What binds.
    pub soft: u64,
    /// How far it may be raised.
    pub hard: u64,
}

/// Raises our limit of descriptors as far as it goes; gives what it was, which children should get back (programs
/// that use select(2) break beyond 1024).
///
/// # Errors
/// getrlimit(2)'s.
pub fn raise_descriptor_limit() -> Result<DescriptorLimit, SysError> {
    let failed = || SysError::on("raise", "the limit of open files");
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(failed())?;
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).map_err(failed())?;
    Ok(DescriptorLimit { soft, hard })
}

/// Our limit of descriptors as it is.
pub fn descriptor_limit() -> u64 {
    getrlimit(Resource::RLIMIT_NOFILE).map_or(u64::MAX, |(soft, _)| soft)
}

/// What is said when there is no room for another descriptor.
pub fn out_of_descriptors() -> io::Error {
    io::Error::from_raw_os_error(libc::EMFILE)
}

/// Makes every descriptor from `first` on close at exec.
pub fn close_on_exec_from(first: RawFd) {
    let flags = libc::CLOSE_RANGE_CLOEXEC as libc::c_int;
    // SAFETY: close_range with this flag only marks descriptors. Before Linux 5.11 it fails and changes nothing;
    // ours are made close-on-exec one by one anyway.
    unsafe {
        libc::syscall(libc::SYS_close_range, first as libc::c_uint, libc::c_uint::MAX, flags)
    };
}

/// Sets O_NONBLOCK on the open file, shared with whoever else holds it.
///
/// # Errors
/// fcntl(2)'s.
pub fn set_nonblocking(fd: &impl AsFd) -> io::Result<()> {
    use nix::fcntl::{FcntlArg, OFlag, fcntl};
    let flags = OFlag::from_bits_retain(fcntl(fd, FcntlArg::F_GETFL)?);
    fcntl(fd, FcntlArg::F_SETFL(flags | OFlag::O_NONBLOCK))?;
    Ok(())
}

/// Takes a descriptor this process was started with, by its number; close-on-exec from now on.
///
/// # Errors
/// EBADF when there is none. To be called once for each number, before anything else opens descriptors.
pub fn inherited(number: RawFd) -> Result<OwnedFd, SysError> {
    let subject = || format!("descriptor {number}");
    // SAFETY: fcntl on a number only asks; a number that is no descriptor gives EBADF.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) })
        .map_err(SysError::on("take over", subject()))?;
    // SAFETY: it is open, and by contract nobody in this process owns it yet.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Whether a number is that of an open descriptor.
pub fn is_open(number: RawFd) -> bool {
    // SAFETY: fcntl on a number only asks.
    unsafe { libc::fcntl(number, libc::F_GETFD) >= 0 }
}

/// A second descriptor for one this process was started with: close-on-exec, the first stays as it is.
///
/// # Errors
/// EBADF when there is none.
pub fn inherited_copy(number: RawFd) -> Result<OwnedFd, SysError> {
    // SAFETY: fcntl on a number gives a new descriptor, or EBADF when that number is none.
    let copy = checked(unsafe { libc::fcntl(number, libc::F_DUPFD_CLOEXEC, 3) })
        .map_err(SysError::on("copy", format!("descriptor {number}")))?;
    // SAFETY: the kernel gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(copy) })
}

/// Opens a program so that it can be run later by `running` whatever becomes of its file: close-on-exec, and out of
/// the way of the numbers at which children get their descriptors.
///
/// # Errors
/// ENOENT and the like; a directory or a device is no program.
pub fn open_program(path: &Path) -> Result<OwnedFd, SysError> {
    let subject = || path.display().to_string();
    let mut options = std::fs::OpenOptions::new();
    let opened = options.read(true).custom_flags(libc::O_NONBLOCK).open(path);
    let file = opened.map_err(SysError::on("open", subject()))?;
    let found = file.metadata().map_err(SysError::on("look at", subject()))?;
    if !found.is_file() {
        return Err(SysError::on("run", subject())(io::Error::other("it is no file")));
    }
    // SAFETY: fcntl on a descriptor we own gives a new one.
    let high =
        checked(unsafe { libc::fcntl(file.as_raw_fd(), libc::F_DUPFD_CLOEXEC, PROGRAMS_FROM) })
            .map_err(SysError::on("copy", subject()))?;
    // SAFETY: the kernel gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(high) })
}

/// The lowest number of a descriptor from `open_program`.
const PROGRAMS_FROM: RawFd = 16;

/// The path by which this process and its children run what `open_program` opened.
pub fn running(program: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", program.as_raw_fd())
}

/// Whether a descriptor stays open in the program that takes this one's place.
///
/// # Errors
/// EBADF.
pub fn keep_at_exec(number: RawFd, keep: bool) -> io::Result<()> {
    let flags = if keep { 0 } else { libc::FD_CLOEXEC };
    // SAFETY: fcntl on a number sets its flag, or gives EBADF.
    checked(unsafe { libc::fcntl(number, libc::F_SETFD, flags) }).map(drop)
}

/// Runs another program in our place: pid, children, signal mask and pending signals stay as they are, and so do
/// descriptors marked by `keep_at_exec`. Returns only when it could not.
pub fn exec(program: &str, words: &[OsString]) -> io::Error {
    let text = |word: &[u8]| CString::new(word).map_err(io::Error::from);
    let run = || -> io::Result<()> {
        let program = text(program.as_bytes())?;
        let words = words.iter().map(|w| text(w.as_bytes())).collect::<io::Result<Vec<_>>>()?;
        nix::unistd::execv(&program, &words)?;
        Ok(())
    };
    run().err().unwrap_or_else(|| io::Error::other("it returned"))
}

/// Puts what `fd` refers to in the place of a standard stream: 0, 1 or 2.
///
/// # Errors
/// dup2(2)'s.
pub fn redirect_stream(stream: RawFd, fd: &impl AsFd) -> Result<(), SysError> {
    assert!((0..3).contains(&stream), "only the standard streams are nobody's");
    // SAFETY: dup2 onto a standard stream: nothing in the program owns those numbers.
    checked(unsafe { libc::dup2(fd.as_fd().as_raw_fd(), stream) })
        .map(drop)
        .map_err(SysError::on("redirect", format!("stream {stream}")))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::zombie_processes)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_dead_child_can_be_looked_at_before_it_is_reaped() {
        let child = Command::new("sleep").arg("1000").spawn().unwrap();
        assert_eq!(peek_end(child.id()).unwrap(), None);
        let pidfd = open_pidfd(child.id()).unwrap();
        kill_pidfd(pidfd.as_fd(), libc::SIGKILL).unwrap();
        let mut polled = [nix::poll::PollFd::new(pidfd.as_fd(), nix::poll::PollFlags::POLLIN)];
        nix::poll::poll(&mut polled, 5000u16).unwrap();
        assert_eq!(peek_end(child.id()).unwrap(), Some(Ended::Signal(9)));
        assert_eq!(reap(child.id()).unwrap(), Some(Ended::Signal(9)));
        assert!(peek_end(child.id()).is_err());
        assert!(kill(0, libc::SIGTERM).is_err() && kill_group(1, libc::SIGTERM).is_err());
    }
}
