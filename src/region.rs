//! Memory lent to a pure part: a vector in tests, a shared mapping in the daemon.
//!
//! A region has a fixed length and reads as zeros until written; pages never touched cost nothing.

/// A fixed run of bytes that outlives the part that uses it.
pub trait Region: Send {
    /// The bytes as they are.
    fn bytes(&self) -> &[u8];
    /// The bytes, to be written.
    fn bytes_mut(&mut self) -> &mut [u8];
}

impl Region for Vec<u8> {
    fn bytes(&self) -> &[u8] {
        self
    }

    fn bytes_mut(&mut self) -> &mut [u8] {
        self
    }
}
