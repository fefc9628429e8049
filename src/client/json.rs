//! What is said about faces as JSON, for `--json`, the HTTP API and SSH alike. docs/json.md documents it; names and
//! their meaning are stable, further ones may be added. Times are RFC 3339 with milliseconds.

use crate::wire::{EndReport, Event, FaceInfo, FaceState, Kind};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::{Duration, UNIX_EPOCH};

/// A face.
#[derive(Serialize)]
struct Face<'a> {
    id: u64,
    key: &'a str,
    kind: Kind,
    name: Option<&'a str>,
    parent: Option<u64>,
    user: Option<&'a str>,
    size: Size,
    state: FaceState,
    title: &'a str,
    command: &'a str,
    pid: Option<u32>,
    viewers: u32,
    created: String,
    last_output: String,
    idle_seconds: u64,
    last_line: &'a str,
    offset: u64,
    note: Option<&'a str>,
    end: Option<End<'a>>,
}

#[derive(Serialize)]
struct Size {
    cols: u16,
    rows: u16,
}

/// How a face ended.
#[derive(Serialize)]
struct End<'a> {
    reason: &'a str,
    code: i32,
    signal: Option<i32>,
    by: Option<&'a str>,
    at: String,
    cause: crate::wire::EndCause,
    reaped: Vec<Reaped<'a>>,
}

#[derive(Serialize)]
struct Reaped<'a> {
    pid: u32,
    command: &'a str,
}

/// Milliseconds since the Unix epoch as RFC 3339.
pub fn time(at_ms: u64) -> String {
    // The last millisecond of the year 9999, after which there is no RFC 3339.
    let at_ms = at_ms.min(253_402_300_799_999);
    humantime::format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(at_ms)).to_string()
}

/// One face.
pub fn face(info: &FaceInfo) -> String {
    text(&face_of(info))
}

/// Faces, as an array.
pub fn faces(infos: &[FaceInfo]) -> String {
    text(&infos.iter().map(face_of).collect::<Vec<_>>())
}

/// How a face ended.
pub fn end(report: &EndReport) -> String {
    text(&end_of(report))
}

/// One event.
pub fn event(event: &Event) -> String {
    let value = match event {
        Event::Created(info) => {
            return format!(r#"{{"event":"created","id":{},"face":{}}}"#, info.id, face(info));
        }
        Event::Changed(info) => {
            return format!(r#"{{"event":"changed","id":{},"face":{}}}"#, info.id, face(info));
        }
        Event::Output { id, offset, last_line } => {
            json!({"event": "output", "id": id, "offset": offset, "last_line": last_line})
        }
        Event::Bell { id } => json!({"event": "bell", "id": id}),
        Event::Progress { id, state, percent } => {
            let state = ["none", "normal", "error", "unknown", "paused"]
                .get(usize::from(*state))
                .unwrap_or(&"unknown");
            json!({"event": "progress", "id": id, "state": state, "percent": percent})
        }
        Event::Notify { id, text } => json!({"event": "notify", "id": id, "text": text}),
        Event::Clipboard { id, base64 } => {
            json!({"event": "clipboard", "id": id, "base64": base64})
        }
        Event::Ended { id, end } => {
            json!({"event": "ended", "id": id, "end": serde_json::to_value(end_of(end)).unwrap_or(Value::Null)})
        }
    };
    safe(&value.to_string())
}

/// JSON that cannot end an HTML script element: these stand in strings only.
fn safe(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

fn text(value: &impl Serialize) -> String {
    // These types hold strings, numbers and lists only, which always serialise.
    safe(&serde_json::to_string(value).unwrap_or_default())
}

fn face_of(info: &FaceInfo) -> Face<'_> {
    Face {
        id: info.id.0,
        key: &info.key,
        kind: info.kind,
        name: info.name.as_deref(),
        parent: info.parent.map(|id| id.0),
        user: info.user.as_deref(),
        size: Size { cols: info.size.cols(), rows: info.size.rows() },
        state: info.state,
        title: &info.title,
        command: &info.command,
        pid: info.pid,
        viewers: info.viewers,
        created: time(info.created_ms),
        last_output: time(info.last_output_ms),
        idle_seconds: info.idle_seconds,
        last_line: &info.last_line,
        offset: info.offset.0,
        note: info.note.as_deref(),
        end: info.end.as_ref().map(end_of),
    }
}

fn end_of(end: &EndReport) -> End<'_> {
    End {
        reason: &end.reason,
        code: end.code,
        signal: end.signal,
        by: end.by.as_deref(),
        at: time(end.at_ms),
        cause: end.cause.clone(),
        reaped: end.reaped.iter().map(|(pid, command)| Reaped { pid: *pid, command }).collect(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::units::{FaceId, Offset};

    #[test]
    fn a_face_has_the_names_that_scripts_rely_on() {
        let info = FaceInfo {
            id: FaceId(12),
            key: "live:12".into(),
            kind: Kind::Cli,
            name: None,
            parent: None,
            user: None,
            size: crate::units::Size::DEFAULT,
            state: FaceState::Running,
            title: "\"</x\"".into(),
            command: "bash".into(),
            pid: Some(7),
            viewers: 1,
            created_ms: 0,
            last_output_ms: 1500,
            idle_seconds: 3,
            last_line: "$".into(),
            offset: Offset(5),
            note: None,
            end: None,
        };
        assert_eq!(
            faces(&[info]),
            concat!(
                r#"[{"id":12,"key":"live:12","kind":"cli","name":null,"parent":null,"user":null,"#,
                r#""size":{"cols":80,"rows":24},"state":"running","title":"\"\u003c/x\"","command":"bash","pid":7,"#,
                r#""viewers":1,"created":"1970-01-01T00:00:00.000Z","last_output":"1970-01-01T00:00:01.500Z","#,
                r#""idle_seconds":3,"last_line":"$","offset":5,"note":null,"end":null}]"#
            )
        );
    }
}
