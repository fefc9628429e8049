//! How a daemon begins: it hears from the keeper what there is, takes over what the last daemon left, and says so.

use super::conn::Conns;
use super::handed::{self, LastCall};
use super::keeper::{Heard, KeeperLink};
use super::ptys::Ptys;
use super::remembered::Remembered;
use super::terminals::Terminals;
use super::{Daemon, Source};
use crate::face::InFlight;
use crate::face::memory::{Memory, layout, total_bytes};
use crate::mux::{Mux, Now, Recovered, Surroundings};
use crate::planted::pass;
use crate::region::Region;
use crate::sys::ledger::Ledger;
use crate::sys::memory::{Mapping, length};
use crate::sys::socket::send_vectored;
use crate::sys::{SysError, log as backend, poll, process, sandbox};
use crate::units::FaceId;
use crate::wire::encode;
use crate::wire::keeper::{FromKeeper, KeptFace, Start, ToKeeper};
use mio::unix::SourceFd;
use mio::{Interest, Poll};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The descriptor on which the keeper gives a daemon its socket.
const KEEPER_FD: i32 = 3;

/// Starts up to the point where the loop turns.
pub(super) fn start() -> Result<Daemon, SysError> {
    let socket = process::inherited(KEEPER_FD)?;
    log_to(&socket)?;
    process::set_nonblocking(&socket).map_err(SysError::on("prepare", "the keeper's socket"))?;
    let mut keeper = KeeperLink::new(socket);
    let (start, mut fds) = match await_message(&mut keeper)? {
        (FromKeeper::Start(start), fds) => (start, fds.into_iter()),
        _ => return Err(protocol("the keeper's first message is not Start")),
    };
    if start.sandbox {
        // No socket, no program, no file: it has all it will ever need. Landlock would hide from it whether a face's
        // program waits at its terminal.
        sandbox::confine(&sandbox::Needs::default())
            .map_err(SysError::on("confine", "the daemon"))?;
    }
    let missing = || protocol("the keeper's Start came without its descriptors");
    let listener = UnixListener::from(fds.next().ok_or_else(missing)?);
    let memory = fds.next().ok_or_else(missing)?;
    let (ledger, rest) = Ledger::open(&memory)?;
    let poll = Poll::new().map_err(SysError::on("make", "a poll"))?;
    let registry = poll.registry();
    let both = Interest::READABLE | Interest::WRITABLE;
    let watch = SysError::on("watch", "the keeper's socket");
    registry
        .register(&mut SourceFd(&keeper.fd().as_raw_fd()), Source::Keeper.token(), both)
        .map_err(watch)?;
    let around = Surroundings { dir: start.dir.clone(), url: start.url.clone() };
    let mux = Mux::new(start.settings.clone(), around, start.next_id, start.reserved);
    let mut daemon = Daemon {
        ptys: Ptys { map: Default::default(), ledger },
        began: Instant::now(),
        mux,
        conns: Conns::new(registry).map_err(SysError::on("copy", "the poll"))?,
        terminals: Terminals::new(Remembered::new(rest)),
        keeper,
        listener,
        ready: VecDeque::new(),
        echo: None,
        typing: VecDeque::new(),
        reading: VecDeque::new(),
        accepting: true,
        retiring: false,
        poll,
    };
    daemon.recover(&start)?;
    let watch = SysError::on("watch", "the listening socket");
    daemon
        .listener
        .set_nonblocking(true)
        .map_err(SysError::on("prepare", "the listening socket"))?;
    let listener = daemon.listener.as_raw_fd();
    daemon
        .poll
        .registry()
        .register(&mut SourceFd(&listener), Source::Listener.token(), Interest::READABLE)
        .map_err(watch)?;
    Ok(daemon)
}

impl Daemon {
    /// Takes over faces and certificates until the keeper says `Go`.
    fn recover(&mut self, start: &Start) -> Result<(), SysError> {
        let last = LastCall::of(start.crash.as_ref(), &self.ptys.ledger);
        if !start.accounted {
            self.ptys.ledger.use_packets();
        }
        let parsing = self.ptys.ledger.parsing();
        if let Some(crash) = &start.crash {
            log::info!("took over from a daemon that ended: {}", crash.reason);
        }
        let (mut whole, mut damaged) = (0, 0);
        loop {
            let now = self.now();
            match await_message(&mut self.keeper)? {
                (FromKeeper::Face(kept), fds) => {
                    let id = kept.id;
                    let own_fault = start.crash.as_ref().is_some_and(|crash| crash.own_fault);
                    let culprit = own_fault && parsing.is_some_and(|(face, _)| face == id);
                    // What is parsed again may end this daemon too.
                    self.ptys.ledger.mark_parsing(id, 0);
                    let taken =
                        face_parts(fds).and_then(|(master, memory)| self.watch(id, master, memory));
                    match taken {
                        Ok(mut memory) => {
                            last.bring(id, &mut memory);
                            if self.take_over(now, kept, memory, last.in_flight(id), culprit) {
                                whole += 1;
                            } else {
                                damaged += 1;
                            }
                        }
                        Err(error) => {
                            damaged += 1;
                            log::error!("face {id}: {error}");
                            // One that is on trial is to be found wanting, not to end faces.
                            if !start.trial {
                                self.mux.handle_lost(now, kept, &error.to_string());
                            }
                        }
                    }
                    self.ptys.ledger.parsed();
                    pass("recovering");
                }
                (FromKeeper::Certificate { id, bytes }, _) => {
                    self.mux.handle_certificate(now, id, &bytes)
                }
                (FromKeeper::Processes(json), _) => self.mux.handle_processes(json),
                (FromKeeper::Go, _) => break,
                _ => return Err(protocol("a message of the keeper's before Go")),
            }
        }
        if let Some((crash, record)) = &last.call {
            let now = self.now();
            let remembered = &mut self.terminals.remembered;
            handed::take_up(remembered, &mut self.mux, now, (crash, record), &mut self.ptys);
        }
        // From here on the last daemon's record is gone: all it said is in the faces' own memory.
        pass("recovered");
        self.ptys.ledger.start();
        self.keeper.tell(&ToKeeper::Ready { whole, damaged });
        if start.trial {
            self.await_begin()?;
        }
        self.mux.handle_recovered(self.now());
        let faces: Vec<FaceId> = self.ptys.map.keys().copied().collect();
        for face in faces {
            self.queue_face(face);
        }
        self.settle();
        Ok(())
    }

