//! The answers a terminal owes its program: each one's exact bytes, whoever looks, and none with a word of the
//! program's in it.
#![allow(clippy::unwrap_used)]

#[path = "script/anything.rs"]
mod anything;
#[path = "script/choices.rs"]
mod choices;

use choices::Choices;
use facemux::term::{History, Report, Terminal, Watch};
use facemux::units::Size;
use proptest::prelude::*;

#[derive(Default)]
struct Answers(Vec<u8>);

impl Watch for Answers {
    fn reply(&mut self, _at: u64, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

fn fresh() -> Terminal {
    Terminal::new(Size::new(24, 80).unwrap(), History::growing(1 << 16, 100))
}

/// What a fresh terminal answers.
fn answered(output: &[u8]) -> Vec<u8> {
    let mut answers = Answers::default();
    fresh().feed(output, &mut answers);
    answers.0
}

/// What is printed, and all that is answered.
const EXPECTED: &[(&str, &str)] = &[
    // DA1, also as DECID; DA2; DA3. Only parameter 0 is a question.
    ("\x1b[c", "\x1b[?62;22c"),
    ("\x1b[0c", "\x1b[?62;22c"),
    ("\x1bZ", "\x1b[?62;22c"),
    ("\x1b[1c\x1b[>1c\x1b[=1c", ""),
    ("\x1b[>c", "\x1b[>0;276;0c"),
    ("\x1b[=c", "\x1bP!|00000000\x1b\\"),
    // XTVERSION.
    ("\x1b[>q", concat!("\x1bP>|facemux(", env!("CARGO_PKG_VERSION"), ")\x1b\\")),
    // DSR, CPR and DECXCPR; under DECOM from the region's top; never beyond the last column.
    ("\x1b[5n", "\x1b[0n"),
    ("\x1b[6n", "\x1b[1;1R"),
    ("\x1b[7;12H\x1b[6n", "\x1b[7;12R"),
    ("\x1b[7;12H\x1b[?6n", "\x1b[?7;12R"),
    ("\x1b[5;20r\x1b[?6h\x1b[3;4H\x1b[6n", "\x1b[3;4R"),
    ("\x1b[80Gx\x1b[6n", "\x1b[1;80R"),
    ("\x1b[4n\x1b[?5n", ""),
    // Dark or light.
    ("\x1b[?996n", "\x1b[?997;1n"),
    // DECRQM: 0 unknown, 1 set, 2 reset, 3 and 4 for ever.
    ("\x1b[4$p\x1b[4h\x1b[4$p", "\x1b[4;2$y\x1b[4;1$y"),
    ("\x1b[20$p\x1b[2$p\x1b[12$p\x1b[99$p", "\x1b[20;2$y\x1b[2;4$y\x1b[12;3$y\x1b[99;0$y"),
    ("\x1b[?1$p\x1b[?1h\x1b[?1$p", "\x1b[?1;2$y\x1b[?1;1$y"),
    ("\x1b[?7$p\x1b[?25$p\x1b[?2004$p", "\x1b[?7;1$y\x1b[?25;1$y\x1b[?2004;2$y"),
    ("\x1b[?1002h\x1b[?1000$p\x1b[?1002$p", "\x1b[?1000;2$y\x1b[?1002;1$y"),
    ("\x1b[?1049h\x1b[?1049$p\x1b[?2026$p", "\x1b[?1049;1$y\x1b[?2026;2$y"),
    ("\x1b[?1005$p\x1b[?31337$p", "\x1b[?1005;4$y\x1b[?31337;0$y"),
    // DECRQSS: pen, region, conformance level, protection, cursor; anything else is refused.
    ("\x1bP$qm\x1b\\", "\x1bP1$r0m\x1b\\"),
    (
        "\x1b[1;4:3;31;48;5;200;58:2::1:2:3m\x1bP$qm\x1b\\",
        "\x1bP1$r0;1;4:3;31;48:5:200;58:2::1:2:3m\x1b\\",
    ),
    ("\x1b[3;9r\x1bP$qr\x1b\\", "\x1bP1$r3;9r\x1b\\"),
    ("\x1bP$q\"p\x1b\\", "\x1bP1$r62;1\"p\x1b\\"),
    ("\x1b[1\"q\x1bP$q\"q\x1b\\", "\x1bP1$r1\"q\x1b\\"),
    ("\x1b[5 q\x1bP$q q\x1b\\", "\x1bP1$r5 q\x1b\\"),
    ("\x1bP$qATTACK\x1b\\", "\x1bP0$r\x1b\\"),
    // XTGETTCAP: politely nothing.
    ("\x1bP+q544e;41545441434b\x1b\\", "\x1bP0+r\x1b\\"),
    // Colours: the palette, the defaults, what a program set; ended as the question was.
    ("\x1b]4;1;?\x07", "\x1b]4;1;rgb:cccc/0000/0000\x07"),
    ("\x1b]4;1;#102030\x07\x1b]4;1;?\x1b\\", "\x1b]4;1;rgb:1010/2020/3030\x1b\\"),
    ("\x1b]4;0;?;255;?\x07", "\x1b]4;0;rgb:2e2e/3434/3636\x07\x1b]4;255;rgb:eeee/eeee/eeee\x07"),
    ("\x1b]10;?\x07", "\x1b]10;rgb:ffff/ffff/ffff\x07"),
    ("\x1b]11;?\x1b\\", "\x1b]11;rgb:0000/0000/0000\x1b\\"),
    ("\x1b]12;?\x07", "\x1b]12;rgb:ffff/ffff/ffff\x07"),
    (
        "\x1b]10;?;?;?\x07",
        "\x1b]10;rgb:ffff/ffff/ffff\x07\x1b]11;rgb:0000/0000/0000\x07\x1b]12;rgb:ffff/ffff/ffff\x07",
    ),
    ("\x1b]11;rgb:12/34/56\x07\x1b]11;?\x07", "\x1b]11;rgb:1212/3434/5656\x07"),
    ("\x1b]4;ATTACK;?\x07\x1b]52;c;?\x07", ""),
    // The window in pixels, a cell in pixels, the window in characters; nothing else of it, no title.
    ("\x1b[14t", "\x1b[4;432;720t"),
    ("\x1b[16t", "\x1b[6;18;9t"),
    ("\x1b[18t", "\x1b[8;24;80t"),
    ("\x1b]2;ATTACK\x07\x1b[11t\x1b[13t\x1b[19t\x1b[20t\x1b[21t", ""),
    // The kitty keyboard protocol.
    ("\x1b[?u\x1b[>5u\x1b[?u\x1b[<u\x1b[?u", "\x1b[?0u\x1b[?5u\x1b[?0u"),
    // DECREQTPARM; ENQ has no answerback to tell.
    ("\x1b[x\x1b[1x\x1b[2x", "\x1b[2;1;1;128;128;1;0x\x1b[3;1;1;128;128;1;0x"),
    ("\x05", ""),
];

#[test]
fn each_question_has_its_answer() {
    for (output, answer) in EXPECTED {
        let got = answered(output.as_bytes());
        assert_eq!(
            got.escape_ascii().to_string(),
            answer.as_bytes().escape_ascii().to_string(),
            "{output:?}"
        );
        let mut bytewise = (fresh(), Answers::default());
        output.bytes().for_each(|byte| bytewise.0.feed(&[byte], &mut bytewise.1));
        assert_eq!(bytewise.1.0, got, "{output:?}, byte by byte");
    }
}

#[test]
fn the_leader_s_terminal_is_what_answers_tell_of() {
    let mut terminal = fresh();
    terminal.set_report(Report {
        fg: (1, 2, 3),
        bg: (255, 250, 240),
        cursor: (7, 8, 9),
        cell_width: 10,
        cell_height: 20,
    });
    let mut answers = Answers::default();
    terminal.feed(b"\x1b]10;?;?;?\x07\x1b[14t\x1b[16t\x1b[?996n", &mut answers);
    let expected = "\x1b]10;rgb:0101/0202/0303\x07\x1b]11;rgb:ffff/fafa/f0f0\x07\
        \x1b]12;rgb:0707/0808/0909\x07\x1b[4;480;800t\x1b[6;20;10t\x1b[?997;2n";
    assert_eq!(
        answers.0.escape_ascii().to_string(),
        expected.as_bytes().escape_ascii().to_string()
    );
}

/// Places where a program can leave a word that some terminal has answered with.
const PLACES: &[&str] = &[
    "\x1b]0;#\x07",
    "\x1b]1;#\x1b\\",
    "\x1b]2;#\x07\x1b[22t",
    "\x1bP$q#\x1b\\",
    "\x1bP1$r#\x1b\\",
    "\x1bP+q#\x1b\\",
    "\x1b]4;1;#\x07",
    "\x1b]10;#\x07",
    "\x1b]52;c;#\x07",
    "\x1b]8;id=#;http://#/\x07",
    "\x1b]7;file:///#\x07",
    "\x1b]133;#\x07",
    "\x1b_G#\x1b\\",
    "\x1b^#\x1b\\",
    "\x1bX#\x1b\\",
    "#",
];
const QUESTIONS: &[&str] = &[
    "\x1b[c",
    "\x1b[>c",
    "\x1b[=c",
    "\x1b[>q",
    "\x1b[5n",
    "\x1b[6n",
    "\x1b[20t",
    "\x1b[21t",
    "\x1b[23t",
    "\x05",
    "\x1b]4;1;?\x07",
    "\x1b]10;?\x07",
    "\x1b]52;c;?\x07",
    "\x1b]2;?\x07",
    "\x1b]0;?\x07",
    "\x1b[?15n",
    "\x1b[?26n",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_answer_has_a_word_of_the_program_s(
        places in prop::collection::vec(prop::sample::select(PLACES), 1..8),
        questions in prop::collection::vec(prop::sample::select(QUESTIONS), 1..8),
        word in "[G-Z]{6,12}",
    ) {
        let output = places.concat().replace('#', &word) + &questions.concat();
        let answers = String::from_utf8(answered(output.as_bytes())).unwrap();
        let hex: String = word.bytes().map(|b| format!("{b:02x}")).collect();
        prop_assert!(!answers.contains(&word) && !answers.to_lowercase().contains(&hex), "{answers:?}");
    }

    /// Whatever is printed, an answer is made of sequences only: nothing a shell would take for a command.
    #[test]
    fn answers_are_sequences(chance in prop::collection::vec(any::<u8>(), 0..600)) {
        let (mut choices, mut output) = (Choices(&chance), Vec::new());
        while !choices.is_empty() {
            anything::anything(&mut choices, &mut output);
        }
        let answers = String::from_utf8(answered(&output)).unwrap();
        for answer in answers.split_inclusive('\x07').flat_map(|part| part.split('\x1b').skip(1)) {
            let plain = |c: char| c.is_ascii_digit() || ";:?>=!|$+\"/ rgb()facemux.ABCDEFp0123456789\\".contains(c);
            let (kind, rest) = answer.split_at_checked(1).unwrap_or((answer, ""));
            prop_assert!(["[", "]", "P", "\\"].contains(&kind), "{answers:?}");
            let rest = rest.trim_end_matches(['\x07', 'c', 'n', 'R', 'y', 't', 'u', 'x', 'm', 'q']);
            prop_assert!(rest.chars().all(plain), "{answers:?}");
        }
    }
}
