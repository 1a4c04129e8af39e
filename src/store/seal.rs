//! Sealing of secret columns: AES-256-GCM, with the key's id in front so that keys can rotate, and
//! bound to the place where it stands so that a sealed value cannot be moved to another row.
//!
//! A sealed value is: one byte of format, eight bytes of key id, twelve of nonce, the ciphertext
//! with its tag. The nonce is random: with one key for all, sealing stays safe for some billions
//! of values, and here are a few hundred.

pub mod rotation;

use std::fmt;

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use sha2::{Digest, Sha256};
use uuid::Uuid;

const FORMAT: u8 = 1;
const KEY_ID_BYTES: usize = 8;
const NONCE_BYTES: usize = 12;

type KeyId = [u8; KEY_ID_BYTES];

/// Where a sealed value stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SealedPlace<'a> {
    /// The table.
    pub table: &'a str,
    /// The row's id.
    pub row: Uuid,
    /// The column.
    pub column: &'a str,
}

impl SealedPlace<'_> {
    fn associated_data(&self) -> Vec<u8> {
        format!("{}/{}/{}", self.table, self.row, self.column).into_bytes()
    }
}

/// Why a value cannot be sealed or opened. It never says what the value was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// No key is configured.
    #[error("no key for sealing is configured")]
    NoKey,
    /// It was sealed with a key that is not configured.
    #[error("sealed with the key {0}, which is not among the configured ones")]
    UnknownKey(String),
    /// Not a sealed value of this engine.
    #[error("not a sealed value")]
    Malformed,
    /// It was changed, or moved from another place.
    #[error("the sealed value is not what was sealed in this place")]
    Forged,
    /// The cipher refused, which it does for values of many gigabytes only.
    #[error("the value cannot be sealed")]
    Unsealable,
}

/// The configured keys: the first seals, all of them open.
#[derive(Clone)]
pub struct Sealer {
    keys: Vec<(KeyId, Aes256Gcm)>,
}

impl fmt::Debug for Sealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<String> = self
            .keys
            .iter()
            .map(|(id, _)| crate::domain::hex(id))
            .collect();
        f.debug_struct("Sealer").field("keys", &ids).finish()
    }
}

impl Sealer {
    /// A sealer with these keys; the newest first.
    ///
    /// # Errors
    /// [`SealError::NoKey`] when there is none.
    pub fn new(keys: &[[u8; 32]]) -> Result<Self, SealError> {
        if keys.is_empty() {
            return Err(SealError::NoKey);
        }
        let keys = keys
            .iter()
            .map(|key| (key_id(key), Aes256Gcm::new(key.into())))
            .collect();
        Ok(Self { keys })
    }

    /// Seals a value for its place.
    ///
    /// # Errors
    /// [`SealError::Unsealable`] for what no column could hold.
    pub fn seal(&self, place: SealedPlace<'_>, plain: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, cipher) = self.keys.first().ok_or(SealError::NoKey)?;
        let mut nonce = [0; NONCE_BYTES];
        rand::fill(&mut nonce);
        let payload = Payload {
            msg: plain,
            aad: &place.associated_data(),
        };
        let ciphertext = cipher
            .encrypt(&Nonce::from(nonce), payload)
            .map_err(|_| SealError::Unsealable)?;
        Ok([&[FORMAT], id.as_slice(), &nonce, &ciphertext].concat())
    }

    /// Opens what was sealed for this place.
    ///
    /// # Errors
    /// The key is not known, or the value is not what was sealed here.
    pub fn open(&self, place: SealedPlace<'_>, sealed: &[u8]) -> Result<Vec<u8>, SealError> {
        let (id, nonce, ciphertext) = parts(sealed).ok_or(SealError::Malformed)?;
        let (_, cipher) = self
            .keys
            .iter()
            .find(|(known, _)| *known == id)
            .ok_or_else(|| SealError::UnknownKey(crate::domain::hex(&id)))?;
        let payload = Payload {
            msg: ciphertext,
            aad: &place.associated_data(),
        };
        cipher
            .decrypt(&Nonce::from(nonce), payload)
            .map_err(|_| SealError::Forged)
    }

    /// Whether a value is sealed with the key that seals now; if not, it is time to seal it anew.
    #[must_use]
    pub fn is_current(&self, sealed: &[u8]) -> bool {
        let id = parts(sealed).map(|(id, ..)| id);
        id.is_some() && id == self.keys.first().map(|(id, _)| *id)
    }
}

/// A key is known by the beginning of its hash: nobody has to name keys, and the id tells nothing.
fn key_id(key: &[u8; 32]) -> KeyId {
    let hash = Sha256::new()
        .chain_update(b"herald sealing key")
        .chain_update(key)
        .finalize();
    let mut id = KeyId::default();
    id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
    id
}

fn parts(sealed: &[u8]) -> Option<(KeyId, [u8; NONCE_BYTES], &[u8])> {
    let sealed = sealed.strip_prefix(&[FORMAT])?;
    let (id, rest) = sealed.split_first_chunk()?;
    let (nonce, ciphertext) = rest.split_first_chunk()?;
    Some((*id, *nonce, ciphertext))
}

#[cfg(test)]
mod tests;
