//! Input on its way: from a viewer, a handed terminal or `send` into the face's queue, and from there to the PTY.

use super::viewer::Viewer;
use super::{Answer, ClientId, Effect, Kernel, Mux, Now, Parked, timer::Timer};
use crate::face::detach::DetachKeys;
use crate::face::input::InputError;
use crate::face::reports;
use crate::limits::{FRAME_BYTES_MAX, TYPED_BYTES};
use crate::planted::{Bug, has};
use crate::term::keys::{self, Key, KeyModes};
use crate::units::FaceId;
use crate::wire::{Refusal, Reply, Role, Typed, ViewerNote};

use std::collections::VecDeque;
use std::time::Duration;

/// Whose keys they are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Typist {
    /// The face they go to.
    pub face: FaceId,
    /// The viewer's token.
    pub token: u64,
    /// Where its input stream stands.
    pub position: u64,
}

/// Keys read from a handed terminal by a daemon that died over them.
pub struct KeptKeys<'a> {
    /// Whose, and where they stand in its input.
    pub typist: Typist,
    /// The keys.
    pub keys: &'a [u8],
    /// Whether they may be typed into the face.
    pub drive: bool,
    /// Where the watch for the keys to detach stood before them.
    pub detach: DetachKeys,
}

/// Between what was typed and the Enter that submits it: long enough for a program to have read the one before the
/// other, so that it does not take them for one paste.
const SUBMIT_AFTER: Duration = Duration::from_millis(60);

impl Mux {
    /// Input of a stream viewer: `bytes` stand at `at` in its input stream. What was accepted before is skipped;
    /// what finds no room waits, one frame of it; a gap is refused.
    pub fn handle_input(
        &mut self,
        now: Now,
        client: ClientId,
        at: u64,
        bytes: &[u8],
        kernel: &mut dyn Kernel,
    ) {
        let Some(viewer) = self.viewer(client) else { return };
        let expected = viewer.heard();
        if at > expected || expected - viewer.accepted + bytes.len() as u64 > FRAME_BYTES_MAX as u64
        {
            let reason = format!(
                "input out of order or too far ahead: expected position {expected}, got {at}"
            );
            return self.note(client, ViewerNote::InputRefused { at: expected, reason });
        }
        let known = (expected - at).min(bytes.len() as u64) as usize;
        let looks = !viewer.drive;
        self.type_as(now, client, &bytes[known..], kernel);
        if looks {
            // Nothing of it was typed, but its keys to detach were looked for.
            let held = self.viewer(client).map_or(0, |v| v.held().len() as u64);
            self.accepted(client, at + bytes.len() as u64 - held);
        }
    }

    /// What a handed terminal sent.
    pub fn handle_keys(
        &mut self,
        now: Now,
        client: ClientId,
        bytes: &[u8],
        kernel: &mut dyn Kernel,
    ) {
        if self.viewer(client).is_some() {
            self.type_as(now, client, bytes, kernel);
        }
    }

    /// Whether a handed terminal is to be read: only while what it can send has room, so that nothing that was read
    /// is kept anywhere but in the face's queue.
    pub fn may_type(&self, client: ClientId) -> bool {
        let face = self.viewer(client).and_then(|v| self.faces.get(&v.face));
        face.is_some_and(|l| l.face.input().room() >= TYPED_BYTES as u64)
    }

    /// Who types on a handed terminal, to be named in the record of a read or write.
    pub fn typist(&self, client: ClientId) -> Option<Typist> {
        let viewer = self.viewer(client)?;
        Some(Typist { face: viewer.face, token: viewer.token, position: viewer.heard() })
    }

    /// Keys a daemon had read from a handed terminal when it died: accepted, unless it had done so. Gives what is
    /// held of them, and whether they were the keys to detach.
    pub fn handle_kept_keys(
        &mut self,
        now: Now,
        kept: KeptKeys<'_>,
        kernel: &mut dyn Kernel,
    ) -> (Vec<u8>, bool) {
        let KeptKeys { typist: Typist { face, token, position }, keys, drive, mut detach } = kept;
        let sifted = detach.sift(keys);
        let held = detach.held().to_vec();
        let Some(living) = self.faces.get_mut(&face).filter(|_| drive) else {
            return (held, sifted.detach);
        };
        let upto = position + keys.len() as u64 - held.len() as u64;
        if living.face.accepted_of(token) < upto {
            living.last_active = now.mono;
            let (typed, _) = reports::sift(&sifted.bytes, true);
            let line_mode = living.face.input().line_mode_matters(&typed) && kernel.line_mode(face);
            // Refused keys are lost as they would have been without the crash.
            let _ = living.face.accept(&typed, token, upto, line_mode);
            self.effects.push_back(Effect::Write { face });
        }
        (held, sifted.detach)
    }

