//! What the keeper and its daemons said of the kills, read from the log as it grows.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The log so far, counted.
#[derive(Default)]
pub struct Tally {
    log: Option<File>,
    held: String,
    pub ready: u64,
    pub kills: u64,
    /// Kills at a chosen place, by its name; the rest came at random instants.
    pub places: BTreeMap<String, u64>,
    /// Kills that fell into a call whose result the daemon had not noted, by what the keeper found.
    pub reads: u64,
    pub writes: u64,
    pub keys: u64,
    pub paints: u64,
    /// Bytes those calls had moved.
    pub bytes: u64,
    pub web: u64,
    pub ssh: u64,
    pub upgrades: u64,
    /// Upgrades that were refused or taken back.
    pub upgrades_failed: u64,
    /// Lines that should not be there.
    pub faults: Vec<String>,
}

impl Tally {
    pub fn of(log: &Path) -> Tally {
        Tally { log: Some(File::open(log).unwrap()), ..Tally::default() }
    }

    /// Reads on.
    pub fn read(&mut self) {
        let mut bytes = Vec::new();
        if let Some(log) = &mut self.log {
            log.read_to_end(&mut bytes).unwrap();
        }
        self.held.push_str(&String::from_utf8_lossy(&bytes));
        while let Some(end) = self.held.find('\n') {
            let line: String = self.held.drain(..=end).collect();
            self.count(line.trim_end());
        }
    }

    fn count(&mut self, line: &str) {
        if line.contains(") is ready") {
            self.ready += 1;
        } else if line.contains("keeper: the daemon (pid") && line.contains("was killed by SIGKILL")
        {
            self.kills += 1;
        } else if let Some((_, place)) = line.split_once("planted: dies where ") {
            *self.places.entry(place.to_owned()).or_default() += 1;
        } else if let Some((_, found)) = line.split_once("in flight when the last daemon ended: ") {
            self.count_flight(found);
        } else if line.contains("the web frontend (pid") {
            self.web += 1;
        } else if line.contains("the ssh frontend (pid") {
            self.ssh += 1;
        } else if line.contains("upgraded from ") {
            self.upgrades += 1;
        } else if ["upgrade refused: ", "upgrade rolled back: ", "upgrade given up: "]
            .iter()
            .any(|w| line.contains(w))
        {
            self.upgrades_failed += 1;
        }
        let loud = ["panic", "begins anew", "could not", "is quarantined"];
        let loud = loud.iter().any(|word| line.contains(word));
        if loud && self.faults.len() < 20 {
            self.faults.push(line.to_owned());
        }
    }

    fn count_flight(&mut self, found: &str) {
        let number = |word: &str| -> u64 {
            let (before, _) = found.split_once(word).unwrap_or_default();
            before.rsplit(' ').find_map(|n| n.parse().ok()).unwrap_or(0)
        };
        let figures = [
            (number(" bytes read"), &mut self.reads),
            (number(" written"), &mut self.writes),
            (number(" keys"), &mut self.keys),
            (number(" painted"), &mut self.paints),
        ];
        for (n, count) in figures {
            *count += u64::from(n > 0);
            self.bytes += n;
        }
    }
}
