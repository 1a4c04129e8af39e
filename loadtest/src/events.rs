//! What providers tell later, signed as they sign it.

mod teller;

use std::fmt;
use std::path::Path;

use anyhow::Context;
use aws_lc_rs::encoding::AsDer;
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

pub use teller::{EventTeller, EventVoice, Telling};

/// A key of SendGrid's Event Webhook.
pub struct SendgridKey(EcdsaKeyPair);

impl fmt::Debug for SendgridKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SendgridKey")
    }
}

impl SendgridKey {
    /// A new one.
    ///
    /// # Errors
    /// This machine has no randomness.
    pub fn generate() -> anyhow::Result<Self> {
        let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING);
        Ok(Self(
            key.map_err(|_| anyhow::anyhow!("no key can be made"))?,
        ))
    }

    /// That in a file, which is made with a new one if it is not there: what writes the accounts and what tells of
    /// their messages are programs of their own.
    ///
    /// # Errors
    /// The file cannot be read or made, or holds no key.
    pub fn in_file(path: &Path) -> anyhow::Result<Self> {
        let refused = || anyhow::anyhow!("{}: no key of SendGrid's", path.display());
        if let Ok(text) = std::fs::read_to_string(path) {
            let key = STANDARD.decode(text.trim()).map_err(|_| refused())?;
            let key = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &key);
            return Ok(Self(key.map_err(|_| refused())?));
        }
        let key = Self::generate()?;
        let written = key.0.to_pkcs8v1().map_err(|_| refused())?;
        std::fs::write(path, STANDARD.encode(written.as_ref()))
            .with_context(|| format!("writing {}", path.display()))?;
        Ok(key)
    }

    /// What goes into an account's `event_public_key`.
    ///
    /// # Errors
    /// The key cannot be written.
    pub fn public(&self) -> anyhow::Result<String> {
        let written = self.0.public_key().as_der();
        let written = written.map_err(|_| anyhow::anyhow!("the key cannot be written"))?;
        Ok(STANDARD.encode(written.as_ref()))
    }

    /// The header lines of a call with this body at this time, in seconds.
    ///
    /// # Errors
    /// This machine has no randomness.
    pub fn headers(&self, seconds: i64, body: &[u8]) -> anyhow::Result<[String; 3]> {
        let text = [seconds.to_string().as_bytes(), body].concat();
        let signature = self.0.sign(&SystemRandom::new(), &text);
        let signature = signature.map_err(|_| anyhow::anyhow!("it cannot be signed"))?;
        let signature = STANDARD.encode(signature.as_ref());
        Ok([
            "content-type: application/json".to_owned(),
            format!("x-twilio-email-event-webhook-signature: {signature}"),
            format!("x-twilio-email-event-webhook-timestamp: {seconds}"),
        ])
    }
}

/// Events as SendGrid writes them: an array with an event a line, and a line's end behind it.
#[must_use]
pub fn sendgrid_body(events: &[Value]) -> Vec<u8> {
    let events: Vec<String> = events.iter().map(ToString::to_string).collect();
    format!("[{}]\r\n", events.join(",\r\n")).into_bytes()
}

/// The header lines of Twilio's call to a URL with this form.
#[must_use]
pub fn twilio_headers(token: &str, url: &str, form: &[(&str, &str)]) -> [String; 2] {
    let mut pairs = form.to_vec();
    pairs.sort_unstable();
    pairs.dedup();
    let text = pairs
        .iter()
        .fold(url.to_owned(), |text, (name, value)| text + name + value);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    let signature = STANDARD.encode(hmac::sign(&key, text.as_bytes()));
    [
        "content-type: application/x-www-form-urlencoded".to_owned(),
        format!("x-twilio-signature: {signature}"),
    ]
}

/// A form as it is sent.
#[must_use]
pub fn form_body(form: &[(&str, &str)]) -> Vec<u8> {
    let escaped = |text: &str| {
        let escape = |byte: u8| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => {
                char::from(byte).to_string()
            }
            b' ' => "+".to_owned(),
            other => format!("%{other:02X}"),
        };
        text.bytes().map(escape).collect::<String>()
    };
    let pairs: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{}={}", escaped(name), escaped(value)))
        .collect();
    pairs.join("&").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_in_a_file_is_made_once() {
        let name = format!("loadtest-events-{}.key", std::process::id());
        let file = std::env::temp_dir().join(name);
        let _ = std::fs::remove_file(&file);
        let made = SendgridKey::in_file(&file).unwrap().public().unwrap();
        assert_eq!(SendgridKey::in_file(&file).unwrap().public().unwrap(), made);
        std::fs::write(&file, "bm8=").unwrap();
        assert!(SendgridKey::in_file(&file).is_err());
        std::fs::remove_file(&file).unwrap();
    }
}
