//! The words every folder shares: a face's id, a position in its output, a terminal's size.
//!
//! Newtypes only; no behaviour beyond what keeps them valid. Imports nothing but `limits`.

use crate::limits::{COLS_MAX, COLS_MIN, ROWS_MAX, ROWS_MIN};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A face's id: counts up from 1 and is never used twice on one state directory.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
pub struct FaceId(pub u64);

impl fmt::Display for FaceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A mode of a terminal: its number in RFC 4254 section 8, and its value (a character, or whether it is on).
pub type Mode = (u8, u32);

/// A position in a face's output: the number of bytes its child had printed before it.
#[derive(
    Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default, Serialize, Deserialize,
)]
pub struct Offset(pub u64);

impl Offset {
    /// Where nobody knows; beyond every output.
    pub const UNKNOWN: Offset = Offset(u64::MAX);

    /// The offset `bytes` further on.
    pub fn plus(self, bytes: usize) -> Offset {
        Offset(self.0 + bytes as u64)
    }

    /// Bytes from `earlier` to here; 0 when `earlier` is later.
    pub fn since(self, earlier: Offset) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A terminal's size in cells, always within `limits`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Serialize)]
pub struct Size {
    rows: u16,
    cols: u16,
}

/// Why a size was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// The text is not COLSxROWS.
    #[error("size {0:?}: write it as COLSxROWS, for example 80x24")]
    Syntax(String),
    /// A side is outside the bounds.
    #[error(
        "size {cols}x{rows}: columns must be {COLS_MIN} to {COLS_MAX} and rows {ROWS_MIN} to {ROWS_MAX}"
    )]
    Range {
        /// The columns asked for.
        cols: u64,
        /// The rows asked for.
        rows: u64,
    },
}

impl Size {
    /// What a face gets when nobody says: the VT100's.
    pub const DEFAULT: Size = Size { rows: 24, cols: 80 };

    /// A size of `rows` by `cols`.
    ///
    /// # Errors
    /// `SizeError::Range` outside `limits`.
    pub fn new(rows: u16, cols: u16) -> Result<Size, SizeError> {
        if (ROWS_MIN..=ROWS_MAX).contains(&rows) && (COLS_MIN..=COLS_MAX).contains(&cols) {
            Ok(Size { rows, cols })
        } else {
            Err(SizeError::Range { cols: cols.into(), rows: rows.into() })
        }
    }

    /// The nearest valid size: what a client's terminal says, made usable.
    pub fn clamped(rows: u16, cols: u16) -> Size {
        Size { rows: rows.clamp(ROWS_MIN, ROWS_MAX), cols: cols.clamp(COLS_MIN, COLS_MAX) }
    }

    /// Height in rows.
    pub fn rows(self) -> u16 {
        self.rows
    }

    /// Width in columns.
    pub fn cols(self) -> u16 {
        self.cols
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.cols, self.rows)
    }
}

impl FromStr for Size {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Size, SizeError> {
        let syntax = || SizeError::Syntax(text.chars().take(40).collect());
        let (cols, rows) = text.split_once('x').ok_or_else(syntax)?;
        let number = |s: &str| {
            if s.is_empty() || s.len() > 9 || !s.bytes().all(|b| b.is_ascii_digit()) {
                return Err(syntax());
            }
            s.parse::<u64>().map_err(|_| syntax())
        };
        let (cols, rows) = (number(cols)?, number(rows)?);
        match (u16::try_from(rows), u16::try_from(cols)) {
            (Ok(r), Ok(c)) => Size::new(r, c),
            _ => Err(SizeError::Range { cols, rows }),
        }
    }
}

impl<'de> Deserialize<'de> for Size {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Size, D::Error> {
        #[derive(Deserialize)]
        struct Raw {
            rows: u16,
            cols: u16,
        }
        let raw = Raw::deserialize(deserializer)?;
        Size::new(raw.rows, raw.cols).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_outside_the_bounds_are_refused() {
        for bad in [
            "0x24",
            "80x0",
            "70000x24",
            "80x70000",
            "80",
            "x",
            "80x",
            "-1x2",
            "80x24x3",
            "99999999999x1",
        ] {
            assert!(bad.parse::<Size>().is_err(), "{bad}");
        }
        assert_eq!("200x50".parse::<Size>().map(|s| (s.cols(), s.rows())), Ok((200, 50)));
    }
}
