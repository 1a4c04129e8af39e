//! The keys of links. Each is derived from a key that seals credentials, and outlives it.

use std::fmt;
use std::sync::Arc;

use aes_gcm::{Aes256Gcm, KeyInit};
use aws_lc_rs::hmac;
use secrecy::{ExposeSecret, SecretBox};
use sha2::{Digest, Sha256};

use super::{KEY_ID_BYTES, NONCE_BYTES};
use crate::domain::hex;

/// By what a key is known: the beginning of its hash, which tells nothing of it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LinkKeyId(pub [u8; KEY_ID_BYTES]);

impl fmt::Debug for LinkKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

/// A key of links. Nothing prints it.
#[derive(Clone)]
pub struct LinkKey {
    id: LinkKeyId,
    secret: Arc<SecretBox<[u8; 32]>>,
    nonces: hmac::Key,
    cipher: Aes256Gcm,
}

impl fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LinkKey").field(&self.id).finish()
    }
}

impl LinkKey {
    /// The key that belongs to one that seals credentials. Nobody learns that one from this one.
    #[must_use]
    pub fn derived(sealing: &[u8; 32]) -> Self {
        Self::of(derived(sealing, b"herald person links 1"))
    }

    /// A key of these bytes: one that was kept.
    #[must_use]
    pub fn of(secret: [u8; 32]) -> Self {
        let hash = Sha256::new()
            .chain_update(b"herald link key")
            .chain_update(secret)
            .finalize();
        let mut id = LinkKeyId([0; KEY_ID_BYTES]);
        id.0.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        let cipher = Aes256Gcm::new(&derived(&secret, b"cipher").into());
        let nonces = hmac::Key::new(hmac::HMAC_SHA256, &derived(&secret, b"nonce"));
        Self {
            id,
            secret: Arc::new(SecretBox::new(Box::new(secret))),
            nonces,
            cipher,
        }
    }

    /// By what it is known.
    #[must_use]
    pub const fn id(&self) -> LinkKeyId {
        self.id
    }

    /// Its bytes, to be sealed and kept.
    #[must_use]
    pub fn expose(&self) -> &[u8; 32] {
        self.secret.expose_secret()
    }

    pub(super) const fn cipher(&self) -> &Aes256Gcm {
        &self.cipher
    }

    /// The nonce of a text: another text has another one.
    pub(super) fn nonce(&self, plain: &[u8]) -> [u8; NONCE_BYTES] {
        let mac = hmac::sign(&self.nonces, plain);
        let mut nonce = [0; NONCE_BYTES];
        let bytes = nonce.iter_mut().zip(mac.as_ref());
        bytes.for_each(|(to, from)| *to = *from);
        nonce
    }
}

fn derived(key: &[u8; 32], label: &[u8]) -> [u8; 32] {
    let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), label);
    let mut derived = [0; 32];
    let bytes = derived.iter_mut().zip(mac.as_ref());
    bytes.for_each(|(to, from)| *to = *from);
    derived
}
