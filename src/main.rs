//! Arguments -> one role -> exit code.
//!
//! `serve` is the keeper; `daemon`, `web` and `ssh` are the processes it starts from this same file; every other
//! word is a command.

use facemux::config::{Config, ConfigError, USAGE};
use facemux::sys::{footprint, process};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(feature = "planted")]
    arm();
    facemux::sys::signals::ignore_file_size_limit();
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|w| w.to_str()) {
        Some("serve") => serve(&words[1..]),
        Some("daemon") => {
            // The keeper of an ordinary user may read the daemon's account only while it is dumpable.
            protect("facemux-daemon", process::user() == 0);
            ExitCode::from(facemux::daemon::run())
        }
        #[cfg(feature = "ssh")]
        Some("ssh") => {
            protect("facemux-ssh", true);
            match facemux::frontend::ssh::run() {
                Ok(()) => ExitCode::SUCCESS,
                Err(error) => {
                    eprintln!("facemux ssh: {error}");
                    ExitCode::FAILURE
                }
            }
        }
        #[cfg(feature = "web")]
        Some("web") => {
            protect("facemux-web", true);
            ExitCode::from(facemux::frontend::web::run())
        }
        Some("hand-over") => ExitCode::from(facemux::keeper::rehearse()),
        Some("--dir") if words.get(2).is_some_and(|w| w == "serve") => {
            serve(&[&words[..2], &words[3..]].concat())
        }
        _ => ExitCode::from(facemux::cli::run(words)),
    }
}

/// In builds for tests: whatever is planted in this process, by the words in a file, which change while a server runs.
#[cfg(feature = "planted")]
fn arm() {
    let file = std::env::var_os("FACEMUX_PLANTED").unwrap_or_default();
    let Ok(words) = std::fs::read_to_string(file) else { return };
    let pid = std::process::id();
    facemux::planted::arm(&words, pid.into(), |place| {
        log::warn!("planted: dies where {place}");
        // It cannot fail: the process is our own.
        let _ = process::kill(std::process::id(), facemux::sys::signals::KILL);
    });
}

/// For a role: sparing with memory, its name in ps, and with `closed` its memory and descriptors out of reach of
/// others of its user.
fn protect(name: &str, closed: bool) {
    footprint::be_sparing();
    // Neither is worth ending for.
    let _ = process::set_name(name);
    if closed {
        let _ = process::set_dumpable(false);
    }
}

fn serve(words: &[OsString]) -> ExitCode {
    footprint::be_sparing();
    if let Some((table, old, refused)) = facemux::keeper::handed(words) {
        return ended(facemux::keeper::take_over(table, old, refused));
    }
    let config = match Config::load(words) {
        Ok(config) => config,
        Err(ConfigError::Help) => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("facemux serve: {error}");
            return ExitCode::from(2);
        }
    };
    ended(facemux::keeper::serve(config))
}

fn ended(result: Result<(), facemux::keeper::StartError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("facemux serve: {error}");
            ExitCode::FAILURE
        }
    }
}
