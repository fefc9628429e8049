//! The tree's rules, read from the sources: who may import whom, which names belong to which folder, how a file looks.
//!
//! docs/architecture.md draws the arrows; `LAYERS` and `NAMES` below are the same in a form that can fail. Every
//! finding names file, line and rule. The checker is itself tested on snippets that break each rule.

#![allow(clippy::unwrap_used)]

#[path = "layers/scan.rs"]
mod scan;

use scan::{PathUse, Source};
use std::path::Path;

/// A top-level module and the others it may import.
struct Layer {
    name: &'static str,
    imports: &'static [&'static str],
}

/// The arrows. A module that is not here may not exist.
const LAYERS: &[Layer] = &[
    Layer { name: "limits", imports: &[] },
    Layer { name: "units", imports: &["limits"] },
    Layer { name: "region", imports: &[] },
    Layer { name: "planted", imports: &[] },
    Layer { name: "term", imports: &["limits", "units", "region"] },
    Layer { name: "face", imports: &["term", "planted", "limits", "units", "region"] },
    Layer { name: "wire", imports: &["limits", "units"] },
    Layer {
        name: "mux",
        imports: &["face", "term", "wire", "planted", "limits", "units", "region"],
    },
    Layer { name: "cast", imports: &["term", "limits", "units", "region"] },
    Layer { name: "config", imports: &["sys", "wire", "limits", "units"] },
    Layer { name: "sys", imports: &["planted", "limits", "units", "region"] },
    Layer {
        name: "keeper",
        imports: &["sys", "wire", "config", "planted", "limits", "units", "region"],
    },
    Layer {
        name: "daemon",
        imports: &[
            "mux", "face", "term", "cast", "sys", "wire", "planted", "limits", "units", "region",
        ],
    },
    Layer { name: "client", imports: &["wire", "sys", "limits", "units"] },
    Layer {
        name: "cli",
        // Of the frontends only the tokens, which `facemux token` makes.
        imports: &[
            "client", "wire", "config", "term", "cast", "sys", "limits", "units", "frontend",
        ],
    },
    Layer { name: "frontend", imports: &["client", "wire", "config", "sys", "limits", "units"] },
    // They alone see everything: main.rs dispatches to the roles, lib.rs lists the modules.
    Layer { name: "main", imports: &["*"] },
    Layer { name: "lib", imports: &["*"] },
];

/// Folders without clock, I/O, threads or environment: bytes, requests and `now` in, effects out.
const PURE: &[&str] =
    &["limits", "units", "region", "planted", "term", "face", "mux", "wire", "cast"];

/// A name that belongs to some folders only; tests are exempt where they must make real files and threads.
struct Name {
    path: &'static [&'static str],
    /// Prefixes of the paths below src/ that may use it.
    only: &'static [&'static str],
}

const EFFECTFUL: &[&str] =
    &["sys", "keeper", "daemon", "client", "cli", "frontend", "config", "main"];

const NAMES: &[Name] = &[
    // Web turns its executor with it: a polling thread of its own would cost every byte a wake-up.
    Name { path: &["mio"], only: &["daemon", "keeper", "frontend/web"] },
    Name { path: &["nix"], only: &["sys"] },
    Name { path: &["libc"], only: &["sys"] },
    Name { path: &["smol"], only: &["frontend/web"] },
    Name { path: &["httparse"], only: &["frontend/web"] },
    Name { path: &["tungstenite"], only: &["frontend/web"] },
    Name { path: &["tokio"], only: &["frontend/ssh"] },
    Name { path: &["russh"], only: &["frontend/ssh"] },
    Name { path: &["bincode"], only: &["wire/codec.rs"] },
    Name { path: &["lexopt"], only: &["cli", "config", "main"] },
    Name { path: &["toml"], only: &["config"] },
    Name { path: &["std", "net"], only: &["sys", "keeper", "frontend", "config", "cli"] },
    Name { path: &["std", "fs"], only: EFFECTFUL },
    Name {
        path: &["std", "env"],
        only: &["sys", "keeper", "client", "cli", "frontend", "config", "main"],
    },
    Name { path: &["std", "process"], only: EFFECTFUL },
    Name { path: &["std", "os"], only: EFFECTFUL },
    Name { path: &["std", "thread"], only: &["frontend"] },
    Name { path: &["Instant", "now"], only: EFFECTFUL },
    Name { path: &["SystemTime", "now"], only: EFFECTFUL },
    Name { path: &["io", "stdin"], only: EFFECTFUL },
    Name { path: &["io", "stdout"], only: EFFECTFUL },
    Name { path: &["io", "stderr"], only: EFFECTFUL },
];

