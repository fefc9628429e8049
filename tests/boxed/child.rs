//! A face's program for a root without a shell: answers lines, and leaves processes behind when asked to.
//!
//! Built static by the test itself: no library lies in the box.

use std::io::{BufRead, Write};
use std::process::{Command, Stdio};

fn main() {
    if std::env::args().nth(1).is_some_and(|word| word == "stay") {
        loop {
            std::thread::park();
        }
    }
    say("ready");
    for line in std::io::stdin().lock().lines() {
        match line.as_deref() {
            Ok("exit") | Err(_) => std::process::exit(7),
            Ok("leave") => {
                let mut stay = Command::new("/child");
                let (nothing, _) = std::io::pipe().expect("a pipe");
                stay.arg("stay").stdin(nothing).stdout(Stdio::inherit());
                say(&format!("left {}", stay.spawn().expect("the program is there").id()));
            }
            Ok(text) => say(&format!("heard {text}")),
        }
    }
}

fn say(line: &str) {
    let mut out = std::io::stdout();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
