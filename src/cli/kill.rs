//! `facemux kill`: ends faces with all that descends from them, or sends a signal.

use super::args::{Args, Word};
use super::stop::{OK, Stop};
use super::{Verb, out, server, table};
use crate::client::ClientError;
use crate::sys::signals;
use crate::wire::{Reply, Request};

pub(super) const VERB: Verb = Verb {
    names: &["kill"],
    summary: "end faces and all that descends from them",
    help: "usage: facemux kill ID... [-s SIGNAL]

Ends faces: their programs get SIGHUP, after a grace SIGKILL, and so does every process
that descends from them. One line for each face says what was ended with it.
  -s, --signal SIGNAL   send only this signal (INT, SIGTERM, 9) to the program in the foreground

Exit: 0, or 4 when there is no such face or it has ended.

Examples:
  facemux kill 12
  facemux kill -s INT build
",
    run,
};

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut faces, mut signal) = (Vec::new(), None);
    while let Some(word) = args.word()? {
        match word {
            Word::Option(o) if o == "-s" || o == "--signal" => {
                signal = Some(signal_number(&args.value()?)?);
            }
            Word::Value(id) => faces.push(id),
            Word::Option(_) => return Err(args.unknown(&word)),
        }
    }
    if faces.is_empty() {
        return Err(args.want("which face?"));
    }
    let by = format!("facemux kill, pid {}", std::process::id());
    let request = Request::Kill { faces, signal, by };
    match server::connect(args)?.call(&request)?.reply {
        Reply::Ended(ended) => {
            for (id, end) in ended {
                let with_it = match end.reaped.as_slice() {
                    [] => "nothing else was left".to_owned(),
                    reaped => format!("with it went {}", table::reaped(reaped)),
                };
                out::line(&format!("face {id} ended: {}; {with_it}", table::plain(&end.reason)));
            }
        }
        Reply::Done => {}
        _ => return Err(ClientError::Misfit.into()),
    }
    Ok(OK)
}

fn signal_number(text: &str) -> Result<i32, Stop> {
    signals::number_of(text).ok_or_else(|| {
        Stop::usage(format!(
            "{text:?} is no signal: name one like INT or TERM, or a number 1 to 64"
        ))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_names_and_numbers() {
        assert_eq!(signal_number("INT").unwrap(), 2);
        assert_eq!(signal_number("sigterm").unwrap(), 15);
        assert_eq!(signal_number("9").unwrap(), 9);
        assert!(signal_number("0").is_err());
        assert!(signal_number("SIGFOO").is_err());
    }
}
