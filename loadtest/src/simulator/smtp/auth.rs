//! The credentials of AUTH PLAIN and AUTH LOGIN.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Decodes one base64 answer of the client.
pub(super) fn decode(encoded: &str) -> Option<String> {
    String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()
}

/// User and password of a PLAIN answer: `authorization NUL user NUL password`.
pub(super) fn plain(encoded: &str) -> Option<(String, String)> {
    let decoded = decode(encoded)?;
    let mut parts = decoded.split('\0').skip(1);
    Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
}

/// Whether user and password are the expected `user:password`; any that are not empty, if none
/// are expected.
pub(super) fn fits(expected: Option<&str>, user: &str, password: &str) -> bool {
    match expected {
        Some(expected) => expected
            .split_once(':')
            .is_some_and(|(u, p)| u == user && p == password),
        None => !user.is_empty() && !password.is_empty(),
    }
}
