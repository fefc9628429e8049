//! Lines that left the screen, packed.

use crate::region::Region;

/// Packed lines in a region of memory.
pub struct History {
    region: Box<dyn Region>,
    lines_max: usize,
}

impl History {
    /// A history of at most `lines_max` lines in `region`.
    pub fn new(region: Box<dyn Region>, lines_max: usize) -> History {
        History { region, lines_max }
    }

    /// The same in memory of its own that grows as it is used, to `bytes_max` at most.
    pub fn growing(bytes_max: usize, lines_max: usize) -> History {
        History { region: Box::new(Vec::with_capacity(bytes_max.min(0))), lines_max }
    }

    /// Lines kept at most.
    pub fn lines_max(&self) -> usize {
        let _ = self.region.bytes().len();
        self.lines_max
    }
}
