//! Unix sockets with descriptors beside the bytes, never blocking, never SIGPIPE, never counted as read or written.
//!
//! unix(7), sendmsg(2), recvmsg(2). The kernel counts read(2) and write(2) into proc_pid_io(5), but not these calls:
//! the daemon's recovery rests on that, so it uses nothing else on sockets.

use super::error::{SysError, checked};
use crate::limits::SOCKET_PATH_BYTES_MAX;
use nix::sys::socket::{self, AddressFamily, SockFlag, SockType, sockopt};
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::time::Duration;

/// Descriptors taken with one message at most; a peer that sends more is refused.
pub const FDS_MAX: usize = 4;

/// Bytes that may wait in a socket between keeper and daemon: a largest message fits twice. Memory is used only
/// while something waits.
const PAIR_BUFFER_BYTES: usize = 1 << 20;

/// Room for the control message of `FDS_MAX` descriptors, aligned as cmsghdr must be.
#[repr(C, align(8))]
struct Control([u8; 64]);

const _: () = assert!(
    // SAFETY: CMSG_SPACE is arithmetic on its argument.
    unsafe { libc::CMSG_SPACE((FDS_MAX * size_of::<RawFd>()) as u32) } as usize
        <= size_of::<Control>()
);

/// Takes bytes, and descriptors that came with them (close-on-exec). `Ok((0, _))` is the end.
///
/// # Errors
/// `WouldBlock` when there is nothing; `InvalidData` when a message was longer than `bytes`, or brought more
/// descriptors than `FDS_MAX` or than this process can have (all of them are closed then).
pub fn recv_with_fds(fd: BorrowedFd<'_>, bytes: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let (got, fds) = recv_with_some_fds(fd, bytes)?;
    let fds =
        fds.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "too many descriptors"))?;
    Ok((got, fds))
}

/// The same from a peer whose messages must not be lost: no descriptors at all, `None`, when there was no room for
/// some of them.
///
/// # Errors
/// `WouldBlock`; `InvalidData` for a message longer than `bytes`.
pub fn recv_with_some_fds(
    fd: BorrowedFd<'_>,
    bytes: &mut [u8],
) -> io::Result<(usize, Option<Vec<OwnedFd>>)> {
    let mut control = Control([0; 64]);
    let mut slice = libc::iovec { iov_base: bytes.as_mut_ptr().cast(), iov_len: bytes.len() };
    // SAFETY: msghdr is plain data for which zeros are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut slice;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = size_of::<Control>() as _;
    let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
    // SAFETY: the header points at live buffers with their true lengths.
    let got = unsafe { libc::recvmsg(fd.as_raw_fd(), &raw mut header, flags) };
    let got = usize::try_from(got).map_err(|_| io::Error::last_os_error())?;
    let fds = received(&header);
    if header.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a message too long"));
    }
    Ok((got, (header.msg_flags & libc::MSG_CTRUNC == 0).then_some(fds)))
}

/// Has the kernel find out whether the other end of a silent TCP connection still lives: asked after `idle`, then every
/// `again`, and given up after `times` without an answer (tcp(7)).
///
/// # Errors
/// setsockopt(2)'s.
pub fn keep_alive(
    stream: &impl AsFd,
    idle: Duration,
    again: Duration,
    times: u32,
) -> io::Result<()> {
    let seconds = |time: Duration| u32::try_from(time.as_secs()).unwrap_or(u32::MAX);
    socket::setsockopt(stream, sockopt::KeepAlive, &true)?;
    socket::setsockopt(stream, sockopt::TcpKeepIdle, &seconds(idle))?;
    socket::setsockopt(stream, sockopt::TcpKeepInterval, &seconds(again))?;
    socket::setsockopt(stream, sockopt::TcpKeepCount, &times)?;
    Ok(())
}

/// The descriptors in a control buffer that recvmsg filled.
fn received(header: &libc::msghdr) -> Vec<OwnedFd> {
    let mut fds = Vec::new();
    // SAFETY: recvmsg set the control length to what it wrote; the CMSG macros stay within it.
    let mut part = unsafe { libc::CMSG_FIRSTHDR(header) };
    while !part.is_null() {
        // SAFETY: `part` is a control message inside the buffer; its data are descriptors of ours alone from now on.
        unsafe {
            if (*part).cmsg_level == libc::SOL_SOCKET && (*part).cmsg_type == libc::SCM_RIGHTS {
                let bytes = (*part).cmsg_len as usize - libc::CMSG_LEN(0) as usize;
                let data = libc::CMSG_DATA(part).cast::<RawFd>();
                for n in 0..bytes / size_of::<RawFd>() {
                    fds.push(OwnedFd::from_raw_fd(data.add(n).read_unaligned()));
                }
            }
            part = libc::CMSG_NXTHDR(header, part);
        }
    }
    fds
}

