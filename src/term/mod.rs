//! What a terminal is.

pub mod width;
mod width_table;
