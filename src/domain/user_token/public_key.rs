//! Public keys as they are registered: as PEM, or as JWK (RFC 7517). Kept is one form of both.

use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::rsa::{PublicEncryptingKey, PublicKey, PublicKeyComponents};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ParsedPublicKey};
use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Map, Value};

use super::TokenAlgorithm;

/// Longest text of a key.
const LONGEST: usize = 16_384;
/// Bits that an RSA key has at least.
const LEAST_BITS: usize = 2_048;
/// Bytes of a coordinate on the curve P-256.
const COORDINATE: usize = 32;
/// Characters of a line of PEM.
const LINE: usize = 64;

/// A public key that can verify tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicTokenKey {
    algorithm: TokenAlgorithm,
    der: Vec<u8>,
}

/// Why a text is no public key. Repeats nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadPublicKey {
    /// It is private.
    #[error(
        "this is a private key: register the public one, and replace the private one, which is known by now"
    )]
    Private,
    /// It is something else.
    #[error("no public key: write `-----BEGIN PUBLIC KEY-----` and what follows, or a JWK")]
    Form,
    /// It is of another kind.
    #[error("no RSA key, which RS256 wants")]
    NotRsa,
    /// It is of another kind.
    #[error("no key on the curve P-256, which ES256 wants")]
    NotP256,
    /// It is too small, or larger than anybody uses.
    #[error("an RSA key of 2048 to 8192 bits is expected")]
    Size,
    /// What it says of itself is something else.
    #[error("the JWK's `alg`, `use` or `key_ops` says that it is for something else")]
    Purpose,
}

impl PublicTokenKey {
    /// One that was kept.
    #[must_use]
    pub const fn kept(algorithm: TokenAlgorithm, der: Vec<u8>) -> Self {
        Self { algorithm, der }
    }

    /// How its private half signs.
    #[must_use]
    pub const fn algorithm(&self) -> TokenAlgorithm {
        self.algorithm
    }

    /// The key as a `SubjectPublicKeyInfo` (RFC 5280).
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// The same as PEM.
    #[must_use]
    pub fn pem(&self) -> String {
        let text = BASE64_STANDARD.encode(&self.der);
        let lines = text.as_bytes().chunks(LINE);
        let lines = lines.map(|line| String::from_utf8_lossy(line).into_owned());
        let lines = lines.collect::<Vec<_>>().join("\n");
        format!("-----BEGIN PUBLIC KEY-----\n{lines}\n-----END PUBLIC KEY-----\n")
    }

    /// Reads PEM: `PUBLIC KEY`, or `RSA PUBLIC KEY` (RFC 8017).
    ///
    /// # Errors
    /// It is none, or not of the algorithm.
    pub fn of_pem(algorithm: TokenAlgorithm, text: &str) -> Result<Self, BadPublicKey> {
        if text.len() > LONGEST {
            return Err(BadPublicKey::Form);
        }
        if text.contains("PRIVATE KEY-----") {
            return Err(BadPublicKey::Private);
        }
        let body = |label: &str| {
            let (before, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
            let (body, after) = rest.split_once(&format!("-----END {label}-----"))?;
            let is_alone = before.trim().is_empty() && after.trim().is_empty();
            let body: String = body.split_ascii_whitespace().collect();
            is_alone.then(|| BASE64_STANDARD.decode(body).ok())?
        };
        let der = body("PUBLIC KEY").or_else(|| body("RSA PUBLIC KEY"));
        Self::of_der(algorithm, &der.ok_or(BadPublicKey::Form)?)
    }

    fn of_der(algorithm: TokenAlgorithm, der: &[u8]) -> Result<Self, BadPublicKey> {
        match algorithm {
            TokenAlgorithm::Rs256 => {
                let key = PublicKey::from_der(der).map_err(|_| BadPublicKey::NotRsa)?;
                Self::rsa(key.as_der().map_err(|_| BadPublicKey::NotRsa)?.as_ref())
            }
            TokenAlgorithm::Es256 => Self::p256(der),
            TokenAlgorithm::Hs256 => Err(BadPublicKey::Form),
        }
    }

    /// Reads a JWK.
    ///
    /// # Errors
    /// It is none, not of the algorithm, or private.
    pub fn of_jwk(
        algorithm: TokenAlgorithm,
        jwk: &Map<String, Value>,
    ) -> Result<Self, BadPublicKey> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        if jwk.contains_key("d") || jwk.contains_key("k") {
            return Err(BadPublicKey::Private);
        }
        let fits = |name: &str, word: &str| jwk.get(name).is_none_or(|said| said == word);
        let verifies = jwk.get("key_ops").is_none_or(|said| {
            let mut said = said.as_array().into_iter().flatten();
            said.any(|it| it == "verify")
        });
        if !fits("alg", algorithm.as_str()) || !fits("use", "sig") || !verifies {
            return Err(BadPublicKey::Purpose);
        }
        let bytes = |name: &str| {
            let text = text(name).filter(|text| text.len() <= LONGEST)?;
            BASE64_URL_SAFE_NO_PAD.decode(text).ok()
        };
        match algorithm {
            TokenAlgorithm::Rs256 => {
                let is_rsa = text("kty") == Some("RSA");
                let parts = bytes("n").zip(bytes("e")).filter(|_| is_rsa);
                let (n, e) = parts.ok_or(BadPublicKey::NotRsa)?;
                let der = PublicKeyComponents { n, e }.as_der();
                Self::rsa(der.map_err(|_| BadPublicKey::NotRsa)?.as_ref())
            }
            TokenAlgorithm::Es256 => {
                let is_p256 = text("kty") == Some("EC") && text("crv") == Some("P-256");
                let point = bytes("x")
                    .zip(bytes("y"))
                    .filter(|(x, y)| is_p256 && x.len() == COORDINATE && y.len() == COORDINATE);
                let (x, y) = point.ok_or(BadPublicKey::NotP256)?;
                Self::p256(&[&[4], &x[..], &y[..]].concat())
            }
            TokenAlgorithm::Hs256 => Err(BadPublicKey::Form),
        }
    }

    fn rsa(der: &[u8]) -> Result<Self, BadPublicKey> {
        let key = PublicEncryptingKey::from_der(der).map_err(|_| BadPublicKey::Size)?;
        if key.key_size_bits() < LEAST_BITS {
            return Err(BadPublicKey::Size);
        }
        Ok(Self::kept(TokenAlgorithm::Rs256, der.to_vec()))
    }

    /// A point on the curve, or a `SubjectPublicKeyInfo` of one.
    fn p256(bytes: &[u8]) -> Result<Self, BadPublicKey> {
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, bytes);
        let der = key.map_err(|_| BadPublicKey::NotP256)?.as_der();
        let der = der.map_err(|_| BadPublicKey::NotP256)?;
        Ok(Self::kept(TokenAlgorithm::Es256, der.as_ref().to_vec()))
    }
}

#[cfg(test)]
mod tests;
