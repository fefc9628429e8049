//! Tickets: a WebSocket's way in for clients that cannot send a cookie or a header with it.
//!
//! A ticket is asked for with a credential, is good for one WebSocket within `TICKET_MS`, and never is the credential
//! itself. Pure: the time and the randomness are given.

use super::access::{Means, Visitor};
use crate::frontend::token::{SECRET_BYTES, hex};
use crate::limits::{TICKET_MS, TICKETS_MAX};
use std::collections::VecDeque;
use subtle::ConstantTimeEq;

/// The tickets that wait for their WebSocket, oldest first.
#[derive(Default, Debug)]
pub struct Tickets {
    waiting: VecDeque<Ticket>,
}

#[derive(Debug)]
struct Ticket {
    secret: String,
    visitor: Visitor,
    /// The only face it is for.
    face: Option<String>,
    expires_ms: u64,
}

impl Tickets {
    /// A ticket for `visitor`, for `face` alone when one is named.
    pub fn issue(
        &mut self,
        visitor: Visitor,
        face: Option<String>,
        random: [u8; SECRET_BYTES],
        now_ms: u64,
    ) -> String {
        self.waiting.retain(|t| t.expires_ms > now_ms);
        if self.waiting.len() >= TICKETS_MAX {
            self.waiting.pop_front();
        }
        // Who shows a ticket need not show the cookie it was asked for with.
        let visitor = Visitor { means: Means::Bearer, ..visitor };
        let secret = hex(&random);
        let expires_ms = now_ms + TICKET_MS;
        self.waiting.push_back(Ticket { secret: secret.clone(), visitor, face, expires_ms });
        secret
    }

    /// Spends the ticket `secret` on `face`: on whose behalf its bearer speaks.
    pub fn redeem(&mut self, secret: &str, face: &str, now_ms: u64) -> Option<Visitor> {
        self.waiting.retain(|t| t.expires_ms > now_ms);
        let mut found = None;
        for (index, ticket) in self.waiting.iter().enumerate() {
            if bool::from(ticket.secret.as_bytes().ct_eq(secret.as_bytes())) {
                found = Some(index);
            }
        }
        let ticket = self.waiting.remove(found?)?;
        ticket.face.is_none_or(|only| only == face).then_some(ticket.visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::Actor;

    fn owner() -> Visitor {
        Visitor { actor: Actor::OWNER, means: Means::Bearer, ends_ms: None, token: None }
    }

    #[test]
    fn a_ticket_opens_one_websocket_of_its_face_in_time() {
        let mut tickets = Tickets::default();
        let mut issue = |face: Option<&str>, n: u8| {
            tickets.issue(owner(), face.map(str::to_owned), [n; SECRET_BYTES], 0)
        };
        let (any, bound, late) = (issue(None, 1), issue(Some("3"), 2), issue(None, 3));
        assert_eq!(tickets.redeem(&any, "9", 1), Some(owner()));
        assert_eq!(tickets.redeem(&any, "9", 1), None);
        assert_eq!(tickets.redeem(&bound, "4", 1), None);
        assert_eq!(tickets.redeem(&bound, "3", 1), None, "a wrong face spends it");
        assert_eq!(tickets.redeem(&late, "9", TICKET_MS), None);
        assert_eq!(tickets.redeem("", "9", 1), None);
    }

    #[test]
    fn tickets_are_bounded() {
        let mut tickets = Tickets::default();
        for n in 0..=TICKETS_MAX {
            let mut random = [0; SECRET_BYTES];
            random[..8].copy_from_slice(&n.to_le_bytes());
            tickets.issue(owner(), None, random, 0);
        }
        assert_eq!(tickets.waiting.len(), TICKETS_MAX);
    }
}
