//! The checks of the system: each looks at one thing and says what it means.

use super::Check;
use crate::config::Places;
use crate::limits::{FACES, SOCKET_PATH_BYTES_MAX};
use crate::sys::ledger::AccountFile;
use crate::sys::sandbox::Support;
use crate::sys::tty::WindowSize;
use crate::sys::{clock, disk, procfs, pty};
use std::fs;
use std::path::Path;

/// Descriptors under which many faces and viewers will run out.
const DESCRIPTORS_WANTED: u64 = 4096;
/// Free bytes under which state and log will soon not be kept.
const DISK_WANTED_BYTES: u64 = 16 << 20;
/// The start of 2025: a clock before it was never set.
const CLOCK_MS_MIN: u64 = 1_735_689_600_000;

/// The directory of the socket is ours alone.
pub(super) fn directory(places: &Places) -> Check {
    match places.check_runtime() {
        Ok(()) => Check::ok("directory", places.runtime.display().to_string()),
        Err(e) => Check::bad("directory", e.to_string()),
    }
}

/// The socket's path is one that a socket can have.
pub(super) fn socket_path(places: &Places) -> Check {
    let bytes = places.socket.as_os_str().len();
    let detail = format!("{bytes} of at most {SOCKET_PATH_BYTES_MAX} bytes");
    if bytes > SOCKET_PATH_BYTES_MAX {
        Check::bad("socket path", format!("{detail}: choose a shorter --dir"))
    } else {
        Check::ok("socket path", detail)
    }
}

/// What the machine and the environment are like.
pub(super) fn system(places: &Places, daemon: Option<u32>) -> Vec<Check> {
    vec![
        proc_mounted(),
        accounting(daemon),
        ptys(),
        descriptors(),
        sandbox(daemon),
        logind(),
        locale(),
        terminal(),
        disk_left(places),
        wall_clock(),
    ]
}

fn proc_mounted() -> Check {
    const NAME: &str = "/proc";
    let Ok(mounts) = fs::read_to_string("/proc/self/mounts") else {
        return Check::bad(NAME, "not mounted: orphans, idleness and exact recovery need it");
    };
    match hidepid(&mounts) {
        Some(level) => Check::warn(
            NAME,
            format!("hidepid={level}: processes of others are not seen, ours are"),
        ),
        None => Check::ok(NAME, "mounted"),
    }
}

/// The value of hidepid of /proc, when it hides something.
fn hidepid(mounts: &str) -> Option<&str> {
    let line = mounts.lines().rfind(|line| line.split(' ').nth(1) == Some("/proc"))?;
    let options = line.split(' ').nth(3)?.split(',');
    let level = options.filter_map(|option| option.strip_prefix("hidepid=")).next()?;
    (level != "0" && level != "off").then_some(level)
}

/// The kernel's count of a process's reads and writes, on which exact recovery rests.
fn accounting(daemon: Option<u32>) -> Check {
    const NAME: &str = "accounting";
    let (who, pid) = match daemon {
        Some(pid) => ("the daemon's", pid),
        None => ("our own", std::process::id()),
    };
    match AccountFile::open(pid) {
        Ok(_) => Check::ok(NAME, format!("{who} reads and writes are counted (/proc/PID/io)")),
        Err(e) => Check::warn(
            NAME,
            format!(
                "{e}: after a crash of the daemon output is whole (PTYs are in packet mode), but of what was typed \
                 one write may be done twice or not at all; the face's note then says so"
            ),
        ),
    }
}

fn ptys() -> Check {
    const NAME: &str = "terminals";
    if let Err(e) = pty::open(WindowSize { rows: 24, cols: 80, pixels: (0, 0) }, &[]) {
        return Check::bad(NAME, format!("{e}; is /dev/pts mounted, with ptmxmode=666?"));
    }
    let number = |name: &str| -> Option<u64> {
        fs::read_to_string(format!("/proc/sys/kernel/pty/{name}")).ok()?.trim().parse().ok()
    };
    let (Some(max), Some(used)) = (number("max"), number("nr")) else {
        return Check::ok(NAME, "/dev/ptmx works");
    };
    let detail = format!("/dev/ptmx works; {used} of {max} pseudo-terminals in use");
    if max.saturating_sub(used) < u64::from(FACES) {
        return Check::warn(NAME, format!("{detail}: raise kernel.pty.max"));
    }
    Check::ok(NAME, detail)
}

fn descriptors() -> Check {
    const NAME: &str = "descriptors";
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap_or_default();
    let mut numbers = line.split_ascii_whitespace().skip(3);
    let (soft, hard) = (numbers.next().unwrap_or("?"), numbers.next().unwrap_or("?"));
    let detail = format!("limit of open files {soft}, may be raised to {hard}");
    match hard.parse::<u64>() {
        Ok(number) if number < DESCRIPTORS_WANTED => Check::warn(
            NAME,
            format!("{detail}: with many faces and viewers raise it to {DESCRIPTORS_WANTED}"),
        ),
        _ => Check::ok(NAME, detail),
    }
}

