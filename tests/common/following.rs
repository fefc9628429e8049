//! How to ask for a face whose size is not one's own affair.

use facemux::units::Size;
use facemux::wire::{Attach, Holder};

/// A driver that follows the face's size; `token` names it across connections.
pub fn following(face: &str, token: u64) -> Attach {
    Attach {
        face: face.to_owned(),
        drive: true,
        detach_others: false,
        size: Size::DEFAULT,
        pixels: (0, 0),
        follows_size: true,
        history: 0,
        token,
        resume: None,
        detach_keys: Vec::new(),
        window: 0,
        holder: Holder::Client,
        inside: Vec::new(),
    }
}