    /// The first of the keys that detach, as far as a viewer has pressed it.
    pub fn held_keys(&self, client: ClientId) -> &[u8] {
        self.viewer(client).map_or(&[], Viewer::held)
    }

    /// Whether what a viewer types reaches its face, and the keys that detach it.
    pub fn habits(&self, client: ClientId) -> (bool, Vec<u8>) {
        let keys = |v: &Viewer| v.detach.as_ref().map_or(Vec::new(), |keys| keys.keys());
        self.viewer(client).map_or((false, Vec::new()), |v| (v.drive, keys(v)))
    }

    /// A viewer is back that had pressed so much of it.
    pub fn resume_keys(&mut self, client: ClientId, keys: &[u8], held: &[u8]) {
        if let Some(viewer) = self.viewer_mut(client) {
            viewer.detach = (!keys.is_empty()).then(|| Box::new(DetachKeys::resume(keys, held)));
        }
    }

    fn type_as(&mut self, now: Now, client: ClientId, bytes: &[u8], kernel: &mut dyn Kernel) {
        for piece in bytes.chunks(TYPED_BYTES) {
            let Some(viewer) = self.viewer_mut(client) else { return };
            let (face, drive, piped) = (viewer.face, viewer.drive, viewer.piped);
            let end = viewer.heard() + piece.len() as u64;
            let (typed, detach) = match viewer.detach.as_mut().filter(|keys| !keys.passes(piece)) {
                None => (piece.to_vec(), false),
                Some(keys) => {
                    let sifted = keys.sift(piece);
                    (sifted.bytes, sifted.detach)
                }
            };
            let leads = self
                .faces
                .get(&face)
                .is_some_and(|l| l.leader.is_none_or(|leader| leader == client));
            let (typed, by_hand) = if piped { (typed, true) } else { reports::sift(&typed, leads) };
            if drive {
                if by_hand {
                    self.lead(now, face, client);
                }
                if let Some(viewer) = self.viewer_mut(client) {
                    // A key held is accepted when it is known what it was: a client types it again after a crash.
                    let held = viewer.held().len() as u64;
                    viewer.stash.push_back((end - held, typed));
                }
                self.take(now, client, kernel);
            }
            if detach {
                return self.part(now, client, Some("detached".into()));
            }
        }
    }

    /// Accepts what a viewer has waiting, piece by piece, as far as there is room.
    fn take(&mut self, now: Now, client: ClientId, kernel: &mut dyn Kernel) {
        while let Some(viewer) = self.viewer_mut(client) {
            let (face, token) = (viewer.face, viewer.token);
            let Some((end, piece)) = viewer.stash.pop_front() else {
                viewer.stash = VecDeque::new();
                return;
            };
            let Some(living) = self.faces.get_mut(&face) else { return };
            living.last_active = now.mono;
            let line_mode = living.face.input().line_mode_matters(&piece) && kernel.line_mode(face);
            match living.face.accept(&piece, token, end, line_mode) {
                Ok(()) => {
                    self.effects.push_back(Effect::Write { face });
                    self.accepted(client, end);
                }
                Err(InputError::Full(_)) => {
                    if let Some(viewer) =
                        self.viewer_mut(client).filter(|_| !has(Bug::StashDropped))
                    {
                        viewer.stash.push_front((end, piece));
                    }
                    return;
                }
                Err(error) => {
                    self.accepted(client, end);
                    self.note(
                        client,
                        ViewerNote::InputRefused { at: end, reason: error.to_string() },
                    );
                }
            }
        }
    }

    fn accepted(&mut self, client: ClientId, upto: u64) {
        let Some(viewer) = self.viewer_mut(client) else { return };
        viewer.accepted = upto;
        if !viewer.handed {
            self.note(client, ViewerNote::Accepted { upto });
        }
    }

    /// The next input for a face's PTY, and the position of its first byte.
    pub fn pending_input(&self, id: FaceId) -> Option<(u64, &[u8])> {
        let input = self.faces.get(&id)?.face.input();
        (input.waiting() > 0).then(|| (input.written(), input.next()))
    }

