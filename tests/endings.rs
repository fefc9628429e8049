//! How faces end and what stays of them: certificates of every cause that can be had here, limits of what a face may
//! use, and users with accounts of their own.

#![allow(clippy::unwrap_used)]

mod common;

#[path = "endings/accounts.rs"]
mod accounts;
#[path = "endings/certificates.rs"]
mod certificates;
#[path = "endings/limits.rs"]
mod limits;

use common::{Server, eventually};
use serde_json::Value;

fn is_root() -> bool {
    let root = facemux::sys::process::user() == 0;
    if !root {
        println!("not run: this takes root");
    }
    root
}

/// The certificate of a face, once it has ended, and its line in `ls --all`.
#[track_caller]
fn certificate(server: &Server, face: &str) -> Value {
    let info = eventually(&format!("face {face} has ended"), || {
        let info = server.run(&["info", face, "--json"]).answer();
        let info: Value = serde_json::from_str(&info).unwrap();
        (info["state"] == "ended").then_some(info)
    });
    let all = server.run(&["ls", "--all", "--json"]).answer();
    let all: Value = serde_json::from_str(&all).unwrap();
    let listed = all.as_array().unwrap().iter().find(|f| f["id"] == info["id"]).unwrap();
    assert_eq!(listed["end"], info["end"]);
    info["end"].clone()
}
