//! Raw bytes: no panic, and the same screen however they are cut.
#![no_main]

use facemux::limits::HISTORY_BYTES_MAX;
use facemux::term::render::{Format, render};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::Size;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let fed = |piece: usize| {
        let mut terminal =
            Terminal::new(Size::clamped(9, 30), History::growing(HISTORY_BYTES_MAX, 100));
        bytes.chunks(piece).for_each(|piece| terminal.feed(piece, &mut Unwatched));
        (render(&terminal, Format::Json, 100), terminal.restore(100))
    };
    assert_eq!(fed(usize::MAX), fed(1 + usize::from(*cut)));
});
