//! What SendGrid signs its calls with: its Event Webhook, and its Inbound Parse where that has a security policy.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, ParsedPublicKey};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::{SignedDuration, Timestamp};

/// The header in which the signature stands.
pub const SENDGRID_SIGNATURE: &str = "x-twilio-email-event-webhook-signature";
/// The header in which the time stands that is signed with the body.
pub const SENDGRID_TIMESTAMP: &str = "x-twilio-email-event-webhook-timestamp";

/// How far SendGrid's clock may be ahead of ours.
const AHEAD: SignedDuration = SignedDuration::from_mins(5);

/// Whether a call may have been signed at this time, seconds since 1970 as SendGrid writes it: `window` ago at most.
#[must_use]
pub fn may_be_signed_at(timestamp: &str, now: Timestamp, window: SignedDuration) -> bool {
    let seconds = timestamp.parse().ok();
    let at = seconds.and_then(|seconds| Timestamp::from_second(seconds).ok());
    at.is_some_and(|at| (-AHEAD..=window).contains(&now.duration_since(at)))
}

/// A public key of SendGrid's: ECDSA by P-256 with SHA-256.
#[derive(Debug, Clone)]
pub struct SendgridCallKey {
    der: Vec<u8>,
    key: ParsedPublicKey,
}

impl PartialEq for SendgridCallKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl SendgridCallKey {
    /// Reads a key as SendGrid shows it: its `SubjectPublicKeyInfo` in base 64, with or without the armour of PEM.
    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        let lines = text.split_ascii_whitespace().collect::<String>();
        let bare = lines
            .trim_start_matches("-----BEGINPUBLICKEY-----")
            .trim_end_matches("-----ENDPUBLICKEY-----");
        let der = BASE64_STANDARD.decode(bare).ok()?;
        let key = ParsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &der).ok()?;
        Some(Self { der, key })
    }

    /// Whether the timestamp and the bytes of a body, as they came, are signed with it.
    #[must_use]
    pub fn is_signed(&self, signature: &str, timestamp: &str, body: &[u8]) -> bool {
        let Ok(signature) = BASE64_STANDARD.decode(signature) else {
            return false;
        };
        let text = [timestamp.as_bytes(), body].concat();
        self.key.verify_sig(&text, &signature).is_ok()
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rand as chance;
    use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};

    use super::*;

    #[test]
    fn what_is_signed_is_known_to_the_byte() {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let public = pair.public_key().as_der().unwrap();
        let public = BASE64_STANDARD.encode(public.as_ref());
        let key = SendgridCallKey::read(&public).unwrap();
        let armoured = format!("-----BEGIN PUBLIC KEY-----\n{public}\n-----END PUBLIC KEY-----\n");
        assert_eq!(SendgridCallKey::read(&armoured).as_ref(), Some(&key));
        let body = b"--x\r\n\r\nhello\r\n--x--\r\n";
        let made = pair.sign(&chance::SystemRandom::new(), &[&b"17"[..], body].concat());
        let made = BASE64_STANDARD.encode(made.unwrap().as_ref());
        assert!(key.is_signed(&made, "17", body));
        for (signature, timestamp, body) in [
            (made.as_str(), "18", &body[..]),
            (&made, "17", &body[..body.len() - 2]),
            (&made, "1", &[&b"7"[..], &body[1..]].concat()),
            (&made[4..], "17", body),
            ("", "17", body),
        ] {
            assert!(!key.is_signed(signature, timestamp, body));
        }
        let other = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap();
        let other = BASE64_STANDARD.encode(other.public_key().as_der().unwrap().as_ref());
        let other = SendgridCallKey::read(&other).unwrap();
        assert!(other != key && !other.is_signed(&made, "17", body));
        for wrong in ["", "bm8=", "no key", &public[..public.len() - 8]] {
            assert_eq!(SendgridCallKey::read(wrong), None, "{wrong}");
        }
    }
}
