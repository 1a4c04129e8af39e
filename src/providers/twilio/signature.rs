//! Twilio's signature of a call: over the URL that it called, and what it sent.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use url::Url;

use crate::domain::hex;

/// With which a call is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TwilioSigning {
    /// The account's auth token, and SHA-1: what Twilio has always done.
    AuthToken,
    /// A shared key, and SHA-256.
    SharedKey,
}

/// Most parameters of a call; Twilio's have some thirty. They are sorted before anybody knows whose they are.
const MOST_PARAMETERS: usize = 500;

/// The parameters of a body, each with its values.
type TwilioParameters<'a> = BTreeMap<Cow<'a, str>, BTreeSet<Cow<'a, str>>>;

impl TwilioSigning {
    /// What the header `X-Twilio-Webhooks-Signature-Settings` says; `None` when it names what is not known here.
    pub(super) fn of(settings: Option<&str>) -> Option<Self> {
        let parts = settings.unwrap_or_default().split(',');
        let mut named = parts.filter_map(|part| {
            let (name, value) = part.split_once('=')?;
            Some(value.trim()).filter(|value| name.trim() == "algorithm" && !value.is_empty())
        });
        match named.next().map(str::to_ascii_uppercase).as_deref() {
            None | Some("HMAC_SHA1") => Some(Self::AuthToken),
            Some("HMAC_SHA256") => Some(Self::SharedKey),
            Some(_) => None,
        }
    }

    const fn algorithm(self) -> hmac::Algorithm {
        match self {
            Self::AuthToken => hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
            Self::SharedKey => hmac::HMAC_SHA256,
        }
    }
}

/// Whether the signature is that of a call to this URL with this body. A form is signed by its parameters, JSON by
/// the hash of its bytes, which stands in the query.
pub(super) fn is_signed(
    signing: TwilioSigning,
    secret: &str,
    signature: &str,
    (url, body, is_form): (&str, &[u8], bool),
) -> bool {
    let Ok(signature) = STANDARD.decode(signature) else {
        return false;
    };
    if is_form && body.iter().filter(|byte| **byte == b'&').count() >= MOST_PARAMETERS {
        return false;
    }
    let parameters = match is_form {
        true => parameters(body),
        false if !is_hashed(url, body) => return false,
        false => TwilioParameters::new(),
    };
    let key = hmac::Key::new(signing.algorithm(), secret.as_bytes());
    let signed = |url: &str| {
        let mut text = url.as_bytes().to_vec();
        for (name, values) in &parameters {
            for value in values {
                text.extend_from_slice(name.as_bytes());
                text.extend_from_slice(value.as_bytes());
            }
        }
        hmac::verify(&key, &text, &signature).is_ok()
    };
    // Which of them Twilio takes is not always the same.
    urls(url).iter().any(|url| signed(url))
}

/// Sorted, and each value once; those without a value stay.
fn parameters(body: &[u8]) -> TwilioParameters<'_> {
    let mut parameters = TwilioParameters::new();
    for (name, value) in url::form_urlencoded::parse(body) {
        parameters.entry(name).or_default().insert(value);
    }
    parameters
}

/// Whether the query of the URL has the hash of the body; a call without a body needs none.
fn is_hashed(url: &str, body: &[u8]) -> bool {
    let (_, query) = url.split_once('?').unwrap_or_default();
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    match pairs.find(|(name, _)| name == "bodySHA256") {
        Some((_, hash)) => hash.eq_ignore_ascii_case(&hex(&Sha256::digest(body))),
        None => body.is_empty(),
    }
}

