//! The view of a viewer whose terminal has another size than the face: the part that fits, row by row, coherent.
//!
//! Output made for another width cannot be passed on as it is. What changed since the last picture is painted, at
//! most so many times a second; the cursor's rows are kept in view.

use super::Now;
use super::living::Living;
use super::restores::Pending;
use super::timer::Timers;
use super::viewer::Viewer;
use crate::face::paint;
use crate::term::{Line, Terminal};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

/// Pictures at most this often.
const PICTURE_EVERY: Duration = Duration::from_millis(33);

/// What a cropped viewer was last shown.
#[derive(Default)]
pub(super) struct Crop {
    /// A hash of each row as painted.
    rows: Vec<u64>,
    /// The first row of the face in view.
    top: u16,
    /// Not again before this moment.
    next: Duration,
    /// The face's offset in the last picture.
    seen: Option<u64>,
}

/// Makes the next picture, if something changed and it is time. `None` when there is nothing to send now.
pub(super) fn prepare(
    viewer: &mut Viewer,
    living: &mut Living,
    now: Now,
    timers: &mut Timers,
) -> Option<()> {
    let terminal = living.face.terminal()?;
    let crop = viewer.crop.as_mut()?;
    if crop.seen == Some(terminal.offset()) {
        return None;
    }
    if now.mono < crop.next {
        let next = crop.next;
        living.arm(viewer, next, timers);
        return None;
    }
    crop.next = now.mono + PICTURE_EVERY;
    crop.seen = Some(terminal.offset());
    let bytes = picture(crop, terminal, viewer.size.rows(), viewer.size.cols());
    if bytes.is_empty() {
        viewer.at = living.face.complete();
        return None;
    }
    viewer.restore = Some(Pending { bytes: bytes.into(), sent: 0, offset: living.face.complete() });
    Some(())
}

/// The rows that changed, for a terminal of `rows` by `cols`.
fn picture(crop: &mut Crop, terminal: &Terminal, rows: u16, cols: u16) -> Vec<u8> {
    let size = terminal.size();
    let cursor = terminal.cursor();
    let visible = rows.min(size.rows());
    let mut top = crop.top.min(size.rows() - visible);
    if cursor.row < top {
        top = cursor.row;
    } else if cursor.row >= top + visible {
        top = cursor.row + 1 - visible;
    }
    crop.top = top;
    crop.rows.resize(usize::from(visible), 0);
    let mut out = b"\x1b[?2026h\x1b[?25l".to_vec();
    for row in 0..visible {
        let line = terminal.row(top + row);
        let hash = fingerprint(&line);
        if std::mem::replace(&mut crop.rows[usize::from(row)], hash) != hash {
            out.extend_from_slice(format!("\x1b[{};1H\x1b[m\x1b[K", row + 1).as_bytes());
            paint::row(&line, cols.min(size.cols()), &mut out);
        }
    }
    let (row, col) = (cursor.row - top + 1, cursor.col.min(cols - 1) + 1);
    out.extend_from_slice(format!("\x1b[m\x1b[{row};{col}H").as_bytes());
    if terminal.modes().cursor_visible && cursor.col < cols {
        out.extend_from_slice(b"\x1b[?25h");
    }
    out.extend_from_slice(b"\x1b[?2026l");
    out
}

/// A row's picture as a number, never 0.
fn fingerprint(line: &Line) -> u64 {
    let mut hasher = DefaultHasher::new();
    for cell in line.cells() {
        (cell.text, cell.width, cell.style).hash(&mut hasher);
    }
    hasher.finish().max(1)
}
