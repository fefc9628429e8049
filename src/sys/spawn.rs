//! Starting programs: a face's first process on its terminal, and our own roles on numbered descriptors.
//!
//! The one `pre_exec` of the program. Between fork and exec only async-signal-safe calls are made (signal-safety(7)):
//! everything they need is prepared before. Children get descriptors 0, 1 and 2, default signal actions, an empty
//! signal mask and the limit of open files we had before we raised it.

use super::error::checked;
use super::process::DescriptorLimit;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// A face's program, ready to start.
#[derive(Debug)]
pub struct Program<'a> {
    /// The command; the first word is looked up in the PATH of `env`.
    pub argv: &'a [String],
    /// Argument zero when it differs.
    pub arg0: Option<&'a str>,
    /// The whole environment.
    pub env: &'a [(String, String)],
    /// The directory; `/` where it cannot be entered.
    pub cwd: &'a str,
    /// The limit of open files the program gets.
    pub descriptors: DescriptorLimit,
    /// The user it runs as, when that is not ours.
    pub user: Option<Identity>,
    /// `cgroup.procs` of the control groups it is to be in.
    pub groups: &'a [OwnedFd],
    /// Limits of the program itself, where there are no control groups.
    pub limits: ProgramLimits,
}

/// A user and its group.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// The user.
    pub uid: u32,
    /// Its only group.
    pub gid: u32,
}

/// setrlimit(2) for one program; `None` leaves it as it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ProgramLimits {
    /// Bytes of data of each process.
    pub data_bytes: Option<u64>,
    /// Processes of its user.
    pub processes: Option<u64>,
}

/// Starts a program as leader of its own session, on `terminal`, and as subreaper: its orphans stay under it.
///
/// # Errors
/// ENOENT and EACCES when there is no such program or it cannot be run; EAGAIN and ENOMEM from fork(2); EINVAL for
/// a NUL in a word.
pub fn on_terminal(program: &Program<'_>, terminal: OwnedFd) -> io::Result<u32> {
    let (command, arguments) = program.argv.split_first().ok_or(io::ErrorKind::InvalidInput)?;
    let cwd = CString::new(program.cwd)?;
    let limits = limits(program);
    let groups: Vec<RawFd> = program.groups.iter().map(AsRawFd::as_raw_fd).collect();
    let user = program.user;
    if let Some(user) = user {
        nix::unistd::fchown(&terminal, Some(user.uid.into()), None)?;
    }
    let mut child = Command::new(command);
    child.args(arguments).arg0(program.arg0.unwrap_or(command)).env_clear();
    child.envs(program.env.iter().map(|(k, v)| (k, v)));
    child.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    let prepare = move || {
        enter(&groups)?;
        // SAFETY: prctl, setsid, ioctl and setrlimit are plain system calls; fd 0 is the terminal.
        unsafe {
            checked(libc::setsid())?;
            checked(libc::ioctl(0, libc::TIOCSCTTY, 0))?;
            checked(libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0))?;
            for (resource, limit) in limits.iter().flatten() {
                libc::setrlimit(*resource, &raw const *limit);
            }
        }
        if let Some(user) = user {
            become_user(user)?;
        }
        // SAFETY: chdir reads a C string that was prepared before the fork.
        if unsafe { libc::chdir(cwd.as_ptr()) } < 0 {
            // SAFETY: as above.
            checked(unsafe { libc::chdir(c"/".as_ptr()) })?;
        }
        clean_child();
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe calls and allocates nothing.
    unsafe { child.pre_exec(prepare) };
    // The child is not waited for here: the keeper reaps by pid.
    child.spawn().map(|c| c.id())
}

/// What setrlimit(2) is to be told in the child. A limit that is above the hard one is refused and changes nothing.
fn limits(program: &Program<'_>) -> [Option<(libc::__rlimit_resource_t, libc::rlimit)>; 3] {
    let open = program.descriptors;
    let both = |most: u64| libc::rlimit { rlim_cur: most, rlim_max: most };
    [
        Some((libc::RLIMIT_NOFILE, libc::rlimit { rlim_cur: open.soft, rlim_max: open.hard })),
        program.limits.data_bytes.map(|bytes| (libc::RLIMIT_DATA, both(bytes))),
        program.limits.processes.map(|count| (libc::RLIMIT_NPROC, both(count))),
    ]
}

