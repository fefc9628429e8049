//! Terminal modes as SSH numbers them: RFC 4254 section 8 and IUTF8 of RFC 8160, put into a PTY's settings or read
//! from a terminal's.

use super::tty::Termios;
use crate::units::Mode;

/// What a client writes for a character that is switched off.
const NO_CHARACTER: u32 = 255;

/// Number and place of the characters. Those that Linux has no place for (VDSUSP 11, VFLUSH 15, VSTATUS 17) are left
/// out.
const CHARACTERS: [(u8, usize); 15] = [
    (1, libc::VINTR),
    (2, libc::VQUIT),
    (3, libc::VERASE),
    (4, libc::VKILL),
    (5, libc::VEOF),
    (6, libc::VEOL),
    (7, libc::VEOL2),
    (8, libc::VSTART),
    (9, libc::VSTOP),
    (10, libc::VSUSP),
    (12, libc::VREPRINT),
    (13, libc::VWERASE),
    (14, libc::VLNEXT),
    (16, libc::VSWTC),
    (18, libc::VDISCARD),
];

const INPUT: [(u8, u32); 13] = [
    (30, libc::IGNPAR),
    (31, libc::PARMRK),
    (32, libc::INPCK),
    (33, libc::ISTRIP),
    (34, libc::INLCR),
    (35, libc::IGNCR),
    (36, libc::ICRNL),
    (37, libc::IUCLC),
    (38, libc::IXON),
    (39, libc::IXANY),
    (40, libc::IXOFF),
    (41, libc::IMAXBEL),
    (42, libc::IUTF8),
];

const LOCAL: [(u8, u32); 13] = [
    (50, libc::ISIG),
    (51, libc::ICANON),
    (52, libc::XCASE),
    (53, libc::ECHO),
    (54, libc::ECHOE),
    (55, libc::ECHOK),
    (56, libc::ECHONL),
    (57, libc::NOFLSH),
    (58, libc::TOSTOP),
    (59, libc::IEXTEN),
    (60, libc::ECHOCTL),
    (61, libc::ECHOKE),
    (62, libc::PENDIN),
];

const OUTPUT: [(u8, u32); 6] = [
    (70, libc::OPOST),
    (71, libc::OLCUC),
    (72, libc::ONLCR),
    (73, libc::OCRNL),
    (74, libc::ONOCR),
    (75, libc::ONLRET),
];

impl Termios {
    /// Puts one mode into these settings; a number that is none of ours changes nothing. Speeds and character sizes
    /// mean nothing to a PTY and are among them.
    pub fn set_mode(&mut self, (number, value): Mode) {
        let raw = &mut self.0;
        if let Some((_, place)) = CHARACTERS.iter().find(|(n, _)| *n == number) {
            let off = value == NO_CHARACTER;
            raw.c_cc[*place] = u8::try_from(value).ok().filter(|_| !off).unwrap_or(0);
        }
        let tables = [
            (&INPUT[..], &mut raw.c_iflag),
            (&LOCAL[..], &mut raw.c_lflag),
            (&OUTPUT[..], &mut raw.c_oflag),
        ];
        for (table, flags) in tables {
            if let Some((_, flag)) = table.iter().find(|(n, _)| *n == number) {
                *flags = if value == 0 { *flags & !flag } else { *flags | flag };
            }
        }
    }

    /// The characters of these settings, as modes.
    pub fn characters(&self) -> Vec<Mode> {
        let raw = &self.0;
        let value = |place: usize| match raw.c_cc[place] {
            0 => NO_CHARACTER,
            character => u32::from(character),
        };
        CHARACTERS.iter().map(|(number, place)| (*number, value(*place))).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::sys::pty;
    use crate::sys::tty::{Termios, WindowSize};

    #[test]
    fn a_pty_takes_what_a_client_sends() {
        let pty =
            pty::open(WindowSize::default(), &[(3, 8), (53, 0), (1, 255), (99, 7), (5, 70_000)]);
        let settings = Termios::of(&pty.unwrap().slave).unwrap();
        assert!(!settings.echoes());
        assert!(settings.is_canonical());
        let characters = settings.characters();
        for expected in [(3, 8), (1, 255), (5, 255), (10, 26)] {
            assert!(characters.contains(&expected), "{expected:?} in {characters:?}");
        }
    }

    #[test]
    fn each_number_has_a_place_of_its_own() {
        // Of 11, 15 and 17 (VDSUSP, VFLUSH, VSTATUS) Linux knows none.
        let known: Vec<u8> = (1..=10).chain([12, 13, 14, 16, 18]).collect();
        let sent: Vec<(u8, u32)> = (1..=18).map(|n| (n, 100 + u32::from(n))).collect();
        let pty = pty::open(WindowSize::default(), &sent).unwrap();
        let characters = Termios::of(&pty.slave).unwrap().characters();
        let expected: Vec<(u8, u32)> = known.iter().map(|n| (*n, 100 + u32::from(*n))).collect();
        assert_eq!(characters, expected);
    }
}
