//! Every code point's width against what `@xterm/addon-unicode11` says of it (tests/width/make.mjs).
#![allow(clippy::unwrap_used)]

use facemux::term::width::width;

#[test]
fn every_code_point_is_as_wide_as_on_the_page() {
    let mut next = 0;
    for line in include_str!("width/unicode11.txt").lines() {
        let fields: Vec<&str> = line.split(' ').collect();
        let [first, last] = [0, 1].map(|at| u32::from_str_radix(fields[at], 16).unwrap());
        let expected: u8 = fields[2].parse().unwrap();
        assert_eq!(first, next, "the runs leave nothing out");
        for c in (first..=last).filter_map(char::from_u32) {
            assert_eq!(width(c), expected, "U+{:04X}", u32::from(c));
        }
        next = last + 1;
    }
    assert_eq!(next, 0x11_0000);
}
