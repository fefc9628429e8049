//! The one file that knows the codec: bincode 2.0.1, with a limit, and trailing bytes refused.

use crate::limits::FRAME_BYTES_MAX;
use serde::{Serialize, de::DeserializeOwned};

/// Why bytes are no message.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CodecError {
    /// The bytes do not decode as the type expected.
    #[error("malformed message: {0}")]
    Malformed(String),
    /// The message ended before its frame did.
    #[error("{0} bytes after the end of a message")]
    Trailing(usize),
    /// The message is larger than a frame may be.
    #[error("message over the frame limit of {FRAME_BYTES_MAX} bytes")]
    TooLarge,
}

/// `value` as bytes, at most `FRAME_BYTES_MAX`.
///
/// # Errors
/// `TooLarge` when it does not fit a frame.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    let bytes = bincode::serde::encode_to_vec(value, bincode::config::standard())
        .map_err(|_| CodecError::TooLarge)?;
    if bytes.len() > FRAME_BYTES_MAX { Err(CodecError::TooLarge) } else { Ok(bytes) }
}

/// The value that `bytes` are, all of them.
///
/// # Errors
/// `Malformed` or `Trailing`; never allocates more than the frame limit on the say of a length inside.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<FRAME_BYTES_MAX>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config)
        .map_err(|e| CodecError::Malformed(e.to_string()))?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Trailing(bytes.len() - used)) }
}
