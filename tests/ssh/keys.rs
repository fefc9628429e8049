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
