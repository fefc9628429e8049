//! A peer on the socket may send anything, cut anywhere: no panic, nothing held beyond the bound, and what decodes
//! encodes to the same message.
#![no_main]

use arbitrary::Arbitrary;
use facemux::limits::FRAME_BYTES_MAX;
use facemux::wire::frame::{framed, preamble};
use facemux::wire::keeper::{FromKeeper, ToKeeper};
use facemux::wire::{Frame, FrameReader, Message, Request, decode, encode};
use libfuzzer_sys::fuzz_target;
use serde::{Serialize, de::DeserializeOwned};

#[derive(Arbitrary, Debug)]
enum Part {
    Message(Vec<u8>),
    Raw(Vec<u8>),
    Length(u32),
}

#[derive(Arbitrary, Debug)]
struct Input {
    greet: bool,
    parts: Vec<Part>,
    piece: u8,
}

fn check(payload: &[u8]) {
    same::<Request>(payload);
    same::<Message>(payload);
    same::<FromKeeper>(payload);
    same::<ToKeeper>(payload);
}

fn same<T: Serialize + DeserializeOwned>(payload: &[u8]) {
    let Ok(value) = decode::<T>(payload) else { return };
    let bytes = encode(&value).expect("what fitted a frame fits again");
    let again = decode::<T>(&bytes).expect("what we encode decodes");
    assert_eq!(encode(&again), Ok(bytes));
}

fuzz_target!(|input: Input| {
    let mut stream = if input.greet { preamble().to_vec() } else { vec![] };
    for part in &input.parts {
        match part {
            Part::Message(payload) => stream.extend(framed(payload)),
            Part::Raw(bytes) => stream.extend(bytes),
            Part::Length(length) => stream.extend(length.to_le_bytes()),
        }
    }
    let mut reader = FrameReader::new();
    for piece in stream.chunks(usize::from(input.piece).max(1)) {
        reader.push(piece);
        loop {
            match reader.next() {
                Ok(Some(Frame::Message(payload))) => check(payload),
                Ok(Some(_)) => {}
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(reader.held() <= FRAME_BYTES_MAX + 64, "{} bytes held", reader.held());
    }
});
