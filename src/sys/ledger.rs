//! The in-flight record: what makes recovery from SIGKILL exact.
//!
//! Before every read or write of a PTY or a terminal the daemon publishes, in shared memory, what it is about to do
//! and how many bytes it has read and written so far. When it is killed, the kernel's own count (proc_pid_io(5), read
//! from the zombie by the keeper) less the published one is what that last call returned. So the last record
//! always describes the last call, finished or not, and `head := offset + returned` is right in both cases.
//!
//! Where the kernel keeps no such count, PTYs are read in packet mode (TIOCPKT, ioctl_tty(2)), through memory shared
//! with the keeper: as many bytes as are there (FIONREAD) and one more, which the kernel sets to tell that it gave
//! them. So output is exact there too; of other calls nobody knows what the last one did.
//!
//! Owns the first `LEDGER_BYTES` of its memfd; the rest is the daemon's. Asks of the daemon: one thread that does
//! I/O; no other read(2) or write(2) but inside `other`; and that it puts the result of a call into shared memory
//! before it makes the next. Order of stores is program order: a kill may come between any two instructions, but
//! the reader comes after the death.

use super::error::SysError;
use super::memory::{self, MappedRegion, Mapping, PAGE_BYTES};
use super::tty::readable_bytes;
use crate::planted::{is_unaccounted, pass};
use crate::region::Region;
use crate::units::FaceId;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU64, Ordering, compiler_fence};

/// Bytes at the start of the memfd that the ledger takes: the records, and one packet.
pub const LEDGER_BYTES: usize = 2 * PAGE_BYTES;
/// What stands where the kernel has put no packet: no status of ioctl_tty(2) has all its bits.
const NO_PACKET: u8 = 0xff;
/// The status of a packet that is data.
const DATA: u8 = 0;

/// What the last call was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Nothing whose result matters.
    Other,
    /// A read from a face's PTY.
    PtyRead,
    /// A write to a face's PTY.
    PtyWrite,
    /// A read from a viewer's terminal.
    TermRead,
    /// A write to a viewer's terminal.
    TermWrite,
}

impl Kind {
    const ALL: [Kind; 5] =
        [Kind::Other, Kind::PtyRead, Kind::PtyWrite, Kind::TermRead, Kind::TermWrite];

    /// The place right after the call, for tests.
    fn returned(self) -> &'static str {
        match self {
            Kind::Other => "call returned",
            Kind::PtyRead => "face read returned",
            Kind::PtyWrite => "face write returned",
            Kind::TermRead => "terminal read returned",
            Kind::TermWrite => "terminal write returned",
        }
    }
}

/// The last call before a death.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Record {
    /// What.
    pub kind: Kind,
    /// For which face.
    pub face: FaceId,
    /// The absolute offset of the first byte, in whatever stream the kind means.
    pub offset: u64,
    /// The most it could move.
    pub len: u64,
    /// The caller's own: a viewer's slot.
    pub extra: u64,
    /// What the process had read in all before this call.
    pub base_read: u64,
    /// What it had written in all before this call.
    pub base_written: u64,
    /// Which process: a successor that died before its first record leaves its predecessor's.
    pub pid: u32,
}

impl Record {
    /// What the call returned, by the kernel's count at death: bytes read. 0 when it never ran.
    pub fn returned_read(&self, read_in_all: u64) -> u64 {
        read_in_all.saturating_sub(self.base_read)
    }

    /// The same for bytes written.
    pub fn returned_written(&self, written_in_all: u64) -> u64 {
        written_in_all.saturating_sub(self.base_written)
    }
}

#[repr(C)]
struct Page {
    current: AtomicU64,
    parsing_face: AtomicU64,
    parsing_offset: AtomicU64,
    slots: [[AtomicU64; SLOT_WORDS]; 2],
}

/// What the call that has just returned did: its count, or the error it left in errno.
#[inline]
fn outcome(kind: Kind, returned: libc::ssize_t) -> io::Result<usize> {
    compiler_fence(Ordering::SeqCst);
    let count = usize::try_from(returned).map_err(|_| io::Error::last_os_error())?;
    pass(kind.returned());
    Ok(count)
}

const SLOT_WORDS: usize = 8;
const _: () = assert!(size_of::<Page>() <= PAGE_BYTES);

/// The daemon's side of the record: publishes, does the call, adds up.
#[derive(Debug)]
pub struct Ledger {
    region: MappedRegion,
    /// A status and what was read.
    packet: MappedRegion,
    /// PTYs are in packet mode.
    packets: bool,
    accounting: Option<File>,
    read: u64,
    written: u64,
    pid: u32,
}

