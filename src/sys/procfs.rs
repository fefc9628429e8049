//! What /proc tells about other processes: parents, names, states. proc_pid_stat(5), proc_pid_wchan(5).
//!
//! The kernel may lack /proc/PID/task/TID/children, so children are found by reading every process's parent.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;

/// Listings of /proc made for one answer at most.
const LISTINGS_MAX: usize = 16;

/// A process as /proc/PID/stat has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ProcessStat {
    /// Its pid.
    pub pid: u32,
    /// Its name: at most 15 bytes, chosen by the program, control characters replaced.
    pub name: String,
    /// R running, S sleeping, D waiting for a disk, T stopped, t traced, Z dead and not reaped.
    pub state: char,
    /// Its parent.
    pub parent: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// When it started, in clock ticks since boot: with the pid this names a process for good.
    pub started: u64,
}

impl ProcessStat {
    /// Whether it is dead: only its entry is left.
    pub fn is_dead(&self) -> bool {
        matches!(self.state, 'Z' | 'X')
    }

    fn parse(text: &str) -> Option<ProcessStat> {
        // The name stands in parentheses and may hold any character, parentheses and spaces too.
        let (pid, rest) = text.split_once(" (")?;
        let (name, rest) = rest.rsplit_once(") ")?;
        let mut fields = rest.split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let mut number = || fields.next()?.parse::<u32>().ok();
        let (parent, group, session) = (number()?, number()?, number()?);
        let started = fields.nth(15)?.parse().ok()?;
        let name = name.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
        Some(ProcessStat { pid: pid.parse().ok()?, name, state, parent, group, session, started })
    }
}

/// One process; `None` when it is gone or /proc is not there.
pub fn stat(pid: u32) -> Option<ProcessStat> {
    let mut bytes = [0; 1024];
    let mut file = fs::File::open(format!("/proc/{pid}/stat")).ok()?;
    let len = file.read(&mut bytes).ok()?;
    ProcessStat::parse(&String::from_utf8_lossy(&bytes[..len]))
}

/// All processes there are, in no order; empty without /proc.
///
/// A listing is read in pieces and grows old while the entries are read: a process that forks and exits faster than
/// that is never where the list says. So what is new is read until a listing has nothing new: then everything that
/// lived at that listing was read. On a machine that never comes to rest the last of `LISTINGS_MAX` must do.
pub fn all() -> Vec<ProcessStat> {
    let mut found = Vec::new();
    each(|process| found.push(process));
    found
}

/// The same, each process given to `visit` the moment it was read.
pub fn each(mut visit: impl FnMut(ProcessStat)) {
    let mut known = BTreeSet::new();
    for _ in 0..LISTINGS_MAX {
        let Ok(entries) = fs::read_dir("/proc") else { return };
        let pids = entries.filter_map(|e| e.ok()?.file_name().to_str()?.parse::<u32>().ok());
        let fresh: Vec<u32> = pids.filter(|pid| known.insert(*pid)).collect();
        if fresh.is_empty() {
            break;
        }
        fresh.into_iter().filter_map(stat).for_each(&mut visit);
    }
}

/// The descendants of `roots` among `processes`, the roots themselves not; parents stand before their children.
pub fn descendants<'a>(processes: &'a [ProcessStat], roots: &[u32]) -> Vec<&'a ProcessStat> {
    let mut found: Vec<&ProcessStat> = Vec::new();
    let mut parents: Vec<u32> = roots.to_vec();
    while !parents.is_empty() {
        let known = found.len();
        let children =
            processes.iter().filter(|p| parents.contains(&p.parent) && !roots.contains(&p.pid));
        found.extend(children);
        parents = found[known..].iter().map(|p| p.pid).collect();
    }
    found
}

/// Whether a process sleeps in a read of a terminal: all of its threads but one may sleep anywhere.
///
/// Where the kernel hides where it sleeps (wchan is 0), the number of the system call it is in says it, and where
/// that is hidden too, the answer is no.
pub fn sleeping_in_tty_read(pid: u32) -> bool {
    let Some(stat) = stat(pid) else { return false };
    if stat.state != 'S' {
        return false;
    }
    let wchan = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
    match wchan.as_str() {
        "" | "0" => reads_a_terminal(pid),
        place => is_tty_wait(place) || (is_poll(place) && reads_a_terminal(pid)),
    }
}

fn is_tty_wait(place: &str) -> bool {
    matches!(place, "n_tty_read" | "wait_woken" | "tty_read")
}

