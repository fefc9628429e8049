//! The answers a terminal owes its program.

/// What a face says of the terminal it is shown in: the leader's values, or documented defaults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Report {
    /// Default foreground, red green blue.
    pub fg: (u8, u8, u8),
    /// Default background.
    pub bg: (u8, u8, u8),
    /// Cursor.
    pub cursor: (u8, u8, u8),
    /// A cell in pixels.
    pub cell_width: u16,
    /// A cell in pixels.
    pub cell_height: u16,
}

impl Default for Report {
    /// White on black, xterm.js's palette, cells of 9 x 18 pixels.
    fn default() -> Report {
        Report {
            fg: (255, 255, 255),
            bg: (0, 0, 0),
            cursor: (255, 255, 255),
            cell_width: 9,
            cell_height: 18,
        }
    }
}
