//! What viewers may get of a program's output: an allow-list of sequences no terminal answers.
//!
//! The model has answered every query already; a viewer's terminal must not answer it again, nor type
//! anything else into a program. What shows (text, modes, titles, colours, links) passes as far as the
//! model knows it too, so that who watched and who attaches later see the same. Decides by the token
//! alone: same token, same verdict.

use crate::term::Token;
use crate::term::token::Params;
use std::ops::Range;

/// What is to be done with a token's span in the journal.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// Viewers get it.
    Pass,
    /// It is overwritten by NULs of the same length.
    Silence,
}

/// Judges one token.
pub fn judge(token: &Token<'_>) -> Verdict {
    let pass = match *token {
        Token::Control(c) => control(c),
        Token::Escape { intermediates, last } => escape(intermediates, last),
        Token::Csi { prefix, params, intermediates, last } => {
            csi(prefix, params, intermediates, last)
        }
        Token::Osc { number, payload, .. } => number.is_some_and(|number| osc(number, payload)),
        Token::Dcs { .. } | Token::Junk { .. } => false,
    };
    if pass { Verdict::Pass } else { Verdict::Silence }
}

/// ENQ is a query; of the C1 controls only those the model executes pass.
fn control(c: char) -> bool {
    match c {
        '\x05' => false,
        '\u{80}'..='\u{9f}' => matches!(c, '\u{84}' | '\u{85}' | '\u{88}'),
        _ => true,
    }
}

fn escape(intermediates: &[u8], last: u8) -> bool {
    match intermediates {
        [] => b"78DEHM=>cno|}~\\".contains(&last),
        [b'#'] => last == b'8',
        [b'%'] => last == b'G',
        [b'(' | b')' | b'*' | b'+' | b'-' | b'.'] => b"0AB4C5RQKYE6ZH7=".contains(&last),
        _ => false,
    }
}

