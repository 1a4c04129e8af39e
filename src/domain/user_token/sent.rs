//! A token as it came: nobody has looked yet whether its key signed it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use super::{TokenClaims, TokenFault, TokenKey, UserToken};

/// Longest token that is looked at, in characters.
const LONGEST: usize = 8_192;

/// A token of the right form. Nothing prints it.
#[derive(Debug, Clone)]
pub struct SentToken {
    /// The name of the key that is said to have signed it.
    pub kid: String,
    /// The tenant that it names.
    pub tenant_id: Uuid,
    algorithm: String,
    claims: TokenClaims,
    text: SecretString,
}

#[derive(Deserialize)]
struct TokenHeader {
    alg: String,
    kid: Option<String>,
    crit: Option<Value>,
}

impl SentToken {
    /// Whether a text looks like a token at all, and not like an API key.
    #[must_use]
    pub fn looks_like_one(text: &str) -> bool {
        text.len() <= LONGEST && text.starts_with("ey") && text.split('.').count() == 3
    }

    /// Reads a text.
    ///
    /// # Errors
    /// It is no token; or it names no key or no tenant.
    pub fn parse(text: &str) -> Result<Self, TokenFault> {
        if text.len() > LONGEST {
            return Err(TokenFault::Form);
        }
        let mut parts = text.split('.');
        let (Some(header), Some(claims), Some(_), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(TokenFault::Form);
        };
        let header: TokenHeader = part(header).ok_or(TokenFault::Form)?;
        let claims: TokenClaims = part(claims).ok_or(TokenFault::Form)?;
        if header.crit.is_some() {
            return Err(TokenFault::Critical);
        }
        Ok(Self {
            kid: header.kid.ok_or(TokenFault::NoKid)?,
            tenant_id: claims.tenant_id()?,
            algorithm: header.alg,
            claims,
            text: text.to_owned().into(),
        })
    }

    /// What it says at this moment, if this key signed it. The algorithm is the key's, whatever the header says.
    ///
    /// # Errors
    /// The key signs in another way, or did not sign this; or what it says opens nothing at this moment.
    pub fn open(&self, key: &TokenKey, now: Timestamp) -> Result<UserToken, TokenFault> {
        if self.algorithm != key.algorithm().as_str() {
            return Err(TokenFault::Algorithm(key.algorithm()));
        }
        let text = self.text.expose_secret();
        let (message, signature) = text.rsplit_once('.').ok_or(TokenFault::Form)?;
        if !key.has_signed(message, signature) {
            return Err(TokenFault::Signature);
        }
        self.claims.read(now)
    }
}

/// What stands in a part: a JSON object in base64url without padding.
fn part<T: DeserializeOwned>(text: &str) -> Option<T> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).ok()?;
    // A list of the values would be read as well.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    is_object.then(|| serde_json::from_slice(&bytes).ok())?
}

#[cfg(test)]
mod tests;
