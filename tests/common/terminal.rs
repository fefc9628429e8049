//! A terminal for tests: a PTY with a program in it, an emulator that is not ours on its output, and keys.
//!
//! Nobody reads the PTY but while a test waits for something, so a terminal left alone is a viewer that does not read.

use super::{PATIENCE, eventually};
use facemux::sys::poll::{self, Watched};
use facemux::sys::process::{self, Ended};
use facemux::sys::spawn::{self, Program, ProgramLimits};
use facemux::sys::tty::{self, Termios, WindowSize};
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::num::NonZero;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

pub struct Terminal {
    master: File,
    /// Kept open, so that settings can be looked at after the program has ended.
    slave: File,
    pid: u32,
    ended: Option<i32>,
    screen: vt100::Parser,
    /// All that was printed.
    pub bytes: Vec<u8>,
    /// The settings before the program started.
    pub before: Termios,
}

impl Terminal {
    /// A terminal of `size` (rows, columns) with a program in it, which leads its session.
    pub fn start(argv: &[&str], env: &[(String, String)], size: (u16, u16)) -> Terminal {
        let pty =
            facemux::sys::pty::open(WindowSize { rows: size.0, cols: size.1, pixels: (0, 0) }, &[]);
        let pty = pty.unwrap();
        let slave: File = pty.slave.try_clone().unwrap().into();
        let master: File = pty.master.into();
        process::set_nonblocking(&master).unwrap();
        let before = Termios::of(&slave).unwrap();
        let argv: Vec<String> = argv.iter().map(|word| (*word).to_owned()).collect();
        let descriptors = process::raise_descriptor_limit().unwrap();
        let program = Program {
            argv: &argv,
            arg0: None,
            env,
            cwd: "/",
            descriptors,
            user: None,
            groups: &[],
            limits: ProgramLimits::default(),
        };
        let pid = spawn::on_terminal(&program, pty.slave).unwrap();
        let n = |number| NonZero::new(number).unwrap();
        let screen = vt100::Parser::new(n(size.0), n(size.1), 10_000);
        Terminal { master, slave, pid, ended: None, screen, bytes: Vec::new(), before }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Types.
    pub fn type_text(&mut self, text: &str) {
        self.type_bytes(text.as_bytes());
    }

    pub fn type_bytes(&mut self, mut bytes: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        while !bytes.is_empty() {
            match (&self.master).write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.pump(Duration::from_millis(5)),
                Err(e) => panic!("type: {e}"),
            }
            assert!(Instant::now() < deadline, "nobody takes what is typed");
        }
    }

    pub fn resize(&mut self, rows: u16, cols: u16) {
        tty::set_window_size(&self.master, WindowSize { rows, cols, pixels: (0, 0) }).unwrap();
        let n = |number| NonZero::new(number).unwrap();
        self.screen.screen_mut().set_size(n(rows), n(cols));
    }

    /// The emulator's screen is lost.
    pub fn wipe(&mut self) {
        self.screen.process(b"\x1b[H\x1b[2J");
    }

    pub fn signal(&self, signal: i32) {
        process::kill(self.pid, signal).unwrap();
    }

    /// Reads what there is; waits for it at most `patience`.
    pub fn pump(&mut self, patience: Duration) {
        let mut watched = [Watched::new(self.master.as_fd(), true, false)];
        poll::wait(&mut watched, Some(patience)).unwrap();
        let mut bytes = [0; 65536];
        // A terminal's hang-up reads as EIO.
        while let Ok(read @ 1..) = (&self.master).read(&mut bytes) {
            self.screen.process(&bytes[..read]);
            self.bytes.extend_from_slice(&bytes[..read]);
        }
    }

    /// Reads what there is, waiting at most `patience`, and looks at nothing.
    pub fn collect(&mut self, patience: Duration) {
        let mut watched = [Watched::new(self.master.as_fd(), true, false)];
        poll::wait(&mut watched, Some(patience)).unwrap();
        let mut bytes = [0; 65536];
        while let Ok(read @ 1..) = (&self.master).read(&mut bytes) {
            self.bytes.extend_from_slice(&bytes[..read]);
        }
    }

    /// Types, and reads meanwhile without looking.
    pub fn type_collecting(&mut self, bytes: &[u8]) {
        let deadline = Instant::now() + PATIENCE;
        self.type_while(bytes, || Instant::now() < deadline);
    }

