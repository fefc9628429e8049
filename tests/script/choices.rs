//! Bytes of chance read as choices, for property tests and fuzz targets alike: the same bytes always
//! make the same output, and fewer bytes less of it.

/// Bytes of chance, read as choices; when they are used up every choice is the first.
pub struct Choices<'a>(pub &'a [u8]);

impl Choices<'_> {
    /// A byte; 0 at the end.
    pub fn byte(&mut self) -> u8 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        *first
    }

    /// A number below `bound`, which is at most 256.
    pub fn below(&mut self, bound: usize) -> usize {
        usize::from(self.byte()) % bound
    }

    pub fn one_of<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Letters: short, or a row and more.
pub fn words(choices: &mut Choices<'_>, out: &mut Vec<u8>) {
    let length = match choices.byte() {
        n @ 0..=250 => usize::from(n % 12),
        n => usize::from(n),
    };
    let first = choices.byte();
    out.extend((0..length).map(|i| b'A' + (first as usize + i) as u8 % 26));
}

/// Appends ESC and `text`.
pub fn escape(text: &str, out: &mut Vec<u8>) {
    out.push(0x1b);
    out.extend_from_slice(text.as_bytes());
}

/// Sets or resets one of these DEC modes.
pub fn mode(choices: &mut Choices<'_>, of: &[u16], out: &mut Vec<u8>) {
    let on = if choices.byte() < 160 { 'h' } else { 'l' };
    escape(&format!("[?{}{on}", choices.one_of(of)), out);
}