/// In the child: moves itself into these control groups, so that nothing it starts is ever outside.
fn enter(groups: &[RawFd]) -> io::Result<()> {
    for group in groups {
        // SAFETY: write reads one byte of a constant. Zero stands for the writer (cgroups(7)).
        let written = unsafe { libc::write(*group, c"0".as_ptr().cast(), 1) };
        checked(written as libc::c_int)?;
    }
    Ok(())
}

/// In the child: another user for good, with one group and no others.
fn become_user(user: Identity) -> io::Result<()> {
    // SAFETY: plain system calls, made directly: the C library's would signal threads, of which a fork has none.
    unsafe {
        let none = std::ptr::null::<libc::gid_t>();
        checked(libc::syscall(libc::SYS_setgroups, 0, none) as libc::c_int)?;
        let (uid, gid) = (user.uid, user.gid);
        checked(libc::syscall(libc::SYS_setresgid, gid, gid, gid) as libc::c_int)?;
        checked(libc::syscall(libc::SYS_setresuid, uid, uid, uid) as libc::c_int)?;
    }
    Ok(())
}

/// Starts this very program in another role, with these descriptors at 3, 4, ...; it gets SIGKILL when we die.
///
/// `name` becomes argument zero, so that `ps` tells the roles apart. `silent`: what it writes to its standard streams
/// is lost.
///
/// # Errors
/// fork(2)'s and execve(2)'s.
pub fn role<S: AsRef<OsStr>>(
    program: &str,
    name: &str,
    arguments: &[S],
    fds: Vec<OwnedFd>,
    silent: bool,
) -> io::Result<Child> {
    let mut child = Command::new(program);
    // What has no other end is at its end: an image may lack /dev/null.
    let (nothing, _) = io::pipe()?;
    child.arg0(name).args(arguments).stdin(nothing);
    if silent {
        let sink = || match File::options().write(true).open("/dev/null") {
            Ok(null) => Ok(Stdio::from(null)),
            Err(_) => io::pipe().map(|(_, nobody)| Stdio::from(nobody)),
        };
        child.stdout(sink()?).stderr(sink()?);
    }
    let places_end = 3 + fds.len() as RawFd;
    let occupied = occupy(&fds, places_end)?;
    let numbers: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
    let parent = std::process::id() as libc::pid_t;
    // First out of the way of the places to fill, then into them. Prepared here: the closure may not allocate.
    let mut moved = numbers.clone();
    let prepare = move || {
        for (from, to) in numbers.iter().zip(&mut moved) {
            // SAFETY: fcntl and dup2 are plain system calls on descriptors that are open in this child.
            *to = checked(unsafe { libc::fcntl(*from, libc::F_DUPFD_CLOEXEC, places_end) })?;
        }
        clean_child();
        for (place, from) in (3..).zip(&moved) {
            // SAFETY: as above; dup2 clears close-on-exec of the place it fills.
            checked(unsafe { libc::dup2(*from, place) })?;
        }
        // SAFETY: plain system calls. Should we have died before the first took effect, getppid shows it.
        unsafe {
            checked(libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0))?;
            if libc::getppid() != parent {
                return Err(io::Error::from_raw_os_error(libc::ESRCH));
            }
        }
        Ok(())
    };
    // SAFETY: the closure makes only async-signal-safe calls and allocates nothing.
    unsafe { child.pre_exec(prepare) };
    let started = child.spawn();
    drop((fds, occupied));
    started
}

/// Holds every free number below `end`, so that the descriptor by which std reports a failed exec does not stand in
/// a place that the child fills.
fn occupy(fds: &[OwnedFd], end: RawFd) -> io::Result<Vec<OwnedFd>> {
    let mut held = Vec::new();
    while let Some(first) = fds.first() {
        let copy = first.try_clone()?;
        if copy.as_raw_fd() >= end {
            break;
        }
        held.push(copy);
    }
    Ok(held)
}

/// Default signal actions, empty signal mask, nothing but 0, 1 and 2 left open at exec.
fn clean_child() {
    super::process::close_on_exec_from(3);
    // The C library's signal(3) refuses its own two (32 and 33), which may come to us ignored too.
    let default_action = [0u64; 4];
    // SAFETY: zeros are the kernel's struct for the default action, on every architecture at most these 32 bytes;
    // the set has 8. Signals that cannot be set (9, 19) are refused and change nothing. sigset_t is plain data.
    unsafe {
        for signal in 1..=64 {
            let none = std::ptr::null_mut::<u64>();
            libc::syscall(libc::SYS_rt_sigaction, signal, default_action.as_ptr(), none, 8);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, std::ptr::null_mut());
    }
}
