//! What a terminal shows and answers, to be compared with what another does.

use facemux::limits::HISTORY_BYTES_MAX;
use facemux::term::render::{Format, render};
use facemux::term::{History, Terminal, Watch};
use facemux::units::Size;

/// Lines of history: few, so that the bound is reached.
pub const LINES: usize = 60;

/// Collects the answers.
#[derive(Default, PartialEq, Debug)]
pub struct Answers(Vec<u8>);

impl Watch for Answers {
    fn reply(&mut self, _at: u64, bytes: &[u8]) {
        self.0.extend_from_slice(bytes);
    }
}

pub fn fresh(size: Size) -> Terminal {
    Terminal::new(size, History::growing(HISTORY_BYTES_MAX, LINES))
}

/// All that can be seen, history included, but for the count of bytes.
pub fn seen(terminal: &Terminal) -> String {
    let mut document = render(terminal, Format::Json, LINES).expect("60 short rows fit");
    let end = document.rfind("\"offset\"").expect("the last field");
    document.truncate(end);
    // Whether the first row there is continues one that is gone cannot be restored, and means nothing.
    let mut firsts = vec!["\"history\":[\n", "\"rows\":[\n"];
    if !terminal.is_alternate() && !document.contains("\"history\":[],") {
        firsts.pop();
    }
    for first in firsts {
        let Some(at) = document.find(first).map(|at| at + first.len()) else { continue };
        let line = document[at..].find('\n').map_or(document.len(), |end| at + end);
        let unwrapped = document[at..line].replace("\"wrapped\":true", "\"wrapped\":false");
        document.replace_range(at..line, &unwrapped);
    }
    document
}
