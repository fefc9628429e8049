//! `facemux wait`: blocks until something holds of a face. Events of the daemon say when to look again; only what
//! no event tells (a program that starts to read) is looked at in between.

use super::args::{self, Args, Word};
use super::stop::{NO_FACE, OK, Stop, TIMEOUT};
use super::{Verb, server, table};
use crate::client::{ClientError, Connection};
use crate::sys::clock;
use crate::units::Offset;
use crate::wire::{EndReport, Format, Refusal, Reply, Request};
use regex_lite::Regex;
use std::time::{Duration, Instant};

pub(super) const VERB: Verb = Verb {
    names: &["wait"],
    summary: "block until something holds of a face",
    help: "usage: facemux wait ID --until text=RE|idle=DURATION|prompt|exit [--timeout DURATION]

Blocks until it holds:
  text=RE        the screen matches the regular expression; ^ and $ stand for the ends of a line,
                 where there are no spaces
  idle=DURATION  nothing was printed for so long, counted from the start of the wait at the earliest
  prompt         a shell waits at its prompt, or a program waits for a key
  exit           the face has ended
  --timeout D    give up after D (500ms 10s 5m 24h), default never

Exit: 0 when it holds, 124 on timeout, 4 when there is no such face or it ended before.

Examples:
  facemux wait build --until exit --timeout 30m
  facemux wait 12 --until 'text=(passed|failed)'
  facemux send 12 'make' --submit && facemux wait 12 --until prompt
",
    run,
};

/// Between two looks when no event would tell.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// What is waited for.
enum Until {
    Text(Regex),
    Idle(Duration),
    Prompt,
    Exit,
}

fn run(args: &mut Args) -> Result<u8, Stop> {
    let (mut face, mut until, mut timeout) = (None, None, Duration::ZERO);
    while let Some(word) = args.word()? {
        match word {
            Word::Value(id) if face.is_none() => face = Some(id),
            Word::Option(o) if o == "--until" || o == "-u" => until = Some(parse(&args.value()?)?),
            Word::Option(o) if o == "--timeout" || o == "-t" => timeout = args.duration()?,
            _ => return Err(args.unknown(&word)),
        }
    }
    let face = face.ok_or_else(|| args.want("which face?"))?;
    let until = until.ok_or_else(|| args.want("until what?"))?;
    let start = clock::now();
    let mut wait = Wait {
        watch: server::connect(args)?,
        ask: server::connect(args)?,
        start,
        deadline: (!timeout.is_zero()).then(|| start + timeout),
        face,
        prompt_at: None,
    };
    wait.watch.call(&Request::Watch)?;
    wait.run(&until)
}

fn parse(text: &str) -> Result<Until, Stop> {
    match text.split_once('=') {
        Some(("text", expression)) => Regex::new(&format!("(?m){expression}"))
            .map(Until::Text)
            .map_err(|e| Stop::usage(format!("--until {text}: {e}"))),
        Some(("idle", time)) => {
            args::duration(time).map(Until::Idle).map_err(|e| Stop::usage(format!("--until: {e}")))
        }
        None if text == "prompt" => Ok(Until::Prompt),
        None if text == "exit" => Ok(Until::Exit),
        _ => Err(Stop::usage(format!(
            "--until {text}: choose one of text=RE, idle=DURATION, prompt, exit"
        ))),
    }
}

struct Wait {
    watch: Connection,
    ask: Connection,
    face: String,
    start: Instant,
    deadline: Option<Instant>,
    /// How much the face had printed when it was last seen waiting for input.
    prompt_at: Option<Offset>,
}

/// What a look showed.
enum Look {
    Holds,
    /// Look again at the next event, or after this long.
    NotYet(Option<Duration>),
}

impl Wait {
    fn run(&mut self, until: &Until) -> Result<u8, Stop> {
        loop {
            let Look::NotYet(again) = self.look(until)? else { return Ok(OK) };
            let left = self.deadline.map(|d| d.saturating_duration_since(clock::now()));
            if left == Some(Duration::ZERO) {
                let sentence = format!("face {}: it did not come to that in time", self.face);
                return Err(Stop::failure(TIMEOUT, sentence));
            }
            let patience = [again, left].into_iter().flatten().min();
            self.watch.next_event(patience)?;
        }
    }

    fn look(&mut self, until: &Until) -> Result<Look, Stop> {
        let face = self.face.clone();
        let (offset, quiet, waiting) = match self.ask.call(&Request::Activity { face }) {
            Ok(answer) => match answer.reply {
                Reply::Activity { end: Some(end), .. } => return self.ended(until, &end),
                Reply::Activity { offset, quiet_ms, waiting, end: None } => {
                    (offset, Duration::from_millis(quiet_ms), waiting)
                }
                _ => return Err(ClientError::Misfit.into()),
            },
            Err(ClientError::Refused(Refusal::Gone { end, .. })) => return self.ended(until, &end),
            Err(e) => return Err(e.into()),
        };
        match until {
            Until::Exit => Ok(Look::NotYet(None)),
            Until::Text(expression) => self.look_for(expression),
            Until::Idle(wanted) => {
                let quiet = quiet.min(clock::now().saturating_duration_since(self.start));
                let left = wanted.saturating_sub(quiet);
                // The daemon counts whole milliseconds.
                let again = left.max(Duration::from_millis(1));
                Ok(if left.is_zero() { Look::Holds } else { Look::NotYet(Some(again)) })
            }
            Until::Prompt => {
                // Twice in a row at the same place: a shell that has not read its input yet waits, too.
                let before = std::mem::replace(&mut self.prompt_at, waiting.then_some(offset));
                let holds = waiting && before == Some(offset);
                Ok(if holds { Look::Holds } else { Look::NotYet(Some(LOOK_AGAIN)) })
            }
        }
    }

    fn look_for(&mut self, expression: &Regex) -> Result<Look, Stop> {
        let face = self.face.clone();
        let request = Request::Snap { face, format: Format::Text, history: 0 };
        let screen = self.ask.call(&request)?.bytes;
        let holds = expression.is_match(&String::from_utf8_lossy(&screen));
        Ok(if holds { Look::Holds } else { Look::NotYet(Some(Duration::from_secs(1))) })
    }

    fn ended(&self, until: &Until, end: &EndReport) -> Result<Look, Stop> {
        match until {
            Until::Exit => Ok(Look::Holds),
            _ => Err(Stop::failure(
                NO_FACE,
                format!("face {} ended before that: {}", self.face, table::plain(&end.reason)),
            )),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_checked_before_anything_is_waited_for() {
        for bad in ["text", "text=(", "idle=5", "exit=1", "never", ""] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let Until::Text(expression) = parse("text=^b=c$").unwrap() else { panic!("no text") };
        assert!(expression.is_match("a\nb=c\n"));
    }
}
