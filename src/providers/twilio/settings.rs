//! What a Twilio account needs: credentials, the account's SID, and a sender.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hyper::Uri;
use hyper::header::HeaderValue;
use url::Url;

use crate::domain::Account;
use crate::providers::SettingsError;
use crate::providers::fields::{ConfigFields, Secret, http_url};
use crate::providers::http::secret_header;

const BASE_URL: &str = "https://api.twilio.com";
const ALLOWED: &[&str] = &[
    "account_sid",
    "auth_token",
    "event_shared_key",
    "from",
    "messaging_service_sid",
    "base_url",
    "status_callback",
];

/// A Twilio account's settings. Holds the credentials: no `Debug`.
pub(crate) struct TwilioSettings {
    pub(crate) messages_uri: Uri,
    pub(crate) account_uri: Uri,
    pub(crate) authorization: HeaderValue,
    pub(crate) sender: TwilioSender,
    pub(crate) status_callback: Option<Url>,
    pub(crate) timeout: Duration,
}

/// Who the message is from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TwilioSender {
    /// A number, short code or alphanumeric sender.
    From(String),
    /// A messaging service, which picks one.
    Service(String),
}

impl TwilioSettings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = ConfigFields::of(account, ALLOWED);
        let key = fields.required_secret(Secret::Key, "the API key's SID, or the account's");
        let password =
            fields.required_secret(Secret::Secret, "the API key's secret, or the auth token");
        // Used where Twilio's callbacks come in; read here so that its type is checked with the rest.
        let _callbacks = (fields.text("auth_token"), fields.text("event_shared_key"));
        let sid = account_sid(&mut fields, key);
        let sender = sender(&mut fields);
        let status_callback = status_callback(&mut fields);
        // `.json` matters: the API's own format is XML.
        let account_path = format!("2010-04-01/Accounts/{sid}.json");
        let messages_path = format!("2010-04-01/Accounts/{sid}/Messages.json");
        let uris = fields.endpoints(BASE_URL, [&messages_path, &account_path]);
        let timeout = fields.timeout();
        let basic = STANDARD.encode(format!("{key}:{password}"));
        let authorization = fields.header(Secret::Key, secret_header(&format!("Basic {basic}")));
        let settings = (sender, authorization, uris);
        let (Some(sender), Some(authorization), Some([messages_uri, account_uri])) =
            fields.finish(settings)?
        else {
            return Err(SettingsError::incomplete(account));
        };
        Ok(Self {
            messages_uri,
            account_uri,
            authorization,
            sender,
            status_callback,
            timeout,
        })
    }
}

/// The account's SID goes into the path: from the configuration, else the key when it is one.
fn account_sid<'a>(fields: &mut ConfigFields<'a>, key: &'a str) -> &'a str {
    let sid = fields.text("account_sid");
    let sid = sid.or_else(|| key.starts_with("AC").then_some(key));
    let Some(sid) = sid else {
        if !key.is_empty() {
            fields.mistake("config key `account_sid` is missing: needed with an API key (SK...)");
        }
        return "";
    };
    if !sid.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        fields.mistake("the account SID may hold letters and digits only (AC and 32 hex digits)");
    }
    sid
}

fn sender(fields: &mut ConfigFields<'_>) -> Option<TwilioSender> {
    let from = fields.text("from");
    let service = fields.text("messaging_service_sid");
    match (from, service) {
        (Some(from), None) => Some(TwilioSender::From(from.to_owned())),
        (None, Some(service)) => Some(TwilioSender::Service(service.to_owned())),
        _ => {
            fields.mistake(
                "exactly one of the config keys `from` and `messaging_service_sid` is needed",
            );
            None
        }
    }
}

/// Twilio: messages resource; a callback needs a host name without an underscore.
fn status_callback(fields: &mut ConfigFields<'_>) -> Option<Url> {
    let text = fields.text("status_callback")?;
    let url = http_url(text).filter(|url| !url.host_str().is_some_and(|host| host.contains('_')));
    if url.is_none() {
        fields.mistake(
            "config key `status_callback` must be an http:// or https:// URL whose host has no underscore",
        );
    }
    url
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    fn read(key: Option<&str>, config: Value) -> Result<TwilioSettings, String> {
        let account = account(ProviderKind::Twilio, key, Some("secret"), config);
        TwilioSettings::from_account(&account).map_err(|error| error.mistakes.join("\n"))
    }

    #[test]
    fn all_mistakes_are_told() {
        let config = json!({
            "account_sid": "AC/../x", "from": "+15550001111", "messaging_service_sid": "MG1",
            "status_callback": "https://my_host/hook", "region": "us1",
        });
        insta::assert_snapshot!(read(Some("SK1"), config).err().unwrap(), @"
        config key `region` is unknown; allowed: account_sid, auth_token, event_shared_key, from, messaging_service_sid, base_url, status_callback, sandbox
        the account SID may hold letters and digits only (AC and 32 hex digits)
        exactly one of the config keys `from` and `messaging_service_sid` is needed
        config key `status_callback` must be an http:// or https:// URL whose host has no underscore
        ");
        insta::assert_snapshot!(read(Some("SK1"), json!({})).err().unwrap(), @"
        config key `account_sid` is missing: needed with an API key (SK...)
        exactly one of the config keys `from` and `messaging_service_sid` is needed
        ");
        insta::assert_snapshot!(read(None, json!({"from": "+1"})).err().unwrap(), @"`api_key` is missing: the API key's SID, or the account's");
    }

    #[test]
    fn the_account_is_in_the_path_and_the_key_in_the_header() {
        let config =
            json!({"from": "+1", "base_url": "http://127.0.0.1:4040/", "account_sid": "AC2"});
        let settings = read(Some("SK1"), config).ok().unwrap();
        let base = "http://127.0.0.1:4040/2010-04-01/Accounts/AC2";
        assert_eq!(
            settings.messages_uri.to_string(),
            format!("{base}/Messages.json")
        );
        assert_eq!(settings.account_uri.to_string(), format!("{base}.json"));
        assert_eq!(settings.authorization, "Basic U0sxOnNlY3JldA==");
        let settings = read(Some("AC9"), json!({"from": "+1"})).ok().unwrap();
        assert!(settings.messages_uri.to_string().contains("/Accounts/AC9/"));
    }
}
