//! The log's backend: lines of text or JSON, to stderr or a file, or to a closure of the daemon's.
//!
//! Owns the format; never blocks for long, never panics, and never writes on the daemon's behalf: its lines go to
//! the keeper through the closure, because a write(2) of the daemon's own would spoil its account (`ledger`).

use super::clock;
use log::{Level, LevelFilter, Log, Metadata, Record};
use std::fs::File;
use std::io::Write;
use std::sync::{Mutex, PoisonError};

/// Bytes of one line; what is longer is cut.
pub const LINE_BYTES_MAX: usize = 4096;

/// How lines look.
#[derive(Clone, Copy, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
pub enum Style {
    /// `2026-01-31T12:00:00.000Z info keeper: sentence`.
    Text,
    /// One JSON object a line: time, level, role, message.
    Json,
}

/// Where lines go.
pub enum Sink {
    /// Standard error.
    Stderr,
    /// A file, appended to.
    File(File),
    /// Whoever takes level (1 error .. 5 trace) and sentence; it adds time and role.
    Closure(Taker),
}

/// Takes a line's level and sentence.
pub type Taker = Box<dyn Fn(u8, &str) + Send>;

struct Backend {
    role: &'static str,
    style: Style,
    sink: Mutex<Sink>,
}

/// Makes this the process's log. The level is `FACEMUX_LOG` (error, warn, info, debug, trace, off), else info.
/// A second call changes nothing.
pub fn start(role: &'static str, style: Style, sink: Sink) {
    let level =
        std::env::var("FACEMUX_LOG").ok().and_then(|l| l.parse().ok()).unwrap_or(LevelFilter::Info);
    let backend = Backend { role, style, sink: Mutex::new(sink) };
    if log::set_boxed_logger(Box::new(backend)).is_ok() {
        log::set_max_level(level);
    }
}

/// The level of a number as `ToKeeper::Log` carries it.
pub fn level_of(number: u8) -> Level {
    match number {
        0 | 1 => Level::Error,
        2 => Level::Warn,
        3 => Level::Info,
        4 => Level::Debug,
        _ => Level::Trace,
    }
}

impl Log for Backend {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let own = metadata.target().starts_with("facemux") || metadata.target() == "daemon";
        own || metadata.level() <= Level::Warn
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let mut sentence = record.args().to_string();
        if sentence.len() > LINE_BYTES_MAX {
            sentence.truncate(
                (0..=LINE_BYTES_MAX).rev().find(|n| sentence.is_char_boundary(*n)).unwrap_or(0),
            );
        }
        // Lines of the daemon come through the keeper and name their role by the target.
        let role = if record.target() == "daemon" { "daemon" } else { self.role };
        let mut sink = self.sink.lock().unwrap_or_else(PoisonError::into_inner);
        let line = || line(self.style, clock::wall_ms(), record.level(), role, &sentence);
        // A log that cannot be written to is no reason to end.
        let _ = match &mut *sink {
            Sink::Stderr => std::io::stderr().write_all(line().as_bytes()),
            Sink::File(file) => file.write_all(line().as_bytes()),
            Sink::Closure(take) => {
                take(record.level() as u8, &sentence);
                Ok(())
            }
        };
    }

    fn flush(&self) {}
}

fn line(style: Style, wall_ms: u64, level: Level, role: &str, sentence: &str) -> String {
    let time = clock::rfc3339(wall_ms);
    let level = level.as_str().to_ascii_lowercase();
    match style {
        // A sentence may quote what a program or a client chose: control characters must not reach a terminal.
        Style::Text => {
            let clean: String =
                sentence.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
            format!("{time} {level} {role}: {clean}\n")
        }
        Style::Json => {
            let object = serde_json::json!({"time": time, "level": level, "role": role, "message": sentence});
            format!("{object}\n")
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_one_line_whatever_is_in_it() {
        let text = line(Style::Text, 0, Level::Warn, "keeper", "a\nb\x1b[2J");
        assert_eq!(text, "1970-01-01T00:00:00.000Z warn keeper: a?b?[2J\n");
        let json = line(Style::Json, 0, Level::Info, "web", "a\n\"b\"");
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!((json.lines().count(), parsed["message"].as_str()), (1, Some("a\n\"b\"")));
    }
}