/// What keeps daemon, web and ssh from doing more than they need.
fn sandbox(daemon: Option<u32>) -> Check {
    const NAME: &str = "sandbox";
    let support = Support::find();
    if let Some(lack) = support.lack() {
        return Check::warn(NAME, lack);
    }
    if daemon.is_some_and(|pid| procfs::is_filtered(pid) == Some(false)) {
        return Check::warn(
            NAME,
            "switched off: daemon, web and ssh may do whatever their user may",
        );
    }
    let version = support.landlock.map_or(String::new(), |v| format!(" (version {v})"));
    Check::ok(NAME, format!("seccomp and landlock{version}"))
}

/// systemd-logind can be told to kill everything of a user who logs out, faces too.
fn logind() -> Check {
    const NAME: &str = "logout";
    if !Path::new("/run/systemd/seats").exists() {
        return Check::ok(NAME, "no systemd-logind that would end the faces");
    }
    let mut files = vec!["/etc/systemd/logind.conf".into()];
    for dir in ["/usr/lib/systemd/logind.conf.d", "/etc/systemd/logind.conf.d"] {
        let entries = fs::read_dir(dir).into_iter().flatten().flatten();
        let mut found: Vec<_> = entries.map(|entry| entry.path()).collect();
        found.sort();
        files.extend(found);
    }
    let texts = files.iter().filter_map(|file| fs::read_to_string(file).ok());
    if texts.fold(false, |kills, text| kill_user_processes(&text).unwrap_or(kills)) {
        Check::warn(
            NAME,
            "KillUserProcesses=yes: logging out ends the faces; \
             `loginctl enable-linger` and a user service keep them",
        )
    } else {
        Check::ok(NAME, "logging out leaves the faces alone")
    }
}

/// What one file of logind's says, if it does.
fn kill_user_processes(text: &str) -> Option<bool> {
    let mut values = text.lines().filter_map(|line| line.trim().strip_prefix("KillUserProcesses="));
    values.next_back().map(|value| matches!(value.trim(), "yes" | "true" | "on" | "1"))
}

fn locale() -> Check {
    const NAME: &str = "locale";
    let variables = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = variables.iter().find_map(|name| {
        let value = std::env::var(name).ok().filter(|value| !value.is_empty())?;
        Some((name, value))
    });
    match set {
        Some((name, value)) if is_utf8(&value) => Check::ok(NAME, format!("{name}={value}")),
        Some((name, value)) => Check::warn(
            NAME,
            format!("{name}={value} is not UTF-8: programs may print question marks"),
        ),
        None => Check::ok(NAME, "none set; faces get a UTF-8 one"),
    }
}

fn is_utf8(value: &str) -> bool {
    let lower = value.to_ascii_lowercase();
    lower.contains("utf-8") || lower.contains("utf8")
}

fn terminal() -> Check {
    const NAME: &str = "TERM";
    match std::env::var("TERM").unwrap_or_default().as_str() {
        term @ ("" | "dumb" | "linux") => Check::warn(
            NAME,
            format!("{term:?} cannot show a face as it is: attach needs --force, `snap` works"),
        ),
        term => Check::ok(NAME, term),
    }
}

fn disk_left(places: &Places) -> Check {
    const NAME: &str = "disk";
    // The state directory, or the nearest one above it that is there.
    let Some(place) = places.state.ancestors().find(|path| path.exists()) else {
        return Check::bad(NAME, format!("{}: nothing is there", places.state.display()));
    };
    match disk::free(place) {
        Err(e) => Check::bad(NAME, format!("{}: {e}", place.display())),
        Ok((_, true)) => {
            Check::bad(NAME, format!("{} is read-only: choose another --dir", place.display()))
        }
        Ok((bytes, _)) if bytes < DISK_WANTED_BYTES => {
            Check::warn(NAME, format!("{} MiB left at {}", bytes >> 20, place.display()))
        }
        Ok((bytes, _)) => {
            Check::ok(NAME, format!("{} MiB left at {}", bytes >> 20, place.display()))
        }
    }
}

fn wall_clock() -> Check {
    let now = clock::wall_ms();
    let text = clock::rfc3339(now);
    if now < CLOCK_MS_MIN {
        Check::warn(
            "clock",
            format!("{text}: it was never set; ages and certificates will be wrong"),
        )
    } else {
        Check::ok("clock", text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_says_is_read_right() {
        let mounts = "proc /proc proc rw,nosuid,hidepid=2,gid=4 0 0\nx /mnt y rw 0 0\n";
        assert_eq!(hidepid(mounts), Some("2"));
        assert_eq!(hidepid("proc /proc proc rw,hidepid=off 0 0\n"), None);
        assert_eq!(hidepid("proc /proc proc rw,relatime 0 0\n"), None);
        assert_eq!(kill_user_processes("[Login]\n#KillUserProcesses=yes\n"), None);
        assert_eq!(
            kill_user_processes("KillUserProcesses=no\nKillUserProcesses=yes\n"),
            Some(true)
        );
        assert!(is_utf8("C.utf8") && is_utf8("en_US.UTF-8") && !is_utf8("POSIX"));
    }
}
