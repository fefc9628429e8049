//! The `vt100` crate as an independent witness: on what its documentation says it understands, both
//! models show the same screen.
//!
//! Left out, because there xterm.js and `vt100` 0.18 are known to differ, and ours is xterm.js's:
//! - a character followed by U+FE0F: `vt100` widens it to two cells, and panics in the last column;
//! - combining marks at the start of a row or after a control: `vt100` drops them or joins them anyway;
//! - resizing: `vt100` does not reflow;
//! - DECOM, which it keeps apart from the cursor's saved state, and DECSTBM without a real region;
//! - the alternate screen and mode 47: it saves and clears at other moments;
//! - REP after a control, DECSC beyond position and pen, charsets, tab stops, LNM, IRM: it has none;
//! - the looks of blank cells: rows it inserts or scrolls in have no background;
//! - the column after IL and DL, which it keeps;
//! - resetting a mouse mode that is not the one set, which leaves its mouse on;
//! - bold and dim together: it has one intensity;
//! - erasing, moving and saving while a wrap is pending: it acts behind the last column;
//! - a wide character in the last column: it leaves what was there when it wraps;
//! - ICH in the middle of a wide character: it moves all of it;
//! - a cursor saved before the screen scrolled: xterm.js moves it up with the text;
//! - after DECSTBM it goes to the region's first row, and moving up or down from outside a region passes it,
//!   and RI above one scrolls it.

#[path = "script/choices.rs"]
mod choices;
#[path = "script/plain.rs"]
mod plain;
#[path = "script/witness.rs"]
mod witness;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_show_the_same(chance in prop::collection::vec(any::<u8>(), 0..400), rows in 2u16..30, cols in 20u16..90) {
        witness::agree(&chance, rows, cols);
    }
}
