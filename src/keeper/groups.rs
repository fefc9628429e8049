//! A control group for each face: limits on all its processes together, one kill for all of them, and whether the
//! kernel killed any for memory. cgroups(7); version 2 where its controllers are, else the hierarchies of version 1.
//!
//! Groups lie directly below our own, named by our pid and the face, so that a keeper that replaces itself finds
//! them and one that died leaves names that the next can tell are nobody's.

use crate::config::{Cgroup, FaceLimits};
use crate::sys::spawn::ProgramLimits;
use crate::units::FaceId;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Microseconds in which a limit on processor time is counted: the kernel's default.
const PERIOD: u64 = 100_000;

/// Where groups are made, and what each face's gets.
#[derive(Debug, Default)]
pub struct Groups {
    hierarchies: Vec<Hierarchy>,
    limits: FaceLimits,
}

/// One mounted hierarchy in which we may make groups.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Hierarchy {
    /// Our own group's directory.
    own: PathBuf,
    /// Which of memory, pids and cpu it limits.
    controllers: Vec<String>,
    unified: bool,
}

/// The groups of one face.
#[derive(Debug, Default)]
pub struct Group {
    places: Vec<PathBuf>,
}

impl Groups {
    /// Looks for hierarchies and says in the log what limits will hold by them.
    pub fn find(limits: FaceLimits, wish: Cgroup) -> Groups {
        let mut groups = Groups { hierarchies: Vec::new(), limits };
        if wish == Cgroup::Off {
            groups.tell();
            return groups;
        }
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let own = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let wanted = wanted(&limits);
        for mut found in hierarchies(&mounts, &own) {
            // The image we were before stepped aside: the groups are where they were.
            if found.own.ends_with(aside()) {
                found.own.pop();
            }
            found.controllers.retain(|c| wanted.contains(&c.as_str()));
            let useful = !found.controllers.is_empty()
                || (found.unified && (wish == Cgroup::On || is_delegated(&found.own)));
            if useful && groups.try_out(&found) {
                remove_stale(&found.own);
                groups.hierarchies.push(found);
            }
        }
        groups.tell();
        groups
    }

    /// Whether a group can be made there; opens the way for controllers of version 2.
    fn try_out(&self, hierarchy: &Hierarchy) -> bool {
        let made = open_way(hierarchy).and_then(|()| {
            let trial = hierarchy.own.join(format!("facemux-{}-trial", std::process::id()));
            fs::create_dir(&trial)?;
            fs::remove_dir(&trial)
        });
        if let Err(e) = &made {
            log::warn!("no control groups below {}: {e}", hierarchy.own.display());
        }
        made.is_ok()
    }

    fn tell(&self) {
        let held: Vec<&str> =
            self.hierarchies.iter().flat_map(|h| &h.controllers).map(String::as_str).collect();
        let wanted = wanted(&self.limits);
        if !held.is_empty() {
            log::info!("faces are limited by control groups: {}", held.join(", "));
        }
        for missing in wanted.iter().filter(|w| !held.contains(*w)) {
            match *missing {
                "memory" => log::warn!(
                    "--face-memory: no control group limits memory here; each process of a face is limited instead"
                ),
                "pids" => log::warn!(
                    "--face-pids: no control group counts processes here; faces with an account of their own \
                     (--user-map) are limited by it, others are not"
                ),
                _ => log::warn!("--face-cpu: no control group limits processor time here"),
            }
        }
    }

    /// Makes a face's groups, with its limits in force.
    ///
    /// # Errors
    /// The kernel's; what was made is removed again.
    pub fn make(&self, id: FaceId) -> io::Result<Group> {
        for hierarchy in &self.hierarchies {
            let place = hierarchy.own.join(name(id));
            let made = fs::create_dir(&place).and_then(|()| self.limit(hierarchy, &place));
            if let Err(e) = made {
                self.of(id).remove();
                return Err(e);
            }
        }
        Ok(self.of(id))
    }

