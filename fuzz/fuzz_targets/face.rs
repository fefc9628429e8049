//! What viewers get of a face draws no answer from their terminals and shows the same screen; and a face built
//! again from its memory, as after a crash, is the face it was.
#![no_main]

use arbitrary::Arbitrary;
use facemux::face::Face;
use facemux::face::memory::Memory;
use facemux::term::Watch;
use facemux::units::Offset;
use facemux_fuzz::{Step, assert_same, small_size, terminal};
use libfuzzer_sys::fuzz_target;

const JOURNAL_BYTES: usize = 64 * 1024;

#[derive(Arbitrary, Debug)]
struct Input {
    rows: u8,
    cols: u8,
    steps: Vec<Step>,
}

/// A viewer's terminal: it must never have to answer.
struct Viewer;

impl Watch for Viewer {
    fn reply(&mut self, at: u64, bytes: &[u8]) {
        panic!("a viewer's terminal would answer {bytes:?} at {at}");
    }
}

fuzz_target!(|input: Input| {
    let size = small_size(input.rows, input.cols);
    let memory = Memory::owned(JOURNAL_BYTES, JOURNAL_BYTES, JOURNAL_BYTES);
    let mut face = Face::new(memory, size, 500);
    let mut printed = 0;
    for step in &input.steps {
        let bytes = step.bytes();
        // The whole output stays in the ring, so that a viewer can be fed all of it.
        if printed + bytes.len() > JOURNAL_BYTES / 2 {
            break;
        }
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let space = face.space(Offset(u64::MAX), rest.len());
            let n = space.len().min(rest.len());
            assert!(n > 0, "the ring refuses output");
            space[..n].copy_from_slice(&rest[..n]);
            face.handle_output(n);
            rest = &rest[n..];
        }
        printed += bytes.len();
    }
    let complete = face.complete();
    let (first, second) = face.journal().read(0..complete.0);
    let mut viewer = terminal(size);
    viewer.feed(first, &mut Viewer);
    viewer.feed(second, &mut Viewer);
    if complete == face.journal().head()
        && let Some(model) = face.terminal()
    {
        for row in 0..size.rows() {
            assert_eq!(model.row(row), viewer.row(row), "a viewer's row {row}");
        }
        assert_eq!(model.cursor(), viewer.cursor(), "a viewer's cursor");
        let mut fresh = terminal(size);
        fresh.feed(&model.restore(usize::MAX), &mut Viewer);
        assert_same(model, &fresh, "restored");
    }
});
