//! Plain output: the `vt100` crate shows the same (tests/oracle_vt100.rs says where it may not).
#![no_main]

#[path = "../../tests/script/choices.rs"]
mod choices;
#[path = "../../tests/script/plain.rs"]
mod plain;
#[path = "../../tests/script/witness.rs"]
mod witness;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|chance: &[u8]| {
    let mut choices = choices::Choices(chance);
    let (rows, cols) = (2 + choices.below(28), 20 + choices.below(70));
    witness::agree(choices.0, rows as u16, cols as u16);
});
