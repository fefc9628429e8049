//! A face whose daemon is killed between any two reads shows, answers and gates as if nothing had happened.

use crate::keeper::map;
use crate::world::JOURNAL;
use facemux::face::memory::total_bytes;
use facemux::face::{Face, InFlight};
use facemux::sys::memory::create_memfd;
use facemux::units::{Offset, Size};
use std::os::fd::OwnedFd;

/// Questions of all forms, what the gate blanks whole and in part, junk told in pieces, and what cuts it off.
const OUTPUT: &[u8] =
    b"a\x1b[c\x1bP$qm\x1b\\b\x1b]11;?\x07\x1b[6\nn\x1bP+q544e\x1b\\c\x1b[?25;12$p\xc2\x9eqq\xc2\x84x\
    \x1b_junk junk\x1b[5nd\x1b]4;1;?;2;red\x1b\\\x1bXmore\x18\x05e\x1bPz\x1b]2;title\x1b[c\x07f\x1b[>0q";

struct Run {
    memfd: OwnedFd,
    face: Face,
}

fn begin() -> Run {
    let memfd = create_memfd("replay", total_bytes(JOURNAL)).unwrap();
    let mut face = Face::new(map(&memfd), Size::DEFAULT, 100);
    assert!(face.checkpoint(b"", &mut Vec::new()));
    Run { memfd, face }
}

impl Run {
    fn print(&mut self, bytes: &[u8]) {
        let space = self.face.space(Offset::UNKNOWN, bytes.len());
        space.copy_from_slice(bytes);
        self.face.handle_output(bytes.len());
    }

    /// The daemon is killed, and another takes the face over.
    fn crash(&mut self) {
        let (flight, memory) = (InFlight::default(), map(&self.memfd));
        self.face = Face::recover(memory, Size::DEFAULT, 100, flight, false, |_| None).0;
    }

    /// The screen, what viewers get, and what the program is answered.
    fn seen(&self) -> [Vec<u8>; 3] {
        let terminal = self.face.terminal().unwrap();
        let journal = self.face.journal();
        let (first, second) = journal.read(0..journal.head().0);
        let shown = [terminal.restore(100), terminal.unfinished()].concat();
        [shown, [first, second].concat(), self.face.input().next().to_vec()]
    }
}

#[test]
fn a_crash_between_any_two_reads_changes_nothing() {
    let mut whole = begin();
    whole.print(OUTPUT);
    let expected = whole.seen();
    assert!(expected[2].starts_with(b"\x1b[?62"), "the first question is answered first");
    for checkpoint in 0..OUTPUT.len() {
        for crash in (checkpoint..OUTPUT.len()).step_by(3) {
            let mut run = begin();
            run.print(&OUTPUT[..checkpoint]);
            assert!(run.face.checkpoint(b"", &mut Vec::new()));
            run.print(&OUTPUT[checkpoint..crash]);
            run.crash();
            run.print(&OUTPUT[crash..]);
            run.crash();
            assert!(run.seen() == expected, "checkpoint at {checkpoint}, crash at {crash}");
        }
    }
}

#[test]
fn a_thousand_answers_are_found_again() {
    let (mut whole, mut run) = (begin(), begin());
    for _ in 0..3 {
        for one in [&mut whole, &mut run] {
            one.print(&b"\x1b[5n".repeat(500));
            one.face.handle_written(one.face.input().next().len());
        }
    }
    run.crash();
    for one in [&mut whole, &mut run] {
        one.print(b"\x1b[6n");
    }
    assert_eq!(run.seen()[2], b"\x1b[1;1R");
    assert!(run.seen() == whole.seen());
}