/// Macros that print or stop: where they may stand.
const MACROS: &[Name] = &[
    Name { path: &["println"], only: &["cli", "main"] },
    Name { path: &["print"], only: &["cli", "main"] },
    Name { path: &["eprintln"], only: &["cli", "main"] },
    Name { path: &["eprint"], only: &["cli", "main"] },
    Name { path: &["dbg"], only: &[] },
    Name { path: &["todo"], only: &[] },
    Name { path: &["unimplemented"], only: &[] },
];

const LINE_CHARS_MAX: usize = 120;
const FILE_LINES_MAX: usize = 600;
const FUNCTION_LINES_MAX: usize = 70;
const FILE_REASON: &str = "Over 600 lines because";
const FUNCTION_REASON: &str = "Over 70 lines because";
/// A reason stands at most this far above its function, above or among its attributes and doc.
const REASON_LINES: usize = 15;
/// Names that say nothing about what a file is.
const VAGUE: &[&str] =
    &["manager", "handler", "helper", "helpers", "util", "utils", "data", "misc", "common"];

#[test]
fn the_tree_keeps_its_rules() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = vec![];
    let sources = rust_files(&root.join("src"), "");
    assert!(sources.len() > 5, "src/ was not found");
    for (path, text) in &sources {
        check_source(path, text, &mut findings);
    }
    check_reached(&sources, &mut findings);
    for folder in ["tests", "benches", "fuzz/fuzz_targets"] {
        for (path, text) in rust_files(&root.join(folder), "") {
            check_shape(&format!("{folder}/{path}"), &text, &mut findings);
        }
    }
    assert!(findings.is_empty(), "\n{}\n{} findings", findings.join("\n"), findings.len());
}

/// Every `.rs` file below `folder` with its path relative to it.
fn rust_files(folder: &Path, prefix: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries.map(|e| e.unwrap()) {
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            found.extend(rust_files(&entry.path(), &format!("{path}/")));
        } else if name.ends_with(".rs") {
            found.push((path, std::fs::read_to_string(entry.path()).unwrap()));
        }
    }
    found.sort();
    found
}

/// All rules for one file of src/; `path` is relative to it.
fn check_source(path: &str, text: &str, findings: &mut Vec<String>) {
    let source = Source::read(text);
    let whole_test = path.ends_with("/tests.rs") || path.contains("/tests/");
    let module = module_of(path);
    let Some(layer) = LAYERS.iter().find(|l| l.name == module[0]) else {
        findings.push(format!(
            "src/{path}:1: no layer is called '{}': add it to tests/layers.rs",
            module[0]
        ));
        return;
    };
    for used in source.paths() {
        check_import(path, layer, &module, &used, findings);
        if !used.test && !whole_test {
            check_names(path, &used, findings);
        }
    }
    check_tokens(path, &source, whole_test, findings);
    check_shape(&format!("src/{path}"), text, findings);
}

/// The module path of a file: `term/grid.rs` is [term, grid], `term/mod.rs` is [term].
fn module_of(path: &str) -> Vec<String> {
    let mut parts: Vec<String> =
        path.trim_end_matches(".rs").split('/').map(String::from).collect();
    if parts.len() > 1 && parts.last().is_some_and(|p| p == "mod") {
        parts.pop();
    }
    parts
}

/// The top-level module that a path leads to, when it leads into this crate.
fn target<'a>(module: &'a [String], used: &'a PathUse) -> Option<&'a str> {
    let first = used.segments.first()?.as_str();
    if first == "crate" || (first == "facemux" && module[0] == "main") {
        return used.segments.get(1).map(String::as_str);
    }
    let ups = used.segments.iter().take_while(|s| *s == "super").count();
    let depth = module.len() + used.depth;
    (ups > 0 && ups >= depth).then(|| used.segments.get(ups).map(String::as_str))?
}

fn check_import(
    path: &str,
    layer: &Layer,
    module: &[String],
    used: &PathUse,
    findings: &mut Vec<String>,
) {
    let Some(to) = target(module, used) else { return };
    let known = LAYERS.iter().any(|l| l.name == to);
    if !known || to == layer.name || layer.imports.contains(&"*") || layer.imports.contains(&to) {
        return;
    }
    let may =
        if layer.imports.is_empty() { "nothing".to_string() } else { layer.imports.join(", ") };
    findings.push(format!("src/{path}:{}: {} may import {may}; not {to}", used.line, layer.name));
}