fn is_poll(place: &str) -> bool {
    place.contains("poll") || place.contains("select")
}

/// By /proc/PID/syscall: it is in read(2) of a terminal, or in a poll or select without a timeout of its own and
/// holds a terminal as its standard input.
fn reads_a_terminal(pid: u32) -> bool {
    let Ok(text) = fs::read_to_string(format!("/proc/{pid}/syscall")) else { return false };
    let mut words = text.split_ascii_whitespace();
    let Some(number) = words.next().and_then(|w| w.parse::<i64>().ok()) else { return false };
    let waits = [libc::SYS_pselect6, libc::SYS_ppoll, libc::SYS_epoll_pwait];
    if number == libc::SYS_read {
        let fd =
            words.next().and_then(|w| u32::from_str_radix(w.trim_start_matches("0x"), 16).ok());
        return fd.is_some_and(|fd| is_terminal_of(pid, fd));
    }
    let waits_older = cfg!(target_arch = "x86_64") && matches!(number, 7 | 23 | 232);
    (waits_older || waits.contains(&number)) && is_terminal_of(pid, 0)
}

fn is_terminal_of(pid: u32, fd: u32) -> bool {
    let target = fs::read_link(format!("/proc/{pid}/fd/{fd}")).unwrap_or_default();
    target.starts_with("/dev/pts") || target == Path::new("/dev/tty")
}

/// A value in a process's environment as it was when it started; `None` when it may not be read.
pub fn environment_value(pid: u32, name: &str) -> Option<String> {
    let bytes = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let found = bytes.split(|b| *b == 0).find_map(|entry| {
        let (key, value) = entry.split_at_checked(name.len())?;
        (key == name.as_bytes()).then_some(value)?.strip_prefix(b"=")
    })?;
    Some(String::from_utf8_lossy(found).into_owned())
}

/// Whether a process's system calls are filtered (seccomp(2)); `None` when it is gone or nobody says.
pub fn is_filtered(pid: u32) -> Option<bool> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mode = status.lines().find_map(|line| line.strip_prefix("Seccomp:"))?;
    Some(mode.trim() == "2")
}

/// Where a process stands: its working directory.
pub fn working_directory(pid: u32) -> Option<std::path::PathBuf> {
    fs::read_link(format!("/proc/{pid}/cwd")).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::{pty, tty::WindowSize};
    use std::process::{Command, Stdio};

    #[test]
    fn names_with_parentheses_and_spaces_are_read() {
        let text = "12 (a) R (b) S 3 12 7 34816 12 4194304 1 2 3 4 5 6 7 8 20 0 1 0 987 5 6";
        let stat = ProcessStat::parse(text).unwrap();
        assert_eq!((stat.pid, stat.name.as_str(), stat.state), (12, "a) R (b", 'S'));
        assert_eq!((stat.parent, stat.group, stat.session, stat.started), (3, 12, 7, 987));
        assert_eq!(ProcessStat::parse("12 (cut"), None);
    }

    #[test]
    fn our_own_children_are_found() {
        let mut child = Command::new("sh").args(["-c", "sleep 1000; true"]).spawn().unwrap();
        let ours = std::process::id();
        let mut found = Vec::new();
        for _ in 0..500 {
            let processes = all();
            found = descendants(&processes, &[child.id()])
                .iter()
                .map(|p| (p.pid, p.name.clone()))
                .collect();
            if found.iter().any(|(_, name)| name == "sleep") {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(stat(child.id()).unwrap().parent, ours);
        child.kill().unwrap();
        crate::sys::process::kill(found[0].0, libc::SIGKILL).unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn a_program_waiting_for_its_terminal_is_told_from_one_that_sleeps() {
        let pty = pty::open(WindowSize::default(), &[]).unwrap();
        let input = || Stdio::from(pty.slave.try_clone().unwrap());
        let mut reader = Command::new("cat").stdin(input()).stdout(input()).spawn().unwrap();
        let mut sleeper = Command::new("sleep").arg("1000").stdin(input()).spawn().unwrap();
        let mut seen = false;
        for _ in 0..500 {
            seen = sleeping_in_tty_read(reader.id());
            if seen && stat(sleeper.id()).unwrap().name == "sleep" {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        assert!(seen, "wchan {:?}", fs::read_to_string(format!("/proc/{}/wchan", reader.id())));
        assert!(!sleeping_in_tty_read(sleeper.id()));
        for child in [&mut reader, &mut sleeper] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
