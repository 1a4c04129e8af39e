//! Where a webhook is: what its URL may say.

use core::net::IpAddr;
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

/// Longest URL.
const MOST: usize = 500;

/// A URL to which webhooks may be sent, in its one spelling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookUrl(Url);

/// Why a URL cannot be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookUrlError {
    /// It cannot be read.
    #[error("write a URL, as https://example.com/hooks is")]
    Form,
    /// It is neither `https` nor `http`.
    #[error("begin it with https:// (or http://)")]
    Scheme,
    /// It names a user or a password.
    #[error("leave out user and password: the signature says who sends")]
    Login,
    /// It has a fragment, which is never sent.
    #[error("leave out the fragment: it is never sent")]
    Fragment,
    /// No server listens there.
    #[error("port 0 cannot be reached")]
    Port,
    /// It is longer than what is stored.
    #[error("at most {MOST} characters")]
    TooLong,
}

impl WebhookUrl {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }

    /// The address that it names, if it names no name.
    #[must_use]
    pub fn address(&self) -> Option<IpAddr> {
        match self.0.host()? {
            Host::Ipv4(address) => Some(address.into()),
            Host::Ipv6(address) => Some(address.into()),
            Host::Domain(_) => None,
        }
    }
}

impl FromStr for WebhookUrl {
    type Err = WebhookUrlError;

    fn from_str(text: &str) -> Result<Self, WebhookUrlError> {
        if text.chars().count() > MOST {
            return Err(WebhookUrlError::TooLong);
        }
        let url = Url::parse(text).map_err(|_| WebhookUrlError::Form)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(WebhookUrlError::Scheme);
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(WebhookUrlError::Login);
        }
        if url.fragment().is_some() {
            return Err(WebhookUrlError::Fragment);
        }
        if url.port() == Some(0) {
            return Err(WebhookUrlError::Port);
        }
        if url.as_str().len() > MOST {
            return Err(WebhookUrlError::TooLong);
        }
        Ok(Self(url))
    }
}

impl fmt::Display for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_place_for_webhooks_is_refused_with_why() {
        for (odd, why) in [
            ("", WebhookUrlError::Form),
            ("example.com/hooks", WebhookUrlError::Form),
            ("https://", WebhookUrlError::Form),
            ("ftp://example.com/", WebhookUrlError::Scheme),
            ("file:///etc/passwd", WebhookUrlError::Scheme),
            ("https://ana:secret@example.com/", WebhookUrlError::Login),
            ("https://127.0.0.1@example.com/", WebhookUrlError::Login),
            ("https://example.com/#a", WebhookUrlError::Fragment),
            ("https://example.com:0/", WebhookUrlError::Port),
        ] {
            assert_eq!(odd.parse::<WebhookUrl>(), Err(why), "{odd}");
        }
        let long = format!("https://example.com/{}", "a".repeat(MOST));
        assert_eq!(long.parse::<WebhookUrl>(), Err(WebhookUrlError::TooLong));
        let grows = format!("https://example.com/{}", "ä".repeat(200));
        assert_eq!(grows.parse::<WebhookUrl>(), Err(WebhookUrlError::TooLong));
    }

    #[test]
    fn an_address_is_known_however_it_is_written() {
        for (text, address) in [
            ("http://127.0.0.1:8080/a?b=c", "127.0.0.1"),
            ("http://0x7f.1/", "127.0.0.1"),
            ("http://2130706433/", "127.0.0.1"),
            ("http://[::ffff:127.0.0.1]/", "::ffff:127.0.0.1"),
            ("https://[64:ff9b::7f00:1]/", "64:ff9b::7f00:1"),
        ] {
            let url: WebhookUrl = text.parse().unwrap();
            assert_eq!(url.address(), address.parse().ok(), "{text}");
        }
        let named: WebhookUrl = "https://EXAMPLE.com/hooks".parse().unwrap();
        assert_eq!(
            (named.address(), named.as_str()),
            (None, "https://example.com/hooks")
        );
    }
}
