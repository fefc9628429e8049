//! What fuzzing has come upon, each input once more: the corpora in fuzz/seeds, made small by `scripts/fuzz.sh keep`.
#![allow(clippy::unwrap_used)]

#[path = "script/anything.rs"]
mod anything;
#[path = "script/checks.rs"]
mod checks;
#[path = "script/choices.rs"]
mod choices;
#[path = "script/cuts.rs"]
mod cuts;
#[path = "script/plain.rs"]
mod plain;
#[path = "script/shown.rs"]
mod shown;
#[path = "script/witness.rs"]
mod witness;

/// Inputs, one a line, in hexadecimal.
fn inputs(lines: &'static str) -> impl Iterator<Item = Vec<u8>> {
    let byte = |at: usize, line: &str| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    lines.lines().map(move |line| (0..line.len()).step_by(2).map(|at| byte(at, line)).collect())
}

#[test]
fn output_is_restored_and_goes_on() {
    for chance in inputs(include_str!("../fuzz/seeds/screen.hex")) {
        checks::restore_goes_on(&chance);
        checks::width_loses_nothing(&chance);
    }
}

#[test]
fn raw_bytes_show_the_same_however_they_are_cut() {
    inputs(include_str!("../fuzz/seeds/tokens.hex"))
        .for_each(|bytes| cuts::cuts_change_nothing(&bytes));
}

#[test]
fn both_models_show_the_same() {
    for chance in inputs(include_str!("../fuzz/seeds/oracle.hex")) {
        let mut choices = choices::Choices(&chance);
        let (rows, cols) = (2 + choices.below(28), 20 + choices.below(70));
        witness::agree(choices.0, rows as u16, cols as u16);
    }
}
