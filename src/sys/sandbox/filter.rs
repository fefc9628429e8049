//! The filter of system calls, written by hand: seccomp(2), BPF over `struct seccomp_data`.
//!
//! Every test of a number is constant, so the kernel works out once which calls are always allowed and does not run
//! the filter for them. Calls that depend on an argument are told apart by its lower 32 bits.

use super::Needs;
use crate::sys::error::checked;
use libc::c_long;
use std::io;

/// EPERM for what is refused; ENOSYS for what has an older twin that a C library then uses.
const EPERM: u32 = libc::EPERM as u32;
const ENOSYS: u32 = libc::ENOSYS as u32;

/// AUDIT_ARCH_*: numbers mean other calls under another. `None` where the list was not tried: no filter then.
const ARCHITECTURE: Option<u32> = if cfg!(target_arch = "x86_64") {
    Some(0xc000_003e)
} else if cfg!(target_arch = "aarch64") {
    Some(0xc000_00b7)
} else {
    None
};

/// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGUMENTS: u32 = 16;

/// What nobody needs: others' memory and descriptors, mounts, namespaces, the kernel itself, its clock and keys,
/// other users, queues and rings of which none is ours.
const NEVER: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_process_madvise,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_kexec_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_syslog,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_adjtimex,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_personality,
    libc::SYS_vhangup,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_open_by_handle_at,
    libc::SYS_fanotify_init,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_mknodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_setxattr,
    libc::SYS_lsetxattr,
    libc::SYS_fsetxattr,
    libc::SYS_shmget,
    libc::SYS_shmat,
    libc::SYS_semget,
    libc::SYS_msgget,
    libc::SYS_mq_open,
    libc::SYS_bind,
    libc::SYS_listen,
];

/// The same where the architecture still has them.
#[cfg(target_arch = "x86_64")]
const NEVER_OF_OLD: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_kexec_file_load,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS_mknod,
    libc::SYS_chown,
    libc::SYS_lchown,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_OF_OLD: &[c_long] = &[];

/// For those who start no programs.
const PROGRAMS: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_tkill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_send_signal,
];
#[cfg(target_arch = "x86_64")]
const PROGRAMS_OF_OLD: &[c_long] = &[libc::SYS_fork, libc::SYS_vfork];
#[cfg(not(target_arch = "x86_64"))]
const PROGRAMS_OF_OLD: &[c_long] = &[];

/// For those who make no sockets.
const SOCKETS: &[c_long] = &[libc::SYS_socket, libc::SYS_socketpair, libc::SYS_connect];

/// For those who make no files: what makes, names, removes, cuts or marks one.
const FILES: &[c_long] = &[
    libc::SYS_openat2,
    libc::SYS_mkdirat,
    libc::SYS_unlinkat,
    libc::SYS_renameat2,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_truncate,
    libc::SYS_fallocate,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_utimensat,
];
#[cfg(target_arch = "x86_64")]
const FILES_OF_OLD: &[c_long] = &[
    libc::SYS_creat,
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_unlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_chmod,
];
#[cfg(not(target_arch = "x86_64"))]
const FILES_OF_OLD: &[c_long] = &[];

/// Namespaces that clone(2) can make.
const NAMESPACES: u32 = 0x7e02_0000;
/// ioctl(2)s that type into a terminal for its user.
const TIOCSTI: u32 = 0x5412;
const TIOCLINUX: u32 = 0x541c;
/// Opening that makes or cuts a file.
const MAKING: u32 = (libc::O_CREAT | libc::O_TRUNC) as u32;

/// Whether the kernel filters at all.
pub fn is_there() -> bool {
    // SAFETY: prctl with this operation takes nothing and tells the mode; EINVAL without seccomp.
    ARCHITECTURE.is_some() && unsafe { libc::prctl(libc::PR_GET_SECCOMP, 0, 0, 0, 0) } >= 0
}

/// Filters the calling thread's system calls; nothing where the kernel or the architecture has no filter.
///
/// # Errors
/// seccomp(2)'s.
pub fn install(needs: &Needs) -> io::Result<()> {
    let Some(architecture) = ARCHITECTURE.filter(|_| is_there()) else { return Ok(()) };
    let program = program(architecture, needs, std::process::id());
    let len = libc::c_ushort::try_from(program.len()).map_err(io::Error::other)?;
    let program = libc::sock_fprog { len, filter: program.as_ptr().cast_mut() };
    // Without the flag older kernels slow the process down for good; kernels before 4.17 do not know it.
    let flags = [libc::SECCOMP_FILTER_FLAG_SPEC_ALLOW, 0];
    let mut outcome = Ok(());
    for flags in flags {
        // SAFETY: the kernel reads the program, which lives through the call, and keeps a copy.
        outcome = checked(unsafe {
            libc::syscall(
                libc::SYS_seccomp,
                libc::c_long::from(libc::SECCOMP_SET_MODE_FILTER),
                flags as libc::c_long,
                &raw const program,
            ) as libc::c_int
        })
        .map(drop);
        if outcome.is_ok() {
            break;
        }
    }
    outcome
}

