//! Tokens: who may come in, as what, to which face, for how long.
//!
//! A token's secret is shown once and kept only as its SHA-256 (it has 192 random bits, so a plain hash is enough).
//! This module owns the form of the store and the check; it touches no file and no clock. Every check compares with
//! every entry in constant time, so the time taken tells neither whether a token exists nor how much of it is right.

use crate::limits::TOKENS_MAX;
use crate::units::FaceId;
use crate::wire::{Actor, Role};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::Write;
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

/// Bytes of randomness in a secret.
pub const SECRET_BYTES: usize = 24;
/// Characters of a secret: its bytes in hexadecimal.
pub const SECRET_CHARS: usize = 2 * SECRET_BYTES;
const VERSION: u32 = 1;

/// What a token is good for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Use {
    /// A link or a bearer header, until it expires.
    Token,
    /// One exchange for a cookie.
    Once,
    /// What a browser holds after the exchange.
    Cookie,
}

/// One token, without its secret.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Names it for `ls` and `revoke`; no part of the secret.
    pub id: String,
    /// SHA-256 of the secret, in hexadecimal.
    hash: String,
    /// What it is good for.
    #[serde(rename = "use")]
    pub good_for: Use,
    /// The most its bearer may do.
    pub role: Role,
    /// The only face it opens.
    pub face: Option<u64>,
    /// Whose faces it opens.
    pub user: Option<String>,
    /// When it was made, in milliseconds since the Unix epoch.
    pub created_ms: u64,
    /// When it ends; `None` for never.
    pub expires_ms: Option<u64>,
    /// The token it was exchanged for: revoked with it.
    pub parent: Option<String>,
}

impl Entry {
    /// On whose behalf its bearer speaks.
    pub fn actor(&self) -> Actor {
        Actor { user: self.user.clone(), role: self.role, only: self.face.map(FaceId) }
    }

    fn ended(&self, now_ms: u64) -> bool {
        self.expires_ms.is_some_and(|end| end <= now_ms)
    }
}

/// What a new token is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// What it is good for.
    pub good_for: Use,
    /// The most its bearer may do.
    pub role: Role,
    /// The only face it opens.
    pub face: Option<u64>,
    /// Whose faces it opens.
    pub user: Option<String>,
    /// How long it lasts; `None` for ever.
    pub ttl_ms: Option<u64>,
}

/// All tokens of one state directory.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Store {
    tokens: Vec<Entry>,
}

/// The store as it stands in its file.
#[derive(Serialize, Deserialize)]
struct Written {
    version: u32,
    /// Of the tokens: finds damage, not forgers.
    sum: String,
    tokens: Vec<Entry>,
}

/// Why a store cannot be used or changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// The file is not what this program writes.
    #[error("{0}")]
    Malformed(String),
    /// There are too many.
    #[error("{TOKENS_MAX} tokens exist already; revoke some")]
    Full,
    /// None of that id.
    #[error("no such token: {0}")]
    Unknown(String),
}

impl Store {
    /// Reads what `to_text` wrote.
    ///
    /// # Errors
    /// `Malformed`, naming what is wrong.
    pub fn parse(text: &str) -> Result<Store, TokenError> {
        let malformed = |why: String| TokenError::Malformed(why);
        let written: Written = serde_json::from_str(text).map_err(|e| malformed(e.to_string()))?;
        if written.version != VERSION {
            let found = written.version;
            return Err(malformed(format!("version {found}; this program reads {VERSION}")));
        }
        if written.sum != sum(&written.tokens) {
            return Err(malformed("its checksum does not match".to_owned()));
        }
        Ok(Store { tokens: written.tokens })
    }

    /// The whole file.
    pub fn to_text(&self) -> String {
        let tokens = self.tokens.clone();
        let written = Written { version: VERSION, sum: sum(&tokens), tokens };
        let mut text = serde_json::to_string_pretty(&written).unwrap_or_default();
        text.push('\n');
        text
    }

