//! One connection: who it is, what its requests are answered. What its channels do is `channel`'s.

use super::authorized::Grant;
use super::channel;
use super::door::Knock;
use super::seat::{Opened, STDERR};
use super::source::Source;
use super::valve::Valve;
use super::{House, login};
use crate::limits::SSH_CHANNELS_MAX;
use crate::sys::clock;
use russh::keys::{HashAlg, PublicKey};
use russh::server::{
    Auth, ChannelOpenHandle, Handler, Msg, PublicKeyOffer, Session, VerifiedPublicKey,
};
use russh::{Channel, ChannelId, ChannelOpenFailure, Error, Pty};
use std::fmt::Display;
use std::net::SocketAddr;
use std::sync::Arc;

/// SSH_OPEN_ADMINISTRATIVELY_PROHIBITED.
const PROHIBITED: u32 = 1;

/// A connection, before and after it has logged in.
#[derive(Debug)]
pub struct Guest {
    house: Arc<House>,
    knock: Knock,
    peer: SocketAddr,
    valve: Arc<Valve>,
    /// The user name the client gave: it names a face when it is a number, and nobody.
    login: String,
    tries: u32,
    grant: Option<Arc<Grant>>,
    /// Each channel holds one more.
    channels: Arc<()>,
}

impl Guest {
    /// A connection that has just begun.
    pub fn new(house: Arc<House>, knock: Knock, peer: SocketAddr) -> Guest {
        Guest {
            house,
            knock,
            peer,
            valve: Arc::default(),
            login: String::new(),
            tries: 0,
            grant: None,
            channels: Arc::new(()),
        }
    }

    /// What holds this connection's input.
    pub fn valve(&self) -> Arc<Valve> {
        Arc::clone(&self.valve)
    }

    /// For the log: what a client chose is cut and quoted there.
    fn call_it(&mut self, user: &str) {
        self.login = user.chars().take(64).collect();
    }

    /// What `key` allows from here and now.
    fn look_up(&mut self, user: &str, key: &PublicKey) -> Result<Grant, &'static str> {
        self.call_it(user);
        let grant = self.house.rules().find_key(key).ok_or("the key is not authorized")?;
        grant.check(Source::of(self.peer.ip()), clock::wall_ms() / 1000)?;
        Ok(grant)
    }

    fn reject(&mut self, what: impl Display, reason: &str) -> Auth {
        self.tries += 1;
        log::info!(
            "refused {what} of {:?} from {} port {}: {reason}",
            self.login,
            self.peer.ip(),
            self.peer.port()
        );
        Auth::reject()
    }

    fn let_in(&mut self, what: impl Display, grant: Grant) -> Auth {
        log::info!(
            "accepted {what} of {:?} from {} port {}: {:?} {}",
            self.login,
            self.peer.ip(),
            self.peer.port(),
            grant.actor.role,
            grant.actor.user.as_deref().unwrap_or("of all")
        );
        self.grant = Some(Arc::new(grant));
        self.house.door().handle_login(self.knock);
        // From here on nothing ends the connection but itself.
        self.house.waiting().remove(&self.knock);
        Auth::Accept
    }

    fn terminal_allowed(&self) -> bool {
        self.grant.as_ref().is_some_and(|grant| grant.terminal)
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if self.grant.is_some() {
            self.house.door().handle_leave();
            log::info!("{:?} from {} port {} left", self.login, self.peer.ip(), self.peer.port());
        } else {
            let now = self.house.began.elapsed();
            let source = Source::of(self.peer.ip());
            self.house.door().handle_failure(now, self.knock, source);
            log::warn!(
                "login failed from {} port {}: user {:?}, {} tries refused",
                self.peer.ip(),
                self.peer.port(),
                self.login,
                self.tries
            );
        }
    }
}

impl Handler for Guest {
    type Error = Error;

    async fn auth_publickey_offered(
        &mut self,
        user: &str,
        offer: PublicKeyOffer<'_>,
    ) -> Result<Auth, Error> {
        Ok(match self.look_up(user, offer.public_key) {
            Ok(_) => Auth::Accept,
            Err(reason) => self.reject(offer.public_key.fingerprint(HashAlg::Sha256), reason),
        })
    }

