//! Daemon, web and ssh as they run are made to try what they must not: each call is put into the living process by
//! ptrace(2) and gets the kernel's answer there.

#![cfg(target_arch = "x86_64")]
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, eventually};
use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;
use std::fs;

/// A role stopped in its sleep.
struct Held {
    pid: Pid,
    before: libc::user_regs_struct,
}

impl Held {
    fn take(pid: u32) -> Held {
        // In epoll_wait or epoll_pwait: nothing is in its hands, and its place can be put back.
        eventually("the role sleeps", || {
            let call = fs::read_to_string(format!("/proc/{pid}/syscall")).unwrap();
            (call.starts_with("232 ") || call.starts_with("281 ")).then_some(())
        });
        let pid = Pid::from_raw(pid as i32);
        ptrace::attach(pid).unwrap();
        waitpid(pid, None).unwrap();
        Held { pid, before: ptrace::getregs(pid).unwrap() }
    }

    /// Makes this system call in its place; gives what the kernel answers.
    fn call(&self, number: libc::c_long, arguments: [u64; 4]) -> Result<i64, Errno> {
        let mut regs = self.before;
        // Behind its `syscall` instruction it sleeps; that one is made anew.
        regs.rip -= 2;
        regs.rax = number as u64;
        regs.orig_rax = u64::MAX;
        [regs.rdi, regs.rsi, regs.rdx, regs.r10] = arguments;
        ptrace::setregs(self.pid, regs).unwrap();
        ptrace::step(self.pid, None).unwrap();
        waitpid(self.pid, None).unwrap();
        let answer = ptrace::getregs(self.pid).unwrap().rax as i64;
        if answer < 0 { Err(Errno::from_raw(-answer as i32)) } else { Ok(answer) }
    }

    /// Puts a path where its stack will not be missed; gives its address.
    fn path(&self, path: &str) -> u64 {
        let address = (self.before.rsp - 4096) & !7;
        let mut bytes = path.as_bytes().to_vec();
        bytes.resize(bytes.len() / 8 * 8 + 8, 0);
        for (at, word) in bytes.chunks(8).enumerate() {
            let word = i64::from_le_bytes(word.try_into().unwrap());
            ptrace::write(self.pid, (address + 8 * at as u64) as *mut _, word).unwrap();
        }
        address
    }

    fn open(&self, path: &str, flags: i32) -> Result<i64, Errno> {
        let here = libc::AT_FDCWD as i64 as u64;
        let file = self.call(libc::SYS_openat, [here, self.path(path), flags as u64, 0o600])?;
        self.call(libc::SYS_close, [file as u64, 0, 0, 0])
    }

    fn socket(&self, family: i32) -> Result<i64, Errno> {
        let socket =
            self.call(libc::SYS_socket, [family as u64, libc::SOCK_STREAM as u64, 0, 0])?;
        self.call(libc::SYS_close, [socket as u64, 0, 0, 0])
    }

    /// What no role may. Without a filter each of these would be done, or refused for another reason.
    fn is_confined(&self, keeper: u32) {
        let refused = |what: &str, number, arguments| {
            assert_eq!(self.call(number, arguments), Err(Errno::EPERM), "{what}");
        };
        assert_eq!(self.socket(libc::AF_INET), Err(Errno::EPERM), "a TCP socket");
        assert_eq!(self.socket(libc::AF_NETLINK), Err(Errno::EPERM), "a netlink socket");
        refused("trace", libc::SYS_ptrace, [16, 0, 0, 0]);
        refused("read memory", libc::SYS_process_vm_readv, [u64::from(keeper), 0, 0, 0]);
        refused("mount", libc::SYS_mount, [0; 4]);
        refused("a namespace", libc::SYS_unshare, [libc::CLONE_NEWUTS as u64, 0, 0, 0]);
        refused("another user", libc::SYS_setuid, [65534, 0, 0, 0]);
        refused("listen", libc::SYS_listen, [3, 1, 0, 0]);
        refused("a ring", libc::SYS_io_uring_setup, [0; 4]);
        refused("type into a terminal", libc::SYS_ioctl, [2, 0x5412, 0, 0]);
        assert_eq!(self.call(libc::SYS_clone3, [0; 4]), Err(Errno::ENOSYS), "clone3");
    }