    /// The living tokens, oldest first, without browsers' cookies.
    pub fn tokens(&self, now_ms: u64) -> impl Iterator<Item = &Entry> {
        self.tokens.iter().filter(move |t| t.good_for != Use::Cookie && !t.ended(now_ms))
    }

    /// Adds a token whose secret is `random` in hexadecimal; returns the secret.
    ///
    /// # Errors
    /// `Full`.
    pub fn add(
        &mut self,
        grant: Grant,
        random: [u8; SECRET_BYTES],
        now_ms: u64,
    ) -> Result<String, TokenError> {
        self.push(grant, None, random, now_ms)
    }

    fn push(
        &mut self,
        grant: Grant,
        parent: Option<String>,
        random: [u8; SECRET_BYTES],
        now_ms: u64,
    ) -> Result<String, TokenError> {
        self.tokens.retain(|t| !t.ended(now_ms));
        if self.tokens.len() >= TOKENS_MAX {
            // A browser can log in again; a token somebody holds must not vanish.
            let oldest = self.tokens.iter().position(|t| t.good_for == Use::Cookie);
            self.tokens.remove(oldest.ok_or(TokenError::Full)?);
        }
        let secret = hex(&random);
        let hash = hex(&digest(&secret));
        self.tokens.push(Entry {
            // The id comes from the hash: it names the token and tells nothing of its secret.
            id: hash[..8].to_owned(),
            hash,
            good_for: grant.good_for,
            role: grant.role,
            face: grant.face,
            user: grant.user,
            created_ms: now_ms,
            expires_ms: grant.ttl_ms.map(|ttl| now_ms.saturating_add(ttl)),
            parent,
        });
        Ok(secret)
    }

    /// The living token of this secret.
    pub fn find(&self, secret: &str, now_ms: u64) -> Option<&Entry> {
        if secret.len() != SECRET_CHARS {
            return None;
        }
        let hash = hex(&digest(secret));
        let (mut found, mut at) = (Choice::from(0), 0u32);
        for (index, entry) in self.tokens.iter().enumerate() {
            let same = entry.hash.as_bytes().ct_eq(hash.as_bytes());
            at.conditional_assign(&(index as u32), same);
            found |= same;
        }
        let entry = self.tokens.get(at as usize)?;
        (bool::from(found) && !entry.ended(now_ms)).then_some(entry)
    }

    /// Whether a token or cookie of this id is there and has not ended.
    pub fn is_living(&self, id: &str, now_ms: u64) -> bool {
        self.tokens.iter().any(|t| t.id == id && !t.ended(now_ms))
    }

    /// Gives a browser a cookie for a link's secret, and spends the link when it is good for one exchange.
    ///
    /// # Errors
    /// `Full`; `Ok(None)` when the secret is no living link's.
    pub fn exchange(
        &mut self,
        secret: &str,
        cookie_ttl_ms: u64,
        random: [u8; SECRET_BYTES],
        now_ms: u64,
    ) -> Result<Option<String>, TokenError> {
        let Some(link) = self.find(secret, now_ms).filter(|t| t.good_for != Use::Cookie) else {
            return Ok(None);
        };
        let link = link.clone();
        let once = link.good_for == Use::Once;
        // A spent link's own end was for the link, not for who came in by it.
        let left = link.expires_ms.filter(|_| !once).map(|end| end - now_ms);
        let grant = Grant {
            good_for: Use::Cookie,
            role: link.role,
            face: link.face,
            user: link.user,
            ttl_ms: Some(left.unwrap_or(cookie_ttl_ms).min(cookie_ttl_ms)),
        };
        if once {
            self.tokens.retain(|t| t.id != link.id);
        }
        self.push(grant, Some(link.id), random, now_ms).map(Some)
    }

    /// Revokes a token and the cookies it was exchanged for.
    ///
    /// # Errors
    /// `Unknown`.
    pub fn revoke(&mut self, id: &str) -> Result<(), TokenError> {
        let before = self.tokens.len();
        self.tokens.retain(|t| t.id != id && t.parent.as_deref() != Some(id));
        if self.tokens.len() == before { Err(TokenError::Unknown(id.to_owned())) } else { Ok(()) }
    }

