//! Why a command stops before its answer: help was asked for, or something is wrong. The exit codes are those of
//! the man page.

use crate::client::{ClientError, SessionError};
use crate::wire::Refusal;
use std::fmt::Display;

/// The command did what was asked.
pub const OK: u8 = 0;
/// It was tried and did not come to be; everything is as it was.
pub const FAILED: u8 = 1;
/// The command line makes no sense.
pub const USAGE: u8 = 2;
/// The server cannot be reached or understood.
pub const UNREACHABLE: u8 = 3;
/// No such face, or it has ended.
pub const NO_FACE: u8 = 4;
/// The caller may not.
pub const NOT_ALLOWED: u8 = 5;
/// A limit is reached.
pub const LIMIT: u8 = 6;
/// The time given has passed.
pub const TIMEOUT: u8 = 124;

/// Why there is no answer.
#[derive(Debug)]
pub enum Stop {
    /// Help was asked for: this text on stdout, exit 0.
    Help(&'static str),
    /// One sentence on stderr and an exit code.
    Failure {
        /// The exit code.
        code: u8,
        /// What was wrong, where, and what would be right.
        sentence: String,
    },
}

impl Stop {
    /// The command line makes no sense.
    pub fn usage(sentence: impl Display) -> Stop {
        Stop::failure(USAGE, sentence)
    }

    /// A failure with a code of its own.
    pub fn failure(code: u8, sentence: impl Display) -> Stop {
        Stop::Failure { code, sentence: sentence.to_string() }
    }
}

impl From<lexopt::Error> for Stop {
    fn from(error: lexopt::Error) -> Stop {
        Stop::usage(error)
    }
}

impl From<ClientError> for Stop {
    fn from(error: ClientError) -> Stop {
        let code = match &error {
            ClientError::PathTooLong(_) => USAGE,
            ClientError::Session(SessionError::Codec(_)) => LIMIT,
            ClientError::Refused(refusal) => refusal_code(refusal),
            ClientError::Unreachable { .. }
            | ClientError::Lost(_)
            | ClientError::Session(_)
            | ClientError::Misfit => UNREACHABLE,
        };
        Stop::failure(code, error)
    }
}

/// The exit code of a refusal.
pub fn refusal_code(refusal: &Refusal) -> u8 {
    match refusal {
        Refusal::NoSuchFace(_) | Refusal::Gone { .. } => NO_FACE,
        Refusal::NotAllowed(_) => NOT_ALLOWED,
        Refusal::Limit(_) => LIMIT,
        Refusal::Invalid(_) => USAGE,
        Refusal::Unavailable(_) => UNREACHABLE,
    }
}