fn csi(prefix: u8, params: &Params, intermediates: &[u8], last: u8) -> bool {
    match (prefix, intermediates) {
        (0, []) => match last {
            b'h' | b'l' => params.iter().all(|mode| matches!(mode, 0 | 4 | 20)),
            // With five parameters it starts mouse tracking that expects an answer.
            b'T' => params.len() < 5,
            // The title stack; all other window operations move windows or report on them.
            b't' => matches!(params.get(0), 22 | 23),
            _ => b"@ABCDEFGHIJKLMPSXZ`abdefgmrsu".contains(&last),
        },
        (b'?', []) => match last {
            b'J' | b'K' => true,
            b'h' | b'l' => params.iter().all(private_mode),
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

/// A span to be overwritten by NULs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Silence {
    /// Offsets in the program's output.
    pub span: Range<u64>,
    /// Control bytes in the span were executed and stay; see `blank`.
    pub keep_controls: bool,
    /// What they are overwritten by: NUL.
    fill: u8,
    /// This byte becomes DEL, which terminals ignore as well: where a token begins or junk ends, for a
    /// daemon that reads the journal again from the middle of it.
    pub mark: Option<u64>,
}

impl Silence {
    /// Overwrites the span's bytes. The slice may be a part of the span.
    pub fn blank(&self, bytes: &mut [u8]) {
        for b in bytes {
            if !self.keep_controls || *b >= 0x20 || *b == 0x1b {
                *b = self.fill;
            }
        }
    }

    /// Overwrites the marked byte, after `blank`.
    pub fn mark(&self, bytes: &mut [u8]) {
        for b in bytes {
            if *b == 0 {
                *b = 0x7f;
            }
        }
    }
}

/// How to silence a token that `judge` keeps out. Controls inside a sequence were executed and are
/// judged on their own; inside a string they were part of it.
///
/// Junk is told in pieces, so what is not its end is not marked; nor are single bytes.
pub fn silence(token: &Token<'_>, span: Range<u64>) -> Silence {
    if let Token::Escape { intermediates: [b'%'], last: b'@' } = token {
        // To the model the same as `ESC % G`, but many a terminal would leave UTF-8.
        let last = span.end.saturating_sub(1)..span.end;
        return Silence { span: last, keep_controls: false, fill: b'G', mark: None };
    }
    let keep_controls = match token {
        Token::Escape { .. } | Token::Csi { .. } => true,
        Token::Junk { string, .. } => !string,
        Token::Control(_) | Token::Osc { .. } | Token::Dcs { .. } => false,
    };
    let mark = match token {
        Token::Escape { .. } | Token::Csi { .. } | Token::Osc { .. } => Some(span.start),
        // It may have ended junk of which no byte is left to be marked.
        Token::Control('\u{80}'..) => Some(span.start),
        Token::Junk { ended: true, .. } => span.end.checked_sub(1),
        Token::Junk { .. } | Token::Control(_) | Token::Dcs { .. } => None,
    };
    Silence { span, keep_controls, fill: 0, mark }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::term::{Event, History, Terminal, Watch};
    use crate::units::Size;
    use proptest::prelude::*;

    impl Gate {
        fn blank(&self, journal: &mut [u8]) {
            for silence in &self.silences {
                let span = silence.span.start as usize..silence.span.end as usize;
                silence.blank(&mut journal[span]);
                if let Some(at) = silence.mark {
                    silence.mark(&mut journal[at as usize..=at as usize]);
                }
            }
        }
    }

    /// Gates a stream as the daemon does.
    #[derive(Default)]
    struct Gate {
        silences: Vec<Silence>,
        replies: usize,
        clipboard: usize,
    }

    impl Watch for Gate {
        fn reply(&mut self, _: u64, _: &[u8]) {
            self.replies += 1;
        }
        fn event(&mut self, event: Event<'_>) {
            self.clipboard += usize::from(matches!(event, Event::Clipboard { .. }));
        }
        fn sequence(&mut self, token: &Token<'_>, span: Range<u64>) {
            if judge(token) == Verdict::Silence {
                self.silences.push(silence(token, span));
            }
        }
    }

    fn terminal() -> Terminal {
        // Memory of its full length from the start, as a face's is: a checkpoint is read over the same.
        let history = History::new(Box::new(vec![0; 1 << 16]), 100);
        Terminal::new(Size::new(6, 20).unwrap(), history)
    }

    /// Feeds in pieces; gives the terminal, what it found, and the gated stream.
    fn gated(stream: &[u8], piece: usize) -> (Terminal, Gate, Vec<u8>) {
        let (mut terminal, mut gate, mut journal) = (terminal(), Gate::default(), stream.to_vec());
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
            "\x1b[1;2;3;4;5T",
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
        assert_eq!(journal, b"\x7f\0\n\0\0\0");
        assert_eq!(gate.replies, 1);
    }

    #[test]
    fn who_would_leave_utf8_is_kept_in_it() {
        let (_, _, journal) = gated(b"\x0ea\x1b%@b", 1);
        assert_eq!(journal, b"\x0ea\x1b%Gb");
    }

    #[test]
    fn a_control_before_a_string_comes_before_what_follows_it() {
        for string in ["\x1b\nPq\x1b\\", "\x1b\n]0;t\x07", "\x1b\n_x\x1b\\"] {
            let (terminal, _, _) = gated(format!("a{string}b\x1b[mc").as_bytes(), 1);
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
        assert!(journal.iter().all(|&b| b == 0 || b == 0x7f));
    }

    #[test]
    fn what_is_held_back_stays_small() {
        let mut terminal = terminal();
        for start in ["\x1b]0;", "\x1b]52;c;", "\x1bPq", "\x1b_G", "\x1b[", "\x1b]8;;"] {
            terminal.feed(start.as_bytes(), &mut Gate::default());
            for _ in 0..200 {
                terminal.feed(&[b'1'; 100], &mut Gate::default());
                let held = terminal.offset() - terminal.complete();
                assert!(held <= crate::limits::STRING_HELD_BYTES_MAX as u64, "{start:?}: {held}");
            }
            terminal.feed(b"\x18", &mut Gate::default());
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
        fn a_gated_stream_read_again_from_a_checkpoint_shows_the_same(
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
            // Junk that began after the checkpoint and has not ended is not known to be any.
            stream.push(0x18);
            let cut = cut.min(stream.len());
            let (mut terminal, mut gate) = (terminal(), Gate::default());
            terminal.feed(&stream[..cut], &mut gate);
            let mut checkpoint = Vec::new();
            terminal.checkpoint(&mut checkpoint);
            terminal.feed(&stream[cut..], &mut gate);
            let mut journal = stream.clone();
            gate.blank(&mut journal);
            let expected = (terminal.restore(100), terminal.unfinished());
            let region = terminal.into_history_region();
            let mut again = Terminal::from_checkpoint(&checkpoint, region, 100).unwrap();
            again.feed(&journal[again.offset() as usize..], &mut Gate::default());
            prop_assert_eq!((again.restore(100), again.unfinished()), expected);
        }

        #[test]
        fn cuts_change_no_verdict(stream in pieces(), piece in 1usize..9) {
            let (_, _, whole) = gated(&stream, stream.len().max(1));
            let (_, _, cut) = gated(&stream, piece);
            prop_assert_eq!(whole, cut);
        }
    }
}
