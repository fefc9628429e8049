//! Readiness and time for one thread: what turns `smol`'s local executor into a running process.
//!
//! One `epoll` through mio, edge-triggered, and a table of deadlines. It owns the registrations of its sources. There
//! is no second thread: with one, every byte would cross a lock and a wake-up more. It sleeps until something is
//! ready or the nearest deadline has come, for ever when there is none.

pub use mio::net::{TcpListener, TcpStream, UnixStream};
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Registry, Token};
use smol::LocalExecutor;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::io;
use std::os::fd::{AsRawFd, RawFd};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll as Ready, Waker};
use std::time::{Duration, Instant};

/// Bytes read at once at most.
pub const SCRATCH_BYTES: usize = 64 * 1024;
/// Tasks run between two looks at what is ready.
const TASKS_PER_TURN: usize = 256;

/// A handle to the thread's reactor.
#[derive(Clone)]
pub struct Reactor(Rc<Inner>);

struct Inner {
    poll: RefCell<Poll>,
    registry: Registry,
    slots: RefCell<Vec<Slot>>,
    free: RefCell<Vec<usize>>,
    timers: RefCell<BTreeMap<(Instant, u64), Waker>>,
    /// Where all sources are read into, one after the other: a buffer of its own would be cleared for every read.
    scratch: RefCell<Box<[u8]>>,
    timer_count: Cell<u64>,
}

struct Slot {
    fd: RawFd,
    read: Side,
    write: Side,
    /// Whether room to write is told. It is asked for only once there was none: a Unix socket tells of room whenever
    /// its other end reads, which would wake us twice for every key.
    tells_room: bool,
}

/// One direction of a source.
#[derive(Default)]
struct Side {
    /// Worth a try: an event came, and no try since has found it empty.
    ready: bool,
    /// The other end is gone: always worth a try.
    closed: bool,
    waker: Option<Waker>,
}

/// Which direction.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Something to read, or to accept.
    Read,
    /// Room to write.
    Write,
}

impl Slot {
    fn new(fd: RawFd) -> Slot {
        let ready = || Side { ready: true, ..Side::default() };
        Slot { fd, read: ready(), write: ready(), tells_room: false }
    }

    fn watch(&mut self, registry: &Registry, slot: usize, room: bool) -> io::Result<()> {
        self.tells_room = room;
        let write = room.then_some(Interest::WRITABLE);
        let interest = write.map_or(Interest::READABLE, |write| Interest::READABLE | write);
        registry.reregister(&mut SourceFd(&self.fd), Token(slot), interest)
    }

    fn side(&mut self, way: Way) -> &mut Side {
        match way {
            Way::Read => &mut self.read,
            Way::Write => &mut self.write,
        }
    }
}

impl Reactor {
    /// The reactor of this thread.
    ///
    /// # Errors
    /// When the system gives no epoll descriptor.
    pub fn new() -> io::Result<Reactor> {
        let poll = Poll::new()?;
        Ok(Reactor(Rc::new(Inner {
            registry: poll.registry().try_clone()?,
            poll: RefCell::new(poll),
            slots: RefCell::default(),
            free: RefCell::default(),
            timers: RefCell::default(),
            scratch: RefCell::new(vec![0; SCRATCH_BYTES].into()),
            timer_count: Cell::new(0),
        })))
    }

