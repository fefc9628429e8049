//! How a view ended: the line a person reads and the exit code.

use crate::cli::out;
use crate::cli::stop::{OK, Stop, UNREACHABLE, refusal_code};
use crate::cli::table::plain;
use crate::units::FaceId;
use crate::wire::{EndCause, EndReport, Refusal};

/// Why a view is over.
#[derive(Debug)]
pub(super) enum Ending {
    /// Detached, and why when it was not by the keys.
    Detached(String),
    /// The face ended.
    Ended(Box<EndReport>),
    /// This process was told to end.
    Signalled(i32),
    /// The server said no.
    Refused(Refusal),
    /// The server ended.
    Drained,
    /// The server is gone and did not come back.
    Lost(String),
    /// Nobody reads what is shown any more.
    Unread,
}

impl Ending {
    /// Says it in one line on stderr; returns the exit code.
    pub(super) fn tell(self, id: FaceId) -> Result<u8, Stop> {
        let (line, code) = match self {
            Ending::Detached(why) if why.is_empty() || why == "detached" => {
                (format!("[detached from face {id}]"), OK)
            }
            Ending::Detached(why) => (format!("[detached from face {id}: {}]", plain(&why)), OK),
            // It lived when it was asked for: a daemon that was away, or not quick enough, is no other end.
            Ending::Ended(end) | Ending::Refused(Refusal::Gone { end, .. }) => {
                let how = match end.cause {
                    EndCause::Exited => format!("exit {}", end.code),
                    _ => plain(&end.reason),
                };
                (format!("[face {id} ended: {how}]"), exit_code(end.code))
            }
            Ending::Signalled(signal) => {
                (format!("[detached from face {id}: {}]", name(signal)), exit_code(128 + signal))
            }
            Ending::Refused(refusal) => {
                return Err(Stop::failure(refusal_code(&refusal), refusal));
            }
            Ending::Drained => {
                (format!("[detached from face {id}: the server ended]"), UNREACHABLE)
            }
            Ending::Lost(why) => {
                (format!("[lost the server of face {id}: {}]", plain(&why)), UNREACHABLE)
            }
            Ending::Unread => return Ok(OK),
        };
        out::print_err(&format!("{line}\n"));
        Ok(code)
    }
}

fn name(signal: i32) -> String {
    crate::sys::signals::name_of(signal)
}

/// A child's code as ours: what does not fit a byte cannot have come from one.
fn exit_code(code: i32) -> u8 {
    u8::try_from(code).unwrap_or(u8::MAX)
}
