//! The documentation against the sources: limits, paths and links in docs/ and README.md must be true.
//!
//! `BLESS=1 cargo test --test docs` rewrites the table of limits in docs/RUNTIME.md from src/limits.rs.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

const BEGIN: &str = "<!-- limits: begin -->";
const END: &str = "<!-- limits: end -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// One constant of limits.rs: its name, its value as written, its doc as one line.
#[derive(Debug, PartialEq, Eq)]
struct Limit {
    name: String,
    value: String,
    doc: String,
}

fn limits(source: &str) -> Vec<Limit> {
    let mut found = vec![];
    let mut doc: Vec<&str> = vec![];
    let mut lines = source.lines();
    while let Some(line) = lines.next() {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if let Some(rest) = line.strip_prefix("pub const ") {
            let mut rest = rest.to_string();
            while !rest.ends_with(';') {
                rest = format!(
                    "{} {}",
                    rest,
                    lines.next().expect("a constant ends with a semicolon").trim()
                );
            }
            let (name, value) = rest.trim_end_matches(';').split_once(" = ").unwrap();
            let name = name.split(':').next().unwrap().to_string();
            found.push(Limit { name, value: value.to_string(), doc: doc.join(" ") });
            doc.clear();
        } else if !line.starts_with("#[") {
            doc.clear();
        }
    }
    found
}

fn table(limits: &[Limit]) -> String {
    let mut text = String::from("| constant | value | what it bounds |\n|---|---|---|\n");
    for limit in limits {
        text += &format!(
            "| `{}` | `{}` | {} |\n",
            limit.name,
            limit.value,
            limit.doc.replace('|', "\\|")
        );
    }
    text
}

#[test]
fn every_limit_stands_in_the_runtime_page() {
    let limits = limits(&read("src/limits.rs"));
    assert!(limits.len() > 4, "limits.rs was not understood");
    for limit in &limits {
        assert!(!limit.doc.is_empty(), "{} has no doc comment", limit.name);
    }
    let page = read("docs/RUNTIME.md");
    let (before, rest) =
        page.split_once(BEGIN).expect("docs/RUNTIME.md has the mark where the table begins");
    let (found, after) =
        rest.split_once(END).expect("docs/RUNTIME.md has the mark where the table ends");
    let wanted = format!("\n\n{}\n", table(&limits));
    if found != wanted && std::env::var_os("BLESS").is_some() {
        std::fs::write(
            root().join("docs/RUNTIME.md"),
            format!("{before}{BEGIN}{wanted}{END}{after}"),
        )
        .unwrap();
        return;
    }
    for (line, want) in found.trim().lines().zip(wanted.trim().lines()) {
        assert_eq!(
            line, want,
            "docs/RUNTIME.md differs from src/limits.rs: BLESS=1 cargo test --test docs"
        );
    }
    assert!(
        found == wanted,
        "docs/RUNTIME.md lacks constants of src/limits.rs: BLESS=1 cargo test --test docs"
    );
}

#[test]
fn limits_are_read_with_their_doc() {
    let source = "/// One.\n/// More.\npub const A: u8 = 1;\n// no\n/// Two.\n#[cfg(x)]\n\
                  pub const B: usize =\n    2;\nconst C: u8 = 3;\n";
    let found = limits(source);
    assert_eq!(found.len(), 2);
    assert_eq!(
        (found[0].name.as_str(), found[0].value.as_str(), found[0].doc.as_str()),
        ("A", "1", "One. More.")
    );
}

fn pages() -> Vec<(String, String)> {
    let mut found = vec![("README.md".to_string(), read("README.md"))];
    for entry in std::fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if name.ends_with(".md") {
            found.push((format!("docs/{name}"), read(&format!("docs/{name}"))));
        }
    }
    found
}

/// What stands between single backticks on one line.
fn quoted(text: &str) -> Vec<&str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).collect()
}

#[test]
fn paths_named_in_the_pages_exist() {
    let mut missing = vec![];
    for (page, text) in pages() {
        for path in quoted(&text) {
            let ours =
                ["src/", "tests/", "docs/", "scripts/", "fuzz/", "benches/", "web/src", ".ci/"];
            let plain = path.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            if plain && ours.iter().any(|o| path.starts_with(o)) && !root().join(path).exists() {
                missing.push(format!("{page} names {path}"));
            }
        }
    }
    assert!(missing.is_empty(), "not there:\n{}", missing.join("\n"));
}

#[test]
fn links_between_pages_lead_somewhere() {
    let mut dead = vec![];
    for (page, text) in pages() {
        let folder = Path::new(&page).parent().unwrap().to_path_buf();
        for part in text.split("](").skip(1) {
            let link = part.split([')', '#']).next().unwrap();
            if !link.is_empty()
                && !link.contains("://")
                && !root().join(&folder).join(link).exists()
            {
                dead.push(format!("{page} links to {link}"));
            }
        }
    }
    assert!(dead.is_empty(), "dead links:\n{}", dead.join("\n"));
}

#[test]
fn make_targets_named_in_the_pages_exist() {
    let makefile = read("Makefile");
    for (page, text) in pages() {
        for command in
            quoted(&text).into_iter().chain(text.lines().filter_map(|l| l.strip_prefix("    ")))
        {
            let Some(rest) = command.strip_prefix("make ") else { continue };
            let target = rest.split_whitespace().next().unwrap();
            let there = makefile
                .lines()
                .any(|l| l.strip_prefix(target).is_some_and(|r| r.starts_with(':')));
            assert!(there, "{page} names `make {target}`, which the Makefile has not");
        }
    }
}

/// The enums of a wire file and their variants, by their indentation.
fn variants(source: &str) -> Vec<(String, String)> {
    let mut found = vec![];
    let mut inside: Option<String> = None;
    for line in source.lines() {
        if let Some(name) = line.strip_prefix("pub enum ") {
            inside = Some(name.trim_end_matches(" {").to_string());
        } else if line == "}" {
            inside = None;
        } else if let (Some(name), Some(rest)) = (&inside, line.strip_prefix("    "))
            && rest.starts_with(|c: char| c.is_ascii_uppercase())
        {
            let variant = rest.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap();
            found.push((name.clone(), variant.to_string()));
        }
    }
    found
}

#[test]
fn every_message_stands_in_the_protocol_page() {
    let page = read("docs/protocol.md");
    let told = ["Request", "Reply", "Refusal", "Event", "ViewerNote", "FromKeeper", "ToKeeper"];
    let mut count = 0;
    for file in ["request", "reply", "keeper"] {
        for (name, variant) in variants(&read(&format!("src/wire/{file}.rs"))) {
            if told.contains(&name.as_str()) {
                count += 1;
                assert!(
                    page.contains(&format!("`{variant}`")),
                    "docs/protocol.md does not tell of {name}::{variant}"
                );
            }
        }
    }
    assert!(count > 40, "the wire's enums were not understood: {count}");
}

#[test]
fn every_route_stands_in_the_http_page() {
    let (page, source) = (read("docs/http.md"), read("src/frontend/web/route.rs"));
    let arms = source.lines().map(str::trim).filter(|line| line.starts_with("[\""));
    let words: Vec<&str> = arms
        .flat_map(|line| line.split("=>").next().unwrap().split('"').skip(1).step_by(2))
        .collect();
    assert!(words.len() > 15, "the routes were not understood: {words:?}");
    for word in words {
        assert!(page.contains(&format!("/{word}")), "docs/http.md does not tell of /{word}");
    }
}
