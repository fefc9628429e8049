//! Structured output, resizes and cuts: a restored terminal goes on as the first did.
#![no_main]

#[path = "../../tests/script/anything.rs"]
mod anything;
#[path = "../../tests/script/checks.rs"]
mod checks;
#[path = "../../tests/script/choices.rs"]
mod choices;
#[path = "../../tests/script/shown.rs"]
mod shown;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|chance: &[u8]| {
    checks::restore_goes_on(chance);
    checks::width_loses_nothing(chance);
});