    fn limit(&self, hierarchy: &Hierarchy, place: &Path) -> io::Result<()> {
        let write = |file: &str, text: String| fs::write(place.join(file), text);
        for controller in &hierarchy.controllers {
            let limits = &self.limits;
            match (controller.as_str(), hierarchy.unified) {
                ("memory", unified) => {
                    let bytes = limits.memory_bytes.unwrap_or(0).to_string();
                    let files = if unified {
                        ["memory.max", "memory.swap.max"]
                    } else {
                        ["memory.limit_in_bytes", "memory.memsw.limit_in_bytes"]
                    };
                    write(files[0], bytes.clone())?;
                    // Swapped out is not freed. Kernels without swap have no such file. Version 1 counts both.
                    let _ = write(files[1], if unified { "0".to_owned() } else { bytes });
                }
                ("pids", _) => write("pids.max", limits.pids.unwrap_or(0).to_string())?,
                ("cpu", unified) => {
                    let quota = u64::from(limits.cpu_percent.unwrap_or(0)) * PERIOD / 100;
                    if unified {
                        write("cpu.max", format!("{quota} {PERIOD}"))?;
                    } else {
                        write("cpu.cfs_period_us", PERIOD.to_string())?;
                        write("cpu.cfs_quota_us", quota.to_string())?;
                    }
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// The groups of a face that were made, by this process or by the image it was before.
    pub fn of(&self, id: FaceId) -> Group {
        let places = self.hierarchies.iter().map(|h| h.own.join(name(id)));
        Group { places: places.filter(|place| place.is_dir()).collect() }
    }

    /// What a program is limited to by itself where no group does; `alone`: it has an account of its own.
    pub fn fallback(&self, alone: bool) -> ProgramLimits {
        let held =
            |name: &str| self.hierarchies.iter().any(|h| h.controllers.iter().any(|c| c == name));
        ProgramLimits {
            data_bytes: self.limits.memory_bytes.filter(|_| !held("memory")),
            processes: self.limits.pids.filter(|_| alone && !held("pids")).map(u64::from),
        }
    }
}

impl Group {
    /// `cgroup.procs` of each, to be written to by the one who enters.
    ///
    /// # Errors
    /// Out of descriptors.
    pub fn doors(&self) -> io::Result<Vec<OwnedFd>> {
        let open =
            |place: &PathBuf| OpenOptions::new().write(true).open(place.join("cgroup.procs"));
        self.places.iter().map(|place| open(place).map(OwnedFd::from)).collect()
    }

    /// Kills all that is in it, at once; where the kernel cannot (version 1, before 5.14), nothing happens.
    pub fn kill(&self) {
        for place in &self.places {
            if let Ok(mut file) = OpenOptions::new().write(true).open(place.join("cgroup.kill"))
                && let Err(e) = io::Write::write_all(&mut file, b"1")
            {
                log::warn!("{}: {e}", place.join("cgroup.kill").display());
            }
        }
    }

    /// Whether the kernel killed any of it for memory; `None` when no group counts that.
    pub fn out_of_memory(&self) -> Option<bool> {
        let count = |place: &PathBuf| {
            let files = ["memory.events", "memory.oom_control"];
            files.iter().find_map(|file| super::oom::count(&place.join(file)))
        };
        self.places.iter().find_map(count).map(|n| n > 0)
    }

    /// Removes it. What still holds somebody (orphans that were kept) stays.
    pub fn remove(&self) {
        for place in &self.places {
            if let Err(e) = fs::remove_dir(place) {
                log::debug!("{} stays: {e}", place.display());
            }
        }
    }
}

fn name(id: FaceId) -> String {
    format!("facemux-{}-{id}", std::process::id())
}

/// The group into which we step aside.
fn aside() -> String {
    format!("facemux-{}-server", std::process::id())
}

fn wanted(limits: &FaceLimits) -> Vec<&'static str> {
    let all = [
        ("memory", limits.memory_bytes.is_some()),
        ("pids", limits.pids.is_some()),
        ("cpu", limits.cpu_percent.is_some()),
    ];
    all.into_iter().filter(|(_, set)| *set).map(|(name, _)| name).collect()
}

/// The hierarchies of which a mount shows our own group, by /proc/self/mountinfo and /proc/self/cgroup. Version 2
/// comes first, and with it the controllers it has are not looked for in version 1.
fn hierarchies(mounts: &str, own: &str) -> Vec<Hierarchy> {
    let mut found: Vec<Hierarchy> = Vec::new();
    for line in mounts.lines() {
        let Some((left, right)) = line.split_once(" - ") else { continue };
        let left: Vec<&str> = left.split(' ').collect();
        let right: Vec<&str> = right.split(' ').collect();
        let ([_, _, _, root, mounted, ..], [kind, _, options, ..]) = (&left[..], &right[..]) else {
            continue;
        };
        let unified = match *kind {
            "cgroup2" => true,
            "cgroup" => false,
            _ => continue,
        };
        let Some((names, path)) = own.lines().find_map(|l| membership(l, unified, options)) else {
            continue;
        };
        let Some(below) = path.strip_prefix(root.trim_end_matches('/')) else { continue };
        let own = Path::new(mounted).join(below.trim_start_matches('/'));
        let controllers = if unified {
            let listed = fs::read_to_string(own.join("cgroup.controllers")).unwrap_or_default();
            listed.split_ascii_whitespace().map(str::to_owned).collect()
        } else {
            names.split(',').map(str::to_owned).collect()
        };
        let hierarchy = Hierarchy { own, controllers, unified };
        if !found.contains(&hierarchy) {
            found.push(hierarchy);
        }
    }
    found.sort_by_key(|h| !h.unified);
    found
}

/// The controllers and our path from a line of /proc/self/cgroup, if it is about a mount with these options.
fn membership<'a>(line: &'a str, unified: bool, options: &str) -> Option<(&'a str, &'a str)> {
    let mut parts = line.splitn(3, ':').skip(1);
    let (names, path) = (parts.next()?, parts.next()?);
    let fits = if unified {
        names.is_empty()
    } else {
        !names.is_empty() && names.split(',').all(|n| options.split(',').any(|o| o == n))
    };
    fits.then_some((names, path))
}

/// Whether this group was given to us to divide: it belongs to our user, who is not root, or is marked so
/// (systemd's Delegate=).
fn is_delegated(own: &Path) -> bool {
    let user = crate::sys::process::user();
    let ours = user != 0 && fs::metadata(own.join("cgroup.procs")).is_ok_and(|m| m.uid() == user);
    ours || crate::sys::disk::has_mark(own, c"user.delegate")
        || crate::sys::disk::has_mark(own, c"trusted.delegate")
}

/// Version 2 hands controllers down only from a group without processes of its own: we step aside into one beside
/// those of the faces. (The root group may have both.)
fn open_way(hierarchy: &Hierarchy) -> io::Result<()> {
    if !hierarchy.unified || hierarchy.controllers.is_empty() {
        return Ok(());
    }
    let control = hierarchy.own.join("cgroup.subtree_control");
    let handed = fs::read_to_string(&control)?;
    let missing: Vec<String> = hierarchy
        .controllers
        .iter()
        .filter(|c| !handed.split_ascii_whitespace().any(|h| h == c.as_str()))
        .map(|c| format!("+{c}"))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let write = |file: &Path, text: &str| {
        File::options()
            .write(true)
            .open(file)
            .and_then(|mut f| io::Write::write_all(&mut f, text.as_bytes()))
    };
    if write(&control, &missing.join(" ")).is_ok() {
        return Ok(());
    }
    let aside = hierarchy.own.join(aside());
    fs::create_dir_all(&aside)?;
    write(&aside.join("cgroup.procs"), "0")?;
    write(&control, &missing.join(" "))
}

/// Removes groups of servers that are gone; those that still hold somebody stay.
fn remove_stale(own: &Path) {
    for entry in fs::read_dir(own).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let pid = name.to_str().and_then(|n| n.strip_prefix("facemux-")?.split('-').next());
        let pid: Option<u32> = pid.and_then(|p| p.parse().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            // One that holds somebody stays, as it should.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_own_group_is_found_below_its_mount() {
        let mounts = "30 25 0:26 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
                      31 25 0:27 /docker/abc /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
                      32 25 0:28 / /nowhere/unified rw shared:9 - cgroup2 cgroup2 rw,nsdelegate\n\
                      33 25 0:29 / /proc rw - proc proc rw\n";
        let own = "9:memory:/a/b\n8:cpu,cpuacct:/docker/abc\n0::/user.slice\n";
        let found = hierarchies(mounts, own);
        let places: Vec<_> = found.iter().map(|h| h.own.to_str().unwrap_or("")).collect();
        assert_eq!(
            places,
            [
                "/nowhere/unified/user.slice",
                "/sys/fs/cgroup/memory/a/b",
                "/sys/fs/cgroup/cpu,cpuacct/"
            ]
        );
        assert_eq!(found[1].controllers, ["memory"]);
        assert_eq!(found[2].controllers, ["cpu", "cpuacct"]);
        assert_eq!(hierarchies("", own), []);
        assert_eq!(hierarchies(mounts, "0::/\n").len(), 1);
    }

    #[test]
    fn what_no_group_limits_is_limited_by_process() {
        let limits =
            FaceLimits { memory_bytes: Some(1 << 30), pids: Some(9), cpu_percent: Some(50) };
        let none = Groups { hierarchies: vec![], limits };
        let by_itself = none.fallback(true);
        assert_eq!((by_itself.data_bytes, by_itself.processes), (Some(1 << 30), Some(9)));
        assert_eq!(none.fallback(false).processes, None);
        let memory =
            Hierarchy { own: "/".into(), controllers: vec!["memory".into()], unified: false };
        let some = Groups { hierarchies: vec![memory], limits };
        assert_eq!(some.fallback(true).data_bytes, None);
    }
}
