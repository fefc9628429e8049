//! Raw bytes: no panic, and the same screen and answers however they are cut.
#![no_main]

#[path = "../../tests/script/cuts.rs"]
mod cuts;
#[path = "../../tests/script/shown.rs"]
mod shown;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| cuts::cuts_change_nothing(bytes));
