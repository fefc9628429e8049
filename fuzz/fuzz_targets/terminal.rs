//! Whatever a program prints, however it is cut: no panic, the cuts do not show, and the restore fed to a fresh
//! terminal gives the same terminal, now and after further output.
#![no_main]

use arbitrary::Arbitrary;
use facemux::term::Unwatched;
use facemux_fuzz::{Step, assert_same, feed_in_pieces, small_size, terminal};
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    rows: u8,
    cols: u8,
    piece: u8,
    before: Vec<Step>,
    after: Vec<Step>,
}

fuzz_target!(|input: Input| {
    let size = small_size(input.rows, input.cols);
    let (mut whole, mut cut) = (terminal(size), terminal(size));
    for step in &input.before {
        let bytes = step.bytes();
        whole.feed(&bytes, &mut Unwatched);
        feed_in_pieces(&mut cut, &bytes, input.piece.into());
        if let Some(size) = step.size() {
            whole.resize(size);
            cut.resize(size);
        }
    }
    assert_same(&whole, &cut, "in pieces");

    let restore = whole.restore(usize::MAX);
    let mut fresh = terminal(whole.size());
    fresh.feed(&restore, &mut Unwatched);
    assert_same(&whole, &fresh, "restored");
    for step in &input.after {
        let bytes = step.bytes();
        whole.feed(&bytes, &mut Unwatched);
        fresh.feed(&bytes, &mut Unwatched);
    }
    assert_same(&whole, &fresh, "after further output");
});
