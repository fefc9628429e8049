//! What a face is.

pub mod gate;
