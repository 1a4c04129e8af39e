//! What signs webhooks: Standard Webhooks 1.0.0, symmetric.

use std::str::FromStr;

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use secrecy::{ExposeSecret, SecretString};

/// Random bytes of a new secret. Not 32: libraries disagree on whether base64 ends in `=` there.
const NEW_BYTES: usize = 24;
/// How a secret begins.
const PREFIX: &str = "whsec_";

/// A secret. Nothing prints it but [`WebhookSecret::expose`].
#[derive(Debug, Clone)]
pub struct WebhookSecret {
    text: SecretString,
    key: hmac::Key,
}

/// Why a text is no secret. Says nothing of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "write `whsec_` and 24 to 64 random bytes in base64, as whsec_$(openssl rand -base64 24) is"
)]
pub struct WebhookSecretError;

impl WebhookSecret {
    /// A secret of random bytes.
    #[must_use]
    pub fn new(random: [u8; NEW_BYTES]) -> Self {
        Self::of(&random)
    }

    fn of(bytes: &[u8]) -> Self {
        let text = format!("{PREFIX}{}", BASE64_STANDARD.encode(bytes));
        Self {
            text: text.into(),
            key: hmac::Key::new(hmac::HMAC_SHA256, bytes),
        }
    }

    /// Its text, for whoever it is made for, and to be sealed.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.text.expose_secret()
    }

    fn sign(&self, id: &str, timestamp: &str, body: &[u8]) -> String {
        let mut signing = hmac::Context::with_key(&self.key);
        for part in [id.as_bytes(), b".", timestamp.as_bytes(), b".", body] {
            signing.update(part);
        }
        BASE64_STANDARD.encode(signing.sign())
    }
}

impl FromStr for WebhookSecret {
    type Err = WebhookSecretError;

    fn from_str(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text.strip_prefix(PREFIX).ok_or(WebhookSecretError)?;
        let bytes = BASE64_STANDARD.decode(encoded).ok();
        let bytes = bytes.filter(|bytes| (NEW_BYTES..=64).contains(&bytes.len()));
        Ok(Self::of(&bytes.ok_or(WebhookSecretError)?))
    }
}

/// The header `webhook-signature`: one signature by each secret, while one replaces another.
#[must_use]
pub fn signature<'a>(
    secrets: impl IntoIterator<Item = &'a WebhookSecret>,
    id: &str,
    timestamp: &str,
    body: &[u8],
) -> String {
    let signed = secrets
        .into_iter()
        .map(|secret| format!("v1,{}", secret.sign(id, timestamp, body)));
    signed.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &[u8] = br#"{"type":"notification.sent","data":{"id":"1","text":"\u00e4\u00f6"}}"#;

    const NOW: &str = "1795176000";

    /// Whether the library, which takes only the present time for good, signs the same.
    fn verified(secret: &str, signatures: &str, timestamp: &str, body: &[u8]) -> bool {
        let judge = standardwebhooks::Webhook::new(secret).unwrap();
        let signed = judge.sign("msg_1", timestamp.parse().unwrap(), body);
        let signed = signed.unwrap();
        signatures.split(' ').any(|signature| signature == signed)
    }

    #[test]
    fn the_standards_own_vector_is_signed_as_it_says() {
        let secret: WebhookSecret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".parse().unwrap();
        let signed = signature(
            [&secret],
            "msg_p5jXN8AQM9LWM0D4loKWxJek",
            "1614265330",
            br#"{"test": 2432232314}"#,
        );
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn the_independent_library_takes_what_is_signed_and_nothing_else() {
        let (old, new) = (WebhookSecret::new([1; 24]), WebhookSecret::new([2; 24]));
        let both = signature([&new, &old], "msg_1", NOW, BODY);
        assert_eq!(both.split(' ').count(), 2);
        for secret in [&old, &new] {
            assert!(verified(secret.expose(), &both, NOW, BODY));
        }
        assert!(!verified(old.expose(), &both, NOW, &BODY[1..]));
        assert!(!verified(old.expose(), &both, "1795176001", BODY));
        let alone = signature([&new], "msg_1", NOW, BODY);
        assert!(!verified(old.expose(), &alone, NOW, BODY));
    }

    #[test]
    fn a_secret_of_somebodys_own_is_read_and_not_shown() {
        for bytes in [24, 32, 48, 64] {
            let text = format!("whsec_{}", BASE64_STANDARD.encode(vec![7; bytes]));
            let secret: WebhookSecret = text.parse().unwrap();
            assert_eq!(secret.expose(), text);
            assert!(!format!("{secret:?}").contains(&text[8..20]), "{secret:?}");
        }
        for odd in [
            "",
            "whsec_",
            "whsec_AAAA",
            "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
            "whsec_!",
        ] {
            assert!(odd.parse::<WebhookSecret>().is_err(), "{odd}");
        }
        let long = format!("whsec_{}", BASE64_STANDARD.encode([7; 65]));
        assert!(long.parse::<WebhookSecret>().is_err());
    }
}