impl Ledger {
    /// Opens the ledger in `fd`; beside it the rest of the memfd, for the daemon. Publishes nothing yet: what the
    /// last daemon left can still be read.
    ///
    /// # Errors
    /// When the memfd is too short or cannot be mapped.
    pub fn open(fd: &impl AsFd) -> Result<(Ledger, MappedRegion), SysError> {
        let len = memory::length(fd).map_err(SysError::on("measure", "the ledger"))?;
        let rest = len.saturating_sub(LEDGER_BYTES);
        let pieces = [PAGE_BYTES, LEDGER_BYTES - PAGE_BYTES, rest];
        let mut pieces = Mapping::of(fd, len.max(LEDGER_BYTES))?.carve(&pieces);
        let mut last = || pieces.pop().expect("three pieces were carved");
        let (rest, packet, region) = (last(), last(), last());
        let (packets, accounting, pid) = (false, None, std::process::id());
        let ledger = Ledger { region, packet, packets, accounting, read: 0, written: 0, pid };
        Ok((ledger, rest))
    }

    /// Nobody will know what the last call returned: from here on PTYs are in packet mode, and read accordingly.
    pub fn use_packets(&mut self) {
        self.packets = true;
    }

    /// Whether PTYs are to be in packet mode.
    pub fn uses_packets(&self) -> bool {
        self.packets
    }

    /// What the last daemon's last read of a PTY, `record`, brought, if it was a read in packet mode that brought
    /// something.
    pub fn last_packet(&self, record: &Record) -> Option<Vec<u8>> {
        let (status, bytes) = self.packet.bytes().split_first()?;
        let len = usize::try_from(record.len).ok()?;
        (record.kind == Kind::PtyRead && *status == DATA)
            .then(|| bytes.get(..len))
            .flatten()
            .map(<[u8]>::to_vec)
    }

    /// Takes the totals so far from the kernel and publishes the first record of this process. To be called when
    /// all that the last record says has been put into shared memory: it is gone afterwards.
    ///
    /// Where the kernel keeps no account, totals start at 0 and recovery does without.
    pub fn start(&mut self) {
        self.packet.bytes_mut()[0] = NO_PACKET;
        self.accounting = File::open("/proc/self/io").ok();
        self.take_totals();
        self.publish(Kind::Other, FaceId(0), 0, 0, 0);
    }

    /// Publishes, then reads once from `fd` into `bytes`. `offset` is the absolute offset the first byte will have.
    ///
    /// # Errors
    /// read(2)'s, `WouldBlock` among them. End of file is `Ok(0)`; a PTY master whose slave is gone gives EIO.
    pub fn read(
        &mut self,
        kind: Kind,
        face: FaceId,
        offset: u64,
        extra: u64,
        fd: BorrowedFd<'_>,
        bytes: &mut [u8],
    ) -> io::Result<usize> {
        if self.packets && kind == Kind::PtyRead {
            return self.read_packet(face, offset, extra, fd, bytes);
        }
        memory::touch(bytes);
        self.publish(kind, face, offset, bytes.len() as u64, extra);
        // SAFETY: `bytes` is valid for writes of its length through the call.
        let got = unsafe { libc::read(fd.as_raw_fd(), bytes.as_mut_ptr().cast(), bytes.len()) };
        let got = outcome(kind, got)?;
        self.read += got as u64;
        Ok(got)
    }

    /// Reads one packet. That there is none yet, or one that tells of something else, is `Interrupted`: to be tried
    /// again.
    fn read_packet(
        &mut self,
        face: FaceId,
        offset: u64,
        extra: u64,
        fd: BorrowedFd<'_>,
        bytes: &mut [u8],
    ) -> io::Result<usize> {
        let most = readable_bytes(&fd)?.min(bytes.len()).min(self.packet.bytes().len() - 1);
        self.packet.bytes_mut()[0] = NO_PACKET;
        self.publish(Kind::PtyRead, face, offset, most as u64, extra);
        let packet = &mut self.packet.bytes_mut()[..=most];
        // SAFETY: `packet` is valid for writes of its length through the call.
        let got = unsafe { libc::read(fd.as_raw_fd(), packet.as_mut_ptr().cast(), packet.len()) };
        let got = outcome(Kind::PtyRead, got)?;
        match (packet[0], got) {
            (_, 0) => Ok(0),
            (DATA, 2..) => {
                bytes[..got - 1].copy_from_slice(&packet[1..got]);
                Ok(got - 1)
            }
            _ => Err(io::ErrorKind::Interrupted.into()),
        }
    }