fn check_names(path: &str, used: &PathUse, findings: &mut Vec<String>) {
    for name in NAMES {
        let leads = used.segments.len() >= name.path.len()
            && used.segments.iter().zip(name.path).all(|(a, b)| a == b);
        let holds = name.path[0] != "std"
            && name.path.len() > 1
            && used
                .segments
                .windows(name.path.len())
                .any(|w| w.iter().zip(name.path).all(|(a, b)| a == b));
        if (leads || holds) && !allowed(path, name.only) {
            findings.push(format!(
                "src/{path}:{}: {} is for {}",
                used.line,
                name.path.join("::"),
                listed(name.only)
            ));
        }
    }
}

fn allowed(path: &str, only: &[&str]) -> bool {
    only.iter().any(|p| {
        path == *p
            || path.strip_prefix(p).is_some_and(|rest| rest.starts_with('/') || rest == ".rs")
    })
}

fn listed(only: &[&str]) -> String {
    if only.is_empty() { "nobody".to_string() } else { format!("{} only", only.join(", ")) }
}

/// `unsafe`, `.unwrap()`, printing and unfinished code.
fn check_tokens(path: &str, source: &Source, whole_test: bool, findings: &mut Vec<String>) {
    for (at, token) in source.tokens.iter().enumerate() {
        let test = token.test || whole_test;
        let line = token.line;
        if token.text == "unsafe" && !allowed(path, &["sys"]) {
            findings.push(format!("src/{path}:{line}: unsafe is for sys only"));
        }
        if !test && source.is(at, &[".", "unwrap", "(", ")"]) {
            findings.push(format!(
                "src/{path}:{line}: .unwrap() is for tests only; expect() states the invariant"
            ));
        }
        for name in MACROS {
            if !test && source.is(at, &[name.path[0], "!"]) && !allowed(path, name.only) {
                findings.push(format!(
                    "src/{path}:{line}: {}! is for {}",
                    name.path[0],
                    listed(name.only)
                ));
            }
        }
    }
}

/// What holds for every Rust file: head, lengths, names, plain comments.
fn check_shape(path: &str, text: &str, findings: &mut Vec<String>) {
    let source = Source::read(text);
    let head = text.lines().find(|l| !l.trim().is_empty() && !l.starts_with("#!["));
    if !head.is_some_and(|l| l.starts_with("//!")) {
        findings.push(format!("{path}:1: a file starts with //! and says what it is"));
    }
    let stem = path.rsplit('/').next().unwrap_or(path).trim_end_matches(".rs");
    if stem.split('_').any(|word| VAGUE.contains(&word)) {
        findings.push(format!("{path}:1: the name '{stem}' does not say what the file is"));
    }
    for (number, line) in text.lines().enumerate() {
        if line.chars().count() > LINE_CHARS_MAX {
            findings.push(format!("{path}:{}: line over {LINE_CHARS_MAX} characters", number + 1));
        }
    }
    for (line, comment) in &source.comments {
        if !comment.is_ascii() {
            findings.push(format!("{path}:{line}: comments are ASCII"));
        }
    }
    let lines = text.lines().count();
    if lines > FILE_LINES_MAX && !source.comments.iter().any(|(_, c)| c.contains(FILE_REASON)) {
        findings.push(format!(
            "{path}:{lines}: over {FILE_LINES_MAX} lines; split it or say '{FILE_REASON} ...'"
        ));
    }
    for function in source.functions() {
        let near = function.line.saturating_sub(REASON_LINES)..=function.line;
        let reason = source
            .comments
            .iter()
            .any(|(line, c)| near.contains(line) && c.contains(FUNCTION_REASON));
        if function.lines > FUNCTION_LINES_MAX && !reason {
            findings.push(format!(
                "{path}:{}: fn {} has {} lines; at most {FUNCTION_LINES_MAX}, or say '{FUNCTION_REASON} ...'",
                function.line, function.name, function.lines
            ));
        }
    }
}

/// No file that no `mod` declares: it would compile into nothing and rot.
fn check_reached(sources: &[(String, String)], findings: &mut Vec<String>) {
    let mut declared = vec![String::from("main.rs"), String::from("lib.rs")];
    for (path, text) in sources {
        let module = module_of(path);
        let folder = if matches!(path.as_str(), "main.rs" | "lib.rs") {
            String::new()
        } else {
            module.join("/") + "/"
        };
        for (name, _) in Source::read(text).file_modules() {
            declared.push(format!("{folder}{name}.rs"));
            declared.push(format!("{folder}{name}/mod.rs"));
        }
    }
    for (path, text) in sources {
        let included = sources
            .iter()
            .any(|(_, t)| t.contains(&format!("/{path}\"")) || t.contains(&format!("\"{path}\"")));
        if !declared.contains(path) && !included && !text.is_empty() {
            findings.push(format!("src/{path}:1: no module declares this file"));
        }
    }
}

