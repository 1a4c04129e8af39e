//! API keys: how they are written, and what they open.
//!
//! `hk_<prefix>_<secret>`: the prefix tells keys apart and may be shown; the secret ends in a checksum, so
//! that a typing mistake is known as one, and a scanner for leaked secrets has no false alarms.

mod scopes;

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::hex;

pub use scopes::{ApiAction, ApiResource, ApiScope, ApiScopes, UnknownScope};

/// Random bytes of a prefix.
pub const PREFIX_BYTES: usize = 6;
/// Random bytes of a secret.
pub const SECRET_BYTES: usize = 24;

/// Digits of the prefix.
const PREFIX_DIGITS: usize = PREFIX_BYTES * 2;
/// Digits of the secret, without its checksum.
const SECRET_DIGITS: usize = SECRET_BYTES * 2;
/// Digits of the checksum.
const CHECKSUM_DIGITS: usize = 8;

/// The whole text of a key. Nothing prints it but [`ApiKey::expose`].
#[derive(Debug, Clone)]
pub struct ApiKey {
    prefix: String,
    text: SecretString,
}

/// Why a text is no key. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ApiKeyError {
    /// It does not look like one.
    #[error("not of the form hk_<prefix>_<secret>")]
    Form,
    /// A character of it is wrong.
    #[error("its checksum is wrong: it was copied with a mistake, or cut")]
    Checksum,
}

impl ApiKey {
    /// A new key of random bytes.
    #[must_use]
    pub fn new(prefix: [u8; PREFIX_BYTES], secret: [u8; SECRET_BYTES]) -> Self {
        Self::rotated(&hex(&prefix), secret)
    }

    /// Another secret for a key of this prefix.
    #[must_use]
    pub fn rotated(prefix: &str, secret: [u8; SECRET_BYTES]) -> Self {
        let mut text = format!("hk_{prefix}_{}", hex(&secret));
        text.push_str(&checksum(&text));
        Self {
            prefix: prefix.to_owned(),
            text: text.into(),
        }
    }

    /// What tells keys apart.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The text, to be shown once.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    /// What is stored of it: the SHA-256 of its text, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.text.expose_secret()))
    }

    /// Whether this is the key of a stored hash. Takes as long for a wrong one as for the right one.
    #[must_use]
    pub fn is_of(&self, stored: &str) -> bool {
        self.hash().as_bytes().ct_eq(stored.as_bytes()).into()
    }
}

impl FromStr for ApiKey {
    type Err = ApiKeyError;

    fn from_str(text: &str) -> Result<Self, ApiKeyError> {
        let (prefix, secret) = text
            .strip_prefix("hk_")
            .and_then(|rest| rest.split_once('_'))
            .ok_or(ApiKeyError::Form)?;
        let digits = |text: &str, count: usize| {
            let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
            text.len() == count && text.bytes().all(is_digit)
        };
        if !digits(prefix, PREFIX_DIGITS) || !digits(secret, SECRET_DIGITS + CHECKSUM_DIGITS) {
            return Err(ApiKeyError::Form);
        }
        let (said, sum) = text.split_at(text.len() - CHECKSUM_DIGITS);
        if checksum(said) != sum {
            return Err(ApiKeyError::Checksum);
        }
        Ok(Self {
            prefix: prefix.to_owned(),
            text: text.to_owned().into(),
        })
    }
}

/// The first digits of the SHA-256 of all that stands before.
fn checksum(text: &str) -> String {
    let mut sum = hex(&Sha256::digest(text));
    sum.truncate(CHECKSUM_DIGITS);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::new([7; PREFIX_BYTES], [9; SECRET_BYTES])
    }

    #[test]
    fn a_key_is_read_back_and_known_by_its_hash() {
        let key = key();
        let read: ApiKey = key.expose().parse().unwrap();
        assert_eq!((read.prefix(), read.expose()), (key.prefix(), key.expose()));
        assert!(read.is_of(&key.hash()));
        let other = ApiKey::rotated(key.prefix(), [8; SECRET_BYTES]);
        assert_eq!(other.prefix(), key.prefix());
        assert!(!other.is_of(&key.hash()));
        for wrong in ["", &key.hash()[1..], &format!("{}0", key.hash())] {
            assert!(!key.is_of(wrong));
        }
    }

    #[test]
    fn each_wrong_character_is_a_typing_mistake() {
        let key = key();
        let text = key.expose();
        for at in 3..text.len() {
            let mut wrong = text.to_owned();
            let other = if text[at..].starts_with('0') {
                "1"
            } else {
                "0"
            };
            wrong.replace_range(at..=at, other);
            assert!(wrong.parse::<ApiKey>().is_err(), "{at}");
        }
        let last = text.len() - 1;
        let other = if text.ends_with('0') { "1" } else { "0" };
        let mistyped = format!("{}{other}", &text[..last]);
        assert_eq!(
            mistyped.parse::<ApiKey>().unwrap_err(),
            ApiKeyError::Checksum
        );
        for odd in [
            "",
            "hk_",
            "hk__",
            &text[..last],
            &text.to_uppercase(),
            "Bearer x",
            "hk_é_ü",
        ] {
            assert_eq!(
                odd.parse::<ApiKey>().unwrap_err(),
                ApiKeyError::Form,
                "{odd}"
            );
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let key = key();
        let secret = &key.expose()[key.prefix().len() + 4..];
        assert!(!format!("{key:?}").contains(secret));
    }
}
