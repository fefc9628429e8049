//! Signals on a channel (RFC 4254 6.9): neither OpenSSH's client nor libssh2 can send one, so this client is russh's.

use crate::world::World;
use russh::client::{Config, Handler, connect};
use russh::keys::{PrivateKeyWithHashAlg, PublicKeyOrCertificate, load_secret_key};
use russh::{Channel, ChannelMsg, Sig, client::Msg};
use std::sync::Arc;
use std::time::Duration;

struct Trusting;

impl Handler for Trusting {
    type Error = russh::Error;

    async fn check_server_key(&mut self, _: &PublicKeyOrCertificate) -> Result<bool, russh::Error> {
        Ok(true)
    }
}

/// Reads a channel until `mark` has come.
async fn until(channel: &mut Channel<Msg>, mark: &str) {
    let mut seen = String::new();
    while !seen.contains(mark) {
        match channel.wait().await {
            Some(ChannelMsg::Data { data }) => seen.push_str(&String::from_utf8_lossy(&data)),
            Some(_) => {}
            None => panic!("ended before {mark:?}: {seen:?}"),
        }
    }
}

/// How a channel ended: the exit status and the signal.
async fn end_of(mut channel: Channel<Msg>) -> (Option<u32>, Option<Sig>) {
    let (mut status, mut signal) = (None, None);
    while let Some(message) = channel.wait().await {
        match message {
            ChannelMsg::ExitStatus { exit_status } => status = Some(exit_status),
            ChannelMsg::ExitSignal { signal_name, .. } => signal = Some(signal_name),
            _ => {}
        }
    }
    (status, signal)
}

#[test]
fn signals_reach_the_program_and_its_end_comes_back() {
    let world = World::start();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let talk = async {
        let mut session = connect(Arc::new(Config::default()), ("127.0.0.1", world.port), Trusting)
            .await
            .unwrap();
        let key = load_secret_key(world.keys.path().join("id"), None).unwrap();
        let key = PrivateKeyWithHashAlg::new(Arc::new(key), None);
        assert!(session.authenticate_publickey("root", key).await.unwrap().success());

        // A program that catches it, and one that does not.
        let mut catches = session.channel_open_session().await.unwrap();
        let script = "new -- sh -c 'trap \"echo caught; exit 5\" USR1; echo READY; while :; do sleep 0.05; done'";
        catches.exec(true, script).await.unwrap();
        until(&mut catches, "READY").await;
        catches.signal(Sig::USR1).await.unwrap();
        until(&mut catches, "caught").await;
        assert_eq!(end_of(catches).await.0, Some(5));

        let mut dies = session.channel_open_session().await.unwrap();
        dies.exec(true, "new -- sh -c 'echo READY; exec sleep 1000'").await.unwrap();
        until(&mut dies, "READY").await;
        dies.signal(Sig::TERM).await.unwrap();
        let (status, signal) = end_of(dies).await;
        assert_eq!(status, Some(143));
        assert!(matches!(signal, Some(Sig::TERM)), "{signal:?}");

        // A command that is no face: the process that runs it gets the signal.
        let waits = session.channel_open_session().await.unwrap();
        world.server.face("sleep 1000");
        waits.exec(true, "wait 3 --until exit").await.unwrap();
        // This thread is the client's as well.
        while !world.server.log().contains("asks for \"wait") {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        waits.signal(Sig::INT).await.unwrap();
        assert!(matches!(end_of(waits).await, (Some(130), _) | (_, Some(Sig::INT))));
    };
    runtime.block_on(async { tokio::time::timeout(Duration::from_secs(30), talk).await }).unwrap();
}