/// What the rules say about one file of src/.
fn findings_for(path: &str, text: &str) -> Vec<String> {
    let mut findings = vec![];
    check_source(path, text, &mut findings);
    findings
}

/// Asserts that `text` at `path` breaks exactly one rule, at `line`, with `rule` in its sentence.
fn breaks(path: &str, text: &str, line: usize, rule: &str) {
    let findings = findings_for(path, &format!("//! A file.\n{text}"));
    assert_eq!(findings.len(), 1, "{path}: {text}: {findings:?}");
    assert!(findings[0].starts_with(&format!("src/{path}:{}: ", line + 1)), "{findings:?}");
    assert!(findings[0].contains(rule), "{findings:?}");
}

/// Asserts that `text` at `path` breaks no rule.
fn keeps(path: &str, text: &str) {
    assert_eq!(
        findings_for(path, &format!("//! A file.\n{text}")),
        Vec::<String>::new(),
        "{path}: {text}"
    );
}

#[test]
fn an_arrow_that_turns_is_found() {
    breaks("term/grid.rs", "use crate::face::Face;", 1, "not face");
    breaks("term/grid.rs", "\n\nfn f() { crate::mux::go(); }", 3, "not mux");
    breaks("limits.rs", "use crate::units::Size;", 1, "may import nothing; not units");
    breaks("frontend/web/mod.rs", "use crate::{client::Client, term::Screen};", 1, "not term");
    breaks(
        "frontend/web/mod.rs",
        "use crate::{\n    client::{Client, resume},\n    daemon,\n};",
        3,
        "not daemon",
    );
    breaks("keeper/mod.rs", "use super::term::Screen;", 1, "not term");
    breaks("keeper/reap.rs", "use super::super::face;", 1, "not face");
    breaks(
        "sys/pty.rs",
        "mod inner {\n    use super::super::super::keeper::Child;\n}",
        2,
        "not keeper",
    );
    breaks(
        "wire/mod.rs",
        "#[cfg(test)]\nmod tests {\n    use crate::term::Screen;\n}",
        3,
        "not term",
    );
    breaks("cli/mod.rs", "use crate::keeper;", 1, "not keeper");
    breaks("novel/mod.rs", "", 0, "no layer");
    keeps(
        "term/grid.rs",
        "use super::cell::Cell;\nuse crate::{limits::ROWS_MAX, units::Size};\nuse self::row::Row;",
    );
    keeps(
        "mux/mod.rs",
        "use crate::face::Face;\nmod tests {\n    use super::super::mux::Registry;\n}",
    );
    keeps("main.rs", "fn main() { facemux::keeper::run(); facemux::cli::run(); }");
    keeps(
        "term/a.rs",
        "// crate::face would be wrong\nconst S: &str = \"crate::face::x\";\nconst R: &str = r#\"mio::Poll \" \"#;",
    );
}

#[test]
fn a_name_outside_its_folder_is_found() {
    breaks("term/a.rs", "use std::fs;", 1, "std::fs");
    breaks("face/a.rs", "use std::{io, thread};", 1, "std::thread");
    breaks("mux/a.rs", "fn f() {\n    let t = std::time::Instant::now();\n}", 2, "Instant::now");
    breaks("mux/a.rs", "use std::time::Instant;\nfn f() { Instant::now(); }", 2, "Instant::now");
    breaks("cast/a.rs", "fn f() { std::env::var(\"HOME\").ok(); }", 1, "std::env");
    breaks("daemon/a.rs", "use smol::Timer;", 1, "smol is for frontend/web only");
    breaks("client/a.rs", "use nix::poll::poll;", 1, "nix is for sys only");
    breaks("wire/frame.rs", "use bincode::serde;", 1, "wire/codec.rs");
    breaks("frontend/web/a.rs", "fn f() { tokio::spawn(g()); }", 1, "tokio");
    breaks("daemon/a.rs", "use std::net::TcpListener;", 1, "std::net");
    breaks("daemon/a.rs", "fn f() { std::thread::sleep(t); }", 1, "std::thread");
    breaks("keeper/a.rs", "fn f() {\n    let x = unsafe { g() };\n}", 2, "unsafe");
    breaks("daemon/a.rs", "fn f() { println!(\"x\"); }", 1, "println!");
    breaks("term/a.rs", "fn f() { todo!() }", 1, "todo!");
    breaks("term/a.rs", "fn f() { g().unwrap(); }", 1, ".unwrap()");
    keeps("wire/codec.rs", "use bincode::config;");
    keeps("sys/a.rs", "use nix::sys::signal;\nfn f() { unsafe { libc::abort() } }");
    keeps("daemon/a.rs", "use mio::Poll;\nuse std::time::Instant;\nfn f() { Instant::now(); }");
    keeps(
        "term/a.rs",
        "/// Not `std::fs`, not unsafe.\nfn f<'mio>(mio: &'mio str) { mio.len(); let c = '\\''; let d = '\"'; }",
    );
    keeps(
        "term/a.rs",
        "#[cfg(test)]\nmod tests {\n    use std::fs;\n    #[test]\n    fn f() { fs::read(\"x\").unwrap(); }\n}",
    );
    keeps("term/tests.rs", "use std::fs;\nfn f() { fs::read(\"x\").unwrap(); }");
    keeps("term/a.rs", "fn f() { g().unwrap_or(1); x.today(); }");
}

