//! What is kept of faces that ended is bounded, in number and in bytes, whatever they were called and showed.

use crate::world::World;
use facemux::limits::{CERTIFICATE_BYTES_MAX, CERTIFICATES_MAX};
use facemux::units::{FaceId, Size};
use facemux::wire::{Reply, Request};

/// A face with this program and screen that prints, and ends.
fn ended_face(world: &mut World, size: Size, program: &str, line: &str) -> FaceId {
    let before: Vec<FaceId> = world.children.keys().copied().collect();
    let id = loop {
        world.new_face_of(size, program);
        for _ in 0..4 {
            world.keeper_turn();
        }
        // Now and then one cannot be started.
        if let Some(id) = world.children.keys().find(|id| !before.contains(id)) {
            break *id;
        }
    };
    for _ in 0..size.rows() {
        world.children.get_mut(&id).unwrap().out.extend(line.bytes());
        while !world.children[&id].out.is_empty() {
            world.read(id);
            world.settle();
        }
    }
    world.exit(id);
    for _ in 0..4 {
        world.keeper_turn();
        world.read(id);
        world.settle();
    }
    // Nobody looked at it: it waits a moment for its first viewer.
    world.wait(std::time::Duration::from_secs(60));
    id
}

fn last_screen(world: &mut World, id: FaceId) -> String {
    let format = facemux::wire::Format::Text;
    world.snapshot.clear();
    world.ask(Request::Snap { face: id.to_string(), format, history: 0 });
    String::from_utf8(world.snapshot.clone()).unwrap()
}

#[test]
fn a_certificate_has_its_bound_in_bytes() {
    let mut world = World::new(0);
    world.lives.spare();
    let small = ended_face(&mut world, Size::clamped(24, 80), "program", "a line\r\n");
    assert!(last_screen(&mut world, small).contains("a line\na line"));
    // 200 rows of 100 wide characters are more than its bytes; the command alone is.
    let (wide, long) = ("\u{6f22}".repeat(100), "x".repeat(3 * CERTIFICATE_BYTES_MAX));
    let large = ended_face(&mut world, Size::clamped(200, 200), &long, &wide);
    assert_eq!(last_screen(&mut world, large), "", "the screen goes first");
    world.ask(Request::Info { face: large.to_string() });
    match world.replies.pop_back() {
        Some(Reply::Face(info)) => assert_eq!(info.end.map(|end| end.code >= 0), Some(true)),
        other => panic!("{other:?}"),
    }
    for bytes in world.keeper.certificates.values() {
        assert!(!bytes.is_empty() && bytes.len() <= CERTIFICATE_BYTES_MAX);
    }
}

#[test]
fn so_many_certificates_are_kept_and_no_more() {
    let mut world = World::new(0);
    world.lives.spare();
    let first = ended_face(&mut world, Size::clamped(24, 80), "program", "");
    for _ in 0..CERTIFICATES_MAX {
        ended_face(&mut world, Size::clamped(24, 80), "program", "");
    }
    assert!(world.keeper.certificates.len() <= CERTIFICATES_MAX);
    assert!(!world.keeper.certificates.contains_key(&first), "the oldest goes first");
}