    /// Runs the executor's tasks until `done` says so.
    ///
    /// # Errors
    /// When epoll fails, which is not to be expected.
    pub fn run(&self, executor: &LocalExecutor<'_>, done: &Cell<bool>) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        while !done.get() {
            let busy = (0..TASKS_PER_TURN).all(|_| executor.try_tick());
            if !done.get() {
                self.turn(&mut events, busy)?;
            }
        }
        Ok(())
    }

    fn turn(&self, events: &mut Events, busy: bool) -> io::Result<()> {
        let next = self.0.timers.borrow().keys().next().map(|(at, _)| *at);
        let patience = if busy {
            Some(Duration::ZERO)
        } else {
            // Rounded up: epoll counts milliseconds, and waking early means waking twice.
            next.map(|at| at.saturating_duration_since(Instant::now()) + Duration::from_millis(1))
        };
        match self.0.poll.borrow_mut().poll(events, patience) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            other => other?,
        }
        let mut slots = self.0.slots.borrow_mut();
        for event in events.iter() {
            let Some(slot) = slots.get_mut(event.token().0) else { continue };
            if event.is_readable() || event.is_error() || event.is_read_closed() {
                slot.read.wake(event.is_read_closed() || event.is_error());
            }
            if event.is_writable() && slot.tells_room && slot.write.ready {
                // Nobody waited for it: enough of that. Should this fail, it is told in vain once more.
                let _ = slot.watch(&self.0.registry, event.token().0, false);
            }
            if event.is_writable() || event.is_error() || event.is_write_closed() {
                slot.write.wake(event.is_write_closed() || event.is_error());
            }
        }
        drop(slots);
        if next.is_some() {
            self.fire();
        }
        Ok(())
    }

    fn fire(&self) {
        let now = Instant::now();
        let mut timers = self.0.timers.borrow_mut();
        while let Some(first) = timers.first_entry().filter(|t| t.key().0 <= now) {
            first.remove().wake();
        }
    }

    /// Registers a non-blocking source.
    ///
    /// # Errors
    /// When epoll refuses the descriptor.
    pub fn source<T: AsRawFd>(&self, io: T) -> io::Result<Source<T>> {
        let inner = &self.0;
        let fd: RawFd = io.as_raw_fd();
        let free = inner.free.borrow_mut().pop();
        let slot = free.unwrap_or_else(|| {
            inner.slots.borrow_mut().push(Slot::new(fd));
            inner.slots.borrow().len() - 1
        });
        inner.slots.borrow_mut()[slot] = Slot::new(fd);
        let source = Source { io, slot, reactor: self.clone() };
        inner.registry.register(&mut SourceFd(&fd), Token(slot), Interest::READABLE)?;
        Ok(source)
    }

    /// Ends at `at`.
    pub fn sleep_until(&self, at: Instant) -> Sleep {
        let number = self.0.timer_count.get();
        self.0.timer_count.set(number + 1);
        Sleep { reactor: self.clone(), key: (at, number) }
    }

    /// Ends `after` from now.
    pub fn sleep(&self, after: Duration) -> Sleep {
        self.sleep_until(Instant::now() + after)
    }

    /// What `work` gives, or `None` when it takes longer than `limit`.
    pub async fn within<T>(&self, limit: Duration, work: impl Future<Output = T>) -> Option<T> {
        smol::future::or(async { Some(work.await) }, async {
            self.sleep(limit).await;
            None
        })
        .await
    }
}

