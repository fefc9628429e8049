//! What a terminal is.

pub mod keys;
pub mod width;
mod width_table;
