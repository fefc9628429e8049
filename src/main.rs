//! Arguments -> one role -> exit code.

use facemux::cli::model;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = lexopt::Parser::from_env();
    match arguments.next() {
        Ok(Some(lexopt::Arg::Value(verb))) if verb == "model" => match model::run(arguments) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("facemux model: {error}");
                ExitCode::from(error.exit_code())
            }
        },
        _ => ExitCode::from(2),
    }
}
