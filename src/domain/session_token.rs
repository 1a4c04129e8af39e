//! What a browser holds while its operator is signed in to the console. Everything that a page must prove comes of it,
//! so that nothing else is stored.

use std::str::FromStr;

use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use super::hex;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What became of somebody who wanted to sign in to the console.
    SignIn {
        /// They are signed in.
        Opened = "opened",
        /// Their key does not open.
        Refused = "refused",
        /// Too many keys that open nothing came from their address.
        Limited = "limited",
        /// Nobody could tell.
        Unavailable = "unavailable",
    }
}

/// Random bytes of a token.
pub const TOKEN_BYTES: usize = 32;

/// The secret of a session. Nothing prints it but [`SessionToken::expose`].
#[derive(Debug, Clone)]
pub struct SessionToken(SecretString);

/// A text is no token. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a session")]
pub struct NoSessionToken;

impl SessionToken {
    /// A new token of random bytes.
    #[must_use]
    pub fn new(bytes: [u8; TOKEN_BYTES]) -> Self {
        Self(hex(&bytes).into())
    }

    /// The text, for the cookie.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What is stored of it: its SHA-256, in hexadecimal digits.
    #[must_use]
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.expose()))
    }

    /// What a form of this session must bring to be believed. It is another one for each tenant that the session is
    /// about, so that a page of one cannot act on another.
    #[must_use]
    pub fn form_proof(&self, about: Option<Uuid>) -> String {
        let about = about.map_or_else(|| "all".to_owned(), |id| id.to_string());
        self.proof("form", &about)
    }

    /// What shows that this session was shown a thing, in a span of time.
    #[must_use]
    pub fn shown_proof(&self, thing: &str, span: i64) -> String {
        self.proof("shown", &format!("{span}:{thing}"))
    }

    /// The token comes first and has always the same length.
    fn proof(&self, kind: &str, of: &str) -> String {
        let said = format!("{}:{kind}:{of}", self.expose());
        hex(&Sha256::digest(said))
    }
}

/// Whether two proofs are equal. Takes as long for a wrong one as for the right one.
#[must_use]
pub fn is_same_proof(one: &str, other: &str) -> bool {
    one.as_bytes().ct_eq(other.as_bytes()).into()
}

impl FromStr for SessionToken {
    type Err = NoSessionToken;

    fn from_str(text: &str) -> Result<Self, NoSessionToken> {
        let is_digit = |c: u8| matches!(c, b'0'..=b'9' | b'a'..=b'f');
        let is_one = text.len() == TOKEN_BYTES * 2 && text.bytes().all(is_digit);
        is_one
            .then(|| Self(text.to_owned().into()))
            .ok_or(NoSessionToken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_read_back_and_not_printed() {
        let token = SessionToken::new([7; TOKEN_BYTES]);
        let read: SessionToken = token.expose().parse().unwrap();
        assert_eq!(read.hash(), token.hash());
        assert!(!format!("{token:?}").contains(token.expose()));
        let odd = "G".repeat(TOKEN_BYTES * 2);
        for odd in ["", "7", &token.expose()[1..], &odd] {
            assert!(odd.parse::<SessionToken>().is_err(), "{odd}");
        }
    }

    #[test]
    fn proofs_differ_by_session_tenant_thing_and_time() {
        let (one, other) = (
            SessionToken::new([1; TOKEN_BYTES]),
            SessionToken::new([2; TOKEN_BYTES]),
        );
        let tenant = Some(Uuid::from_u128(1));
        let proofs = [
            one.form_proof(None),
            one.form_proof(tenant),
            other.form_proof(None),
            one.shown_proof("a", 1),
            one.shown_proof("a", 2),
            one.shown_proof("b", 1),
            one.hash(),
        ];
        for (at, proof) in proofs.iter().enumerate() {
            let same = proofs.iter().filter(|it| is_same_proof(it, proof)).count();
            assert_eq!(same, 1, "{at}");
        }
        assert!(!is_same_proof("", &proofs[0]));
    }
}
