//! Reads an account's credentials and configuration, and collects every mistake on the way.
//!
//! A getter that meets a mistake notes it and returns a stand-in, so that the next ones are read
//! too; [`ConfigFields::finish`] never lets a stand-in out.

use std::ops::RangeInclusive;
use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;
use serde_json::Value;
use url::Url;

use crate::domain::Account;
use crate::providers::SettingsError;

/// The setting that every kind has: nothing is sent.
pub(crate) const SANDBOX: &str = "sandbox";

/// One of the two secrets of an account.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Secret {
    Key,
    Secret,
}

impl Secret {
    const fn name(self) -> &'static str {
        match self {
            Self::Key => "api_key",
            Self::Secret => "api_secret",
        }
    }
}

/// An account being read.
pub(crate) struct ConfigFields<'a> {
    account: &'a Account,
    mistakes: Vec<String>,
}

impl<'a> ConfigFields<'a> {
    /// Starts reading; keys of `config` that are not `allowed` are mistakes.
    pub(crate) fn of(account: &'a Account, allowed: &[&str]) -> Self {
        let mut fields = Self {
            account,
            mistakes: Vec::new(),
        };
        for key in account.config.keys() {
            if !allowed.contains(&key.as_str()) && key != SANDBOX {
                let key: String = key.chars().take(64).collect();
                let everywhere = Some(SANDBOX).filter(|it| !allowed.contains(it));
                let allowed: Vec<&str> = allowed.iter().copied().chain(everywhere).collect();
                let allowed = allowed.join(", ");
                fields.mistake(format!("config key `{key}` is unknown; allowed: {allowed}"));
            }
        }
        // Who allows it reads it.
        if !allowed.contains(&SANDBOX) {
            fields.flag(SANDBOX);
        }
        let (channel, kind) = (account.channel, account.kind);
        if let Some(right) = kind.channel().filter(|right| *right != channel) {
            fields.mistake(format!(
                "channel `{channel}` does not fit kind `{kind}`; use `{right}`"
            ));
        }
        if account.timeout.is_zero() {
            fields.mistake("timeout_seconds must be more than 0");
        }
        fields
    }

    /// Notes a mistake. Never put a secret's value into it.
    pub(crate) fn mistake(&mut self, mistake: impl Into<String>) {
        self.mistakes.push(mistake.into());
    }

    /// The settings, unless there was a mistake.
    pub(crate) fn finish<T>(self, settings: T) -> Result<T, SettingsError> {
        if self.mistakes.is_empty() {
            return Ok(settings);
        }
        Err(SettingsError {
            account: self.account.name.clone(),
            kind: self.account.kind,
            mistakes: self.mistakes,
        })
    }

    /// Longest that one request may take.
    pub(crate) fn timeout(&self) -> Duration {
        self.account.timeout
    }

    /// A credential that may be absent; a blank one counts as absent.
    pub(crate) fn secret(&self, which: Secret) -> Option<&'a str> {
        let value = match which {
            Secret::Key => self.account.api_key.as_deref(),
            Secret::Secret => self.account.api_secret.as_deref(),
        };
        value.map(str::trim).filter(|value| !value.is_empty())
    }

    /// A credential that must be there; `what` says what it is.
    pub(crate) fn required_secret(&mut self, which: Secret, what: &str) -> &'a str {
        self.secret(which).unwrap_or_else(|| {
            self.mistake(format!("`{}` is missing: {what}", which.name()));
            ""
        })
    }

    /// A text setting that may be absent.
    pub(crate) fn text(&mut self, key: &str) -> Option<&'a str> {
        match self.account.config.get(key)? {
            Value::String(text) if text.trim().is_empty() => {
                self.mistake(format!("config key `{key}` is empty"));
                None
            }
            Value::String(text) if text.chars().any(char::is_control) => {
                self.mistake(format!("config key `{key}` holds control characters"));
                None
            }
            Value::String(text) => Some(text.trim()),
            other => {
                self.wrong_type(key, "a text", other);
                None
            }
        }
    }

    /// A text setting that must be there; `what` says what it is.
    pub(crate) fn required_text(&mut self, key: &str, what: &str) -> &'a str {
        if !self.account.config.contains_key(key) {
            self.mistake(format!("config key `{key}` is missing: {what}"));
        }
        self.text(key).unwrap_or_default()
    }

    /// A yes or no; `false` when absent. A value from the environment is a text.
    pub(crate) fn flag(&mut self, key: &str) -> bool {
        match self.account.config.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) if text == "true" => true,
            Some(Value::String(text)) if text == "false" => false,
            Some(other) => {
                self.wrong_type(key, "true or false", other);
                false
            }
        }
    }

    /// A TCP port.
    pub(crate) fn port(&mut self, key: &str) -> Option<u16> {
        self.number(key, 1..=u16::MAX, "a port")
    }

    /// A number in a range, as a number or as a text from the environment; `what` says what it is.
    pub(crate) fn number(
        &mut self,
        key: &str,
        range: RangeInclusive<u16>,
        what: &str,
    ) -> Option<u16> {
        let value = self.account.config.get(key)?;
        let number = match value {
            Value::Number(number) => number.as_u64(),
            Value::String(text) => text.parse().ok(),
            _ => None,
        };
        let number = number
            .and_then(|n| u16::try_from(n).ok())
            .filter(|n| range.contains(n));
        if number.is_none() {
            let wanted = format!("{what} from {} to {}", range.start(), range.end());
            match value {
                Value::Number(_) => self.mistake(format!("config key `{key}` must be {wanted}")),
                _ => self.wrong_type(key, &wanted, value),
            }
        }
        number
    }

    /// `path` below the base URL of the account, else of the provider.
    pub(crate) fn endpoint(&mut self, default: &str, path: &str) -> Option<Uri> {
        self.endpoints(default, [path]).map(|[uri]| uri)
    }

    /// Several paths below the base URL.
    pub(crate) fn endpoints<const N: usize>(
        &mut self,
        default: &str,
        paths: [&str; N],
    ) -> Option<[Uri; N]> {
        let base = self.text("base_url").unwrap_or(default);
        let url = http_url(base).filter(|url| url.query().is_none() && url.fragment().is_none());
        let below = url.and_then(|url| {
            let base = url.as_str().trim_end_matches('/');
            let uris = paths.map(|path| format!("{base}/{path}").parse().ok());
            uris.iter()
                .all(Option::is_some)
                .then(|| uris.map(Option::unwrap_or_default))
        });
        if below.is_none() {
            self.mistake(format!(
                "config key `base_url` must be http:// or https:// with a host and without \
                 user, query or fragment, for example {default}"
            ));
        }
        below
    }

    /// A header value made of a credential.
    pub(crate) fn header<E>(
        &mut self,
        which: Secret,
        value: Result<HeaderValue, E>,
    ) -> Option<HeaderValue> {
        if value.is_err() {
            let name = which.name();
            self.mistake(format!(
                "`{name}` holds characters that no header can carry"
            ));
        }
        value.ok()
    }

    fn wrong_type(&mut self, key: &str, wanted: &str, found: &Value) {
        let found = match found {
            Value::Null => "null",
            Value::Bool(_) => "true or false",
            Value::Number(_) => "a number",
            Value::String(_) => "a text",
            Value::Array(_) => "a list",
            Value::Object(_) => "a table",
        };
        self.mistake(format!("config key `{key}` must be {wanted}, not {found}"));
    }
}

