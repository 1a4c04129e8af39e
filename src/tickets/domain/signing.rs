//! Signatures by which the desk knows again what it gave away: links to files, and addresses for answers.
//!
//! Each purpose has keys of its own, so that a signature for one is none for another.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

/// Bytes by which a key is known; they tell nothing of it.
pub const KEY_ID_BYTES: usize = 2;
/// Bytes of a whole signature.
pub const SIGNATURE_BYTES: usize = 32;

/// The keys of one purpose. The last one signs: while one replaces another, every node knows it.
#[derive(Clone)]
pub struct DeskSigner(Arc<[SigningKey]>);

struct SigningKey {
    id: [u8; KEY_ID_BYTES],
    key: hmac::Key,
}

impl fmt::Debug for DeskSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids = self.0.iter().map(|key| key.id);
        f.debug_list().entries(ids).finish()
    }
}

impl DeskSigner {
    /// Signs for one purpose with keys that belong to these. Nobody learns those from them.
    #[must_use]
    pub fn derived<'a>(secrets: impl IntoIterator<Item = &'a [u8]>, purpose: &str) -> Self {
        let key = |secret: &[u8]| {
            let known = hmac::Key::new(hmac::HMAC_SHA256, secret);
            let own = hmac::sign(&known, format!("herald desk {purpose} 1").as_bytes());
            let key = hmac::Key::new(hmac::HMAC_SHA256, own.as_ref());
            let hash = hmac::sign(&key, b"id");
            let mut id = [0; KEY_ID_BYTES];
            id.iter_mut()
                .zip(hash.as_ref())
                .for_each(|(to, from)| *to = *from);
            SigningKey { id, key }
        };
        Self(secrets.into_iter().map(key).collect())
    }

    /// A signature, and the key that it was made with; `None` without keys.
    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Option<([u8; KEY_ID_BYTES], [u8; SIGNATURE_BYTES])> {
        let last = self.0.last()?;
        let made = hmac::sign(&last.key, message);
        Some((last.id, made.as_ref().try_into().ok()?))
    }

    /// Whether this is the beginning of what the key would sign; compared in a time that does not tell how much of it
    /// is right.
    #[must_use]
    pub fn knows(&self, id: [u8; KEY_ID_BYTES], message: &[u8], signature: &[u8]) -> bool {
        let mut keys = self.0.iter().filter(|key| key.id == id);
        keys.any(|key| {
            let made = hmac::sign(&key.key, message);
            let made = made.as_ref().get(..signature.len());
            made.is_some_and(|made| !made.is_empty() && bool::from(made.ct_eq(signature)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_known_by_its_key_for_its_purpose_alone() {
        let (old, new) = ([1_u8; 32], [2_u8; 32]);
        let signer = DeskSigner::derived([&old[..], &new[..]], "links");
        let (id, made) = signer.sign(b"one").unwrap();
        assert!(signer.knows(id, b"one", &made) && signer.knows(id, b"one", &made[..16]));
        assert!(!signer.knows(id, b"two", &made) && !signer.knows(id, b"one", &[]));
        let mut bent = made;
        bent[31] ^= 1;
        assert!(!signer.knows(id, b"one", &bent));
        let only_old = DeskSigner::derived([&old[..]], "links");
        let (old_id, old_made) = only_old.sign(b"one").unwrap();
        assert!(
            signer.knows(old_id, b"one", &old_made),
            "what an older key signed is known"
        );
        assert!(!only_old.knows(id, b"one", &made));
        let other = DeskSigner::derived([&old[..], &new[..]], "addresses");
        let (other_id, other_made) = other.sign(b"one").unwrap();
        assert!(!signer.knows(other_id, b"one", &other_made));
        assert!(!signer.knows(id, b"one", &other_made));
        assert_eq!(DeskSigner::derived([], "links").sign(b"one"), None);
    }
}