    /// Publishes, then writes once to `fd`. `offset` is the absolute offset of the first byte.
    ///
    /// # Errors
    /// write(2)'s, `WouldBlock` among them.
    pub fn write(
        &mut self,
        kind: Kind,
        face: FaceId,
        offset: u64,
        extra: u64,
        fd: BorrowedFd<'_>,
        bytes: &[u8],
    ) -> io::Result<usize> {
        self.publish(kind, face, offset, bytes.len() as u64, extra);
        // SAFETY: `bytes` is valid for reads of its length through the call.
        let put = unsafe { libc::write(fd.as_raw_fd(), bytes.as_ptr().cast(), bytes.len()) };
        let put = outcome(kind, put)?;
        self.written += put as u64;
        Ok(put)
    }

    /// For the rare reads and writes of anything else (/proc, eventfd): publishes that the last call no longer
    /// matters, runs `work`, and takes the totals anew.
    pub fn other<T>(&mut self, work: impl FnOnce() -> T) -> T {
        self.publish(Kind::Other, FaceId(0), 0, 0, 0);
        let result = work();
        self.take_totals();
        result
    }

    /// Publishes that output of `face` from `offset` on is being parsed: should that kill the daemon, its successor
    /// knows which face did.
    pub fn mark_parsing(&mut self, face: FaceId, offset: u64) {
        let page = self.page();
        page.parsing_face.store(0, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        page.parsing_offset.store(offset, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
        page.parsing_face.store(face.0, Ordering::Release);
    }

    /// Publishes that nothing is being parsed.
    pub fn parsed(&mut self) {
        self.page().parsing_face.store(0, Ordering::Release);
    }

    /// What was being parsed: a face and the offset.
    pub fn parsing(&self) -> Option<(FaceId, u64)> {
        let page = self.page();
        let face = page.parsing_face.load(Ordering::Acquire);
        (face != 0).then(|| (FaceId(face), page.parsing_offset.load(Ordering::Acquire)))
    }

    /// The last record published, by this process or by the one before; `None` in a fresh ledger.
    pub fn last_record(&self) -> Option<Record> {
        let page = self.page();
        let current = page.current.load(Ordering::Acquire);
        let slot = page.slots.get(usize::try_from(current).ok()?.checked_sub(1)?)?;
        let word = |n: usize| slot[n].load(Ordering::Relaxed);
        Some(Record {
            kind: *Kind::ALL.get(word(0) as usize & 0xff)?,
            pid: (word(0) >> 32) as u32,
            face: FaceId(word(1)),
            offset: word(2),
            len: word(3),
            extra: word(4),
            base_read: word(5),
            base_written: word(6),
        })
    }

    fn publish(&mut self, kind: Kind, face: FaceId, offset: u64, len: u64, extra: u64) {
        let page = self.page();
        // Slots are numbered 1 and 2: 0 is a fresh page.
        let next = if page.current.load(Ordering::Relaxed) == 1 { 2 } else { 1 };
        let what = kind as u64 | u64::from(self.pid) << 32;
        let words = [what, face.0, offset, len, extra, self.read, self.written];
        for (place, word) in page.slots[next - 1].iter().zip(words) {
            place.store(word, Ordering::Relaxed);
        }
        page.current.store(next as u64, Ordering::Release);
        compiler_fence(Ordering::SeqCst);
    }

    /// The totals as the kernel has them. Reading them is itself a read, counted after its text was made.
    fn take_totals(&mut self) {
        let Some(file) = &self.accounting else { return };
        let mut text = [0; ACCOUNT_BYTES_MAX];
        let Ok(len) = file.read_at(&mut text, 0) else { return };
        if let Some(account) = Account::parse(&text[..len]) {
            self.read = account.read + len as u64;
            self.written = account.written;
        }
    }

    fn page(&self) -> &Page {
        // SAFETY: the region is at least a page of memory, aligned to one, that lives as long as `self`; `Page` is
        // made of atomics alone, for which any bytes are valid; nobody makes a plain reference to these bytes.
        unsafe { self.region.start().cast::<Page>().as_ref() }
    }
}

const ACCOUNT_BYTES_MAX: usize = 512;

/// The kernel's count of a process's reads and writes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Account {
    /// Bytes that read(2) and the like returned.
    pub read: u64,
    /// Bytes that write(2) and the like returned.
    pub written: u64,
}

impl Account {
    fn parse(text: &[u8]) -> Option<Account> {
        let text = std::str::from_utf8(text).ok()?;
        let field =
            |name: &str| text.lines().find_map(|l| l.strip_prefix(name)?.trim().parse().ok());
        Some(Account { read: field("rchar:")?, written: field("wchar:")? })
    }
}

/// A process's account, opened while it lives: its successor's file belongs to root once it is dead.
#[derive(Debug)]
pub struct AccountFile(File);

impl AccountFile {
    /// Opens the account of `pid`.
    ///
    /// # Errors
    /// No /proc, no accounting in this kernel, or a process that may not be looked at.
    pub fn open(pid: u32) -> Result<AccountFile, SysError> {
        let path = format!("/proc/{pid}/io");
        if is_unaccounted() {
            return Err(SysError::on("open", path)(io::Error::from(io::ErrorKind::NotFound)));
        }
        let file = AccountFile(File::open(&path).map_err(SysError::on("open", &path))?);
        file.read().map_err(SysError::on("read", path))?;
        Ok(file)
    }