impl Side {
    fn wake(&mut self, closed: bool) {
        self.ready = true;
        self.closed |= closed;
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// A deadline as a future.
pub struct Sleep {
    reactor: Reactor,
    key: (Instant, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Ready<()> {
        if self.key.0 <= Instant::now() {
            return Ready::Ready(());
        }
        self.reactor.0.timers.borrow_mut().insert(self.key, cx.waker().clone());
        Ready::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        self.reactor.0.timers.borrow_mut().remove(&self.key);
    }
}

/// A descriptor the reactor watches.
pub struct Source<T: AsRawFd> {
    io: T,
    slot: usize,
    reactor: Reactor,
}

impl<T: AsRawFd> Source<T> {
    /// What is watched.
    pub fn get(&self) -> &T {
        &self.io
    }

    /// Tries `work` when it is worth a try; when it is not, or would block, the task is woken once it is.
    pub fn poll_io<R>(
        &self,
        way: Way,
        cx: &mut Context<'_>,
        mut work: impl FnMut(&T) -> io::Result<R>,
    ) -> Ready<io::Result<R>> {
        loop {
            {
                let mut slots = self.reactor.0.slots.borrow_mut();
                let side = slots[self.slot].side(way);
                if !side.ready && !side.closed {
                    side.waker = Some(cx.waker().clone());
                    return Ready::Pending;
                }
            }
            match work(&self.io) {
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => {
                    let inner = &self.reactor.0;
                    let slot = &mut inner.slots.borrow_mut()[self.slot];
                    let side = slot.side(way);
                    (side.ready, side.closed) = (false, false);
                    if way == Way::Write && !slot.tells_room {
                        slot.watch(&inner.registry, self.slot, true)?;
                    }
                }
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => return Ready::Ready(done),
            }
        }
    }

    /// Reads once, at most `most` bytes, and hands them to `take`; gives how many there were, 0 at the end.
    pub fn poll_read(
        &self,
        cx: &mut Context<'_>,
        most: usize,
        mut take: impl FnMut(&[u8]),
    ) -> Ready<io::Result<usize>>
    where
        for<'a> &'a T: io::Read,
    {
        use io::Read;
        let mut scratch = self.reactor.0.scratch.borrow_mut();
        let most = most.min(scratch.len());
        let read = self.poll_io(Way::Read, cx, |mut io| io.read(&mut scratch[..most]));
        if let Ready::Ready(Ok(n)) = read {
            take(&scratch[..n]);
            if n > 0 && n < most {
                // Until the next event another read would find nothing (epoll(7), Q9).
                self.reactor.0.slots.borrow_mut()[self.slot].read.ready = false;
            }
        }
        read
    }

    /// `poll_io` as a future.
    ///
    /// # Errors
    /// Those of `work`.
    pub async fn io<R>(
        &self,
        way: Way,
        mut work: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        poll_fn(|cx| self.poll_io(way, cx, &mut work)).await
    }

    /// Reads what is there, at least one byte; 0 at the end.
    ///
    /// # Errors
    /// The system's.
    pub async fn read(&self, bytes: &mut [u8]) -> io::Result<usize>
    where
        for<'a> &'a T: io::Read,
    {
        use io::Read;
        self.io(Way::Read, |mut io| io.read(bytes)).await
    }

    /// Writes all of `bytes`.
    ///
    /// # Errors
    /// The system's.
    pub async fn write_all(&self, mut bytes: &[u8]) -> io::Result<()>
    where
        for<'a> &'a T: io::Write,
    {
        use io::Write;
        while !bytes.is_empty() {
            let written = self.io(Way::Write, |mut io| io.write(bytes)).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

impl<T: AsRawFd> Drop for Source<T> {
    fn drop(&mut self) {
        let inner = &self.reactor.0;
        let _ = inner.registry.deregister(&mut SourceFd(&self.io.as_raw_fd()));
        // Events that were told already find nobody.
        inner.slots.borrow_mut()[self.slot] = Slot::new(-1);
        inner.free.borrow_mut().push(self.slot);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixStream;

    fn run<T: 'static>(work: impl AsyncFnOnce(Reactor) -> T + 'static) -> T {
        let reactor = Reactor::new().unwrap();
        let executor = LocalExecutor::new();
        let done = Rc::new(Cell::new(false));
        let result = Rc::new(RefCell::new(None));
        let (inside, ended, out) = (reactor.clone(), done.clone(), result.clone());
        executor
            .spawn(async move {
                *out.borrow_mut() = Some(work(inside).await);
                ended.set(true);
            })
            .detach();
        reactor.run(&executor, &done).unwrap();
        let value = result.borrow_mut().take();
        value.unwrap()
    }

    #[test]
    fn bytes_cross_and_the_end_is_seen() {
        let read = run(async |reactor| {
            let (a, b) = UnixStream::pair().unwrap();
            a.set_nonblocking(true).unwrap();
            b.set_nonblocking(true).unwrap();
            let (a, b) = (reactor.source(a).unwrap(), reactor.source(b).unwrap());
            let sent = vec![7; 1 << 20];
            let write = async {
                a.write_all(&sent).await.unwrap();
                drop(a);
            };
            let read = async {
                let (mut total, mut bytes) = (0, [0; 5000]);
                loop {
                    match b.read(&mut bytes).await.unwrap() {
                        0 => return total,
                        n => total += n,
                    }
                }
            };
            smol::future::zip(write, read).await.1
        });
        assert_eq!(read, 1 << 20);
    }

    #[test]
    fn deadlines_end_what_takes_too_long_and_leave_nothing_behind() {
        let left = run(async |reactor| {
            let (a, _b) = UnixStream::pair().unwrap();
            a.set_nonblocking(true).unwrap();
            let a = reactor.source(a).unwrap();
            let mut byte = [0; 1];
            let never = reactor.within(Duration::from_millis(5), a.read(&mut byte)).await;
            assert!(never.is_none());
            let soon = reactor.within(Duration::from_secs(60), async { 3 }).await;
            assert_eq!(soon, Some(3));
            reactor.0.timers.borrow().len()
        });
        assert_eq!(left, 0);
    }
}
