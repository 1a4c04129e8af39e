//! The keys that sign tokens.

use std::fmt;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, crypto};
use serde_json::json;

use super::{PublicTokenKey, TokenAlgorithm, TokenClaims};

/// What tells whether a key has signed something. Nothing prints it.
#[derive(Clone)]
pub struct TokenKey {
    algorithm: TokenAlgorithm,
    verifying: DecodingKey,
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TokenKey").field(&self.algorithm).finish()
    }
}

impl TokenKey {
    /// Bytes that a secret has at least: as many as HMAC-SHA-256 gives (RFC 7518, 3.2).
    pub const LEAST_SECRET: usize = 32;
    /// Bytes that it has at most.
    pub const LONGEST_SECRET: usize = 1_024;

    /// One of which others have the private half.
    #[must_use]
    pub fn public(key: &PublicTokenKey) -> Self {
        let der = key.der();
        let verifying = match key.algorithm() {
            TokenAlgorithm::Es256 => DecodingKey::from_ec_der(der),
            TokenAlgorithm::Rs256 | TokenAlgorithm::Hs256 => DecodingKey::from_rsa_der(der),
        };
        Self {
            algorithm: key.algorithm(),
            verifying,
        }
    }

    /// One that is a secret of both sides.
    #[must_use]
    pub fn secret(secret: &[u8]) -> Self {
        Self {
            algorithm: TokenAlgorithm::Hs256,
            verifying: DecodingKey::from_secret(secret),
        }
    }

    /// How it signs.
    #[must_use]
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// Whether this is its signature of the message. Takes as long for a wrong one as for the right one.
    pub(super) fn has_signed(&self, message: &str, signature: &str) -> bool {
        let algorithm = self.algorithm.of_library();
        let verified = crypto::verify(signature, message.as_bytes(), &self.verifying, algorithm);
        verified.unwrap_or(false)
    }
}

impl TokenClaims {
    /// The text of a token with these claims, signed with a secret that is known by its `kid`.
    ///
    /// # Errors
    /// Only when the library refuses, which it has no reason to.
    pub fn signed(&self, kid: &str, secret: &[u8]) -> Result<String, String> {
        let header = json!({ "alg": TokenAlgorithm::Hs256, "typ": "JWT", "kid": kid });
        let claims = serde_json::to_vec(self).map_err(|error| error.to_string())?;
        let message = format!(
            "{}.{}",
            BASE64_URL_SAFE_NO_PAD.encode(header.to_string()),
            BASE64_URL_SAFE_NO_PAD.encode(claims)
        );
        let key = EncodingKey::from_secret(secret);
        let signature = crypto::sign(message.as_bytes(), &key, Algorithm::HS256);
        let signature = signature.map_err(|error| error.to_string())?;
        Ok(format!("{message}.{signature}"))
    }
}