    /// The same, for as long as `goes_on` says.
    pub fn type_while(&mut self, mut bytes: &[u8], mut goes_on: impl FnMut() -> bool) {
        while !bytes.is_empty() {
            match (&self.master).write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(e) if e.kind() == ErrorKind::WouldBlock => {
                    self.collect(Duration::from_millis(5))
                }
                Err(e) => panic!("type: {e}"),
            }
            assert!(goes_on(), "nobody takes what is typed");
        }
    }

    /// Reads for so long, whatever comes: where a program tells by the clock what belongs together.
    pub fn pump_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while Instant::now() < until {
            self.pump(until.saturating_duration_since(Instant::now()));
        }
    }

    /// Reads until nothing has come for half a second, but no longer than a test is patient.
    pub fn settle(&mut self) {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let so_far = self.bytes.len();
            self.pump_for(Duration::from_millis(500));
            if self.bytes.len() == so_far || Instant::now() > deadline {
                return;
            }
        }
    }

    /// The screen as text.
    pub fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// The emulator's screen.
    pub fn emulator(&self) -> &vt100::Screen {
        self.screen.screen()
    }

    /// The lines that scrolled off, and the screen.
    pub fn scrollback(&mut self) -> String {
        let screen = self.screen.screen_mut();
        screen.set_scrollback(usize::MAX);
        let mut text = String::new();
        for above in (1..=screen.scrollback()).rev() {
            screen.set_scrollback(above);
            text.push_str(&screen.rows(0, 1000).next().unwrap_or_default());
            text.push('\n');
        }
        screen.set_scrollback(0);
        text + &screen.contents()
    }

    /// Waits until the screen shows `text`.
    #[track_caller]
    pub fn expect(&mut self, text: &str) {
        self.expect_that(&format!("{text:?} on the screen"), |t| t.screen().contains(text));
    }

    /// Waits until `text` was printed anywhere, from `from` bytes on.
    #[track_caller]
    pub fn expect_bytes(&mut self, from: usize, text: &str) {
        self.expect_that(&format!("{text:?} printed"), |t| {
            t.bytes[from..].windows(text.len()).any(|w| w == text.as_bytes())
        });
    }

    /// Reads, without looking at it, until the bytes so far are enough: fast, for much output.
    #[track_caller]
    pub fn collect_until(&mut self, patience: Duration, enough: impl Fn(&[u8]) -> bool) {
        let deadline = Instant::now() + patience;
        let mut bytes = [0; 65536];
        while !enough(&self.bytes) {
            assert!(Instant::now() < deadline, "only {} bytes came", self.bytes.len());
            let mut watched = [Watched::new(self.master.as_fd(), true, false)];
            poll::wait(&mut watched, Some(Duration::from_millis(50))).unwrap();
            while let Ok(read @ 1..) = (&self.master).read(&mut bytes) {
                self.bytes.extend_from_slice(&bytes[..read]);
            }
            if self.poll_end().is_some() {
                break;
            }
        }
    }

    /// Waits until something holds.
    #[track_caller]
    pub fn expect_that(&mut self, what: &str, holds: impl Fn(&Terminal) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !holds(self) {
            assert!(
                Instant::now() < deadline,
                "waited in vain for {what}; last bytes {:?}; the screen:\n{}",
                String::from_utf8_lossy(&self.bytes[self.bytes.len().saturating_sub(300)..]),
                self.screen()
            );
            self.pump(Duration::from_millis(20));
        }
    }

    /// Waits for the program's end; gives its exit code, or minus the signal.
    #[track_caller]
    pub fn wait(&mut self) -> i32 {
        let deadline = Instant::now() + PATIENCE;
        while self.poll_end().is_none() {
            assert!(Instant::now() < deadline, "it does not end; the screen:\n{}", self.screen());
            self.pump(Duration::from_millis(5));
        }
        self.pump(Duration::ZERO);
        self.ended.unwrap()
    }

    /// How the program ended, if it has.
    pub fn poll_end(&mut self) -> Option<i32> {
        if self.ended.is_none() {
            self.ended = process::reap(self.pid).unwrap().map(|ended| match ended {
                Ended::Code(code) => code,
                Ended::Signal(signal) => -signal,
            });
        }
        self.ended
    }

    /// Closes the terminal, as a window's close button does, and waits for the program's end.
    #[track_caller]
    pub fn hang_up(mut self) {
        let nowhere = File::open("/dev/null").unwrap();
        self.slave = nowhere.try_clone().unwrap();
        self.master = nowhere;
        eventually("the program has ended", || self.poll_end());
    }

    /// Bytes that were typed and nobody has read yet.
    pub fn unread(&self) -> usize {
        tty::readable_bytes(&self.slave).unwrap()
    }

    /// The settings now.
    pub fn settings(&self) -> Termios {
        Termios::of(&self.slave).unwrap()
    }

    /// Puts the settings back, as a shell does when its job has stopped.
    pub fn put_settings_back(&self) {
        self.before.apply(&self.slave).unwrap();
    }

    /// Asserts that settings and modes are as before the program started.
    #[track_caller]
    pub fn assert_as_before(&mut self) {
        self.pump(Duration::ZERO);
        let before = self.before;
        eventually("the settings are as before", || (self.settings() == before).then_some(()));
        self.pump(Duration::ZERO);
        let screen = self.screen.screen();
        assert!(
            !screen.alternate_screen(),
            "left in the alternate screen: {:?}",
            String::from_utf8_lossy(&self.bytes[self.bytes.len().saturating_sub(600)..])
        );
        assert!(!screen.hide_cursor(), "the cursor is hidden");
        assert!(!screen.bracketed_paste(), "bracketed paste is left on");
        assert!(!screen.application_cursor(), "application cursor keys are left on");
        assert!(!screen.application_keypad(), "application keypad is left on");
        assert_eq!(screen.mouse_protocol_mode(), vt100::MouseProtocolMode::None);
    }

    /// Whether the program is stopped (T) by job control.
    pub fn is_stopped(&self) -> bool {
        facemux::sys::procfs::stat(self.pid).is_some_and(|stat| stat.state == 'T')
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.poll_end().is_none() {
            let _ = process::kill(self.pid, 9);
            while self.poll_end().is_none() {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
