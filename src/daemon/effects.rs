//! What `mux` decided, done.

use super::Daemon;
use crate::mux::{ClientId, Effect, Now};
use crate::planted::pass;
use crate::wire::keeper::ToKeeper;
use mio::unix::SourceFd;

impl Daemon {
    /// Does everything the last mutation calls for, and what follows from that.
    pub(super) fn settle(&mut self) {
        let mut touched: Vec<ClientId> = Vec::new();
        loop {
            let now = self.now();
            while let Some(effect) = self.mux.poll_effect() {
                let name = effect.name();
                self.perform(now, effect, &mut touched);
                pass(name);
            }
            let Some(client) = touched.pop() else { break };
            self.conns.pump(client, &mut self.mux, now);
            pass("sent");
            self.look_after(client);
        }
    }

    fn perform(&mut self, now: Now, effect: Effect, touched: &mut Vec<ClientId>) {
        match effect {
            Effect::Send { client, message } => {
                if let Some(conn) = self.conns.map.get_mut(&client) {
                    conn.send(&message);
                    conn.touch(client, touched);
                }
            }
            Effect::Close { client } => {
                if let Some(conn) = self.conns.map.get_mut(&client) {
                    conn.closing = true;
                    conn.touch(client, touched);
                }
            }
            Effect::GiveBack { client, undo } => {
                self.terminals.give_back(
                    self.poll.registry(),
                    &mut self.ptys.ledger,
                    client,
                    &undo,
                );
            }
            Effect::Keeper(message) => self.keeper.tell(&message),
            Effect::Upgrade { client, binary } => {
                let asker = self.conns.map.get_mut(&client).and_then(|c| c.take_fd());
                self.keeper.tell_with(&ToKeeper::Upgrade { binary }, asker);
            }
            Effect::SetSize { face, size, cell } => self.ptys.set_size(face, size, cell),
            Effect::Write { face } => self.write_pty(face),
            Effect::Read { face } => {
                if let Some(pty) = self.ptys.map.get_mut(&face)
                    && std::mem::take(&mut pty.held)
                {
                    self.queue_face(face);
                }
            }
            Effect::Deliver { client } => self.deliver(now, client, touched),
            Effect::Show { face } => {
                let due: Vec<ClientId> = self.mux.due(now, face).collect();
                for client in due {
                    self.deliver(now, client, touched);
                }
            }
            Effect::Exhaust { face } => {
                if let Some(pty) = self.ptys.map.get_mut(&face) {
                    pty.exhaust = true;
                    self.queue_face(face);
                }
            }
            Effect::Drop { face } => self.ptys.remove(self.poll.registry(), face),
        }
    }

    /// There may be something for a viewer.
    fn deliver(&mut self, now: Now, client: ClientId, touched: &mut Vec<ClientId>) {
        if self.terminals.map.contains_key(&client) {
            self.terminals.pump(&mut self.ptys.ledger, client, &mut self.mux, now);
        } else if let Some(conn) = self.conns.map.get_mut(&client) {
            conn.touch(client, touched);
        }
    }

    /// After a connection was sent to: it may be done with, or have requests that waited for this.
    fn look_after(&mut self, client: ClientId) {
        let Some(conn) = self.conns.map.get(&client) else { return };
        if conn.dead || (conn.closing && conn.is_drained()) {
            // Nothing of the poll's depends on this having been told: the descriptor is closed next.
            let _ = self.poll.registry().deregister(&mut SourceFd(&conn.raw_fd()));
            self.let_go(client);
        } else if conn.waiting && !conn.is_full() && !self.mux.is_parked(client) {
            self.read_on(client);
        }
    }
}
