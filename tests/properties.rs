//! What must hold of the terminal model whatever a program prints: generated output, shrunk on failure.

#[path = "script/anything.rs"]
mod anything;
#[path = "script/checks.rs"]
mod checks;
#[path = "script/choices.rs"]
mod choices;
#[path = "script/cuts.rs"]
mod cuts;
#[path = "script/shown.rs"]
mod shown;

use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_restored_terminal_goes_on_as_the_first(chance in prop::collection::vec(any::<u8>(), 0..600)) {
        checks::restore_goes_on(&chance);
    }

    #[test]
    fn a_change_of_width_loses_no_character(chance in prop::collection::vec(any::<u8>(), 0..300)) {
        checks::width_loses_nothing(&chance);
    }

    #[test]
    fn any_bytes_show_the_same_however_they_are_cut(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        cuts::cuts_change_nothing(&bytes);
    }
}
