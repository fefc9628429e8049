//! Durations as people write them: `500ms 10s 5m 24h 7d`, and `0` for never.

use std::time::Duration;

/// Text that is no duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no duration: write a whole number and ms, s, m, h or d (500ms 10s 5m 24h 7d), or 0 for never"
)]
pub struct DurationError(String);

/// The longest duration taken: longer ones are mistakes, and sums of times stay far from overflow.
const LONGEST: Duration = Duration::from_secs(100 * 366 * 24 * 3600);

/// Reads a duration; zero means never.
///
/// # Errors
/// Anything but a whole number with a unit, or beyond a hundred years.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let refuse = || DurationError(text.chars().take(40).collect());
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let number: u64 = text[..digits].parse().map_err(|_| refuse())?;
    let unit_ms: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return Err(refuse()),
    };
    let duration = Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(refuse)?);
    if duration > LONGEST { Err(refuse()) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_anything_else_is_refused() {
        let ms = |text: &str| parse(text).map(|d| d.as_millis());
        for (text, expected) in [
            ("0", 0),
            ("500ms", 500),
            ("10s", 10_000),
            ("5m", 300_000),
            ("24h", 86_400_000),
            ("7d", 604_800_000),
        ] {
            assert_eq!(ms(text), Ok(expected), "{text}");
        }
        for bad in [
            "",
            "10",
            "s",
            "-1s",
            "1.5s",
            "10 s",
            "1w",
            "99999999999999999999d",
            "40000d",
            "\u{661}s",
        ] {
            assert!(ms(bad).is_err(), "{bad}");
        }
    }
}
