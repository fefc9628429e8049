//! Who may come in, and how, as of now: settings, keys and tokens are read again when their files have changed.

use super::algorithms;
use super::authorized::Grant;
use super::keys::Keys;
use super::settings::Settings;
use crate::frontend::token::Use;
use crate::frontend::token_file::TokenFile;
use crate::wire::keeper::FrontendStart;
use russh::keys::{PrivateKey, PublicKey};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The rules of the house.
pub struct Rules {
    settings: Settings,
    state: PathBuf,
    host_key: PrivateKey,
    protocol: Arc<russh::server::Config>,
    keys: Keys,
    tokens: TokenFile,
}

impl std::fmt::Debug for Rules {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rules").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Rules {
    /// Those the server was started with.
    pub fn new(start: &FrontendStart, host_key: PrivateKey) -> Rules {
        let (settings, state) = (Settings::of(start), PathBuf::from(&start.state));
        Rules {
            protocol: Arc::new(algorithms::config(host_key.clone(), settings.now())),
            keys: Keys::new(key_paths(&settings, &state)),
            tokens: TokenFile::new(&state),
            settings,
            state,
            host_key,
        }
    }

    /// How a connection that begins now speaks, and how long it has to log in.
    pub fn of_connection(&mut self) -> (Arc<russh::server::Config>, Duration) {
        if self.settings.refresh() {
            log::info!("the configuration has changed: it counts from this connection on");
            let config = algorithms::config(self.host_key.clone(), self.settings.now());
            self.protocol = Arc::new(config);
            self.keys = Keys::new(key_paths(&self.settings, &self.state));
        }
        (Arc::clone(&self.protocol), Duration::from_millis(self.settings.now().login_ms))
    }

    /// How many keys there are.
    pub fn count_keys(&mut self) -> usize {
        self.keys.count()
    }

    /// What `key` allows.
    pub fn find_key(&mut self, key: &PublicKey) -> Option<Grant> {
        self.keys.find(key)
    }

    /// What `password` allows at `now_ms`, and the id of the token it is.
    pub fn find_password(&mut self, password: &str, now_ms: u64) -> Option<(String, Grant)> {
        if !self.settings.now().token_is_password {
            return None;
        }
        let store = self.tokens.read().inspect_err(|e| log::error!("{e}")).ok()?;
        // Links and cookies are a browser's.
        let token = store.find(password, now_ms).filter(|token| token.good_for == Use::Token)?;
        Some((token.id.clone(), Grant::of(token.actor())))
    }
}

fn key_paths(settings: &Settings, state: &Path) -> Vec<PathBuf> {
    match settings.now().authorized_keys.as_slice() {
        [] => vec![state.join("authorized_keys")],
        given => given.iter().map(PathBuf::from).collect(),
    }
}
