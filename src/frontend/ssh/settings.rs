//! What the operator may change while the frontend runs: read again whenever a configuration file has changed.
//!
//! The flags and the environment are those the server was started with, and still win over the file. A file that
//! makes no sense changes nothing. What was changed counts for the next connection.

use crate::config::Config;
use crate::wire::keeper::{FrontendStart, SshSettings};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The settings and what they were read from.
#[derive(Debug)]
pub struct Settings {
    flags: Vec<OsString>,
    files: Vec<PathBuf>,
    seen: Vec<Option<Looks>>,
    now: SshSettings,
}

/// What changes when a file does: inode, size, time of change.
type Looks = (u64, u64, i64, i64);

impl Settings {
    /// Those the keeper has read.
    pub fn of(start: &FrontendStart) -> Settings {
        let (flags, files) = (start.flags.clone(), start.files.clone());
        let seen = look_at(&files);
        Settings { flags, files, seen, now: start.ssh.clone() }
    }

    /// The settings as they were last read.
    pub fn now(&self) -> &SshSettings {
        &self.now
    }

    /// Reads them again when a file has changed; gives whether they are others now.
    pub fn refresh(&mut self) -> bool {
        let looks = look_at(&self.files);
        if looks == self.seen {
            return false;
        }
        self.seen = looks;
        match Config::load(&self.flags) {
            Ok(config) => {
                let changed = config.ssh_settings != self.now;
                self.now = config.ssh_settings;
                changed
            }
            Err(e) => {
                log::warn!("{e}; the settings stay as they were");
                false
            }
        }
    }
}

fn look_at(files: &[PathBuf]) -> Vec<Option<Looks>> {
    let looks = |path: &PathBuf| {
        let meta = fs::metadata(path).ok()?;
        Some((meta.ino(), meta.size(), meta.ctime(), meta.ctime_nsec()))
    };
    files.iter().map(looks).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_file_counts_unless_it_makes_no_sense_or_a_flag_wins() {
        let dir = std::env::temp_dir().join(format!("facemux-settings-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let file = dir.join("config.toml");
        let flags = ["--dir", dir.to_str().unwrap(), "--ssh-login-time", "5s"].map(OsString::from);
        let started = Config::load(&flags).unwrap();
        let mut settings = Settings {
            flags: flags.to_vec(),
            seen: look_at(&started.origin.files),
            files: started.origin.files,
            now: started.ssh_settings,
        };
        assert!(!settings.refresh() && !settings.now().token_is_password);
        fs::write(&file, "ssh-password = \"token\"\nssh-login-time = \"9s\"\n").unwrap();
        assert!(settings.refresh() && settings.now().token_is_password);
        assert_eq!(settings.now().login_ms, 5000);
        fs::write(&file, "ssh-password = 7\n").unwrap();
        assert!(!settings.refresh() && settings.now().token_is_password);
        fs::remove_file(&file).unwrap();
        assert!(settings.refresh() && !settings.now().token_is_password);
        fs::remove_dir_all(&dir).unwrap();
    }
}