    /// The account that was opened before by the program in whose place we run.
    pub fn inherited(fd: OwnedFd) -> AccountFile {
        AccountFile(File::from(fd))
    }

    /// The number of its descriptor.
    pub fn raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }

    /// The account now; of a dead process until it is reaped.
    ///
    /// # Errors
    /// ESRCH once it is reaped, EACCES when it may not be looked at.
    pub fn read(&self) -> io::Result<Account> {
        let mut text = [0; ACCOUNT_BYTES_MAX];
        let len = self.0.read_at(&mut text, 0)?;
        Account::parse(&text[..len])
            .ok_or_else(|| io::Error::other("the account has no rchar and wchar"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sys::poll::{self, Watched};
    use crate::sys::pty;
    use crate::sys::tty::{self, WindowSize};
    use std::time::Duration;

    #[test]
    fn the_last_record_survives_until_the_next_and_names_its_process() {
        let fd = memory::create_memfd("ledger", 3 * PAGE_BYTES).unwrap();
        let (mut ledger, mut rest) = Ledger::open(&fd).unwrap();
        assert_eq!(ledger.last_record(), None);
        assert_eq!(rest.bytes_mut().len(), PAGE_BYTES);
        let (from, to) = nix::unistd::pipe().unwrap();
        assert_eq!(
            ledger.write(Kind::PtyWrite, FaceId(3), 70, 9, to.as_fd(), b"hello").unwrap(),
            5
        );
        let mut bytes = [0; 16];
        assert_eq!(
            ledger.read(Kind::PtyRead, FaceId(4), 8, 0, from.as_fd(), &mut bytes).unwrap(),
            5
        );
        let (successor, _) = Ledger::open(&fd).unwrap();
        let record = successor.last_record().unwrap();
        assert_eq!(
            (record.kind, record.face, record.offset, record.len),
            (Kind::PtyRead, FaceId(4), 8, 16)
        );
        assert_eq!((record.base_written, record.pid), (5, std::process::id()));
        assert_eq!((record.returned_read(5), record.returned_written(5)), (5, 0));
    }

    #[test]
    fn a_packet_is_known_by_its_status_until_the_next_read() {
        let fd = memory::create_memfd("packets", LEDGER_BYTES).unwrap();
        let (mut ledger, _) = Ledger::open(&fd).unwrap();
        ledger.start();
        ledger.use_packets();
        let pty = pty::open(WindowSize { rows: 24, cols: 80, pixels: (0, 0) }, &[]).unwrap();
        tty::set_packet_mode(&pty.master, true).unwrap();
        let known = || {
            let (successor, _) = Ledger::open(&fd).unwrap();
            successor.last_packet(&successor.last_record().unwrap())
        };
        let read = |ledger: &mut Ledger| {
            let mut bytes = [0; 64];
            let got = ledger.read(Kind::PtyRead, FaceId(1), 0, 0, pty.master.as_fd(), &mut bytes);
            got.map(|n| bytes[..n].to_vec()).map_err(|e| e.kind())
        };
        assert_eq!(read(&mut ledger), Err(io::ErrorKind::WouldBlock));
        assert_eq!(known(), None);
        nix::unistd::write(&pty.slave, b"printed").unwrap();
        let mut watched = [Watched::new(pty.master.as_fd(), true, false)];
        poll::wait(&mut watched, Some(Duration::from_secs(10))).unwrap();
        assert_eq!(read(&mut ledger).unwrap(), b"printed");
        assert_eq!(known().unwrap(), b"printed");
        // Its input is thrown away, which is told in a packet of its own.
        tty::flush_input(&pty.slave).unwrap();
        assert_eq!(read(&mut ledger), Err(io::ErrorKind::Interrupted));
        assert_eq!((known(), read(&mut ledger)), (None, Err(io::ErrorKind::WouldBlock)));
    }

    #[test]
    fn the_face_being_parsed_is_known() {
        let fd = memory::create_memfd("parsing", LEDGER_BYTES).unwrap();
        let (mut ledger, _) = Ledger::open(&fd).unwrap();
        assert_eq!(ledger.parsing(), None);
        ledger.mark_parsing(FaceId(7), 1234);
        assert_eq!(Ledger::open(&fd).unwrap().0.parsing(), Some((FaceId(7), 1234)));
        ledger.parsed();
        assert_eq!(ledger.parsing(), None);
    }
}
