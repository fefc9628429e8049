//! Where output is cut between two reads must not matter.

use crate::shown::{Answers, LINES, fresh, seen};
use facemux::units::Size;

/// Bytes of any kind show the same however they are cut: at once, and in pieces as long as the first byte says.
pub fn cuts_change_nothing(bytes: &[u8]) {
    let Some((cut, bytes)) = bytes.split_first() else { return };
    let fed = |piece: usize| {
        let mut terminal = fresh(Size::clamped(9, 30));
        let mut answers = Answers::default();
        bytes.chunks(piece).for_each(|piece| terminal.feed(piece, &mut answers));
        (seen(&terminal), terminal.restore(LINES), answers)
    };
    assert_eq!(fed(usize::MAX), fed(1 + usize::from(*cut)), "{}", bytes.escape_ascii());
}
