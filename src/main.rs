//! Arguments -> one role -> exit code.
//!
//! `serve` is the keeper; `daemon`, `web` and `ssh` are the processes it starts from this same file; every other
//! word is a command.

use facemux::config::{Config, ConfigError, USAGE};
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<OsString> = std::env::args_os().skip(1).collect();
    match words.first().and_then(|w| w.to_str()) {
        Some("serve") => serve(&words[1..]),
        Some("daemon") => ExitCode::from(facemux::daemon::run()),
        #[cfg(feature = "ssh")]
        Some("ssh") => match facemux::frontend::ssh::run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("facemux ssh: {error}");
                ExitCode::FAILURE
            }
        },
        #[cfg(feature = "web")]
        Some("web") => ExitCode::from(facemux::frontend::web::run()),
        Some("--dir") if words.get(2).is_some_and(|w| w == "serve") => {
            serve(&[&words[..2], &words[3..]].concat())
        }
        _ => ExitCode::from(facemux::cli::run(words)),
    }
}

fn serve(words: &[OsString]) -> ExitCode {
    let config = match Config::load(lexopt::Parser::from_args(words)) {
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
    match facemux::keeper::serve(config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("facemux serve: {error}");
            ExitCode::FAILURE
        }
    }
}
