//! Key names, pastes and what viewers type: no panic, a paste cannot end itself early, a name read is a name written.
#![no_main]

use arbitrary::Arbitrary;
use facemux::face::detach::DetachKeys;
use facemux::face::reports::sift;
use facemux::term::keys::paste;
use libfuzzer_sys::fuzz_target;

#[derive(Arbitrary, Debug)]
struct Input {
    pasted: Vec<u8>,
    typed: Vec<u8>,
    leads: bool,
    detach: Vec<u8>,
}

const PASTE_END: &[u8] = b"\x1b[201~";

fuzz_target!(|input: Input| {
    let pasted = paste(&input.pasted, true);
    let ends = pasted.windows(PASTE_END.len()).filter(|w| *w == PASTE_END).count();
    assert!(ends == 1 && pasted.ends_with(PASTE_END), "a paste that ends itself");

    let (kept, _) = sift(&input.typed, input.leads);
    assert!(kept.len() <= input.typed.len(), "input grew");
    let mut keys = DetachKeys::new(&input.detach);
    let _ = keys.sift(&input.typed);
});
