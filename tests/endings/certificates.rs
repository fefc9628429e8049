//! Each cause is produced for real and read back.

use super::certificate;
use crate::common::{Server, eventually};
use facemux::sys::{process, signals};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::process::Stdio;

#[test]
fn a_program_s_own_end_is_told_with_its_code_or_signal() {
    let server = Server::start();
    for (script, cause, code, signal, word) in [
        ("exit 0", "exited", 0, Value::Null, "exited"),
        ("exit 42", "exited", 42, Value::Null, "code 42"),
        ("kill -SEGV $$", "signalled", 139, json!(11), "signal 11"),
        ("kill -KILL $$", "signalled", 137, json!(9), "signal 9"),
    ] {
        let end = certificate(&server, &server.face(script));
        assert_eq!((&end["cause"], &end["code"]), (&json!(cause), &json!(code)), "{script}: {end}");
        assert_eq!((&end["signal"], &end["by"]), (&signal, &Value::Null), "{script}: {end}");
        assert!(end["reason"].as_str().unwrap().contains(word), "{script}: {end}");
    }
}

#[test]
fn what_could_not_be_started_is_127_or_126() {
    let server = Server::start();
    let text = server.dir.path().join("text");
    std::fs::write(&text, "no program").unwrap();
    for (command, code, word) in [
        ("no-such-command", 127, "command not found"),
        (text.to_str().unwrap(), 126, "permission denied"),
    ] {
        server.run(&["new", "-d", "--", command]).refused(code, &[command, word]);
        let all = server.run(&["ls", "--all", "--json"]).answer();
        let all: Value = serde_json::from_str(&all).unwrap();
        let face = all.as_array().unwrap().iter().find(|f| f["command"] == command).unwrap();
        let end = certificate(&server, &face["id"].to_string());
        assert_eq!((&end["cause"], &end["code"]), (&json!("not-started"), &json!(code)), "{end}");
    }
}

#[test]
fn who_killed_it_what_went_with_it_and_what_it_showed_last() {
    let server = Server::start();
    let face = server.face("setsid nohup sleep 1000 >/dev/null 2>&1 & echo 'last words'; exec cat");
    server.shows(&face, "last words");
    eventually("its background program runs", || {
        let all = facemux::sys::procfs::all();
        let below = facemux::sys::procfs::descendants(&all, &[server.keeper_pid()]);
        below.iter().any(|p| p.name == "sleep").then_some(())
    });
    let said = server.run(&["kill", &face]).answer();
    assert!(said.contains("(sleep)"), "{said}");
    let end = certificate(&server, &face);
    assert_eq!((&end["cause"], &end["signal"]), (&json!("killed"), &json!(1)), "{end}");
    assert!(end["by"].as_str().unwrap().starts_with("facemux kill, pid "), "{end}");
    assert_eq!(end["reaped"][0]["command"], "sleep", "{end}");
    assert_eq!(server.snap(&face), "last words");
    server.run(&["snap", &face, "--format", "json"]).refused(4, &[&face, "killed by"]);
    // It stays so with the next daemon.
    process::kill(server.role_pid("daemon"), signals::KILL).unwrap();
    eventually("a new daemon knows it", || {
        let again = server.run(&["info", &face, "--json"]);
        (again.code == 0).then(|| assert!(again.out.contains("facemux kill, pid")))
    });
    assert_eq!(server.snap(&face), "last words");
}

#[test]
fn evictions_are_told_with_their_figures() {
    let server = Server::with(&["--idle-timeout", "1s"]);
    let end = certificate(&server, &server.face("exec cat"));
    assert_eq!(end["cause"], "evicted-idle");
    let reason = end["reason"].as_str().unwrap();
    assert!(
        reason.starts_with("evicted: idle for ") && reason.ends_with("s (idle_timeout)"),
        "{end}"
    );

    let server = Server::with(&["--max-faces", "2", "--evict-after", "100ms"]);
    let (first, _second) = (server.face("exec cat"), server.face("exec cat"));
    eventually("there is room for a third", || {
        let third = server.run(&["new", "-d", "--", "cat"]);
        (third.code == 0).then_some(())
    });
    let end = certificate(&server, &first);
    assert_eq!(end["cause"], "evicted-limit");
    let reason = end["reason"].as_str().unwrap();
    assert!(reason.contains("when all 2 faces were taken"), "{end}");
}

#[test]
fn a_drain_is_told_to_those_who_listen() {
    let server = Server::start();
    let face = server.face("exec cat");
    let mut listener = server.dir.command(&["events", "--json"]);
    let mut listener = listener.stdout(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(listener.stdout.take().unwrap()).lines();
    let (tell, heard) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            let _ = tell.send(serde_json::from_str::<Value>(&line).unwrap());
        }
    });
    // An event shows that it listens.
    let mut names = ["one", "two"].into_iter().cycle();
    eventually("it listens", || {
        server.run(&["rename", &face, names.next().unwrap()]).answer();
        heard.try_recv().ok()
    });
    process::kill(server.keeper_pid(), signals::TERMINATE).unwrap();
    listener.wait().unwrap();
    reader.join().unwrap();
    let end = heard.iter().find(|event| event["event"] == "ended").unwrap()["end"].clone();
    assert_eq!((&end["cause"], &end["signal"]), (&json!("drained"), &json!(1)), "{end}");
}

#[test]
fn a_journal_that_cannot_be_taken_over_is_a_cause_of_its_own() {
    if !super::is_root() {
        return;
    }
    let server = Server::start();
    let (face, other) = (server.face("exec cat"), server.face("exec cat"));
    let daemon = server.role_pid("daemon");
    process::kill(daemon, signals::STOP).unwrap();
    // Too long to be mapped by anybody.
    let name = format!("/memfd:facemux-face-{face} (deleted)");
    let descriptors = std::fs::read_dir(format!("/proc/{}/fd", server.keeper_pid())).unwrap();
    let memory = descriptors
        .map(|entry| entry.unwrap().path())
        .find(|path| std::fs::read_link(path).is_ok_and(|to| to.to_str() == Some(&name)));
    let memory = std::fs::File::options().write(true).open(memory.unwrap()).unwrap();
    memory.set_len(1 << 60).unwrap();
    process::kill(daemon, signals::KILL).unwrap();
    eventually("a new daemon has ended it", || {
        (server.run(&["info", &face]).code == 0).then_some(())
    });
    let end = certificate(&server, &face);
    assert_eq!(end["cause"], "journal-dropped", "{end}");
    assert!(end["reason"].as_str().unwrap().contains("map shared memory"), "{end}");
    server.run(&["send", &other, "still here", "--keys", "Enter"]).answer();
    server.shows(&other, "still here");
}

#[test]
fn certificates_are_kept_for_a_time_and_up_to_a_number() {
    let server = Server::with(&["--keep-certificates", "1s"]);
    let face = server.face("exit 3");
    certificate(&server, &face);
    eventually("it is forgotten", || (server.run(&["info", &face]).code == 4).then_some(()));

    let server = Server::start();
    let most = facemux::limits::CERTIFICATES_MAX;
    let first = server.face("exit 3");
    certificate(&server, &first);
    for _ in 0..most {
        server.run(&["new", "-d", "--", "no-such-command"]).refused(127, &["no-such-command"]);
    }
    server.run(&["info", &first]).refused(4, &[&first]);
    let all = server.run(&["ls", "--all", "--json"]).answer();
    let all: Value = serde_json::from_str(&all).unwrap();
    assert_eq!(all.as_array().unwrap().len(), most);
}
