//! Hyperlinks (OSC 8): interned, bounded in number and bytes.

/// A link's place in the table; 0 is no link.
pub type LinkId = u16;

/// A hyperlink.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Link {
    /// The `id=` parameter, empty when the program gave none.
    pub id: Box<str>,
    /// Where it leads. Untrusted: whoever shows it decides which schemes to open.
    pub uri: Box<str>,
}