/// Sends bytes with descriptors beside them; on a stream some of the bytes may be left, the descriptors then went
/// with the first.
///
/// # Errors
/// `WouldBlock` when the peer must read first; EPIPE when it is gone; ETOOMANYREFS when too many descriptors wait.
pub fn send_with_fds(
    fd: BorrowedFd<'_>,
    parts: &[IoSlice<'_>],
    fds: &[BorrowedFd<'_>],
) -> io::Result<usize> {
    assert!(fds.len() <= FDS_MAX, "a message carries at most FDS_MAX descriptors");
    let mut control = Control([0; 64]);
    // SAFETY: msghdr is plain data for which zeros are valid.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = parts.as_ptr().cast_mut().cast();
    header.msg_iovlen = parts.len() as _;
    if !fds.is_empty() {
        let bytes = size_of_val(fds) as u32;
        header.msg_control = control.0.as_mut_ptr().cast();
        // SAFETY: the control buffer has room for one message of FDS_MAX descriptors (asserted at compile time),
        // is aligned for cmsghdr, and CMSG_FIRSTHDR is not null because the length covers a header.
        unsafe {
            header.msg_controllen = libc::CMSG_SPACE(bytes) as _;
            let part = libc::CMSG_FIRSTHDR(&raw const header);
            (*part).cmsg_level = libc::SOL_SOCKET;
            (*part).cmsg_type = libc::SCM_RIGHTS;
            (*part).cmsg_len = libc::CMSG_LEN(bytes) as _;
            let data = libc::CMSG_DATA(part).cast::<RawFd>();
            for (n, fd) in fds.iter().enumerate() {
                data.add(n).write_unaligned(fd.as_raw_fd());
            }
        }
    }
    // SAFETY: IoSlice has iovec's layout; the header points at live buffers with their true lengths.
    let put = unsafe {
        libc::sendmsg(fd.as_raw_fd(), &raw const header, libc::MSG_DONTWAIT | libc::MSG_NOSIGNAL)
    };
    usize::try_from(put).map_err(|_| io::Error::last_os_error())
}

/// Sends bytes gathered from `parts` (at most 1024 of them).
///
/// # Errors
/// `WouldBlock` when the peer must read first; EPIPE when it is gone.
pub fn send_vectored(fd: BorrowedFd<'_>, parts: &[IoSlice<'_>]) -> io::Result<usize> {
    send_with_fds(fd, parts, &[])
}

/// Whether sending failed because descriptors in flight or memory ran short: to be tried again in a while.
pub fn is_shortage(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::ETOOMANYREFS | libc::ENOBUFS | libc::ENOMEM))
}

/// Takes a connection from a listener: not blocking, close-on-exec.
///
/// # Errors
/// accept(2)'s, `WouldBlock` among them.
pub fn accept(listener: BorrowedFd<'_>) -> io::Result<OwnedFd> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let raw = socket::accept4(listener.as_raw_fd(), flags)?;
    // SAFETY: accept4 gave this descriptor to us alone.
    Ok(unsafe { OwnedFd::from_raw_fd(raw) })
}

/// Who is at the other end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Peer {
    /// Its process when it connected; 0 when that is in another PID namespace.
    pub pid: u32,
    /// Its effective user.
    pub uid: u32,
}

/// Who connected, as the kernel saw it.
///
/// # Errors
/// getsockopt(2)'s.
pub fn peer_credentials(fd: &impl AsFd) -> io::Result<Peer> {
    let credentials = socket::getsockopt(fd, sockopt::PeerCredentials)?;
    Ok(Peer { pid: u32::try_from(credentials.pid()).unwrap_or(0), uid: credentials.uid() })
}

/// Two ends that keep messages apart (SOCK_SEQPACKET): not blocking, close-on-exec, room for the largest message.
///
/// # Errors
/// Out of descriptors.
pub fn seqpacket_pair() -> Result<(OwnedFd, OwnedFd), SysError> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let pair = socket::socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)
        .map_err(SysError::on("create", "a socket pair"))?;
    enlarge(&pair.0, PAIR_BUFFER_BYTES);
    enlarge(&pair.1, PAIR_BUFFER_BYTES);
    Ok(pair)
}

/// Asks for a send buffer of `bytes`; the kernel gives what it allows.
pub fn enlarge(fd: &impl AsFd, bytes: usize) {
    if socket::setsockopt(fd, sockopt::SndBufForce, &bytes).is_err() {
        // Without CAP_NET_ADMIN net.core.wmem_max bounds it; a smaller buffer is slower, not wrong.
        let _ = socket::setsockopt(fd, sockopt::SndBuf, &bytes);
    }
}