    /// Forgets the links nobody used: each start of the server prints its own.
    pub fn drop_unused_links(&mut self) {
        self.tokens.retain(|t| t.good_for != Use::Once);
    }

    /// Forgets the cookie of this secret: a browser logs out.
    pub fn forget(&mut self, secret: &str) {
        let hash = hex(&digest(secret));
        self.tokens.retain(|t| !bool::from(t.hash.as_bytes().ct_eq(hash.as_bytes())));
    }
}

fn sum(tokens: &[Entry]) -> String {
    hex(&digest(&serde_json::to_string(tokens).unwrap_or_default())[..8])
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret.as_bytes()).into()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn grant(good_for: Use, ttl_ms: Option<u64>) -> Grant {
        Grant { good_for, role: Role::Driver, face: Some(7), user: None, ttl_ms }
    }

    #[test]
    fn a_secret_opens_until_it_expires_and_is_kept_as_a_hash_only() {
        let mut store = Store::default();
        let secret = store.add(grant(Use::Token, Some(1000)), [7; SECRET_BYTES], 50).unwrap();
        assert_eq!(store.find(&secret, 1049).unwrap().actor().only, Some(FaceId(7)));
        assert!(store.find(&secret, 1050).is_none());
        assert!(store.find(&secret[1..], 60).is_none());
        assert!(store.find(&"0".repeat(SECRET_CHARS), 60).is_none());
        let text = store.to_text();
        assert!(!text.contains(&secret[..12]));
        assert_eq!(Store::parse(&text).unwrap(), store);
    }

    #[test]
    fn a_link_for_one_exchange_is_spent_by_it() {
        let mut store = Store::default();
        let link = store.add(grant(Use::Once, Some(1000)), [1; SECRET_BYTES], 0).unwrap();
        let cookie = store.exchange(&link, 9000, [2; SECRET_BYTES], 10).unwrap().unwrap();
        assert!(store.find(&link, 10).is_none());
        assert!(store.exchange(&link, 9000, [3; SECRET_BYTES], 10).unwrap().is_none());
        assert_eq!(store.find(&cookie, 9009).unwrap().role, Role::Driver);
        assert!(store.find(&cookie, 9010).is_none());
    }

    #[test]
    fn a_cookie_is_no_link_and_goes_with_its_token() {
        let mut store = Store::default();
        let token = store.add(grant(Use::Token, None), [1; SECRET_BYTES], 0).unwrap();
        let cookie = store.exchange(&token, 50, [2; SECRET_BYTES], 0).unwrap().unwrap();
        assert!(store.exchange(&cookie, 50, [3; SECRET_BYTES], 0).unwrap().is_none());
        let id = store.find(&token, 0).unwrap().id.clone();
        store.revoke(&id).unwrap();
        assert!(store.find(&cookie, 0).is_none());
        assert_eq!(store.revoke(&id), Err(TokenError::Unknown(id)));
    }

    #[test]
    fn a_full_store_gives_up_cookies_but_never_tokens() {
        let mut store = Store::default();
        let random = |n: usize| {
            let mut bytes = [0; SECRET_BYTES];
            bytes[..8].copy_from_slice(&n.to_le_bytes());
            bytes
        };
        let token = store.add(grant(Use::Token, None), random(0), 0).unwrap();
        for n in 1..TOKENS_MAX + 10 {
            store.exchange(&token, 50, random(n), 0).unwrap().unwrap();
        }
        assert!(store.find(&token, 0).is_some());
        let mut store = Store::default();
        for n in 0..TOKENS_MAX {
            store.add(grant(Use::Token, None), random(n), 0).unwrap();
        }
        assert_eq!(store.add(grant(Use::Token, None), random(1 << 20), 0), Err(TokenError::Full));
    }
}
