//! Bytes that make a viewer's terminal as if fresh, whatever a face has set in it: for a terminal that missed
//! something, and for one that is given back without anybody knowing how far it got.
//!
//! Never RIS, never ED 3: what the person had on screen before, and the scrollback, are theirs.

/// Modes off, pen plain, margins open; the cursor stays where it is. CAN first: it may stand inside a sequence.
/// Each screen has a saved cursor and a keyboard stack of its own: the alternate one is seen to as well.
pub const UNDO: &[u8] = b"\x18\x1b[?2026l\x1b[?1049h\x1b[!p\x1b[<99u\x1b[?1049l\x1b[!p\
\x1b[?1;5;6;9;45;69;1000;1002;1003;1004;1006;1016;2004;2031l\
\x1b[?7;25h\x1b[4;20l\x1b>\x1b[r\x1b(B\x1b)B\x0f\x1b[m\x1b[<99u\x1b[>4m\x1b[0 q\x1b]104\x1b\\\
\x1b]110\x1b\\\x1b]111\x1b\\\x1b]112\x1b\\\x1b]8;;\x1b\\";

/// Home, and nothing on the screen.
pub const CLEAR: &[u8] = b"\x1b[H\x1b[J";

/// Enters the alternate screen, for a viewer who asked to be shown the face there.
pub const ALTERNATE: &[u8] = b"\x1b[?1049h\x1b[H\x1b[J";