    /// The PTY took `n` bytes: who waits for room may get it.
    pub fn handle_written(&mut self, now: Now, id: FaceId, n: usize, kernel: &mut dyn Kernel) {
        let Some(living) = self.faces.get_mut(&id) else { return };
        living.face.handle_written(n);
        let waits = |client: &&ClientId| {
            let viewer = self.clients.get(*client).and_then(|c| c.viewer.as_ref());
            viewer.is_some_and(|viewer| !viewer.stash.is_empty())
        };
        let waiting: Vec<ClientId> = living.viewers.iter().filter(waits).copied().collect();
        for client in waiting {
            self.take(now, client, kernel);
        }
    }

    /// `send`: all of it up to the first `Submit` is accepted, or nothing is.
    pub(super) fn type_into(
        &mut self,
        now: Now,
        client: ClientId,
        target: &str,
        typed: Vec<Typed>,
        kernel: &mut dyn Kernel,
    ) -> Answer {
        let id = self.living_for(client, target, Role::Driver)?;
        self.type_part(now, client, id, typed, kernel)
    }

    fn type_part(
        &mut self,
        now: Now,
        client: ClientId,
        id: FaceId,
        typed: Vec<Typed>,
        kernel: &mut dyn Kernel,
    ) -> Answer {
        let Some(living) = self.faces.get_mut(&id) else {
            return Err(Refusal::NoSuchFace(id.to_string()));
        };
        let modes = key_modes(living.face.terminal());
        let bracketed = living.face.terminal().is_some_and(|t| t.modes().bracketed_paste);
        let (mut bytes, mut rest) = (Vec::new(), Vec::new());
        let mut typed = typed.into_iter();
        for one in typed.by_ref() {
            match one {
                Typed::Text(text) => bytes.extend_from_slice(&text),
                Typed::Paste(text) => bytes.extend_from_slice(&keys::paste(&text, bracketed)),
                Typed::Key(name) => {
                    let key: Key = name
                        .parse()
                        .map_err(|e: keys::UnknownKey| Refusal::Invalid(e.to_string()))?;
                    key.encode(modes, &mut bytes);
                }
                Typed::Submit if bytes.is_empty() => bytes.push(b'\r'),
                Typed::Submit => {
                    rest.push(Typed::Submit);
                    break;
                }
            }
        }
        rest.extend(typed);
        let line_mode = living.face.input().line_mode_matters(&bytes) && kernel.line_mode(id);
        living.face.accept(&bytes, 0, 0, line_mode).map_err(|e| match e {
            InputError::Full(_) => Refusal::Limit(e.to_string()),
            InputError::LineTooLong(_) => Refusal::Invalid(e.to_string()),
        })?;
        living.last_active = now.mono;
        self.effects.push_back(Effect::Write { face: id });
        if rest.is_empty() {
            return Ok(Some(Reply::Done));
        }
        self.park(client, Parked::Type { face: id, rest });
        self.timers.set(now.mono + SUBMIT_AFTER, Timer::Type(client));
        Ok(None)
    }

    /// Goes on with what a client types, once the program has been given what came before.
    pub(super) fn type_on(&mut self, now: Now, client: ClientId, kernel: &mut dyn Kernel) {
        let Some(c) = self.clients.get_mut(&client) else { return };
        let Some(Parked::Type { face, .. }) = c.parked.as_deref() else { return };
        let face = *face;
        if self.faces.get(&face).is_some_and(|l| l.face.input().waiting() > 0) {
            return self.timers.set(now.mono + SUBMIT_AFTER, Timer::Type(client));
        }
        let Some(Parked::Type { rest, .. }) = c.parked.take().map(|parked| *parked) else { return };
        match self.type_part(now, client, face, rest, kernel) {
            Ok(Some(reply)) => self.reply(client, reply),
            Ok(None) => {}
            Err(refusal) => self.reply(client, Reply::Refused(refusal)),
        }
    }
}

fn key_modes(terminal: Option<&crate::term::Terminal>) -> KeyModes {
    let Some(terminal) = terminal else { return KeyModes::default() };
    let modes = terminal.modes();
    KeyModes {
        app_cursor: modes.app_cursor,
        app_keypad: modes.app_keypad,
        kitty: terminal.kitty_flags(),
        modify_other_keys: modes.modify_other_keys.min(2) as u8,
    }
}
