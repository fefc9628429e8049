//! What a terminal is.
