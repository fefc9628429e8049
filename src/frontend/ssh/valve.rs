//! A client's byte stream that can be held: while a channel has more typed input than its face takes, nothing more is
//! read from the connection, and TCP tells the client. Output goes on all the while.
//!
//! It reads ahead: the protocol asks for a packet's length and then for its rest, and a keystroke is one system call.

use crate::limits::SSH_READ_AHEAD_BYTES;
use std::io;
use std::ops::Range;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// Holds and lets go of one connection's input; shared by its channels.
#[derive(Debug, Default)]
pub struct Valve {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    holders: usize,
    reader: Option<Waker>,
}

/// Input is held while this lives.
#[derive(Debug)]
pub struct Hold(Arc<Valve>);

impl Valve {
    /// Holds the input until the result is dropped.
    pub fn hold(self: &Arc<Valve>) -> Hold {
        self.lock().holders += 1;
        Hold(Arc::clone(self))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.holders -= 1;
        if state.holders == 0
            && let Some(reader) = state.reader.take()
        {
            reader.wake();
        }
    }
}

/// The stream behind a valve.
#[derive(Debug)]
pub struct Valved {
    stream: TcpStream,
    valve: Arc<Valve>,
    ahead: Box<[u8; SSH_READ_AHEAD_BYTES]>,
    /// What of it was read and not yet asked for.
    unread: Range<usize>,
}

impl Valved {
    /// `stream`, held by `valve`.
    pub fn new(stream: TcpStream, valve: Arc<Valve>) -> Valved {
        Valved { stream, valve, ahead: Box::new([0; SSH_READ_AHEAD_BYTES]), unread: 0..0 }
    }

    fn poll_ahead(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut ahead = ReadBuf::new(&mut self.ahead[..]);
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut ahead);
        self.unread = 0..ahead.filled().len();
        polled
    }
}

impl AsyncRead for Valved {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        {
            let mut state = self.valve.lock();
            if state.holders > 0 {
                state.reader = Some(context.waker().clone());
                return Poll::Pending;
            }
        }
        if self.unread.is_empty() {
            if into.remaining() >= SSH_READ_AHEAD_BYTES {
                return Pin::new(&mut self.stream).poll_read(context, into);
            }
            ready!(self.poll_ahead(context))?;
        }
        let given = self.unread.len().min(into.remaining());
        let from = self.unread.start;
        into.put_slice(&self.ahead[from..from + given]);
        self.unread.start += given;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Valved {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}
