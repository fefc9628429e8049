//! `--user-map`: faces of different users cannot signal, trace or read each other.

use super::is_root;
use crate::common::{Ran, Server, eventually};
use serde_json::Value;
use std::os::unix::fs::MetadataExt;

const ALICE: u32 = 64_001;
const BOB: u32 = 64_002;

/// What a frontend asks for on behalf of a user.
fn on_behalf(server: &Server, user: &str, command: &str) -> Ran {
    server.run(&["ssh-entry", "--user", user, "-c", command])
}

fn face_of(server: &Server, user: &str, script: &str) -> (String, u32) {
    let face = on_behalf(server, user, &format!("new -d --cwd / -- sh -c '{script}'")).answer();
    let info: Value =
        serde_json::from_str(&server.run(&["info", &face, "--json"]).answer()).unwrap();
    assert_eq!(info["user"], user);
    (face, info["pid"].as_u64().unwrap() as u32)
}

#[test]
fn faces_of_different_users_are_apart() {
    if !is_root() {
        return;
    }
    let server = Server::with(&["--user-map", "alice=64001", "--user-map", "bob=64002:64003"]);
    let (alices, pid) = face_of(
        &server,
        "alice",
        "echo \"$(id -u) $(id -G) $HOME $USER $LOGNAME\"; tty; SECRET=hidden exec cat",
    );
    let screen = server.shows(&alices, "/dev/pts/");
    let mut lines = screen.lines();
    assert_eq!(lines.next(), Some("64001 64001 / alice alice"));
    let terminal = lines.next().unwrap();
    let owner = std::fs::metadata(terminal).unwrap();
    assert_eq!((owner.uid(), owner.mode() & 0o007), (ALICE, 0));
    eventually("cat has its environment", || {
        let bytes = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        String::from_utf8_lossy(&bytes).contains("SECRET=hidden").then_some(())
    });
    // 101 is ptrace(2), 16 is PTRACE_ATTACH.
    let attempts = format!(
        "id -u; kill -9 {pid}; cat /proc/{pid}/environ; cat /proc/{pid}/mem; echo x > {terminal}; \
         perl -e \"print syscall(101, 16, {pid}, 0, 0) < 0 ? qq(not traced: \\$!\\n) : qq(traced\\n)\"; \
         echo done; exec cat"
    );
    let (bobs, _) = face_of(&server, "bob", &attempts);
    let screen = server.shows(&bobs, "done");
    assert!(screen.starts_with(&BOB.to_string()), "{screen}");
    let refused = screen.to_lowercase().matches("permission denied").count();
    assert!(refused >= 2 && !screen.contains("hidden"), "{screen}");
    let not_permitted = screen.to_lowercase().matches("not permitted").count();
    assert!(not_permitted >= 1 && screen.contains("not traced"), "{screen}");
    // Hers lives and has not been written to.
    server.run(&["send", &alices, "unharmed", "--keys", "Enter"]).answer();
    let screen = server.shows(&alices, "unharmed");
    assert_eq!(screen.lines().nth(2), Some("unharmed"), "{screen}");
    // The server's door is closed to both, the owner ends what is theirs.
    let (shut_out, _) =
        face_of(&server, "alice", &format!("ls {}; echo done; exec cat", server.dir.text()));
    let screen = server.shows(&shut_out, "done");
    assert!(screen.to_lowercase().contains("permission denied"), "{screen}");
    let said = server.run(&["kill", &alices, &bobs, &shut_out]).answer();
    assert_eq!(said.lines().count(), 3, "{said}");
    let left = facemux::sys::procfs::stat(pid);
    assert!(left.is_none_or(|p| p.is_dead()), "it lives on");
}

#[test]
fn who_has_no_account_gets_no_face() {
    if !is_root() {
        return;
    }
    let server = Server::with(&["--user-map", "alice=64001"]);
    on_behalf(&server, "carol", "new -d -- cat").refused(126, &["carol", "--user-map"]);
    // The owner's faces run as the server.
    let face = server.face("id -u; exec cat");
    assert!(server.shows(&face, "0").starts_with('0'));
    let refused = server.dir.command(&["serve", "--user-map", "alice=0"]).output().unwrap();
    Ran::of(refused).refused(2, &["--user-map", "above 0"]);
}
