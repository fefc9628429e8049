//! `facemux model`: bytes in, the screen out, with no daemon; for tests, benches and fuzzers of others.
//!
//! Owns nothing but the order of feeding and resizing. Prints the screen and nothing added; `ansi` is
//! the restore, byte for byte what an attaching terminal is sent after its preamble.

use crate::limits::{HISTORY_BYTES_MAX, HISTORY_LINES};
use crate::term::render::{Format, TooLong, UnknownFormat, render};
use crate::term::{History, Terminal, Unwatched};
use crate::units::{Size, SizeError};
use lexopt::Arg::{Long, Short, Value};
use lexopt::ValueExt;
use std::io::{self, Read, Write};

/// What `--help` prints.
pub const HELP: &str = "\
usage: facemux model --size COLSxROWS [--resize AT:COLSxROWS]... [--history N]
                     [--format ansi|text|json|html|svg] < BYTES

Feeds standard input to the terminal model and prints the screen it makes.

  --size COLSxROWS        the terminal's size
  --resize AT:COLSxROWS   resizes it after AT bytes; may be given again, in order
  --history N             prints at most N rows of history before the screen (default 0)
  --format F              ansi (default): the bytes that rebuild the screen in a terminal

Example:
  facemux model --size 80x24 --format text < typescript
";

/// Bytes read at a time.
const READ_BYTES: usize = 64 * 1024;