/// Why there is no listener at a path.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// `sun_path` is shorter than that.
    #[error(
        "socket path {path} is {len} bytes long; a Unix socket's path has at most {SOCKET_PATH_BYTES_MAX}: \
         choose a shorter directory with --dir or FACEMUX_DIR"
    )]
    TooLong {
        /// The path.
        path: String,
        /// Its length.
        len: usize,
    },
    /// A server is there.
    #[error("a server (pid {pid}) already listens at {path}")]
    Taken {
        /// The path.
        path: String,
        /// Who.
        pid: u32,
    },
    /// Something else is there.
    #[error("{path} is in the way: it is no socket; remove it or choose another directory")]
    NotASocket {
        /// The path.
        path: String,
    },
    /// The kernel refused.
    #[error(transparent)]
    Sys(#[from] SysError),
}

/// Checks that a Unix socket can have this path.
///
/// # Errors
/// `TooLong` beyond 107 bytes.
pub fn check_path(path: &Path) -> Result<(), ListenError> {
    let len = path.as_os_str().as_bytes().len();
    if len > SOCKET_PATH_BYTES_MAX {
        return Err(ListenError::TooLong { path: path.display().to_string(), len });
    }
    Ok(())
}

/// A listener at `path`, for its owner alone (0600), not blocking. A socket nobody listens at is replaced.
///
/// # Errors
/// `ListenError`, each a sentence.
pub fn listen(path: &Path) -> Result<UnixListener, ListenError> {
    check_path(path)?;
    let name = path.display().to_string();
    clear_stale(path, &name)?;
    let listener = UnixListener::bind(path).map_err(SysError::on("listen at", &name))?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    std::fs::set_permissions(path, mode).map_err(SysError::on("protect", &name))?;
    listener.set_nonblocking(true).map_err(SysError::on("set up", &name))?;
    // SAFETY: listen(2) again on our own listener only changes its backlog (std's is 128).
    checked(unsafe { libc::listen(listener.as_raw_fd(), libc::SOMAXCONN) })
        .map_err(SysError::on("set up", name))?;
    Ok(listener)
}

fn clear_stale(path: &Path, name: &str) -> Result<(), ListenError> {
    use std::os::unix::fs::FileTypeExt;
    let found = match std::fs::symlink_metadata(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        found => found.map_err(SysError::on("look at", name))?,
    };
    if !found.file_type().is_socket() {
        return Err(ListenError::NotASocket { path: name.to_owned() });
    }
    match UnixStream::connect(path) {
        Ok(stream) => {
            let pid = peer_credentials(&stream).map_or(0, |p| p.pid);
            Err(ListenError::Taken { path: name.to_owned(), pid })
        }
        Err(_) => {
            Ok(std::fs::remove_file(path).map_err(SysError::on("remove the stale socket", name))?)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_go_with_their_message() {
        let (ours, theirs) = seqpacket_pair().unwrap();
        let memory = crate::sys::memory::create_memfd("sent", 4096).unwrap();
        let parts = [IoSlice::new(b"one "), IoSlice::new(b"message")];
        assert_eq!(
            send_with_fds(ours.as_fd(), &parts, &[memory.as_fd(), ours.as_fd()]).unwrap(),
            11
        );
        assert_eq!(send_vectored(ours.as_fd(), &[IoSlice::new(b"bare")]).unwrap(), 4);
        let mut bytes = [0; 64];
        let (len, fds) = recv_with_fds(theirs.as_fd(), &mut bytes).unwrap();
        assert_eq!((&bytes[..len], fds.len()), (&b"one message"[..], 2));
        assert_eq!(crate::sys::memory::length(&fds[0]).unwrap(), 4096);
        let (len, fds) = recv_with_fds(theirs.as_fd(), &mut bytes).unwrap();
        assert_eq!((len, fds.len()), (4, 0));
        let empty = recv_with_fds(theirs.as_fd(), &mut bytes).unwrap_err();
        assert_eq!(empty.kind(), io::ErrorKind::WouldBlock);
        drop((ours, fds));
    }

    #[test]
    fn the_largest_message_fits_and_a_longer_one_than_the_buffer_is_refused() {
        let (ours, theirs) = seqpacket_pair().unwrap();
        let large = vec![7; crate::limits::FRAME_BYTES_MAX];
        assert_eq!(send_vectored(ours.as_fd(), &[IoSlice::new(&large)]).unwrap(), large.len());
        let mut short = vec![0; large.len() - 1];
        let refused = recv_with_fds(theirs.as_fd(), &mut short).unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_stale_socket_is_replaced_a_living_one_and_a_file_are_not() {
        let dir = std::env::temp_dir().join(format!("facemux-listen-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let path = dir.join("sock");
        let first = listen(&path).unwrap();
        let taken = listen(&path).unwrap_err().to_string();
        assert!(taken.contains(&format!("pid {}", std::process::id())), "{taken}");
        drop(first);
        drop(listen(&path).unwrap());
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "").unwrap();
        assert!(matches!(listen(&path), Err(ListenError::NotASocket { .. })));
        let long = dir.join("x".repeat(120));
        assert!(listen(&long).unwrap_err().to_string().contains("107"));
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
