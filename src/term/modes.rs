//! The modes of a terminal: what programs switch with SM, DECSET and their kin.

/// Which mouse events are reported.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mouse {
    /// None.
    #[default]
    Off,
    /// Mode 9: presses.
    X10,
    /// Mode 1000: presses and releases.
    Vt200,
    /// Mode 1002: and motion with a button down.
    Drag,
    /// Mode 1003: and all motion.
    Any,
}

/// How mouse events are encoded.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum MouseEncoding {
    /// Bytes offset by 32.
    #[default]
    Default,
    /// Mode 1006.
    Sgr,
    /// Mode 1016: SGR with pixels.
    SgrPixels,
}

/// The cursor's shape (DECSCUSR).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CursorShape {
    /// A block.
    Block,
    /// An underline.
    Underline,
    /// A vertical bar.
    Bar,
}

/// All modes. `default()` is a fresh terminal's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Modes {
    /// DECCKM (1).
    pub app_cursor: bool,
    /// DECKPAM, or mode 66.
    pub app_keypad: bool,
    /// IRM (4).
    pub insert: bool,
    /// LNM (20).
    pub newline: bool,
    /// DECSCNM (5).
    pub reverse_video: bool,
    /// DECOM (6).
    pub origin: bool,
    /// DECAWM (7).
    pub wrap: bool,
    /// Mode 45.
    pub reverse_wrap: bool,
    /// Mode 12: the default cursor blinks.
    pub blink: bool,
    /// DECTCEM (25).
    pub cursor_visible: bool,
    /// DECSCUSR's shape; None is the terminal's own.
    pub cursor_shape: Option<CursorShape>,
    /// DECSCUSR's blinking; None is the terminal's own.
    pub cursor_blink: Option<bool>,
    /// Modes 9, 1000, 1002, 1003.
    pub mouse: Mouse,
    /// Modes 1006, 1016.
    pub mouse_encoding: MouseEncoding,
    /// Mode 1004.
    pub focus: bool,
    /// Mode 2004.
    pub bracketed_paste: bool,
    /// Mode 2026.
    pub sync: bool,
    /// Mode 2031: colour-scheme reports.
    pub color_scheme: bool,
    /// xterm's modifyOtherKeys (`CSI > 4 ; n m`).
    pub modify_other_keys: u32,
}

impl Default for Modes {
    fn default() -> Modes {
        Modes {
            app_cursor: false,
            app_keypad: false,
            insert: false,
            newline: false,
            reverse_video: false,
            origin: false,
            wrap: true,
            reverse_wrap: false,
            blink: false,
            cursor_visible: true,
            cursor_shape: None,
            cursor_blink: None,
            mouse: Mouse::Off,
            mouse_encoding: MouseEncoding::Default,
            focus: false,
            bracketed_paste: false,
            sync: false,
            color_scheme: false,
            modify_other_keys: 0,
        }
    }
}