    fn starts_nothing(&self, keeper: u32) {
        let path = self.path("/bin/true");
        assert_eq!(self.call(libc::SYS_execve, [path, 0, 0, 0]), Err(Errno::EPERM));
        assert_eq!(self.call(libc::SYS_fork, [0; 4]), Err(Errno::EPERM));
        assert_eq!(self.call(libc::SYS_clone, [17, 0, 0, 0]), Err(Errno::EPERM));
        assert_eq!(self.call(libc::SYS_kill, [u64::from(keeper), 0, 0, 0]), Err(Errno::EPERM));
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        ptrace::setregs(self.pid, self.before).unwrap();
        ptrace::detach(self.pid, None).unwrap();
    }
}

fn may_trace() -> bool {
    let may = facemux::sys::process::user() == 0;
    if !may {
        println!("not run: the roles are closed to others than root");
    }
    may
}

#[test]
fn each_role_is_refused_what_it_does_not_need() {
    if !may_trace() {
        return;
    }
    let server = Server::with(&["--web", "127.0.0.1:0", "--ssh", "127.0.0.1:0"]);
    let keeper = server.keeper_pid();
    let state = server.dir.path().join("state/made").display().to_string();
    let making = libc::O_CREAT | libc::O_WRONLY;
    let version = facemux::sys::sandbox::Support::find().landlock;
    let has_landlock = version.is_some();
    let out_of_reach = if has_landlock { Err(Errno::EACCES) } else { Ok(0) };
    eventually("the SSH frontend serves", || {
        server.dir.path().join("state/ssh_host_ed25519_key").exists().then_some(())
    });
    let face = server.face("exec cat");

    let daemon = Held::take(server.role_pid("daemon"));
    daemon.is_confined(keeper);
    daemon.starts_nothing(keeper);
    assert_eq!(daemon.socket(libc::AF_UNIX), Err(Errno::EPERM));
    assert_eq!(daemon.open(&state, making), Err(Errno::EPERM));
    assert_eq!(daemon.open("/proc/self/stat", libc::O_RDONLY), Ok(0));
    drop(daemon);

    let web = Held::take(server.role_pid("web"));
    web.is_confined(keeper);
    web.starts_nothing(keeper);
    assert_eq!(web.socket(libc::AF_UNIX), Ok(0));
    assert_eq!(web.open(&state, making), Ok(0));
    for path in ["/etc/passwd", "/proc/self/stat", "/dev/null"] {
        assert_eq!(web.open(path, libc::O_RDONLY), out_of_reach, "{path}");
    }
    drop(web);

    let ssh = Held::take(server.role_pid("ssh"));
    ssh.is_confined(keeper);
    assert_eq!(ssh.socket(libc::AF_UNIX), Ok(0));
    assert_eq!(ssh.open(&state, making), Ok(0));
    assert_eq!(ssh.open("/etc/passwd", libc::O_RDONLY), out_of_reach);
    if has_landlock {
        let path = ssh.path("/bin/true");
        assert_eq!(ssh.call(libc::SYS_execve, [path, 0, 0, 0]), Err(Errno::EACCES));
    }
    // It may signal what it started; others are out of its reach since the sixth version.
    let signalled = ssh.call(libc::SYS_kill, [u64::from(keeper), 0, 0, 0]);
    assert_eq!(signalled, if version >= Some(6) { Err(Errno::EPERM) } else { Ok(0) });
    drop(ssh);

    // None of them is worse for it.
    server.run(&["send", &face, "still here", "--keys", "Enter"]).answer();
    server.shows(&face, "still here");
    assert!(server.log().lines().all(|l| !l.contains("starting it again")), "{}", server.log());
}

#[test]
fn without_a_sandbox_they_keep_their_rights() {
    if !may_trace() {
        return;
    }
    let server = Server::with(&["--sandbox", "off"]);
    let face = server.face("exec cat");
    let daemon = Held::take(server.role_pid("daemon"));
    assert_eq!(daemon.socket(libc::AF_INET), Ok(0));
    assert_eq!(daemon.open("/etc/passwd", libc::O_RDONLY), Ok(0));
    drop(daemon);
    server.run(&["send", &face, "still here", "--keys", "Enter"]).answer();
    server.shows(&face, "still here");
    let doctor = server.run(&["doctor"]);
    assert!(doctor.out.contains("switched off"), "{doctor:?}");
}
