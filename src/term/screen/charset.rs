//! Character sets: what ASCII bytes print as while one is shifted in.
//!
//! The DEC special graphics and the national replacement sets of the VT220 (EK-VT220-RM, tables 2-5
//! to 2-15), as xterm.js 6 has them.

/// A character set, by the final byte that designates it; `US` prints ASCII.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Charset(u8);

/// DEC special graphics, from 0x60 to 0x7e.
const GRAPHICS: &str = "◆▒␉␌␍␊°±␤␋┘┐┌└┼⎺⎻─⎼⎽├┤┴┬│≤≥π≠£·";

impl Charset {
    /// ASCII.
    pub const US: Charset = Charset(0);

    /// The set designated by a final byte; None when nobody knows it.
    pub fn from_final(last: u8) -> Option<Charset> {
        match last {
            b'B' => Some(Charset::US),
            b'5' => Some(Charset(b'C')),
            b'6' => Some(Charset(b'E')),
            b'7' => Some(Charset(b'H')),
            b'0' | b'A' | b'4' | b'C' | b'R' | b'Q' | b'K' | b'Y' | b'E' | b'Z' | b'H' | b'=' => {
                Some(Charset(last))
            }
            _ => None,
        }
    }

    /// The final byte that designates it.
    pub fn last(self) -> u8 {
        if self == Charset::US { b'B' } else { self.0 }
    }

    /// What an ASCII character prints as.
    pub fn map(self, c: char) -> char {
        if self == Charset::US || !c.is_ascii() {
            return c;
        }
        if self.0 == b'0' {
            let at = (c as usize).checked_sub(0x60);
            return at.and_then(|at| GRAPHICS.chars().nth(at)).unwrap_or(c);
        }
        let (from, to) = self.national();
        let at = from.chars().position(|f| f == c);
        at.and_then(|at| to.chars().nth(at)).unwrap_or(c)
    }

    /// What prints as `c`: another character where the set has taken `c` for something else.
    pub fn source(self, c: char) -> char {
        let prints = |from: &char| self.map(*from) == c;
        Some(c).filter(prints).or_else(|| (' '..='~').find(prints)).unwrap_or(c)
    }

    fn national(self) -> (&'static str, &'static str) {
        match self.0 {
            b'A' => ("#", "£"),
            b'4' => ("#@[\\]{|}~", "£¾i½|¨f¼´"),
            b'C' => ("[\\]^`{|}~", "ÄÖÅÜéäöåü"),
            b'R' => ("#@[\\]{|}~", "£à°ç§éùè¨"),
            b'Q' => ("@[\\]^`{|}~", "àâçêîôéùèû"),
            b'K' => ("@[\\]{|}~", "§ÄÖÜäöüß"),
            b'Y' => ("#@[\\]`{|}~", "£§°çéùàòèì"),
            b'E' => ("@[\\]^`{|}~", "ÄÆØÅÜäæøåü"),
            b'Z' => ("#@[\\]{|}", "£§¡Ñ¿°ñç"),
            b'H' => ("@[\\]^`{|}~", "ÉÄÖÅÜéäöåü"),
            b'=' => ("#@[\\]^_`{|}~", "ùàéçêîèôäöüû"),
            _ => ("", ""),
        }
    }
}
