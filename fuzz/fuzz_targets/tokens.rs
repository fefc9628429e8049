//! Raw bytes: no panic, and the same screen and answers however they are cut.
#![no_main]

#[path = "../../tests/script/anything.rs"]
mod anything;
#[path = "../../tests/script/checks.rs"]
mod checks;
#[path = "../../tests/script/choices.rs"]
mod choices;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| checks::cuts_change_nothing(bytes));
