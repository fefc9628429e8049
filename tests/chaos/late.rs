//! Waiting that tells late from lost: on a busy machine daemons that are killed at every turn get nowhere. So whoever
//! has waited for long says so in a file, and nothing is killed any more until it has what it waits for, or has waited
//! for so much longer that it cannot come.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// After so long a wait the storm is asked to pause.
pub const LATE: Duration = Duration::from_secs(8);
/// How much longer it is waited for, while nothing is killed.
pub const LULL: Duration = Duration::from_secs(120);

/// One wait, which ends when this is dropped.
pub struct Wait {
    place: PathBuf,
    what: String,
    began: Instant,
    told: bool,
}

impl Wait {
    /// `name` waits for `what`; in `dir` the storm looks.
    pub fn begin(dir: &Path, name: &str, what: &str) -> Wait {
        let place = dir.join(format!("late.{name}"));
        Wait { place, what: what.to_owned(), began: Instant::now(), told: false }
    }

    /// Whether it has become long.
    pub fn is_late(&mut self) -> bool {
        if !self.told && self.began.elapsed() > LATE {
            std::fs::write(&self.place, &self.what).unwrap();
            self.told = true;
        }
        self.told
    }

    /// Whether to wait on.
    pub fn goes_on(&mut self) -> bool {
        !self.is_late() || self.began.elapsed() < LATE + LULL
    }

    /// How long it has been, for whoever gives up.
    pub fn story(&self) -> String {
        let total = self.began.elapsed().as_secs();
        format!("waited {total} s for {}, nothing being killed for the last {LULL:.0?}", self.what)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if self.told {
            // The directory may be gone at the end of the test.
            let _ = std::fs::remove_file(&self.place);
        }
    }
}
