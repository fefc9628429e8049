//! Recordings of real programs against what xterm.js makes of them (tests/golden/make.sh).
//!
//! A case is three files in tests/golden: adding one needs no code.
#![allow(clippy::unwrap_used)]

use facemux::term::render::{Format, render};
use facemux::term::{History, Terminal, Unwatched};
use facemux::units::Size;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Rows of history the expected files hold.
const HISTORY: usize = 50;

/// Lengths of the pieces a recording is fed in; 0 is the whole.
const CUTS: [usize; 5] = [0, 1, 3, 7, 1000];

#[test]
fn recordings_show_what_xterm_shows() {
    let mut names: Vec<PathBuf> =
        fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden"))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.extension().is_some_and(|e| e == "raw"))
            .collect();
    names.sort();
    assert!(names.len() >= 15, "the recordings are there");
    let wrong: Vec<String> = names.iter().flat_map(|raw| check(raw)).collect();
    assert!(wrong.is_empty(), "{} differences\n{}", wrong.len(), wrong.join("\n"));
}

/// What differs in one recording, however it is cut.
fn check(raw: &Path) -> Vec<String> {
    let name = raw.file_stem().unwrap().to_string_lossy().into_owned();
    let bytes = fs::read(raw).unwrap();
    let text = fs::read_to_string(raw.with_extension("txt")).unwrap();
    let json: Value =
        serde_json::from_str(&fs::read_to_string(raw.with_extension("json")).unwrap()).unwrap();
    let side = |name: &str| json["size"][name].as_u64().unwrap() as u16;
    let size = Size::new(side("rows"), side("cols")).unwrap();
    let mut wrong = Vec::new();
    let mut whole = None;
    for cut in CUTS {
        let mut terminal = Terminal::new(size, History::growing(1 << 20, 10_000));
        for piece in bytes.chunks(if cut == 0 { bytes.len() } else { cut }) {
            terminal.feed(piece, &mut Unwatched);
        }
        let shown = render(&terminal, Format::Json, HISTORY).unwrap();
        let first = whole.get_or_insert_with(|| shown.clone());
        if *first != shown {
            wrong.push(format!("{name}: cut every {cut} bytes it shows something else"));
        }
        if cut == 0 {
            let mine: Value = serde_json::from_str(&shown).unwrap();
            compare(&name, &json, &mine, &mut wrong);
            if render(&terminal, Format::Text, HISTORY).unwrap() != text {
                wrong.push(format!("{name}: the text differs"));
            }
        }
    }
    wrong
}

/// Names each place where `mine` is not `expected`, down to the row.
fn compare(place: &str, expected: &Value, mine: &Value, wrong: &mut Vec<String>) {
    match (expected, mine) {
        (Value::Object(a), Value::Object(b)) if !a.contains_key("runs") => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                compare(&format!("{place}.{key}"), &expected[key], &mine[key], wrong);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place}[{index}]"), a, b, wrong);
            }
        }
        _ if expected != mine => {
            wrong.push(format!("{place}\n  expected {expected}\n  shows    {mine}"))
        }
        _ => {}
    }
}