/// Where requests with this URL go; `None` when it is longer than a request can carry.
pub(crate) fn uri_of(url: &Url) -> Option<Uri> {
    url.as_str().parse().ok()
}

/// A URL that requests can go to: credentials belong into the account, not into a URL.
pub(crate) fn http_url(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let plain = url.username().is_empty() && url.password().is_none() && url.has_host();
    (matches!(url.scheme(), "http" | "https") && plain).then_some(url)
}

/// Whether the text looks like an e-mail address: enough to catch a mistake in a setting.
pub(crate) fn looks_like_address(text: &str) -> bool {
    text.split_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        && !text.contains(|c: char| c.is_whitespace() || c == '<' || c == '>' || c == ',')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    #[test]
    fn every_mistake_is_told_at_once() {
        let mut account = account(
            ProviderKind::Smtp,
            None,
            Some(" "),
            json!({"typo": 1, "flag": 3, "port": 0, "text": [], "base_url": "ftp://x"}),
        );
        account.channel = crate::domain::Channel::Sms;
        account.timeout = Duration::ZERO;
        let mut fields = ConfigFields::of(&account, &["flag", "port", "text", "base_url"]);
        fields.flag("flag");
        fields.port("port");
        fields.required_text("text", "a text");
        fields.required_text("host", "the server");
        fields.endpoint("https://api.example.com", "v1");
        fields.required_secret(Secret::Secret, "the password");
        let error = fields.finish(()).unwrap_err();
        insta::assert_snapshot!(error.mistakes.join("\n"), @r"
        config key `typo` is unknown; allowed: flag, port, text, base_url, sandbox
        channel `sms` does not fit kind `smtp`; use `email`
        timeout_seconds must be more than 0
        config key `flag` must be true or false, not a number
        config key `port` must be a port from 1 to 65535
        config key `text` must be a text, not a list
        config key `host` is missing: the server
        config key `base_url` must be http:// or https:// with a host and without user, query or fragment, for example https://api.example.com
        `api_secret` is missing: the password
        ");
    }

    #[test]
    fn a_base_url_keeps_its_path() {
        for (base, expected) in [
            ("http://127.0.0.1:4030", "http://127.0.0.1:4030/v3/x"),
            ("http://127.0.0.1:4030/", "http://127.0.0.1:4030/v3/x"),
            (
                "https://gate.example/send/",
                "https://gate.example/send/v3/x",
            ),
        ] {
            let account = account(ProviderKind::Slack, None, None, json!({"base_url": base}));
            let mut fields = ConfigFields::of(&account, &["base_url"]);
            let url = fields.endpoint("https://api.example.com", "v3/x");
            assert_eq!(url.unwrap().to_string(), expected);
        }
    }

    #[test]
    fn values_from_the_environment_are_texts() {
        let config = json!({"port": "2525", "flag": "true"});
        let account = account(ProviderKind::Smtp, None, None, config);
        let mut fields = ConfigFields::of(&account, &["port", "flag"]);
        assert_eq!(fields.port("port"), Some(2525));
        assert!(fields.flag("flag"));
        assert!(fields.finish(()).is_ok());
    }
}