/// A URL with its port and without, for that of its scheme.
fn urls(url: &str) -> Vec<String> {
    let mut urls = vec![url.to_owned()];
    let Some((scheme, rest)) = url.split_once("://") else {
        return urls;
    };
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, rest) = rest.split_at(end);
    let port = Url::parse(url)
        .ok()
        .and_then(|url| url.port_or_known_default());
    let bare = match authority.rsplit_once(':') {
        Some((host, digits)) if digits.bytes().all(|byte| byte.is_ascii_digit()) => host,
        _ => authority,
    };
    if let Some(port) = port {
        urls.push(format!("{scheme}://{bare}:{port}{rest}"));
    }
    urls.push(format!("{scheme}://{bare}{rest}"));
    urls
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Twilio's own vectors (twilio-python, tests/unit/test_request_validator.py).
    const TOKEN: &str = "12345";
    const URL: &str = "https://mycompany.com/myapp.php?foo=1&bar=2";
    const FORM: &[u8] = b"CallSid=CA1234567890ABCDE&Digits=1234&From=%2B14158675309&To=%2B18005551212&Caller=%2B14158675309";
    const SIGNATURE: &str = "RSOYDt4T1cUTdK1PDd93/VVr8B8=";
    const JSON: &[u8] = br#"{"property": "value", "boolean": true}"#;
    const HASH: &str = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620";

    fn passes(signature: &str, url: &str, body: &[u8], is_form: bool) -> bool {
        let call = (url, body, is_form);
        is_signed(TwilioSigning::AuthToken, TOKEN, signature, call)
    }

    #[test]
    fn the_vendors_vectors_pass() {
        assert!(passes(SIGNATURE, URL, FORM, true));
        // Values that are there twice count once, and are sorted.
        let repeated = b"Sid=CA123&SidAccount=AC123&Digits=5678&Digits=1234&Digits=1234";
        assert!(passes("IK+Dwps556ElfBT0I3Rgjkr1wJU=", URL, repeated, true));
        let json = format!("{URL}&bodySHA256={HASH}");
        assert!(passes("a9nBmqA0ju/hNViExpshrM61xv4=", &json, JSON, false));
        // What has no value is signed with its name.
        assert!(passes("bWeevTHlSTOF+IbXptnJYtBAhiY=", URL, b"A=&B=x", true));
        // Made with the vendor's code (twilio 9.13.0, `compute_signature`).
        let call = (URL, FORM, true);
        let shared = "033hgUJA9M/hXIZsYjwkerEP/DBm35nEri5FhCYjA5s=";
        assert!(is_signed(TwilioSigning::SharedKey, TOKEN, shared, call));
        assert!(!is_signed(TwilioSigning::AuthToken, TOKEN, shared, call));
    }

    #[test]
    fn the_port_of_the_scheme_may_be_signed_or_not() {
        let with_port = URL.replace(".com", ".com:443");
        assert!(passes(SIGNATURE, &with_port, FORM, true));
        assert!(passes("kvajT1Ptam85bY51eRf/AJRuM3w=", URL, FORM, true));
        assert!(passes(
            "kvajT1Ptam85bY51eRf/AJRuM3w=",
            &with_port,
            FORM,
            true
        ));
        let ours = "https://[::1]:8443/hooks?a=1:2";
        assert_eq!(urls(ours)[1..], [ours, "https://[::1]/hooks?a=1:2"]);
        assert_eq!(
            urls("https://[::1]/x")[1..],
            ["https://[::1]:443/x", "https://[::1]/x"]
        );
    }

    #[test]
    fn whatever_is_changed_does_not_pass() {
        let json = format!("{URL}&bodySHA256={HASH}");
        let json_signature = "a9nBmqA0ju/hNViExpshrM61xv4=";
        for (signature, url, body, is_form) in [
            ("", URL, FORM, true),
            ("%", URL, FORM, true),
            (SIGNATURE, &*URL.replace("bar=2", "bar=3"), FORM, true),
            (
                SIGNATURE,
                &*URL.replace("foo=1&bar=2", "bar=2&foo=1"),
                FORM,
                true,
            ),
            (SIGNATURE, &*URL.replace("https", "http"), FORM, true),
            (SIGNATURE, URL, &FORM[..FORM.len() - 1], true),
            (SIGNATURE, URL, b"", true),
            (SIGNATURE, URL, FORM, false),
            (json_signature, &*json, &JSON[1..], false),
            (json_signature, &*json, b"", false),
            (json_signature, URL, JSON, false),
        ] {
            assert!(!passes(signature, url, body, is_form), "{signature} {url}");
        }
        let wrong = (URL, FORM, true);
        assert!(!is_signed(
            TwilioSigning::AuthToken,
            "12346",
            SIGNATURE,
            wrong
        ));
    }

    #[test]
    fn the_algorithm_is_the_one_that_is_named() {
        for (settings, signing) in [
            (None, Some(TwilioSigning::AuthToken)),
            (Some(""), Some(TwilioSigning::AuthToken)),
            (
                Some("key=k1,algorithm=HMAC_SHA256"),
                Some(TwilioSigning::SharedKey),
            ),
            (
                Some("key=k1, algorithm=hmac_sha1"),
                Some(TwilioSigning::AuthToken),
            ),
            (Some("key=k1,algorithm=NONE"), None),
        ] {
            assert_eq!(TwilioSigning::of(settings), signing, "{settings:?}");
        }
    }
}
