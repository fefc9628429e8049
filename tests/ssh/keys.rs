//! Who may do what: roles, users, faces, times; read again when the list changes.

use crate::world::{World, make_key};

#[test]
fn a_key_may_what_its_line_says() {
    let world = World::start();
    let public = std::fs::read_to_string(world.keys.path().join("id.pub")).unwrap();
    let mine = world.server.face("echo mine; cat");
    let other = world.server.face("echo other; cat");
    world.server.shows(&mine, "mine");
    world.authorize(&format!("facemux-role=viewer,facemux-face={mine} {public}"));
    assert!(world.run(&["snap", &mine]).answer().contains("mine"));
    world.run(&["snap", &other]).refused(4, &[&other]);
    assert!(!world.run(&["ls"]).answer().contains("other"));
    world.run(&["send", &mine, "x"]).refused(5, &[]);
    world.run(&["kill", &mine]).refused(5, &[]);
    world.run(&["new", "-d", "--", "cat"]).refused(5, &[]);
    let typing = world.run(&["attach", &mine]);
    assert_eq!(typing.code, 5, "{typing:?}");
    let mut looks = world.terminal(&["attach", "-r", &mine]);
    looks.expect("mine");
    looks.type_text("\x02d");
    assert_eq!(looks.wait(), 0);
}

#[test]
fn users_have_their_own_faces() {
    let world = World::start();
    let alice = std::fs::read_to_string(world.keys.path().join("id.pub")).unwrap();
    let bob = make_key(&world.keys, "bob");
    world.authorize(&format!("facemux-user=alice {alice}facemux-user=bob {bob}"));
    let id = world.run(&["new", "-d", "--", "cat"]).answer();
    assert!(world.run(&["ls"]).answer().contains("cat"));
    let as_bob = format!("{}/bob", world.keys.text());
    std::fs::copy(&as_bob, world.keys.path().join("id")).unwrap();
    std::fs::write(world.keys.path().join("id.pub"), &bob).unwrap();
    assert_eq!(world.run(&["ls"]).answer(), "");
    world.run(&["snap", &id]).refused(4, &[&id]);
    world.run(&["kill", &id]).refused(4, &[&id]);
    assert_eq!(world.faces(), [id.parse::<u64>().unwrap()]);
}

#[test]
fn the_list_is_read_again_and_what_it_withholds_is_withheld() {
    let world = World::start();
    let public = std::fs::read_to_string(world.keys.path().join("id.pub")).unwrap();
    assert_eq!(world.run(&["ls"]).code, 0);
    world.authorize("# nobody\n");
    assert_eq!(world.run(&["ls"]).code, 255);
    world.authorize(&format!("expiry-time=\"20200101\" {public}"));
    assert_eq!(world.run(&["ls"]).code, 255);
    world.authorize(&format!("from=\"10.0.0.0/8\" {public}"));
    assert_eq!(world.run(&["ls"]).code, 255);
    world.logs("may not be used from this address");
    world.authorize(&format!("command=\"ls\" {public}"));
    assert_eq!(world.run(&["kill", "1"]).code, 0);
    world.authorize(&format!("restrict {public}"));
    let mut refused = world.terminal(&["ls"]);
    assert_eq!(refused.wait(), 255);
    refused.expect("PTY allocation request failed");
    assert_eq!(world.run(&["ls"]).code, 0);
    let told = world.ssh(&["-o", "PreferredAuthentications=password"], &["ls"]).output().unwrap();
    assert!(String::from_utf8_lossy(&told.stderr).contains("publickey"), "{told:?}");
}

#[test]
fn a_token_is_a_password_only_where_that_is_configured() {
    let world = World::start();
    let token = |role| world.server.run(&["token", "new", "--role", role]).answer();
    let (owners, viewers) = (token("owner"), token("viewer"));
    let password = |secret: &str| {
        let session = crate::libssh2::connect(world.port);
        let _ = session.userauth_password("root", secret);
        session
    };
    let offered = |what: &str| {
        let session = crate::libssh2::connect(world.port);
        session.auth_methods("root").unwrap().split(',').any(|method| method == what)
    };
    assert!(offered("publickey") && !offered("password"));
    assert!(!password(&owners).authenticated());
    // The file of the running server: it counts from the next connection on.
    let file = world.server.dir.path().join("config.toml");
    std::fs::write(&file, "ssh-password = \"token\"\n").unwrap();
    assert!(offered("password"));
    let session = password(&owners);
    assert!(session.authenticated());
    assert_eq!(crate::libssh2::run(&session, "new -d -- cat").0, "1\n");
    let looks = password(&viewers);
    assert_eq!(crate::libssh2::run(&looks, "kill 1").1, 5);
    for wrong in ["", "secret", &owners[1..], &format!("{owners}0"), &"0".repeat(owners.len())] {
        assert!(!password(wrong).authenticated(), "{wrong:?}");
    }
    world.logs("accepted token ");
    assert!(!world.server.log().contains(&owners), "a secret is in the log");
    let list = world.server.run(&["token", "ls"]).answer();
    let row = list.lines().find(|row| row.contains("owner")).unwrap();
    world.server.run(&["token", "revoke", row.split(' ').next().unwrap()]).answer();
    assert!(!password(&owners).authenticated());
    // A file that makes no sense changes nothing; none is the default again.
    std::fs::write(&file, "ssh-password = \"maybe\"\n").unwrap();
    assert!(password(&viewers).authenticated());
    world.logs("the settings stay as they were");
    std::fs::remove_file(&file).unwrap();
    assert!(!offered("password") && !password(&viewers).authenticated());
}

#[test]
fn openssh_types_a_token_as_its_password() {
    let world = World::with(&["--ssh-password", "token"]);
    let secret = world.server.run(&["token", "new", "--role", "owner"]).answer();
    let asks = world.keys.path().join("asks");
    std::fs::write(&asks, format!("#!/bin/sh\necho {secret}\n")).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&asks, mode).unwrap();
    let options = ["-o", "BatchMode=no", "-o", "PreferredAuthentications=password"];
    let mut ssh = world.ssh(&options, &["ls", "--json"]);
    ssh.env("SSH_ASKPASS", &asks).env("SSH_ASKPASS_REQUIRE", "force");
    assert_eq!(ssh.output().unwrap().stdout, b"[]\n");
}

#[test]
fn a_directory_has_a_file_of_keys_for_each_user() {
    let users = crate::common::Dir::new();
    let world = World::with(&["--ssh-authorized-keys", users.text()]);
    let public = std::fs::read_to_string(world.keys.path().join("id.pub")).unwrap();
    world.authorize("");
    std::fs::write(users.path().join("alice"), public).unwrap();
    world.run(&["new", "-d", "--", "cat"]).answer();
    assert!(world.server.run(&["info", "1", "--json"]).answer().contains("\"user\":\"alice\""));
    std::fs::remove_file(users.path().join("alice")).unwrap();
    assert_eq!(world.run(&["ls"]).code, 255);
}
