//! Programs a server may be upgraded to that are not what they should be: copies of the test binary, each named for
//! what is wrong with it. What is not wrong with it is done as the real binary does.

use facemux::keeper;
use facemux::sys::{process, socket};
use facemux::wire::keeper::{FromKeeper, ToKeeper};
use facemux::wire::upgrade::{Rehearsal, VERSIONS, Versions};
use facemux::wire::{decode, encode};
use std::ffi::OsString;
use std::io::IoSlice;
use std::os::fd::AsFd;
use std::process::ExitCode;

/// Plays the role that the words name; `None` when they name none.
pub fn act(words: &[String]) -> Option<ExitCode> {
    let exe = std::env::current_exe().unwrap();
    let wrong = exe.file_name().unwrap().to_str().unwrap().to_owned();
    match (words.get(1).map(String::as_str)?, wrong.as_str()) {
        ("hand-over", "future") => answer(&said(Versions { wire: [7, 8], ..VERSIONS }, None)),
        ("hand-over", "odd") => answer(&said(Versions { checkpoint: [99, 99], ..VERSIONS }, None)),
        ("hand-over", "unwilling") => answer(&said(VERSIONS, Some("it would rather not"))),
        ("hand-over", "babbler") => answer("yes, of course"),
        ("hand-over", "slow") => {
            let thinking = exe.with_file_name("thinking");
            std::fs::write(&thinking, "").unwrap();
            while thinking.exists() {
                std::thread::sleep(std::time::Duration::from_millis(2));
            }
            keeper::rehearse();
        }
        ("hand-over", _) => drop(keeper::rehearse()),
        ("daemon", "dies") | ("web", "webless") => return Some(ExitCode::from(9)),
        ("daemon", "hangs") => std::thread::sleep(std::time::Duration::from_secs(1000)),
        ("daemon", "blind") => blind(),
        ("daemon", _) => drop(facemux::daemon::run()),
        ("web", _) => drop(facemux::frontend::web::run()),
        ("serve", "lost") => go_back(),
        ("serve", _) => {
            let words: Vec<OsString> = std::env::args_os().skip(2).collect();
            let (table, old, refused) = keeper::handed(&words).unwrap();
            keeper::take_over(table, old, refused).unwrap();
        }
        _ => return None,
    }
    Some(ExitCode::SUCCESS)
}

fn said(versions: Versions, refused: Option<&str>) -> String {
    let refused = refused.map(str::to_owned);
    let said = Rehearsal { facemux: "7.0.0".to_owned(), versions, refused };
    serde_json::to_string(&said).unwrap()
}

fn answer(text: &str) {
    let control = process::inherited(4).unwrap();
    socket::send_vectored(control.as_fd(), &[IoSlice::new(text.as_bytes())]).unwrap();
}

/// A daemon that cannot read a single face.
fn blind() {
    let keeper = process::inherited(3).unwrap();
    let (mut damaged, mut bytes) = (0, vec![0; 1 << 18]);
    loop {
        match socket::recv_with_fds(keeper.as_fd(), &mut bytes) {
            Ok((len @ 1.., _)) => match decode(&bytes[..len]).unwrap() {
                FromKeeper::Face(_) => damaged += 1,
                FromKeeper::Go => {
                    let ready = encode(&ToKeeper::Ready { whole: 0, damaged }).unwrap();
                    socket::send_vectored(keeper.as_fd(), &[IoSlice::new(&ready)]).unwrap();
                }
                _ => {}
            },
            Ok(_) => return,
            Err(_) => std::thread::sleep(std::time::Duration::from_millis(2)),
        }
    }
}

/// A keeper that runs the old program again, as one does that cannot take the table.
fn go_back() {
    let mut words: Vec<OsString> = std::env::args_os().collect();
    let numbers = words[3].to_str().unwrap().to_owned();
    let old = numbers.split_once(':').unwrap().1;
    words.splice(4..4, ["--refused".into(), "the table is not for me".into()]);
    let error = process::exec(&format!("/proc/self/fd/{old}"), &words);
    panic!("the old program cannot be run: {error}");
}
