//! What must hold of the model for any output at all.

use crate::anything::anything;
use crate::choices::Choices;
use crate::shown::{Answers, fresh, seen};
use facemux::term::{Event, Terminal, Watch};
use facemux::units::Size;

/// Who reads a restore: it must ask nothing, ring no bell and write no clipboard.
struct Reader;

impl Watch for Reader {
    fn reply(&mut self, at: u64, bytes: &[u8]) {
        panic!("a restore asks at {at}: {}", bytes.escape_ascii());
    }

    fn event(&mut self, event: Event<'_>) {
        assert!(
            !matches!(event, Event::Bell | Event::Clipboard { .. }),
            "a restore does: {event:?}"
        );
    }
}

enum Step {
    Feed(Vec<u8>),
    Resize(Size),
}

fn size(choices: &mut Choices<'_>) -> Size {
    Size::clamped(1 + choices.below(12) as u16, 2 + choices.below(40) as u16)
}

fn steps(choices: &mut Choices<'_>, leave: usize) -> Vec<Step> {
    let mut steps = Vec::new();
    while choices.0.len() > leave {
        if choices.below(24) == 1 {
            steps.push(Step::Resize(size(choices)));
            continue;
        }
        let mut bytes = Vec::new();
        for _ in 0..=choices.below(4) {
            anything(choices, &mut bytes);
        }
        steps.push(Step::Feed(bytes));
    }
    steps
}

/// Takes the steps, the bytes in pieces of at most `piece`.
fn play(terminal: &mut Terminal, steps: &[Step], piece: usize) -> Answers {
    let mut answers = Answers::default();
    for step in steps {
        match step {
            Step::Feed(bytes) => {
                bytes.chunks(piece).for_each(|piece| terminal.feed(piece, &mut answers));
            }
            Step::Resize(size) => terminal.resize(*size),
        }
        let (cursor, size) = (terminal.cursor(), terminal.size());
        assert!(cursor.row < size.rows() && cursor.col <= size.cols(), "{cursor:?} in {size}");
        assert!(terminal.complete() <= terminal.offset());
    }
    answers
}

/// As output reads in a failure.
fn shown(steps: &[Step]) -> String {
    let each = steps.iter().map(|step| match step {
        Step::Feed(bytes) => format!("\"{}\"", bytes.escape_ascii()),
        Step::Resize(size) => format!("resize {size}"),
    });
    each.collect::<Vec<_>>().join(", ")
}

/// A restore rebuilds the terminal, also what cannot be seen: both go on alike. However the output was
/// cut, it is the same terminal.
pub fn restore_goes_on(chance: &[u8]) {
    let mut choices = Choices(chance);
    let first = size(&mut choices);
    let before = steps(&mut choices, chance.len() / 2);
    // What a restore cannot carry shows only when the size changes afterwards (docs/decisions.md).
    let after = steps(&mut choices, 0)
        .into_iter()
        .filter(|s| matches!(s, Step::Feed(_)))
        .collect::<Vec<_>>();

    let mut whole = fresh(first);
    let answers = play(&mut whole, &before, usize::MAX);
    let mut pieces = fresh(first);
    let same_answers = play(&mut pieces, &before, 1);
    let context = || format!("{first}, {} then {}", shown(&before), shown(&after));
    assert_eq!(answers, same_answers, "answers, cut at every byte: {}", context());
    assert_eq!(seen(&whole), seen(&pieces), "cut at every byte: {}", context());
    let restore = whole.restore(usize::MAX);
    assert_eq!(
        restore.escape_ascii().to_string(),
        pieces.restore(usize::MAX).escape_ascii().to_string(),
        "restore, cut at every byte: {}",
        context()
    );

    let mut rebuilt = fresh(whole.size());
    rebuilt.feed(&restore, &mut Reader);
    let shown_restore = restore.escape_ascii().to_string();
    assert!(!restore.contains(&0x07), "a bell: {shown_restore} of {}", context());
    // The few things that no restore can carry are named in docs/decisions.md, and counted in tests/term_state.rs.
    if !whole.restores_exactly() {
        return;
    }
    assert_eq!(seen(&whole), seen(&rebuilt), "{shown_restore} of {}", context());
    rebuilt.feed(&whole.unfinished(), &mut Answers::default());
    let answers = play(&mut whole, &after, usize::MAX);
    let same_answers = play(&mut rebuilt, &after, 1);
    assert_eq!(seen(&whole), seen(&rebuilt), "went on after {shown_restore} of {}", context());
    assert_eq!(answers, same_answers, "answers after {shown_restore} of {}", context());
}

/// A terminal that only ever grew or shrank in width keeps every character of its main screen.
pub fn width_loses_nothing(chance: &[u8]) {
    let mut choices = Choices(chance);
    let size = size(&mut choices);
    let mut terminal = fresh(size);
    let mut written = String::new();
    while !choices.is_empty() && written.len() < 400 {
        let word = [b'a' + choices.below(26) as u8; 30];
        let word = std::str::from_utf8(&word[..choices.below(30)]).expect("ASCII");
        written.push_str(word);
        terminal.feed(word.as_bytes(), &mut Answers::default());
        if choices.below(4) == 0 {
            terminal.feed(b"\r\n", &mut Answers::default());
        }
        if choices.below(3) == 0 {
            terminal.resize(Size::clamped(size.rows(), 2 + choices.below(60) as u16));
        }
    }
    let kept: String = terminal
        .history_rows(usize::MAX)
        .iter()
        .chain((0..terminal.size().rows()).map(|row| terminal.row(row)).collect::<Vec<_>>().iter())
        .flat_map(|line| line.cells().map(|cell| cell.text.to_string()).collect::<Vec<_>>())
        .collect();
    // History keeps 60 lines at most, so only its end can be asked for.
    assert!(written.ends_with(&kept) || kept == written, "{kept:?} of {written:?}");
    assert!(kept.len() >= written.len().min(100), "{kept:?} of {written:?}");
}
