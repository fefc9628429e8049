//! What a printing face prints: the same bytes for the same seed, with everything a viewer may be shown.

use crate::rng::Rng;

/// Endless output.
pub struct Voice {
    rng: Rng,
    line: u64,
}

impl Voice {
    pub fn new(seed: u64) -> Voice {
        Voice { rng: Rng::new(seed), line: 0 }
    }

    /// The first `len` bytes of what `seed` prints.
    pub fn first(seed: u64, len: usize) -> Vec<u8> {
        let (mut voice, mut out) = (Voice::new(seed), Vec::new());
        while out.len() < len {
            voice.speak(&mut out);
        }
        out.truncate(len);
        out
    }

    /// Appends one thing.
    pub fn speak(&mut self, out: &mut Vec<u8>) {
        self.line += 1;
        let (rng, line) = (&mut self.rng, self.line);
        let n = 1 + rng.below(9);
        let text = match rng.below(24) {
            0..12 => format!("<{line}> {}\r\n", "word ".repeat(rng.below(20) as usize)),
            12 => format!("\x1b[{};{}H<{line}>", n, n * 7),
            13 => format!("\x1b[1;3{};4{}m<{line}>\x1b[m", n % 8, (n + 3) % 8),
            14 => format!("\x1b[38;5;{}m\x1b[48;2;{n};8;7m<{line}>\x1b[0;4:3m", 16 + n * 20),
            15 => format!("\x1b]2;title {line}\x07\x1b]8;;http://h/{line}\x1b\\link\x1b]8;;\x1b\\"),
            16 => "\u{6f22}\u{5b57}\u{1f600}e\u{301}\r\n".to_owned(),
            17 => {
                let mode =
                    ["?1049h", "?1049l", "?25l", "?25h", "?2004h", "?1h", "?7l", "?7h", "4l"];
                format!("\x1b[{}<{line}>", mode[n as usize - 1])
            }
            18 => format!("\x1b[{n}L\x1b[{n}P\x1b[K\x1b[2;{}r\x1b[5;5H", 8 + n),
            19 => format!("\x1b[r\x1b[{n}A\x1b[J<{line}>"),
            20 => format!("\x1b7\x1b[{n}S\x1b8\x1b[{n}@\x1bM<{line}>"),
            21 => format!("\x1b[?2026h<{line}>\x1b[{n}X\x1b[?2026l"),
            22 => format!("\x1b(0lqqk\x1b(B\x1b[{n}b<{line}>\r\n"),
            _ => format!("\x1b[m\x1b[r\x1b[24;1H\r\n<{line}>\r\n"),
        };
        out.extend_from_slice(text.as_bytes());
    }
}
