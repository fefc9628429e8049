//! What is spoken on the wire: modern algorithms only, each authenticated, none with SHA-1 or CBC.
//!
//! The post-quantum hybrid comes first (draft-ietf-sshm-mlkem-hybrid-kex), strict key exchange is on (OpenSSH
//! PROTOCOL 1.10). No compression: before login it is one more parser, after it nobody gains on lines as fast as these.

use crate::limits::{SSH_AUTH_TRIES_MAX, SSH_CHANNEL_PACKETS, SSH_PACKET_BYTES, SSH_WINDOW_BYTES};
use crate::wire::keeper::{Kex, SshSettings};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey};
use russh::{MethodKind, MethodSet, Preferred, SshId, cipher, compression, kex, mac, server};
use std::borrow::Cow;
use std::time::Duration;

/// The second is for clients that know no hybrid of ours: OpenSSH before 9.9, libssh2, Dropbear before 2025.87.
const COMPATIBLE: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

const POST_QUANTUM: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::EXTENSION_SUPPORT_AS_SERVER,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_SERVER,
];

/// The host key's, and what `server-sig-algs` offers for users' keys.
const KEYS: &[Algorithm] = &[
    Algorithm::Ed25519,
    Algorithm::SkEd25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
    Algorithm::SkEcdsaSha2NistP256,
];

/// AES first: the processor has it; ChaCha20 for clients on processors that do not.
const CIPHERS: &[cipher::Name] =
    &[cipher::AES_256_GCM, cipher::AES_128_GCM, cipher::CHACHA20_POLY1305, cipher::AES_256_CTR];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM];

/// A server with `host_key` and these settings.
pub fn config(host_key: PrivateKey, settings: &SshSettings) -> server::Config {
    let kex = match settings.kex {
        Kex::Compatible => COMPATIBLE,
        Kex::PostQuantum => POST_QUANTUM,
    };
    let methods = match settings.token_is_password {
        true => &[MethodKind::PublicKey, MethodKind::Password][..],
        false => &[MethodKind::PublicKey][..],
    };
    server::Config {
        server_id: SshId::Standard(Cow::Borrowed(concat!(
            "SSH-2.0-facemux_",
            env!("CARGO_PKG_VERSION")
        ))),
        methods: MethodSet::from(methods),
        // Keys are public, a token has 192 random bits, and there are no user names to guess: a wrong one may be
        // known to be wrong at once. What slows an attacker down is the door.
        auth_rejection_time: Duration::ZERO,
        auth_rejection_time_initial: Some(Duration::ZERO),
        keys: vec![host_key],
        window_size: SSH_WINDOW_BYTES,
        maximum_packet_size: SSH_PACKET_BYTES,
        channel_buffer_size: SSH_CHANNEL_PACKETS,
        event_buffer_size: SSH_CHANNEL_PACKETS,
        preferred: Preferred {
            kex: Cow::Borrowed(kex),
            key: Cow::Borrowed(KEYS),
            host_key_certificates: Cow::Borrowed(&[]),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
        },
        max_auth_attempts: SSH_AUTH_TRIES_MAX,
        // Whether the other end lives is the kernel's to find out (TCP keepalive): it wakes nobody here, and a
        // client that was stopped is not dead.
        inactivity_timeout: None,
        keepalive_interval: None,
        nodelay: true,
        ..server::Config::default()
    }
}
