//! Bytes to tokens.

/// What is not printed text.
#[derive(Clone, Copy, Debug)]
pub enum Token<'a> {
    /// A C0 or C1 control that is executed. Those inside a sequence come before the sequence, and
    /// their spans lie within its span.
    Control(char),
    /// `ESC` intermediates final.
    Escape {
        /// 0x20 to 0x2f.
        intermediates: &'a [u8],
        /// 0x30 to 0x7e.
        last: u8,
    },
    /// `CSI` prefix parameters intermediates final.
    Csi {
        /// 0x3c to 0x3f, or 0.
        prefix: u8,
        /// The parameters.
        params: &'a Params,
        /// 0x20 to 0x2f.
        intermediates: &'a [u8],
        /// 0x40 to 0x7e.
        last: u8,
    },
    /// `OSC` number ; payload, complete and within its bound.
    Osc {
        /// The number before the first semicolon, u32::MAX when there is none.
        number: u32,
        /// What follows it.
        payload: &'a [u8],
    },
    /// Bytes that no terminal needs: a piece of a DCS, APC, PM, SOS or overlong string, a sequence
    /// that was aborted or malformed, bytes that are not UTF-8. Told as they arrive.
    Junk,
}

/// Parameters of a control sequence.
#[derive(Clone, Debug, Default)]
pub struct Params;
