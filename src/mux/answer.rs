//! Requests that are answered at once: on whose behalf, snapshots, names.

use super::{Answer, ClientId, Mux, Now};
use crate::limits::{HISTORY_ROWS_MAX, SNAPSHOT_PIECE_BYTES};
use crate::term::{Terminal, render};
use crate::units::Offset;
use crate::wire::{Actor, Event, Format, Message, Refusal, Reply, Role};

fn document(terminal: &Terminal, format: render::Format, rows: usize) -> Result<Vec<u8>, Refusal> {
    let written = render::render(terminal, format, rows);
    written.map(String::into_bytes).map_err(|e| Refusal::Limit(e.to_string()))
}

impl Mux {
    /// A client says on whose behalf it speaks: never for more than it did before.
    pub(super) fn speak(&mut self, client: ClientId, actor: Actor) -> Answer {
        let Some(c) = self.clients.get_mut(&client) else { return Ok(None) };
        if c.actor != Actor::OWNER || c.viewer.is_some() || c.watching {
            return Err(Refusal::Invalid("say on whose behalf you speak first, and once".into()));
        }
        c.actor = actor;
        Ok(Some(Reply::Done))
    }

    /// The screen, as bytes in pieces. Changes nothing: no size, no mode, no idle clock.
    pub(super) fn snap(
        &mut self,
        client: ClientId,
        target: &str,
        format: Format,
        history: u32,
    ) -> Answer {
        let id = match self.living(client, target) {
            Err(Refusal::Gone { .. }) if format == Format::Text => {
                return Ok(Some(self.last_screen(client, target)));
            }
            found => found?,
        };
        let rows = history.min(HISTORY_ROWS_MAX) as usize;
        let Some(living) = self.faces.get(&id) else {
            return Err(Refusal::NoSuchFace(id.to_string()));
        };
        let Some(terminal) = living.face.terminal() else {
            return Err(Refusal::Unavailable(format!(
                "face {id} is quarantined: it has no screen to show"
            )));
        };
        let offset = Offset(terminal.offset());
        let bytes = match format {
            Format::Ansi => [terminal.restore(rows), terminal.unfinished()].concat(),
            Format::Text => document(terminal, render::Format::Text, rows)?,
            Format::Json => document(terminal, render::Format::Json, rows)?,
            Format::Html => document(terminal, render::Format::Html, rows)?,
            Format::Svg => document(terminal, render::Format::Svg, rows)?,
        };
        self.send_pieces(client, &bytes);
        Ok(Some(Reply::Snapshot { offset }))
    }

    fn send_pieces(&mut self, client: ClientId, bytes: &[u8]) {
        for piece in bytes.chunks(SNAPSHOT_PIECE_BYTES) {
            self.send(client, Message::Bytes(piece.to_vec()));
        }
    }

    /// What an ended face showed last, as its certificate has it.
    fn last_screen(&mut self, client: ClientId, target: &str) -> Reply {
        let Some(ended) = self.ended(client, target) else {
            return Reply::Refused(Refusal::NoSuchFace(target.to_string()));
        };
        let (mut screen, offset) = (ended.screen.clone(), ended.info.offset);
        if !screen.is_empty() {
            screen.push('\n');
        }
        self.send_pieces(client, screen.as_bytes());
        Reply::Snapshot { offset }
    }

    pub(super) fn rename(
        &mut self,
        now: Now,
        client: ClientId,
        target: &str,
        name: &str,
    ) -> Answer {
        let id = self.living_for(client, target, Role::Owner)?;
        let known = self.faces.get(&id).and_then(|l| l.meta.name.as_deref());
        if known == Some(name) {
            return Ok(Some(Reply::Done));
        }
        if !name.is_empty() {
            self.check_name(name)?;
        }
        if let Some(living) = self.faces.get_mut(&id) {
            living.meta.name = (!name.is_empty()).then(|| name.to_string());
            let meta = living.meta.to_bytes();
            living.face.checkpoint(&meta, &mut self.scratch);
        }
        self.tell_watchers(id, |info| Event::Changed(Box::new(info)), now);
        Ok(Some(Reply::Done))
    }
}
