//! Arguments -> one role -> exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    let words = std::env::args_os().skip(1).collect();
    ExitCode::from(facemux::cli::run(words))
}