    async fn auth_publickey(
        &mut self,
        user: &str,
        key: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Error> {
        let fingerprint = key.public_key.fingerprint(HashAlg::Sha256);
        Ok(match self.look_up(user, key.public_key) {
            Ok(grant) => self.let_in(fingerprint, grant),
            Err(reason) => self.reject(fingerprint, reason),
        })
    }

    async fn auth_password(&mut self, user: &str, password: &str) -> Result<Auth, Error> {
        self.call_it(user);
        let found = self.house.rules().find_password(password, clock::wall_ms());
        Ok(match found {
            Some((id, grant)) => self.let_in(format_args!("token {id}"), grant),
            None => self.reject("a password", "no token is like it"),
        })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        session: &mut Session,
    ) -> Result<(), Error> {
        let Some(grant) = self.grant.clone() else { return Ok(()) };
        if Arc::strong_count(&self.channels) > SSH_CHANNELS_MAX {
            let reason = format!("at most {SSH_CHANNELS_MAX} channels on one connection");
            reply.reject(ChannelOpenFailure::Other { code: 4, reason }).await;
            return Ok(());
        }
        reply.accept().await;
        let opened = Opened {
            house: Arc::clone(&self.house),
            grant,
            login: self.login.clone(),
            peer: self.peer,
            valve: Arc::clone(&self.valve),
            handle: session.handle(),
        };
        tokio::spawn(channel::run(opened, channel, Arc::clone(&self.channels)));
        Ok(())
    }

    async fn channel_open_direct_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        refuse_forwarding(reply, "ports are not forwarded").await
    }

    async fn channel_open_direct_streamlocal(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        refuse_forwarding(reply, "sockets are not forwarded").await
    }

    async fn channel_open_forwarded_tcpip(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        refuse_forwarding(reply, "ports are not forwarded").await
    }

    async fn channel_open_x11(
        &mut self,
        _: Channel<Msg>,
        _: &str,
        _: u32,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Error> {
        refuse_forwarding(reply, "X11 is not forwarded").await
    }

    async fn pty_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        _: u32,
        _: u32,
        _: u32,
        _: u32,
        _: &[(Pty, u32)],
        session: &mut Session,
    ) -> Result<(), Error> {
        if self.terminal_allowed() {
            session.channel_success(channel)
        } else {
            refuse_request(channel, "this key may not have a terminal", session)
        }
    }

    async fn env_request(
        &mut self,
        channel: ChannelId,
        name: &str,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        if login::may_set(name) {
            session.channel_success(channel)
        } else {
            session.channel_failure(channel)
        }
    }

    async fn shell_request(
        &mut self,
        channel: ChannelId,
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_success(channel)
    }

    async fn exec_request(
        &mut self,
        channel: ChannelId,
        _: &[u8],
        session: &mut Session,
    ) -> Result<(), Error> {
        session.channel_success(channel)
    }

    async fn subsystem_request(
        &mut self,
        channel: ChannelId,
        _: &str,
        session: &mut Session,
    ) -> Result<(), Error> {
        // A refusal has no words, and clients do not wait for any: the channel says why, and ends.
        session.channel_success(channel)
    }

    async fn x11_request(
        &mut self,
        channel: ChannelId,
        _: bool,
        _: &str,
        _: &str,
        _: u32,
        session: &mut Session,
    ) -> Result<(), Error> {
        refuse_request(channel, "X11 is not forwarded", session)
    }

    async fn agent_request(&mut self, _: ChannelId, session: &mut Session) -> Result<bool, Error> {
        session.debug(true, "facemux: agents are not forwarded", "en")?;
        Ok(false)
    }

    async fn tcpip_forward(
        &mut self,
        _: &str,
        _: &mut u32,
        session: &mut Session,
    ) -> Result<bool, Error> {
        session.debug(true, "facemux: ports are not forwarded", "en")?;
        Ok(false)
    }

    async fn streamlocal_forward(&mut self, _: &str, session: &mut Session) -> Result<bool, Error> {
        session.debug(true, "facemux: sockets are not forwarded", "en")?;
        Ok(false)
    }
}

async fn refuse_forwarding(reply: ChannelOpenHandle, sentence: &str) -> Result<(), Error> {
    let reason = format!("facemux: {sentence}");
    reply.reject(ChannelOpenFailure::Other { code: PROHIBITED, reason }).await;
    Ok(())
}

/// A request's failure has no words of its own: they go to the channel's stderr before it.
fn refuse_request(channel: ChannelId, sentence: &str, session: &mut Session) -> Result<(), Error> {
    session.extended_data(channel, STDERR, format!("facemux: {sentence}\r\n").into_bytes())?;
    session.channel_failure(channel)
}
