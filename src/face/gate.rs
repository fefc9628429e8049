//! What viewers may get of a program's output: an allow-list of sequences no terminal answers.
//!
//! The model has answered every query already; a viewer's terminal must not answer it again, nor type
//! anything else into a program. What shows (text, modes, titles, colours, links) passes as far as the
//! model knows it too, so that who watched and who attaches later see the same. Decides by the token
//! alone: same token, same verdict.

use crate::limits::PARAMS_MAX;
use crate::term::Token;
use crate::term::reply::parse_color;
use crate::term::token::Params;
use std::ops::Range;

/// Judges tokens in their order.
#[derive(Default, Debug)]
pub struct Gate {
    /// An OSC that passed ended here, where the ESC of the next token cut it off.
    cut_off: Option<u64>,
}

impl Gate {
    /// Goes on where another stood: what `cut_off` gave then.
    pub fn resume(cut_off: Option<u64>) -> Gate {
        Gate { cut_off }
    }

    /// What is to be known of the tokens before: where an OSC was cut off by what comes next.
    pub fn cut_off(&self) -> Option<u64> {
        self.cut_off
    }

    /// What is to be changed of a token in the journal; `None` when it passes as it is.
    #[inline]
    pub fn judge(&mut self, token: &Token<'_>, span: Range<u64>) -> Option<Silence> {
        if self.cut_off.is_none() && !matches!(token, Token::Osc { .. }) && passes(token) {
            return None;
        }
        self.judge_on(token, span)
    }

    fn judge_on(&mut self, token: &Token<'_>, span: Range<u64>) -> Option<Silence> {
        // Bytes of the string that are no text are told after it, and controls inside what comes next before that.
        let cut_off = self.cut_off.take_if(|at| *at == span.start);
        if passes(token) {
            if matches!(token, Token::Osc { bell: false, .. }) {
                self.cut_off = Some(span.end);
            }
            return None;
        }
        let mut silence = silence(token, span);
        if let Some(at) = cut_off {
            // Without its ESC what comes next would be taken for more of the string.
            silence.mark = Some((at, 0x07));
        }
        Some(silence)
    }
}

/// A set of ASCII bytes: a question costs a shift.
const fn set(bytes: &[u8]) -> u128 {
    let (mut set, mut at) = (0, 0);
    while at < bytes.len() {
        set |= 1 << bytes[at];
        at += 1;
    }
    set
}

fn is_in(set: u128, byte: u8) -> bool {
    byte < 0x80 && set >> byte & 1 == 1
}

/// Whether viewers get a token as it is.
#[inline]
fn passes(token: &Token<'_>) -> bool {
    match *token {
        Token::Control(c) => control(c),
        Token::Escape { intermediates, last } => escape(intermediates, last),
        Token::Csi { prefix, params, intermediates, last } => {
            csi(prefix, params, intermediates, last)
        }
        Token::Osc { number, payload, .. } => number.is_some_and(|number| osc(number, payload)),
        Token::Dcs { .. } | Token::Junk { .. } => false,
    }
}

/// ENQ is a query; of the C1 controls only those the model executes pass.
#[inline]
fn control(c: char) -> bool {
    match c {
        '\x05' => false,
        '\u{80}'..='\u{9f}' => matches!(c, '\u{84}' | '\u{85}' | '\u{88}'),
        _ => true,
    }
}

fn escape(intermediates: &[u8], last: u8) -> bool {
    match intermediates {
        [] => is_in(const { set(b"78DEHM=>cno|}~\\") }, last),
        [b'#'] => last == b'8',
        [b'%'] => last == b'G',
        [b'(' | b')' | b'*' | b'+' | b'-' | b'.'] => b"0AB4C5RQKYE6ZH7=".contains(&last),
        _ => false,
    }
}

#[inline]
fn csi(prefix: u8, params: &Params, intermediates: &[u8], last: u8) -> bool {
    match (prefix, intermediates) {
        (0, []) => match last {
            b'h' | b'l' => all_pass(params, ansi_mode),
            // With five parameters it starts mouse tracking that expects an answer.
            b'T' => params.len() < 5,
            // The title stack; all other window operations move windows or report on them.
            b't' => matches!(params.get(0), 22 | 23),
            _ => is_in(const { set(b"@ABCDEFGHIJKLMPSXZ`abdefgmrsu") }, last),
        },
        (b'?', []) => match last {
            b'J' | b'K' => true,
            b'h' | b'l' => all_pass(params, private_mode),
            _ => false,
        },
        (b'>', []) => last == b'u' || (last == b'm' && params.get(0) == 4),
        (b'<' | b'=', []) => last == b'u',
        (0, [b' ']) => b"@Aq".contains(&last),
        (0, [b'\'']) => b"}~".contains(&last),
        (0, [b'!']) => last == b'p',
        (0, [b'"']) => last == b'q',
        _ => false,
    }
}

