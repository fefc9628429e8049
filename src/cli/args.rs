//! The words of a command line, one after the other, with what every verb understands taken out: `--help`, `--dir`.

use super::stop::{NOT_ALLOWED, Stop};
use crate::units::Size;
use crate::wire::Actor;
use std::ffi::OsString;
use std::str::FromStr;
use std::time::Duration;

/// One word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Word {
    /// An option, with its dashes.
    Option(String),
    /// Anything else.
    Value(String),
}

/// The words after the verb.
pub struct Args {
    parser: lexopt::Parser,
    help: &'static str,
    last: String,
    dir: Option<String>,
    actor: Option<Actor>,
}

impl Args {
    /// The words after a verb whose help is `help`; `dir` when it was given before the verb.
    pub fn new(words: Vec<OsString>, help: &'static str, dir: Option<String>) -> Args {
        let parser = lexopt::Parser::from_args(words);
        Args { parser, help, last: String::new(), dir, actor: None }
    }

    /// The same words, but on behalf of `actor`, who is somewhere else.
    pub fn on_behalf_of(self, actor: Option<Actor>) -> Args {
        Args { actor, ..self }
    }

    /// On whose behalf; none is the owner at this machine.
    pub fn actor(&self) -> Option<&Actor> {
        self.actor.as_ref()
    }

    /// Who comes over the network has no part in the files here.
    ///
    /// # Errors
    /// `path` is a file, and the caller is not at this machine.
    pub fn may_touch(&self, path: &str) -> Result<(), Stop> {
        if self.actor.is_none() || path == "-" {
            return Ok(());
        }
        let sentence =
            format!("{path}: no file of the server's is read or written over SSH; use -");
        Err(Stop::failure(NOT_ALLOWED, sentence))
    }

    /// The next word; `--dir D` and `--help` never come out.
    ///
    /// # Errors
    /// Help, or a word that is not text.
    pub fn word(&mut self) -> Result<Option<Word>, Stop> {
        loop {
            let option = match self.parser.next()? {
                None => return Ok(None),
                Some(lexopt::Arg::Value(value)) => return Ok(Some(Word::Value(text(value)?))),
                Some(lexopt::Arg::Short('h')) => return Err(Stop::Help(self.help)),
                Some(lexopt::Arg::Short(letter)) => format!("-{letter}"),
                Some(lexopt::Arg::Long("help")) => return Err(Stop::Help(self.help)),
                Some(lexopt::Arg::Long("dir")) => {
                    self.dir = Some(text(self.parser.value()?)?);
                    continue;
                }
                Some(lexopt::Arg::Long(name)) => format!("--{name}"),
            };
            self.last.clone_from(&option);
            return Ok(Some(Word::Option(option)));
        }
    }

    /// The value of the option that just came.
    ///
    /// # Errors
    /// There is none.
    pub fn value(&mut self) -> Result<String, Stop> {
        text(self.parser.value()?)
    }

    /// The values of the option that just came, at least one.
    ///
    /// # Errors
    /// There is none.
    pub fn values(&mut self) -> Result<Vec<String>, Stop> {
        self.parser.values()?.map(text).collect()
    }

    /// The value of the option that just came, as a `T`.
    ///
    /// # Errors
    /// There is none, or it is no `T`: the sentence names the option.
    pub fn parsed<T: FromStr>(&mut self) -> Result<T, Stop>
    where
        T::Err: std::fmt::Display,
    {
        let (option, value) = (self.last.clone(), self.value()?);
        value.parse().map_err(|e| Stop::usage(format!("{option} {value}: {e}")))
    }

    /// The value of the option that just came, as a duration.
    ///
    /// # Errors
    /// There is none, or it is no duration.
    pub fn duration(&mut self) -> Result<Duration, Stop> {
        let option = self.last.clone();
        duration(&self.value()?).map_err(|e| Stop::usage(format!("{option}: {e}")))
    }

    /// All words that are left, as they are.
    ///
    /// # Errors
    /// One of them is not text.
    pub fn rest(&mut self) -> Result<Vec<String>, Stop> {
        self.parser.raw_args()?.map(text).collect()
    }

    /// The words of a verb that takes `count` values and no options.
    ///
    /// # Errors
    /// Another option or another count; `what` names the values.
    pub fn exactly<const N: usize>(&mut self, what: &str) -> Result<[String; N], Stop> {
        let mut values = Vec::new();
        while let Some(word) = self.word()? {
            match word {
                Word::Value(value) => values.push(value),
                Word::Option(_) => return Err(self.unknown(&word)),
            }
        }
        values.try_into().map_err(|_| self.want(what))
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// Something does.
    pub fn end(&mut self) -> Result<(), Stop> {
        match self.word()? {
            None => Ok(()),
            Some(word) => Err(self.unknown(&word)),
        }
    }

    /// The refusal of a word that makes no sense here.
    pub fn unknown(&self, word: &Word) -> Stop {
        match word {
            Word::Option(option) => {
                Stop::usage(format!("option {option} is unknown here; {}", self.usage()))
            }
            Word::Value(value) => {
                Stop::usage(format!("{value:?} is one word too many; {}", self.usage()))
            }
        }
    }

    /// The refusal of a command line that lacks `what`.
    pub fn want(&self, what: &str) -> Stop {
        Stop::usage(format!("{what}; {}", self.usage()))
    }

    /// The first line of the help.
    fn usage(&self) -> &'static str {
        self.help.lines().next().unwrap_or_default()
    }

    /// The words as they are, for a verb that reads them by itself.
    pub fn parser(&mut self) -> lexopt::Parser {
        std::mem::replace(&mut self.parser, lexopt::Parser::from_args(Vec::<OsString>::new()))
    }

    /// What `--dir` said.
    pub fn dir(&self) -> Option<&str> {
        self.dir.as_deref()
    }
}

/// A word that must be text.
fn text(word: OsString) -> Result<String, Stop> {
    word.into_string()
        .map_err(|word| Stop::usage(format!("{word:?} is not UTF-8; facemux takes UTF-8 only")))
}

/// A duration: `500ms 10s 5m 24h 7d`, or 0.
///
/// # Errors
/// The sentence says what would be right.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("duration {text:?}: write it like 500ms, 10s, 5m, 24h or 7d");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let unit_ms = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if number == 0 => 1,
        _ => return Err(wrong()),
    };
    number.checked_mul(unit_ms).map(Duration::from_millis).ok_or_else(wrong)
}

/// A size, COLSxROWS.
///
/// # Errors
/// The sentence says what would be right.
pub fn size(text: &str) -> Result<Size, Stop> {
    text.parse().map_err(Stop::usage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 86400)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        for bad in
            ["", "5", "s", "1.5s", "-1s", "10 s", "99999999999999999999s", "18446744073709551615d"]
        {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }
}
