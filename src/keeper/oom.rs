//! Whether the kernel killed for memory: a count that grew since the last look.
//!
//! cgroup v2 `memory.events`, cgroup v1 `memory.oom_control`, else the whole machine's count in /proc/vmstat.

use std::fs;
use std::path::{Path, PathBuf};

/// The count of processes killed for memory.
#[derive(Debug)]
pub struct OomCount {
    file: Option<PathBuf>,
    last: u64,
}

impl OomCount {
    /// Finds where this process's count is kept and takes it as the start.
    pub fn find() -> OomCount {
        let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let file = places(&groups).into_iter().find(|f| count(f).is_some());
        let last = file.as_deref().and_then(count).unwrap_or(0);
        OomCount { file, last }
    }

    /// The count at the last call.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// As found by the program whose place we took: what was counted then was told.
    pub fn inherited(last: u64) -> OomCount {
        OomCount { last, ..OomCount::find() }
    }

    /// Whether it grew since the last call.
    pub fn grew(&mut self) -> bool {
        let Some(now) = self.file.as_deref().and_then(count) else { return false };
        let grew = now > self.last;
        self.last = now;
        grew
    }
}

/// Where the count may be, by what /proc/self/cgroup says; the nearest first.
fn places(groups: &str) -> Vec<PathBuf> {
    let root = Path::new("/sys/fs/cgroup");
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let path = path.trim_start_matches('/');
        if controllers.is_empty() {
            found.push(root.join(path).join("memory.events"));
        } else if controllers.split(',').any(|c| c == "memory") {
            found.push(root.join("memory").join(path).join("memory.oom_control"));
            // In a container the hierarchy is mounted at its own group.
            found.push(root.join("memory/memory.oom_control"));
        }
    }
    found.push(PathBuf::from("/proc/vmstat"));
    found
}

/// The count in one of these files.
pub(super) fn count(file: &Path) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|l| l.strip_prefix("oom_kill ")?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_count_is_found_by_either_kind_of_group() {
        let two = places("0::/system.slice/facemux.service\n");
        assert_eq!(two[0], Path::new("/sys/fs/cgroup/system.slice/facemux.service/memory.events"));
        let one = places("5:cpu,memory:/docker/abc\n0::/\n");
        assert_eq!(one[0], Path::new("/sys/fs/cgroup/memory/docker/abc/memory.oom_control"));
        assert_eq!(places("").len(), 1);
        assert!(!OomCount::find().grew());
    }
}