/// Whether each of the modes passes, those too many to be counted included.
fn all_pass(params: &Params, passes: fn(i32) -> bool) -> bool {
    params.len() < PARAMS_MAX && params.iter().all(passes)
}

/// IRM and LNM, and what stands for no mode at all.
fn ansi_mode(mode: i32) -> bool {
    matches!(mode, 0 | 4 | 20)
}

/// Modes the model has, and those that programs set beside them which it ignores and which change
/// nothing on the screen and answer nothing.
fn private_mode(mode: i32) -> bool {
    matches!(
        mode,
        0 | 1 | 2 | 5 | 6 | 7 | 8 | 9 | 12 | 25 | 45 | 47 | 66 | 67 | 1000 | 1002..=1007 | 1015 | 1016
            | 1034..=1037 | 1039 | 1047..=1049 | 2004 | 2026 | 2031
    )
}

fn osc(number: u32, payload: &str) -> bool {
    match number {
        0..=2 | 7 | 8 | 104 | 110..=112 | 133 | 777 => true,
        4 | 10..=12 => !payload.contains('?'),
        9 => true,
        _ => false,
    }
}

/// A span of the journal and what becomes of it.
#[derive(Clone, Debug)]
pub struct Silence {
    /// Offsets in the program's output.
    pub span: Range<u64>,
    keep: Keep,
    /// This byte becomes another, if it was overwritten: BEL, where an ESC that ended a string is gone.
    pub mark: Option<(u64, u8)>,
}

/// What stays of a silenced span; the rest becomes NUL.
#[derive(Clone, Copy, Debug)]
enum Keep {
    Nothing,
    /// Control bytes in it were executed.
    Controls,
    /// Those between a string's ESC and the byte that names it were executed; the rest was part of the string.
    Introducer,
    /// All but the questions among colours that are set: `?` becomes `-`, which is no colour and asks nothing.
    Colors,
    /// All but modes that do not pass beside some that do: they become mode 0, which is none.
    Modes(fn(i32) -> bool),
    /// The first parameter: as many more make of scrolling a question.
    First,
    /// All but the charset: `ESC % @`, ISO 8859-1, is the same to the model as `ESC % G`, UTF-8, but a terminal may
    /// mean it.
    Charset,
}

impl Silence {
    /// Overwrites the span's bytes, or those that are left of it.
    pub fn blank(&self, bytes: &mut [u8]) {
        match self.keep {
            Keep::Nothing => bytes.fill(0),
            Keep::Controls => drop_all_but_controls(bytes),
            Keep::Introducer => {
                let (introducer, string) = bytes.split_at_mut(introducer_len(bytes));
                drop_all_but_controls(introducer);
                string.fill(0);
            }
            Keep::Colors => bytes.iter_mut().filter(|b| **b == b'?').for_each(|b| *b = b'-'),
            Keep::Modes(passes) => drop_modes(bytes, passes),
            Keep::First => {
                let end = bytes.len().saturating_sub(1);
                let others = bytes[..end].iter_mut().skip_while(|b| **b != b';');
                others.filter(|b| **b >= 0x20).for_each(|b| *b = 0);
            }
            Keep::Charset => bytes.iter_mut().filter(|b| **b == b'@').for_each(|b| *b = b'G'),
        }
    }

    /// Marks the marked byte, if `blank` has overwritten it.
    pub fn mark(&self, bytes: &mut [u8]) {
        let mark = self.mark.map_or(0, |(_, byte)| byte);
        bytes.iter_mut().filter(|b| **b == 0).for_each(|b| *b = mark);
    }
}

fn drop_all_but_controls(bytes: &mut [u8]) {
    bytes.iter_mut().filter(|b| **b >= 0x20 || **b == 0x1b).for_each(|b| *b = 0);
}

/// Bytes from a string's ESC to before the byte that names it; 0 in the middle of one.
fn introducer_len(bytes: &[u8]) -> usize {
    let names = |byte: &u8| b"]PX^_".contains(byte);
    if bytes.first() == Some(&0x1b) { bytes.iter().position(names).unwrap_or(0) } else { 0 }
}

