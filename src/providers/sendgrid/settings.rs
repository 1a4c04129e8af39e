//! What a SendGrid account needs: an API key and a sender.

use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;

use super::events::KEY;
use crate::domain::Account;
use crate::domain::address::ascii_domain;
use crate::domain::sendgrid_key::SendgridCallKey;
use crate::providers::SettingsError;
use crate::providers::fields::{ConfigFields, Secret, looks_like_address};
use crate::providers::http::bearer;

const BASE_URL: &str = "https://api.sendgrid.com";
const ALLOWED: &[&str] = &[
    "base_url",
    "from",
    "from_name",
    "sandbox",
    "event_public_key",
    "batch_size",
];
/// Messages of equal content in one request, when the account does not say.
const BATCH_SIZE: u16 = 100;
/// SendGrid: limitations page; recipients of a request.
const MOST_AT_ONCE: u16 = 1_000;

/// A SendGrid account's settings. Holds the key: no `Debug`.
pub(crate) struct SendgridSettings {
    pub(crate) mail_uri: Uri,
    pub(crate) scopes_uri: Uri,
    pub(crate) authorization: HeaderValue,
    pub(crate) sender: SendgridSender,
    pub(crate) timeout: Duration,
    /// Most messages in one request.
    pub(crate) batch_size: usize,
}

/// What of the settings goes into every request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SendgridSender {
    /// Address of the sender.
    pub(crate) from: String,
    /// Name of the sender.
    pub(crate) name: Option<String>,
    /// SendGrid validates only, and sends nothing.
    pub(crate) sandbox: bool,
}

impl SendgridSettings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = ConfigFields::of(account, ALLOWED);
        let key = fields.required_secret(Secret::Key, "the SendGrid API key");
        let authorization = fields.header(Secret::Key, bearer(key));
        let sender = sender(&mut fields);
        event_key(&mut fields);
        let uris = fields.endpoints(BASE_URL, ["v3/mail/send", "v3/scopes"]);
        let timeout = fields.timeout();
        let batch_size = fields.number("batch_size", 1..=MOST_AT_ONCE, "a number");
        let (Some(authorization), Some([mail_uri, scopes_uri])) =
            fields.finish((authorization, uris))?
        else {
            return Err(SettingsError::incomplete(account));
        };
        Ok(Self {
            mail_uri,
            scopes_uri,
            authorization,
            sender,
            timeout,
            batch_size: usize::from(batch_size.unwrap_or(BATCH_SIZE)),
        })
    }
}

/// Used where SendGrid's events come in; read here so that it is checked with the rest.
fn event_key(fields: &mut ConfigFields<'_>) {
    let key = fields.text(KEY).map(SendgridCallKey::read);
    if key.is_some_and(|key| key.is_none()) {
        fields.mistake(format!(
            "config key `{KEY}` must be the verification key of the Event Webhook, as SendGrid shows it"
        ));
    }
}

/// SendGrid: limitations page; no Unicode in `from`, no `;` or `,` in names.
fn sender(fields: &mut ConfigFields<'_>) -> SendgridSender {
    let written = fields.required_text("from", "the sender's address");
    let ascii = written.rsplit_once('@').filter(|_| !written.is_ascii());
    let ascii =
        ascii.and_then(|(local, domain)| Some(format!("{local}@{}", ascii_domain(domain)?)));
    let from = ascii.as_deref().unwrap_or(written);
    let is_right = looks_like_address(from) && from.is_ascii();
    if !from.is_empty() && !is_right {
        fields.mistake("config key `from` must be a plain ASCII e-mail address");
    }
    let name = fields.text("from_name");
    if name.is_some_and(|name| name.contains([';', ','])) {
        fields.mistake("config key `from_name` may not contain `;` or `,`");
    }
    SendgridSender {
        from: from.to_owned(),
        name: name.map(str::to_owned),
        sandbox: fields.flag("sandbox"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    fn mistakes(key: Option<&str>, config: serde_json::Value) -> String {
        let account = account(ProviderKind::Sendgrid, key, None, config);
        match SendgridSettings::from_account(&account) {
            Ok(_) => "none".to_owned(),
            Err(error) => error.mistakes.join("\n"),
        }
    }

    #[test]
    fn all_mistakes_are_told() {
        let config = json!({
            "from": "Ana <ana@example.com>", "from_name": "A, B", "sandbox": "yes",
            "base_url": "nowhere", "reply_to": "x", "batch_size": 1001, "event_public_key": "bm8=",
        });
        insta::assert_snapshot!(mistakes(Some("a\nb"), config), @r"
        config key `reply_to` is unknown; allowed: base_url, from, from_name, sandbox, event_public_key, batch_size
        `api_key` holds characters that no header can carry
        config key `from` must be a plain ASCII e-mail address
        config key `from_name` may not contain `;` or `,`
        config key `sandbox` must be true or false, not a text
        config key `event_public_key` must be the verification key of the Event Webhook, as SendGrid shows it
        config key `base_url` must be http:// or https:// with a host and without user, query or fragment, for example https://api.sendgrid.com
        config key `batch_size` must be a number from 1 to 1000
        ");
        insta::assert_snapshot!(mistakes(None, json!({})), @r"
        `api_key` is missing: the SendGrid API key
        config key `from` is missing: the sender's address
        ");
    }

    #[test]
    fn a_sender_with_an_idn_domain_is_spelt_in_ascii() {
        let config = json!({"from": "hello@exämple.org"});
        let account = account(ProviderKind::Sendgrid, Some("SG.key"), None, config);
        let settings = SendgridSettings::from_account(&account).ok().unwrap();
        assert_eq!(settings.sender.from, "hello@xn--exmple-cua.org");
    }

    #[test]
    fn the_urls_are_below_the_base_url() {
        let config = json!({"from": "a@example.com", "base_url": "http://127.0.0.1:4030/x"});
        let account = account(ProviderKind::Sendgrid, Some("SG.key"), None, config);
        let settings = SendgridSettings::from_account(&account).ok().unwrap();
        assert_eq!(
            settings.mail_uri.to_string(),
            "http://127.0.0.1:4030/x/v3/mail/send"
        );
        assert_eq!(
            settings.scopes_uri.to_string(),
            "http://127.0.0.1:4030/x/v3/scopes"
        );
        assert_eq!(format!("{:?}", settings.authorization), "Sensitive");
        assert_eq!(settings.batch_size, 100);
    }
}