#[test]
fn a_file_out_of_shape_is_found() {
    let long = format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_LINES_MAX));
    breaks("term/a.rs", &long, 1, "fn f has 72 lines");
    keeps("term/a.rs", &format!("/// {FUNCTION_REASON} it is one table.\n{long}"));
    keeps("term/a.rs", &format!("fn f() {{\n{}}}\n", "    g();\n".repeat(FUNCTION_LINES_MAX - 2)));
    breaks(
        "term/a.rs",
        &"const A: u8 = 1;\n".repeat(FILE_LINES_MAX),
        FILE_LINES_MAX,
        "over 600 lines",
    );
    keeps(
        "term/a.rs",
        &format!(
            "// {FILE_REASON} it is a table.\n{}",
            "const A: u8 = 1;\n".repeat(FILE_LINES_MAX)
        ),
    );
    breaks(
        "term/a.rs",
        &format!("const A: &str = \"{}\";", "x".repeat(LINE_CHARS_MAX)),
        1,
        "over 120 characters",
    );
    breaks("term/a.rs", "// a \u{2192} b", 1, "ASCII");
    breaks("term/util.rs", "", 0, "'util'");
    keeps("term/a.rs", "const ARROW: char = '\u{2192}';");
    assert!(findings_for("term/a.rs", "fn f() {}")[0].contains("starts with //!"));
}

#[test]
fn a_file_that_nothing_declares_is_found() {
    let file = |path: &str, text: &str| (path.to_string(), text.to_string());
    let tree = [
        file("lib.rs", "pub mod term;\npub mod limits;"),
        file("limits.rs", "//!"),
        file("term/mod.rs", "mod grid;\n// mod lost;"),
        file("term/grid.rs", "#[cfg(test)]\nmod tests;"),
        file("term/grid/tests.rs", "//!"),
        file("term/lost.rs", "//!"),
    ];
    let mut findings = vec![];
    check_reached(&tree, &mut findings);
    assert_eq!(findings, ["src/term/lost.rs:1: no module declares this file"]);
}

#[test]
fn pure_folders_import_and_touch_nothing_effectful() {
    for layer in LAYERS.iter().filter(|l| PURE.contains(&l.name)) {
        for import in layer.imports {
            assert!(PURE.contains(import), "{} is pure and may not import {import}", layer.name);
        }
        for name in NAMES.iter().chain(MACROS).filter(|n| n.path != ["bincode"]) {
            assert!(!allowed(layer.name, name.only), "{} is pure: {:?}", layer.name, name.path);
        }
    }
}

#[test]
fn the_arrows_have_no_circle() {
    let reaches = |from: &Layer| -> Vec<&str> {
        let mut seen: Vec<&str> = from.imports.to_vec();
        let mut at = 0;
        while at < seen.len() {
            let next = LAYERS
                .iter()
                .find(|l| l.name == seen[at])
                .unwrap_or_else(|| panic!("no layer {}", seen[at]));
            seen.extend(next.imports.iter().filter(|i| !seen.contains(i)).collect::<Vec<_>>());
            at += 1;
        }
        seen
    };
    for layer in LAYERS.iter().filter(|l| !l.imports.contains(&"*")) {
        assert!(!reaches(layer).contains(&layer.name), "{} reaches itself", layer.name);
    }
}
