//! The parameters of a control sequence, as xterm.js 6 keeps them: 32 of them and 32 sub-parameters.

use crate::limits::{PARAMS_MAX, SEQUENCE_BYTES_MAX};

/// Digits of a number that cannot overflow. So many parameters of so many digits are far below `SEQUENCE_BYTES_MAX`.
const PLAIN_DIGITS_MAX: usize = 9;

/// Parameters and their sub-parameters. There is always a first one, 0 when nothing was given.
#[derive(Clone, Copy, Debug)]
pub struct Params {
    values: [i32; PARAMS_MAX],
    subs: [i32; PARAMS_MAX],
    /// Where each parameter's sub-parameters begin and end in `subs`.
    ranges: [(u8, u8); PARAMS_MAX],
    len: u8,
    subs_len: u8,
    /// Too many parameters came: the rest is not read.
    full: bool,
    subs_full: bool,
    in_sub: bool,
}

impl Default for Params {
    fn default() -> Params {
        Params {
            values: [0; PARAMS_MAX],
            subs: [0; PARAMS_MAX],
            ranges: [(0, 0); PARAMS_MAX],
            len: 1,
            subs_len: 0,
            full: false,
            subs_full: false,
            in_sub: false,
        }
    }
}

impl Params {
    /// Back to one parameter, 0.
    pub(super) fn reset(&mut self) {
        self.values[0] = 0;
        self.ranges[0] = (0, 0);
        self.len = 1;
        self.subs_len = 0;
        self.full = false;
        self.subs_full = false;
        self.in_sub = false;
    }

    /// Takes one of `0-9 : ;`.
    #[inline]
    pub(super) fn take(&mut self, byte: u8) {
        match byte {
            b';' => self.next(),
            b':' => self.next_sub(),
            _ => self.digit(i32::from(byte - b'0')),
        }
    }

    /// Takes parameters without sub-parameters from the start of `bytes`, in place of those before. Gives how many
    /// bytes they were and the final byte after them; None when there is anything else, and nothing then holds.
    #[inline]
    pub(super) fn take_plain(&mut self, bytes: &[u8]) -> Option<(usize, u8)> {
        self.reset();
        let (mut value, mut begin, mut at) = (0i32, 0, 0);
        loop {
            let b = *bytes.get(at)?;
            let digit = b.wrapping_sub(b'0');
            if digit < 10 {
                value = value.wrapping_mul(10).wrapping_add(i32::from(digit));
                at += 1;
                continue;
            }
            if at - begin > PLAIN_DIGITS_MAX {
                return None;
            }
            let this = usize::from(self.len) - 1;
            self.values[this] = value;
            match b {
                b';' if this + 1 < PARAMS_MAX => {
                    self.ranges[this + 1] = (0, 0);
                    self.len += 1;
                    at += 1;
                    (value, begin) = (0, at);
                }
                0x40..=0x7e => return Some((at, b)),
                _ => return None,
            }
        }
    }

    fn next(&mut self) {
        self.in_sub = false;
        let at = usize::from(self.len);
        if at >= PARAMS_MAX {
            self.full = true;
            return;
        }
        self.values[at] = 0;
        self.ranges[at] = (self.subs_len, self.subs_len);
        self.len += 1;
    }

    fn next_sub(&mut self) {
        self.in_sub = true;
        let at = usize::from(self.subs_len);
        if self.full || at >= PARAMS_MAX {
            self.subs_full = true;
            return;
        }
        self.subs[at] = -1;
        self.subs_len += 1;
        self.ranges[usize::from(self.len) - 1].1 += 1;
    }

    fn digit(&mut self, digit: i32) {
        if self.full || (self.in_sub && self.subs_full) {
            return;
        }
        let cell = if self.in_sub {
            &mut self.subs[usize::from(self.subs_len) - 1]
        } else {
            &mut self.values[usize::from(self.len) - 1]
        };
        *cell = if *cell < 0 { digit } else { cell.saturating_mul(10).saturating_add(digit) };
    }

    /// How many there are: 1 at least.
    #[inline]
    pub fn len(&self) -> usize {
        usize::from(self.len)
    }

    /// Whether none has sub-parameters.
    #[inline]
    pub fn is_plain(&self) -> bool {
        self.subs_len == 0
    }

    /// Never: there is always a first.
    pub fn is_empty(&self) -> bool {
        false
    }

    /// Parameter `index`, 0 when it was not given.
    #[inline]
    pub fn get(&self, index: usize) -> i32 {
        if index < self.len() { self.values[index] } else { 0 }
    }

    /// Parameter `index` as a count: `default` when it was not given or 0.
    #[inline]
    pub fn count(&self, index: usize) -> usize {
        self.get(index).max(1) as usize
    }

    /// The sub-parameters of parameter `index`; -1 is one left empty.
    pub fn subs(&self, index: usize) -> &[i32] {
        if index >= self.len() {
            return &[];
        }
        let (from, to) = self.ranges[index];
        &self.subs[usize::from(from)..usize::from(to)]
    }

    /// All parameters.
    pub fn iter(&self) -> impl Iterator<Item = i32> + '_ {
        self.values[..self.len()].iter().copied()
    }
}

const _: () = assert!(PARAMS_MAX * (PLAIN_DIGITS_MAX + 1) < SEQUENCE_BYTES_MAX);
