//! One of the two screens with all that belongs to it alone.

use super::charset::Charset;
use super::pen::SavedPen;
use crate::limits::KITTY_MAX;
use crate::term::grid::Grid;

/// The main or the alternate screen.
#[derive(Debug)]
pub struct Page {
    /// Its cells; no rows while the alternate screen is not shown.
    pub grid: Grid,
    /// Column of the cursor; the width itself when the next character wraps.
    pub x: usize,
    /// Row of the cursor.
    pub y: usize,
    /// First row of the scroll region.
    pub top: usize,
    /// Its last row.
    pub bottom: usize,
    /// Tab stops.
    pub tabs: Tabs,
    /// What DECRC brings back.
    pub saved: Saved,
    /// The kitty keyboard protocol's flags, the base first.
    pub kitty: heapless::Vec<u32, KITTY_MAX>,
}

impl Page {
    /// A fresh page.
    pub fn new(rows: usize, cols: usize, grid: Grid) -> Page {
        Page {
            grid,
            x: 0,
            y: 0,
            top: 0,
            bottom: rows - 1,
            tabs: Tabs::every_eight(cols),
            saved: Saved::default(),
            kitty: heapless::Vec::from_array([0]),
        }
    }

    /// `CSI > flags u`. A full stack loses its oldest entry above the base.
    pub fn kitty_push(&mut self, flags: u32) {
        if self.kitty.is_full() {
            self.kitty.remove(1);
        }
        let _ = self.kitty.push(flags);
    }

    /// `CSI < n u`. The base cannot be popped, only zeroed.
    pub fn kitty_pop(&mut self, n: usize) {
        if n >= self.kitty.len() {
            self.kitty.clear();
            let _ = self.kitty.push(0);
        } else {
            self.kitty.truncate(self.kitty.len() - n);
        }
    }

    /// `CSI = flags ; how u`: 1 sets all, 2 adds, 3 removes.
    pub fn kitty_set(&mut self, flags: u32, how: usize) {
        if let Some(top) = self.kitty.last_mut() {
            *top = match how {
                1 => flags,
                2 => *top | flags,
                _ => *top & !flags,
            };
        }
    }
}

/// What DECSC saves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Saved {
    /// Column.
    pub x: usize,
    /// Row, counted from the top of the screen. It moves with the text, so it may have left it.
    pub y: i64,
    /// Colours and attributes.
    pub pen: SavedPen,
    /// The character set shifted in.
    pub charset: Charset,
}

/// Tab stops, one bit a column.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tabs([u64; 16]);

impl Tabs {
    /// The stops of a fresh terminal.
    pub fn every_eight(cols: usize) -> Tabs {
        let mut tabs = Tabs([0; 16]);
        (0..cols).step_by(8).for_each(|x| tabs.set(x, true));
        tabs
    }

    /// No stop at all.
    pub fn none() -> Tabs {
        Tabs([0; 16])
    }

    /// Whether there is a stop at `x`.
    pub fn get(&self, x: usize) -> bool {
        self.0.get(x / 64).is_some_and(|word| word >> (x % 64) & 1 == 1)
    }

    /// Sets or clears one.
    pub fn set(&mut self, x: usize, on: bool) {
        if let Some(word) = self.0.get_mut(x / 64) {
            *word = *word & !(1 << (x % 64)) | u64::from(on) << (x % 64);
        }
    }

    /// The stop after `x`, or the last column.
    pub fn after(&self, x: usize, cols: usize) -> usize {
        (x + 1..cols).find(|&x| self.get(x)).unwrap_or(cols - 1)
    }

    /// The stop before `x`, or the first column.
    pub fn before(&self, x: usize, cols: usize) -> usize {
        (0..x).rev().find(|&x| self.get(x)).unwrap_or(0).min(cols - 1)
    }

    /// Stops for the columns a wider screen brings: every eight from the last one.
    pub fn widen(&mut self, cols: usize) {
        let from = if self.get(cols) { cols } else { self.before_or_zero(cols) };
        (from..cols).step_by(8).for_each(|x| self.set(x, true));
    }

    fn before_or_zero(&self, x: usize) -> usize {
        (0..x).rev().find(|&x| self.get(x)).unwrap_or(0)
    }

    /// The words, for checkpoints.
    pub fn words(&self) -> &[u64; 16] {
        &self.0
    }

    /// From those words.
    pub fn from_words(words: [u64; 16]) -> Tabs {
        Tabs(words)
    }
}