/// The program; `own` is the process that may signal itself: abort(3) does.
fn program(architecture: u32, needs: &Needs, own: u32) -> Vec<libc::sock_filter> {
    let mut program = Program(Vec::new());
    program.load(ARCH);
    program.equals(architecture, 1, 0);
    program.leave(libc::SECCOMP_RET_KILL_PROCESS);
    program.load(NUMBER);
    if cfg!(target_arch = "x86_64") {
        // The x32 calls: numbers of their own for the same calls.
        program.step(libc::BPF_JMP | libc::BPF_JGE | libc::BPF_K, 0x4000_0000, 0, 1);
        program.refuse(ENOSYS);
    }
    let mut refused: Vec<c_long> = [NEVER, NEVER_OF_OLD].concat();
    for (needed, calls) in [
        (needs.programs, [PROGRAMS, PROGRAMS_OF_OLD]),
        (needs.sockets, [SOCKETS, &[]]),
        (needs.files, [FILES, FILES_OF_OLD]),
    ] {
        if !needed {
            refused.extend(calls.concat());
        }
    }
    for call in refused {
        program.equals(call as u32, 0, 1);
        program.refuse(EPERM);
    }
    // Its flags lie in memory, where a filter cannot look.
    program.equals(libc::SYS_clone3 as u32, 0, 1);
    program.refuse(ENOSYS);
    let thread = libc::CLONE_THREAD as u32;
    if needs.programs {
        program.argument(libc::SYS_clone, 0, |p| p.unless_set(NAMESPACES));
    } else {
        program.argument(libc::SYS_clone, 0, |p| p.if_set(thread));
        for call in [libc::SYS_tgkill, libc::SYS_kill] {
            program.argument(call, 0, |p| p.if_equal(own));
        }
    }
    if needs.sockets {
        for call in [libc::SYS_socket, libc::SYS_socketpair] {
            program.argument(call, 0, |p| p.if_equal(libc::AF_UNIX as u32));
        }
    }
    if !needs.files {
        program.argument(libc::SYS_openat, 2, |p| p.unless_set(MAKING));
        #[cfg(target_arch = "x86_64")]
        program.argument(libc::SYS_open, 1, |p| p.unless_set(MAKING));
    }
    program.argument(libc::SYS_ioctl, 1, |p| {
        for request in [TIOCSTI, TIOCLINUX] {
            p.equals(request, 0, 1);
            p.refuse(EPERM);
        }
        p.leave(libc::SECCOMP_RET_ALLOW);
    });
    program.leave(libc::SECCOMP_RET_ALLOW);
    program.0
}

/// A program in the making.
struct Program(Vec<libc::sock_filter>);

impl Program {
    fn step(&mut self, code: u32, k: u32, if_true: u8, if_false: u8) {
        self.0.push(libc::sock_filter { code: code as u16, jt: if_true, jf: if_false, k });
    }

    fn load(&mut self, offset: u32) {
        self.step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, offset, 0, 0);
    }

    /// Skips so many steps if equal, so many if not.
    fn equals(&mut self, k: u32, if_true: u8, if_false: u8) {
        self.step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, k, if_true, if_false);
    }

    fn leave(&mut self, verdict: u32) {
        self.step(libc::BPF_RET | libc::BPF_K, verdict, 0, 0);
    }

    fn refuse(&mut self, errno: u32) {
        self.leave(libc::SECCOMP_RET_ERRNO | errno);
    }

    fn if_equal(&mut self, k: u32) {
        self.equals(k, 0, 1);
        self.leave(libc::SECCOMP_RET_ALLOW);
        self.refuse(EPERM);
    }

    fn if_set(&mut self, bits: u32) {
        self.step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits, 0, 1);
        self.leave(libc::SECCOMP_RET_ALLOW);
        self.refuse(EPERM);
    }

    fn unless_set(&mut self, bits: u32) {
        self.step(libc::BPF_JMP | libc::BPF_JSET | libc::BPF_K, bits, 1, 0);
        self.leave(libc::SECCOMP_RET_ALLOW);
        self.refuse(EPERM);
    }

    /// For one call, a verdict by the lower half of an argument: `verdict` must leave whatever it finds.
    fn argument(&mut self, call: c_long, index: u32, verdict: impl FnOnce(&mut Program)) {
        let mut inner = Program(Vec::new());
        // The lower half comes first on the little-endian machines that have a filter.
        inner.load(ARGUMENTS + 8 * index);
        verdict(&mut inner);
        self.equals(call as u32, 0, inner.0.len() as u8);
        self.0.append(&mut inner.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_jump_lands_within_the_program_and_it_always_ends() {
        for bits in 0..8 {
            let needs = Needs {
                sockets: bits & 1 > 0,
                programs: bits & 2 > 0,
                files: bits & 4 > 0,
                reach: None,
            };
            let program = program(1, &needs, 7);
            for (at, step) in program.iter().enumerate() {
                assert!(
                    at + usize::from(step.jt.max(step.jf)) < program.len() - 1 || step.code == 6
                );
            }
            assert_eq!(program.last().map(|s| s.k), Some(libc::SECCOMP_RET_ALLOW));
        }
    }
}
