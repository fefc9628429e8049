//! Every bound with its unit, its cost in bytes and its reason. Imports nothing.
//!
//! docs/RUNTIME.md says the same for users: what each bounds and what happens when it is reached.

/// Fewest rows of a terminal: xterm.js refuses fewer.
pub const ROWS_MIN: u16 = 1;
/// Most rows of a terminal: 1000 rows of 1000 8-byte cells are 8 MB a screen.
pub const ROWS_MAX: u16 = 1000;
/// Fewest columns: a wide character needs two; xterm.js clamps to two as well.
pub const COLS_MIN: u16 = 2;
/// Most columns.
pub const COLS_MAX: u16 = 1000;

/// Lines of history a face keeps unless told otherwise.
pub const HISTORY_LINES: usize = 10_000;
/// Bytes of packed history a face keeps at most; whichever bound is reached first drops the oldest.
pub const HISTORY_BYTES_MAX: usize = 1 << 20;
