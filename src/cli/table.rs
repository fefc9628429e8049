//! Faces for a person to read: the table of `ls` and the page of `info`. Whatever a program chose (titles, last
//! lines, commands) is shown without control characters.

use crate::client::json::time;
use crate::sys::clock;
use crate::wire::{FaceInfo, FaceState};

/// How wide the table may be and what time it is.
pub(super) struct Frame {
    cols: Option<usize>,
    now_ms: u64,
}

impl Frame {
    /// For stdout: as wide as its terminal, or not cut at all.
    pub(super) fn of_stdout() -> Frame {
        let window = crate::sys::tty::window_size(&std::io::stdout()).ok();
        let cols = window.map(|w| w.cols.into()).filter(|cols| *cols > 0);
        Frame { cols, now_ms: clock::wall_ms() }
    }
}

const HEAD: [&str; 8] = ["ID", "NAME", "KIND", "SIZE", "VIEWERS", "AGE", "QUIET", "WHAT"];
/// Columns that hold numbers stand to the right.
const TO_THE_RIGHT: [bool; 8] = [true, false, false, true, true, true, true, false];

/// The table of `ls`.
pub(super) fn faces(faces: &[FaceInfo], frame: Frame) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(faces.iter().map(|info| row(info, frame.now_ms)));
    let mut widths = [0; HEAD.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (i, cell) in row.iter().enumerate() {
            let pad = " ".repeat(widths[i] - cell.chars().count());
            let gap = if i > 0 { "  " } else { "" };
            line.push_str(gap);
            let (before, after) =
                if TO_THE_RIGHT[i] { (pad.as_str(), "") } else { ("", pad.as_str()) };
            line.push_str(before);
            line.push_str(cell);
            line.push_str(after);
        }
        text.extend(line.trim_end().chars().take(frame.cols.unwrap_or(usize::MAX)));
        text.push('\n');
    }
    text
}

fn row(info: &FaceInfo, now_ms: u64) -> [String; HEAD.len()] {
    let living = info.state == FaceState::Running;
    let what = match &info.end {
        Some(end) => format!("{} [{}]", plain(&info.command), plain(&end.reason)),
        None if info.title.is_empty() => plain(&info.command),
        None => format!("{} ({})", plain(&info.command), plain(&info.title)),
    };
    [
        info.id.to_string(),
        info.name.as_deref().map_or_else(|| "-".into(), plain),
        info.kind.to_string(),
        info.size.to_string(),
        if living { info.viewers.to_string() } else { "ended".into() },
        age(now_ms.saturating_sub(info.created_ms)),
        age(now_ms.saturating_sub(info.last_output_ms)),
        what,
    ]
}

/// The page of `info`.
pub(super) fn face(info: &FaceInfo) -> String {
    let mut text = String::new();
    let mut field = |name: &str, value: String| {
        if !value.is_empty() {
            text.push_str(&format!("{name:<13} {value}\n"));
        }
    };
    field("id", info.id.to_string());
    field("key", plain(&info.key));
    field("name", info.name.as_deref().map(plain).unwrap_or_default());
    field("kind", info.kind.to_string());
    field("parent", info.parent.map(|id| id.to_string()).unwrap_or_default());
    field("user", info.user.as_deref().map(plain).unwrap_or_default());
    field("state", if info.end.is_some() { "ended" } else { "running" }.into());
    field("size", info.size.to_string());
    field("command", plain(&info.command));
    field("title", plain(&info.title));
    field("pid", info.pid.map(|pid| pid.to_string()).unwrap_or_default());
    field("viewers", info.viewers.to_string());
    field("created", time(info.created_ms));
    field("last output", time(info.last_output_ms));
    field("printed", format!("{} bytes", info.offset.0));
    field("idle", format!("{} s", info.idle_seconds));
    field("last line", plain(&info.last_line));
    field("note", info.note.as_deref().map(plain).unwrap_or_default());
    if let Some(end) = &info.end {
        field("ended", time(end.at_ms));
        field("reason", plain(&end.reason));
        field("exit code", end.code.to_string());
        field("signal", end.signal.map(|signal| signal.to_string()).unwrap_or_default());
        field("ended by", end.by.as_deref().map(plain).unwrap_or_default());
        field("reaped", reaped(&end.reaped));
    }
    text
}

/// The processes that were ended with a face.
pub(super) fn reaped(processes: &[(u32, String)]) -> String {
    let words: Vec<String> =
        processes.iter().map(|(pid, name)| format!("{pid} ({})", plain(name))).collect();
    words.join(", ")
}

/// Text without what a terminal would act on.
pub(super) fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

/// A time span in its largest unit.
fn age(ms: u64) -> String {
    match ms / 1000 {
        s @ 0..60 => format!("{s}s"),
        s @ 60..3600 => format!("{}m", s / 60),
        s @ 3600..86_400 => format!("{}h", s / 3600),
        s => format!("{}d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{FaceId, Offset, Size};
    use crate::wire::Kind;

    #[test]
    fn columns_align_and_programs_cannot_write_into_the_table() {
        let info = |id, name: &str| FaceInfo {
            id: FaceId(id),
            key: format!("live:{id}"),
            kind: Kind::Cli,
            name: Some(name.into()),
            parent: None,
            user: None,
            size: Size::DEFAULT,
            state: FaceState::Running,
            title: "a\x1b[31mb".into(),
            command: "bash".into(),
            pid: Some(1),
            viewers: 2,
            created_ms: 0,
            last_output_ms: 59_000,
            idle_seconds: 0,
            last_line: String::new(),
            offset: Offset(0),
            note: None,
            end: None,
        };
        let text =
            faces(&[info(9, "build"), info(10, "x")], Frame { cols: None, now_ms: 3_600_000 });
        assert_eq!(
            text,
            "ID  NAME   KIND   SIZE  VIEWERS  AGE  QUIET  WHAT\n \
             9  build  cli   80x24        2   1h    59m  bash (a[31mb)\n\
             10  x      cli   80x24        2   1h    59m  bash (a[31mb)\n"
        );
    }
}