/// How to silence a token that does not pass. Controls inside a sequence were executed and are judged on their own;
/// inside a string they were part of it.
fn silence(token: &Token<'_>, span: Range<u64>) -> Silence {
    let keep = match *token {
        Token::Escape { intermediates: b"%", last: b'@' } => Keep::Charset,
        Token::Csi { prefix: 0, intermediates: [], last: b'T', .. } => Keep::First,
        Token::Csi { prefix: 0, params, intermediates: [], last: b'h' | b'l' }
            if params.iter().any(ansi_mode) =>
        {
            Keep::Modes(ansi_mode)
        }
        Token::Csi { prefix: b'?', params, intermediates: [], last: b'h' | b'l' }
            if params.iter().any(private_mode) =>
        {
            Keep::Modes(private_mode)
        }
        Token::Escape { .. } | Token::Csi { .. } => Keep::Controls,
        Token::Osc { number: Some(4 | 10..=12), payload, .. } if sets_color(payload) => {
            Keep::Colors
        }
        Token::Junk { string: false, .. } => Keep::Controls,
        Token::Osc { .. } | Token::Junk { .. } => Keep::Introducer,
        Token::Control(_) | Token::Dcs { .. } => Keep::Nothing,
    };
    Silence { span, keep, mark: None }
}

/// Makes 0 of each mode in a sequence that does not pass.
fn drop_modes(bytes: &mut [u8], passes: fn(i32) -> bool) {
    let (mut from, mut mode, mut in_sub) = (0, 0i32, false);
    for at in 0..bytes.len() {
        match bytes[at] {
            digit @ b'0'..=b'9' if !in_sub => {
                mode = mode.saturating_mul(10).saturating_add(i32::from(digit - b'0'));
            }
            b':' => in_sub = true,
            b';' | b'h' | b'l' => {
                if !passes(mode) {
                    let digits = bytes[from..at].iter_mut().filter(|b| b.is_ascii_digit());
                    digits.for_each(|b| *b = b'0');
                }
                (from, mode, in_sub) = (at, 0, false);
            }
            _ => {}
        }
    }
}

