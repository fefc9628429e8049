//! What a role may still ask of the kernel once it has its descriptors: no_new_privs, seccomp(2), landlock(7).
//!
//! The filter names what no role needs rather than what each one calls: a C library that changes its mind about a
//! call must not end a server. What is refused gives EPERM. Landlock says which files are within reach; the kernel
//! ties it to a rule on tracing that hides other processes' state, so it is for those who look at no process.

mod filter;
mod landlock;

use std::io;
use std::path::{Path, PathBuf};

/// What a role needs, beyond what everybody does with descriptors it has.
#[derive(Clone, Debug, Default)]
pub struct Needs {
    /// It makes Unix sockets and connects them; no other kind, and none to listen at.
    pub sockets: bool,
    /// It starts programs and signals them.
    pub programs: bool,
    /// It makes and removes files.
    pub files: bool,
    /// The files within reach; `None` for all that its user has.
    pub reach: Option<Reach>,
}

/// Files within reach; what is not there is not granted. A directory stands for all below it.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// To be read.
    pub read: Vec<PathBuf>,
    /// To be read, made, changed and removed.
    pub write: Vec<PathBuf>,
    /// To be read and run: this very program with its libraries.
    pub own_program: bool,
}

/// What this kernel has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Support {
    /// Filters of system calls.
    pub seccomp: bool,
    /// The version of landlock's interface.
    pub landlock: Option<u32>,
}

impl Support {
    /// Asks the kernel.
    pub fn find() -> Support {
        Support { seccomp: filter::is_there(), landlock: landlock::version() }
    }

    /// What is missing, as a sentence; `None` when nothing is.
    pub fn lack(self) -> Option<String> {
        let lacking = match (self.seccomp, self.landlock) {
            (true, Some(_)) => return None,
            (false, Some(_)) => "seccomp: daemon, web and ssh may make any system call",
            (true, None) => "landlock: web and ssh may reach any file of their user",
            (false, None) => {
                "seccomp and landlock: daemon, web and ssh may do whatever their user may"
            }
        };
        Some(format!("this kernel offers no {lacking}"))
    }
}

/// Confines the calling thread and all that it starts, for good. What the kernel does not have is left out.
///
/// # Errors
/// What the kernel has and refuses.
pub fn confine(needs: &Needs) -> io::Result<()> {
    super::process::forbid_new_privileges()?;
    if let Some(reach) = &needs.reach {
        landlock::restrict(reach)?;
    }
    filter::install(needs)
}

/// The nearest of a path and the directories above it that is there; never the root.
fn nearest(path: &Path) -> Option<&Path> {
    path.ancestors().find(|p| p.exists()).filter(|p| p.parent().is_some())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;
    use std::net::TcpListener;
    use std::os::unix::net::UnixStream;
    use std::process::{Command, Stdio};

    /// A confined thread: the rest of the test goes on as it was.
    fn confined<T: Send + 'static>(needs: Needs, act: impl FnOnce() -> T + Send + 'static) -> T {
        let thread = std::thread::spawn(move || {
            confine(&needs).unwrap();
            act()
        });
        thread.join().unwrap()
    }

    fn denied<T>(result: io::Result<T>) -> bool {
        result.is_err_and(|e| e.kind() == io::ErrorKind::PermissionDenied)
    }

    #[test]
    fn who_needs_nothing_makes_no_socket_no_program_and_no_file() {
        let path = std::env::temp_dir().join(format!("facemux-sandbox-{}", std::process::id()));
        let made = path.clone();
        confined(Needs::default(), move || {
            assert!(denied(UnixStream::pair()));
            assert!(denied(TcpListener::bind("127.0.0.1:0")));
            assert!(denied(Command::new("true").status()));
            assert!(denied(fs::write(&made, "x")));
            assert!(denied(fs::remove_file(&made)));
            assert!(fs::read("/proc/self/stat").is_ok());
            // Threads are no programs.
            assert_eq!(std::thread::spawn(|| 7).join().unwrap(), 7);
        });
        assert!(!path.exists());
    }

    #[test]
    fn sockets_and_programs_are_for_those_who_need_them() {
        let needs = Needs { sockets: true, programs: true, files: true, reach: None };
        confined(needs, || {
            assert!(UnixStream::pair().is_ok());
            assert!(denied(TcpListener::bind("127.0.0.1:0")));
            assert!(Command::new("true").status().unwrap().success());
            // What they start is confined as well, and gains nothing from a file's owner.
            assert!(!Command::new("unshare").args(["--mount", "true"]).status().unwrap().success());
            let status = fs::read_to_string("/proc/thread-self/status").unwrap();
            assert!(status.contains("NoNewPrivs:\t1"), "{status}");
        });
    }

    #[test]
    fn files_are_within_reach_or_not() {
        if Support::find().landlock.is_none() {
            println!("not run: this kernel has no landlock");
            return;
        }
        let dir = std::env::temp_dir().join(format!("facemux-reach-{}", std::process::id()));
        let (ours, read) = (dir.join("ours"), dir.join("read"));
        for made in [&ours, &read] {
            fs::create_dir_all(made).unwrap();
            fs::write(made.join("there"), "x").unwrap();
        }
        fs::write(dir.join("other"), "x").unwrap();
        let reach = Reach {
            read: vec![read.clone(), dir.join("absent/below/nothing")],
            write: vec![ours.clone()],
            own_program: true,
        };
        let needs = Needs { sockets: false, programs: true, files: true, reach: Some(reach) };
        let there = dir.clone();
        // `absent` is not there: what is granted is what is nearest above it.
        fs::create_dir_all(dir.join("absent")).unwrap();
        confined(needs, move || {
            fs::write(ours.join("new"), "x").unwrap();
            fs::rename(ours.join("new"), ours.join("newer")).unwrap();
            fs::remove_file(ours.join("newer")).unwrap();
            fs::read(read.join("there")).unwrap();
            assert!(denied(fs::write(read.join("there"), "y")));
            assert!(denied(fs::read(there.join("other"))));
            assert!(denied(fs::read("/etc/passwd")));
            assert!(denied(Command::new("/bin/true").status()));
            let mut own = Command::new("/proc/self/exe");
            own.args(["--list", "none-of-them"]).stdin(Stdio::inherit());
            assert!(own.output().unwrap().status.success());
        });
        fs::remove_dir_all(dir).unwrap();
    }
}
