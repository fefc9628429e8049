//! Puts the page's built files into the program: web/dist, each compressed once, as a table the web frontend reads.
//! Without web/dist it has the plain pages' style alone. No network, no npm: `make web` does that.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// A file up to this size is also kept uncompressed, for clients that do not take gzip.
const PLAIN_BYTES_MAX: usize = 8 * 1024;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it")).join("assets.rs");
    let dist = root.join("web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=src/frontend/web/plain.css");
    println!("cargo::rerun-if-changed={}", if dist.is_dir() { "web/dist" } else { "web" });
    let mut table = String::from("/// The page's files.\npub static ASSETS: &[Asset] = &[\n");
    let mut names: Vec<String> = fs::read_dir(&dist)
        .map(|entries| entries.flatten().filter_map(|e| e.file_name().into_string().ok()).collect())
        .unwrap_or_default();
    names.sort();
    row(&root.join("src/frontend/web"), "plain.css", false, &mut table);
    for name in names.iter().filter(|n| !n.ends_with(".gz") && !n.starts_with('.')) {
        row(&dist, name, names.contains(&format!("{name}.gz")), &mut table);
    }
    table.push_str("];\n");
    fs::write(&out, table).expect("OUT_DIR can be written to");
}

fn row(dist: &Path, name: &str, compressed: bool, table: &mut String) {
    let path = dist.join(name);
    let Some(kind) = kind(name) else { return };
    let bytes = fs::read(&path).expect("a file of web/dist can be read");
    let include = |path: &Path| format!("Some(include_bytes!({:?}))", path.display().to_string());
    let gzip = if compressed { include(&dist.join(format!("{name}.gz"))) } else { "None".into() };
    let plain =
        if compressed && bytes.len() > PLAIN_BYTES_MAX { "None".into() } else { include(&path) };
    let hash = fnv(&bytes);
    let _ = writeln!(
        table,
        "    Asset {{ path: {name:?}, kind: {kind:?}, hash: \"{hash:016x}\", gzip: {gzip}, plain: {plain} }},"
    );
}

fn kind(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "woff2" => "font/woff2",
        "webmanifest" => "application/manifest+json",
        "json" => "application/json",
        _ => return None,
    })
}

/// FNV-1a: tells two builds of one file apart, which is all an ETag needs.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