/// Why `facemux model` printed nothing.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The arguments make no sense.
    #[error("{0}")]
    Usage(#[from] lexopt::Error),
    /// `--size` is missing.
    #[error("--size is missing: for example --size 80x24")]
    NoSize,
    /// A size is not one.
    #[error(transparent)]
    Size(#[from] SizeError),
    /// A resize is not AT:COLSxROWS.
    #[error("resize {0:?}: write it as AT:COLSxROWS, for example 1000:120x40")]
    Resize(String),
    /// A resize comes before the one given before it.
    #[error("resize at {0}: resizes must be given in the order of their bytes")]
    Order(u64),
    /// The format is unknown.
    #[error(transparent)]
    Format(#[from] UnknownModelFormat),
    /// Reading or writing failed.
    #[error("{0}: {1}")]
    Io(&'static str, io::Error),
    /// The document is too long.
    #[error(transparent)]
    TooLong(#[from] TooLong),
}

/// A format that is neither `ansi` nor one of the documents.
#[derive(Debug, thiserror::Error)]
#[error("{0}, or ansi")]
pub struct UnknownModelFormat(#[from] UnknownFormat);

impl ModelError {
    /// Exit code: 2 for what the caller wrote, 1 for what went wrong on the way.
    pub fn exit_code(&self) -> u8 {
        match self {
            ModelError::Io(..) | ModelError::TooLong(_) => 1,
            _ => 2,
        }
    }
}

/// What was asked for.
struct Request {
    size: Size,
    resizes: Vec<(u64, Size)>,
    history: usize,
    /// None is `ansi`.
    format: Option<Format>,
}

/// Runs the command with the arguments that follow its name.
///
/// # Errors
/// `ModelError`, to be shown on stderr; its `exit_code` says how to end.
pub fn run(arguments: lexopt::Parser) -> Result<(), ModelError> {
    let mut out = io::stdout().lock();
    let Some(request) = parse(arguments)? else {
        return out.write_all(HELP.as_bytes()).map_err(|e| ModelError::Io("stdout", e));
    };
    let lines = request.history.max(HISTORY_LINES);
    let bytes = HISTORY_BYTES_MAX.saturating_mul(lines.div_ceil(HISTORY_LINES));
    let mut terminal = Terminal::new(request.size, History::growing(bytes, lines));
    feed(&mut terminal, &request.resizes, io::stdin().lock())
        .map_err(|e| ModelError::Io("stdin", e))?;
    let shown = match request.format {
        None => {
            let mut bytes = terminal.restore(request.history);
            bytes.extend(terminal.unfinished());
            bytes
        }
        Some(format) => render(&terminal, format, request.history)?.into_bytes(),
    };
    out.write_all(&shown).and_then(|()| out.flush()).map_err(|e| ModelError::Io("stdout", e))
}

/// The request, or None when help was asked for.
fn parse(mut arguments: lexopt::Parser) -> Result<Option<Request>, ModelError> {
    let mut size = None;
    let mut request =
        Request { size: Size::DEFAULT, resizes: Vec::new(), history: 0, format: None };
    while let Some(argument) = arguments.next()? {
        match argument {
            Long("size") => size = Some(arguments.value()?.string()?.parse()?),
            Long("resize") => {
                let resize = resize(&arguments.value()?.string()?)?;
                if request.resizes.last().is_some_and(|last| last.0 > resize.0) {
                    return Err(ModelError::Order(resize.0));
                }
                request.resizes.push(resize);
            }
            Long("history") => request.history = arguments.value()?.parse::<u32>()? as usize,
            Long("format") => {
                let name = arguments.value()?.string()?;
                request.format = match name.as_str() {
                    "ansi" => None,
                    name => Some(name.parse().map_err(UnknownModelFormat)?),
                };
            }
            Long("help") | Short('h') => return Ok(None),
            Long(_) | Short(_) | Value(_) => return Err(argument.unexpected().into()),
        }
    }
    request.size = size.ok_or(ModelError::NoSize)?;
    Ok(Some(request))
}

fn resize(text: &str) -> Result<(u64, Size), ModelError> {
    let syntax = || ModelError::Resize(text.chars().take(40).collect());
    let (at, size) = text.split_once(':').ok_or_else(syntax)?;
    if at.is_empty() || !at.bytes().all(|b| b.is_ascii_digit()) {
        return Err(syntax());
    }
    Ok((at.parse().map_err(|_| syntax())?, size.parse()?))
}

/// Feeds all of `input`, resizing after the bytes asked for; resizes beyond the end come at the end.
fn feed(terminal: &mut Terminal, resizes: &[(u64, Size)], mut input: impl Read) -> io::Result<()> {
    let mut buffer = vec![0; READ_BYTES];
    let mut due = resizes.iter().peekable();
    loop {
        let length = match input.read(&mut buffer) {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        let mut rest = &buffer[..length];
        while let Some((at, size)) = due.peek() {
            let before = at.saturating_sub(terminal.offset());
            if before > rest.len() as u64 && length > 0 {
                break;
            }
            let (now, later) = rest.split_at(rest.len().min(before as usize));
            terminal.feed(now, &mut Unwatched);
            terminal.resize(*size);
            rest = later;
            due.next();
        }
        terminal.feed(rest, &mut Unwatched);
        if length == 0 {
            return Ok(());
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&str]) -> Result<Option<Request>, ModelError> {
        parse(lexopt::Parser::from_args(arguments))
    }

    #[test]
    fn arguments_that_make_no_sense_end_with_2() {
        for bad in [
            &["--format", "text"][..],
            &["--size", "80"],
            &["--size", "80x24", "--format", "gif"],
            &["--size", "80x24", "--resize", "80x24"],
            &["--size", "80x24", "--resize", "9:80x24", "--resize", "8:80x24"],
            &["--size", "80x24", "--history", "-1"],
            &["--size", "80x24", "extra"],
            &["--size", "80x24", "--colour"],
        ] {
            assert_eq!(parsed(bad).err().map(|e| e.exit_code()), Some(2), "{bad:?}");
        }
    }

    #[test]
    fn a_resize_takes_effect_between_the_bytes_it_names() {
        let request = parsed(&["--size", "80x24", "--resize", "2:40x10", "--resize", "9:20x5"])
            .unwrap()
            .unwrap();
        let mut terminal = Terminal::new(request.size, History::growing(1 << 20, 10));
        feed(&mut terminal, &request.resizes, &b"abcd"[..]).unwrap();
        assert_eq!((terminal.size().cols(), terminal.offset()), (20, 4));
    }
}