/// Whether there is a colour among the questions.
fn sets_color(payload: &str) -> bool {
    payload.split(';').any(|spec| parse_color(spec).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::term::{Event, History, Terminal, Watch};
    use crate::units::Size;
    use proptest::prelude::*;

    impl Found {
        fn blank(&self, journal: &mut [u8]) {
            for silence in &self.silences {
                silence.blank(&mut journal[silence.span.start as usize..silence.span.end as usize]);
                if let Some((at, _)) = silence.mark {
                    silence.mark(&mut journal[at as usize..=at as usize]);
                }
            }
        }
    }

    /// Gates a stream as the daemon does.
    #[derive(Default)]
    struct Found {
        gate: super::Gate,
        silences: Vec<Silence>,
        replies: usize,
        clipboard: usize,
    }

    impl Watch for Found {
        fn reply(&mut self, _: u64, _: &[u8]) {
            self.replies += 1;
        }
        fn event(&mut self, event: Event<'_>) {
            self.clipboard += usize::from(matches!(event, Event::Clipboard { .. }));
        }
        fn sequence(&mut self, token: &Token<'_>, span: Range<u64>) {
            self.silences.extend(self.gate.judge(token, span));
        }
    }

    fn terminal() -> Terminal {
        // Memory of its full length from the start, as a face's is: a checkpoint is read over the same.
        let history = History::new(Box::new(vec![0; 1 << 16]), 100);
        Terminal::new(Size::new(6, 20).unwrap(), history)
    }

    /// Feeds in pieces; gives the terminal, what it found, and the gated stream.
    fn gated(stream: &[u8], piece: usize) -> (Terminal, Found, Vec<u8>) {
        let (mut terminal, mut gate, mut journal) = (terminal(), Found::default(), stream.to_vec());
        for bytes in stream.chunks(piece) {
            terminal.feed(bytes, &mut gate);
        }
        gate.blank(&mut journal);
        (terminal, gate, journal)
    }

    fn passes(sequence: &str) -> bool {
        let text = format!("a{sequence}b");
        let (_, _, journal) = gated(text.as_bytes(), 1);
        journal == text.as_bytes()
    }

    #[test]
    fn queries_are_silenced_and_the_rest_passes() {
        for query in [
            "\x1b[c",
            "\x1b[>c",
            "\x1b[=c",
            "\x1b[5n",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?996n",
            "\x1b[>q",
            "\x1b[?u",
            "\x1b[?2026$p",
            "\x1b[4$p",
            "\x1b[14t",
            "\x1b[18t",
            "\x1b[21t",
            "\x1b[x",
            "\x05",
            "\x1bZ",
            "\x1b]10;?\x07",
            "\x1b]4;1;?\x1b\\",
            "\x1bP$qm\x1b\\",
            "\x1bP+q544e\x1b\\",
            "\x1b_Gi=1,a=q;AAAA\x1b\\",
            "\x1b]52;c;?\x07",
            "\x1b]52;c;aGk=\x07",
            "\x1b[?2048h",
            "\x1b[?1$p",
            "\x1b[>4n",
            "\x1b[?4m",
            "\u{9a}",
            "\x1b[8;50;100t",
        ] {
            assert!(!passes(query), "{query:?} passes");
        }
        for shown in [
            "\x1b[1;31m",
            "\x1b[?1049h",
            "\x1b[?1000;1006;1015h",
            "\x1b]0;t\x07",
            "\x1b]8;;x:\x1b\\",
            "\x1b]10;#fff\x07",
            "\x1b[>1u",
            "\x1b[22;0t",
            "\x1b[2 q",
            "\x1b[!p",
            "\x1b(0",
            "\x1bM",
            "\x1b[?2026h",
            "\x1b]104\x07",
            "\r\n\t\x08\x07\x0e",
            "\x1b[20h",
            "\x1b[3g",
            "\x1b#8",
        ] {
            assert!(passes(shown), "{shown:?} is silenced");
        }
    }

    #[test]
    fn a_control_inside_a_silenced_query_stays() {
        let (_, gate, journal) = gated(b"\x1b[\n6\x05n", 2);
        assert_eq!(journal, b"\0\0\n\0\0\0");
        assert_eq!(gate.replies, 1);
    }

    #[test]
    fn a_colour_that_is_set_beside_a_question_is_set_for_viewers_too() {
        let (_, gate, journal) = gated(b"\x1b]4;0;#aaa;1;?\x07\x1b]10;?;rgb:1/2/3\x1b\\", 3);
        assert_eq!(journal, b"\x1b]4;0;#aaa;1;-\x07\x1b]10;-;rgb:1/2/3\x1b\\");
        assert_eq!(gate.replies, 2);
    }

    #[test]
    fn a_string_that_a_silenced_sequence_cut_off_still_ends() {
        let (_, _, journal) = gated(b"\x1b]0;title\x1b[>cshown\x1b]0;t\x1bPq\x1b\\shown", 3);
        assert_eq!(journal, b"\x1b]0;title\x07\0\0\0shown\x1b]0;t\x07\0\0\x1b\\shown");
        // Also when a control came inside what cut it off.
        let (_, _, journal) = gated(b"\x1b]0;t\x1b\n\x1b[mx\x1b]0;t\x1b\n[mx", 3);
        assert_eq!(journal, b"\x1b]0;t\x07\n\x1b[mx\x1b]0;t\x1b\n[mx");
    }

    #[test]
    fn modes_pass_beside_one_that_does_not() {
        let (_, _, journal) = gated(b"\x1b[?3;6l\x1b[?1000;2048;1006h\x1b[4;12h", 3);
        assert_eq!(journal, b"\x1b[?0;6l\x1b[?1000;0000;1006h\x1b[4;00h");
        let many = format!("\x1b[?{}2048h", "25;".repeat(40));
        let (_, _, journal) = gated(many.as_bytes(), 7);
        assert_eq!(journal, many.replace("2048", "0000").as_bytes());
    }

    #[test]
    fn scrolling_keeps_its_one_parameter() {
        let (_, _, journal) = gated(b"\x1b[2;1;1;1;1T", 3);
        assert_eq!(journal, b"\x1b[2\0\0\0\0\0\0\0\0T");
    }

    #[test]
    fn a_charset_a_terminal_may_mean_becomes_the_one_the_model_takes_it_for() {
        let (_, _, journal) = gated(b"\x0e\x1b%@", 3);
        assert_eq!(journal, b"\x0e\x1b%G");
    }

    #[test]
    fn a_control_before_a_string_comes_before_what_follows_it() {
        for string in [
            "\x1b\nPq\x1b\\",
            "\x1b\n]0;t\x07",
            "\x1b\n]99;t\n\x07",
            "\x1b\n_x\n\x1b\\",
            "\x1b\nXx\x1b\\",
        ] {
            let (_, _, journal) = gated(format!("a{string}b\x1b[mc").as_bytes(), 1);
            // What viewers get shows it too.
            let (terminal, _, _) = gated(&journal, 1);
            assert_eq!(
                terminal.row(1).cells().last().map(|cell| cell.text),
                Some("c"),
                "{string:?}"
            );
            assert_eq!(terminal.row(0).cells().count(), 1, "{string:?}");
        }
    }

    #[test]
    fn a_clipboard_write_is_an_event_and_nothing_else() {
        let (_, gate, journal) = gated(b"\x1b]52;c;aGVsbG8=\x07", 3);
        assert_eq!(gate.clipboard, 1);
        assert!(journal.iter().all(|&b| b == 0));
    }

    #[test]
    fn what_is_held_back_stays_small() {
        let mut terminal = terminal();
        for start in ["\x1b]0;", "\x1b]52;c;", "\x1bPq", "\x1b_G", "\x1b[", "\x1b]8;;"] {
            terminal.feed(start.as_bytes(), &mut Found::default());
            for _ in 0..200 {
                terminal.feed(&[b'1'; 100], &mut Found::default());
                let held = terminal.offset() - terminal.complete();
                assert!(held <= crate::limits::STRING_HELD_BYTES_MAX as u64, "{start:?}: {held}");
            }
            terminal.feed(b"\x18", &mut Found::default());
        }
    }

    fn pieces() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            "[a-zA-Z ]{1,12}".prop_map(String::into_bytes),
            "[é語🦀\u{301}]{1,4}".prop_map(String::into_bytes),
            "\x1b\\[[0-9;:?>]{0,6}[@-~]".prop_map(String::into_bytes),
            "\x1b\\[[0-9;]{0,4}[ !\"$'][@-~]".prop_map(String::into_bytes),
            "\x1b[ #(%)*+]?[0-~]".prop_map(String::into_bytes),
            "\x1b\\][0-9]{1,3};[a-z?;#0-9]{0,8}(\x07|\x1b\\\\|\x18)".prop_map(String::into_bytes),
            "\x1b[P_^X][$+a-z0-9]{0,6}\x1b\\\\".prop_map(String::into_bytes),
            "\x1b[\n\r\x05]{1,2}[\\]P_^X][0-9]{1,2};[a-z?\n]{0,4}\x1b\\\\"
                .prop_map(String::into_bytes),
            "[\r\n\t\x08\x07\x05\x0e\x0f]".prop_map(String::into_bytes),
            "[\u{80}-\u{9f}]".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 1..4),
        ];
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn the_gated_stream_shows_the_same_and_asks_nothing(stream in pieces(), piece in 1usize..9) {
            let (shown, _, journal) = gated(&stream, piece);
            let (again, gate, _) = gated(&journal, stream.len().max(1));
            prop_assert_eq!(gate.replies, 0);
            prop_assert_eq!(gate.clipboard, 0);
            for row in 0..6 {
                prop_assert_eq!(shown.row(row), again.row(row));
            }
        }

        #[test]
        fn a_stream_read_again_from_a_checkpoint_shows_the_same_and_is_gated_the_same(
            stream in pieces(),
            cut in 0usize..200,
            long in any::<bool>(),
        ) {
            let mut stream = stream;
            if long {
                // An overlong string and an overlong sequence, so that some cuts lie in junk.
                stream.splice(0..0, format!("\x1b_{}\x1b[cx\x1b[1", "y".repeat(40)).bytes());
                stream.extend_from_slice(b"\x1b]2;never ended \xe2");
            }
            let cut = cut.min(stream.len());
            let (mut terminal, mut gate) = (terminal(), Found::default());
            terminal.feed(&stream[..cut], &mut gate);
            let mut checkpoint = Vec::new();
            terminal.checkpoint(&mut checkpoint);
            let cut_off = gate.gate.cut_off();
            terminal.feed(&stream[cut..], &mut gate);
            let expected = (terminal.restore(100), terminal.unfinished());
            let region = terminal.into_history_region();
            let mut again = Terminal::from_checkpoint(&checkpoint, region, 100).unwrap();
            let mut second = Found { gate: super::Gate::resume(cut_off), ..Found::default() };
            let from = again.offset() as usize;
            // What was blanked meanwhile is put back first: face::undo.
            again.feed(&stream[from..], &mut second);
            prop_assert_eq!((again.restore(100), again.unfinished()), expected);
            let (mut once, mut twice) = (stream.clone(), stream);
            gate.blank(&mut once);
            second.blank(&mut twice);
            prop_assert_eq!(&once[from..], &twice[from..]);
        }

        #[test]
        fn cuts_change_no_verdict(stream in pieces(), piece in 1usize..9) {
            let (_, _, whole) = gated(&stream, stream.len().max(1));
            let (_, _, cut) = gated(&stream, piece);
            prop_assert_eq!(whole, cut);
        }
    }
}