    /// On trial nothing is touched that the last daemon would have to find as it left it, until the keeper says so.
    fn await_begin(&mut self) -> Result<(), SysError> {
        let mut meanwhile = Vec::new();
        loop {
            match await_message(&mut self.keeper)? {
                (FromKeeper::Begin, _) => break,
                other => meanwhile.push(other),
            }
        }
        for (message, fds) in meanwhile {
            self.obey_keeper(message, fds);
        }
        Ok(())
    }

    /// Gives back the memory of a face whose PTY could be watched.
    fn watch(&mut self, id: FaceId, master: OwnedFd, memory: Memory) -> Result<Memory, SysError> {
        self.ptys
            .add(self.poll.registry(), id, master)
            .map_err(SysError::on("watch", "a face's PTY"))?;
        Ok(memory)
    }

    /// Gives whether its screen is what it was, or in quarantine as it was.
    fn take_over(
        &mut self,
        now: Now,
        kept: KeptFace,
        memory: Memory,
        in_flight: InFlight,
        culprit: bool,
    ) -> bool {
        let id = kept.id;
        match in_flight.unnoted(&memory) {
            (0, 0) => {}
            (read, written) => log::info!(
                "face {id}: in flight when the last daemon ended: {read} bytes read, {written} written"
            ),
        }
        let recovered = self.mux.handle_kept(now, kept, memory, in_flight, culprit);
        match recovered {
            Recovered::Whole => {}
            Recovered::Quarantined => {
                log::error!("face {id} is quarantined: its output has ended the daemon twice");
            }
            Recovered::Anew => {
                log::error!("face {id}: its checkpoint could not be read; its screen begins anew")
            }
        }
        recovered != Recovered::Anew
    }
}

/// The PTY and the memory of a face, from the descriptors the keeper sent.
pub(super) fn face_parts(fds: Vec<OwnedFd>) -> Result<(OwnedFd, Memory), SysError> {
    let [master, memfd] = <[OwnedFd; 2]>::try_from(fds)
        .map_err(|_| protocol("a face came without its descriptors"))?;
    let len = length(&memfd).map_err(SysError::on("measure", "a face's memory"))?;
    let rest = total_bytes(0);
    let journal = len.checked_sub(rest).filter(|n| *n > 0);
    let journal = journal.ok_or_else(|| protocol("a face's memory is too short"))?;
    let pieces = Mapping::of(&memfd, len)?.carve(&layout(journal));
    let pieces = pieces.into_iter().map(|piece| Box::new(piece) as Box<dyn Region>).collect();
    let memory =
        Memory::from_pieces(pieces).ok_or_else(|| protocol("a face's memory has other pieces"))?;
    Ok((master, memory))
}

/// Waits for the keeper's next message; only before the loop turns.
fn await_message(keeper: &mut KeeperLink) -> Result<(FromKeeper, Vec<OwnedFd>), SysError> {
    loop {
        match keeper.hear() {
            Heard::Message(message, fds) => return Ok((message, fds)),
            Heard::Gone => return Err(protocol("the keeper is gone")),
            Heard::Nothing => {
                let mut watched = [poll::Watched::new(keeper.fd(), true, false)];
                poll::wait(&mut watched, Some(Duration::from_secs(60)))
                    .map_err(SysError::on("wait for", "the keeper"))?;
                keeper.wake(true, false);
            }
        }
    }
}

/// Sends log lines and a panic's last words to the keeper: this process writes to no file (see `sys::ledger`).
fn log_to(keeper: &OwnedFd) -> Result<(), SysError> {
    let socket = Arc::new(keeper.try_clone().map_err(SysError::on("copy", "the keeper's socket"))?);
    let say = move |level: u8, line: &str| {
        if let Ok(bytes) = encode(&ToKeeper::Log { level, line: line.to_string() }) {
            // A line the socket does not take is lost: the log is no reason to wait.
            let _ = send_vectored(socket.as_fd(), &[IoSlice::new(&bytes)]);
        }
    };
    let last_words = say.clone();
    std::panic::set_hook(Box::new(move |panic| last_words(1, &format!("panic: {panic}"))));
    backend::start("daemon", backend::Style::Text, backend::Sink::Closure(Box::new(say)));
    Ok(())
}

fn protocol(what: &'static str) -> SysError {
    SysError::on("start", "the daemon")(io::Error::other(what))
}
