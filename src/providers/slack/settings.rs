//! What a Slack account needs: a bot token, or the URL of an incoming webhook.

use std::time::Duration;

use hyper::Uri;
use hyper::header::HeaderValue;

use crate::domain::Account;
use crate::providers::SettingsError;
use crate::providers::fields::{ConfigFields, Secret, http_url, uri_of};
use crate::providers::http::bearer;

const BASE_URL: &str = "https://slack.com";

/// A Slack account's settings. Token and webhook URL are secrets: no `Debug`.
pub(crate) struct SlackSettings {
    pub(crate) route: SlackRoute,
    pub(crate) timeout: Duration,
}

/// How messages get to Slack.
pub(crate) enum SlackRoute {
    /// The Web API.
    Bot {
        /// `chat.postMessage`.
        post_uri: Uri,
        /// `auth.test`.
        test_uri: Uri,
        /// The bot token.
        authorization: HeaderValue,
    },
    /// An incoming webhook: whoever knows the URL may post.
    Webhook {
        /// The secret URL.
        uri: Uri,
    },
}

impl SlackSettings {
    pub(crate) fn from_account(account: &Account) -> Result<Self, SettingsError> {
        let mut fields = ConfigFields::of(account, &["base_url"]);
        let token = fields.secret(Secret::Key);
        let webhook = fields.secret(Secret::Secret);
        let route = match (token, webhook) {
            (Some(token), None) => bot(&mut fields, token),
            (None, Some(url)) => incoming(&mut fields, url),
            _ => {
                fields.mistake(
                    "exactly one of `api_key` (a bot token) and `api_secret` (the URL of an \
                     incoming webhook) is needed",
                );
                // Read all the same, so that its mistakes are told too.
                fields.endpoint(BASE_URL, "api/chat.postMessage");
                None
            }
        };
        let timeout = fields.timeout();
        match fields.finish(route)? {
            Some(route) => Ok(Self { route, timeout }),
            None => Err(SettingsError::incomplete(account)),
        }
    }
}

fn bot(fields: &mut ConfigFields<'_>, token: &str) -> Option<SlackRoute> {
    let authorization = fields.header(Secret::Key, bearer(token));
    let [post_uri, test_uri] =
        fields.endpoints(BASE_URL, ["api/chat.postMessage", "api/auth.test"])?;
    Some(SlackRoute::Bot {
        post_uri,
        test_uri,
        authorization: authorization?,
    })
}

fn incoming(fields: &mut ConfigFields<'_>, url: &str) -> Option<SlackRoute> {
    let uri = http_url(url).as_ref().and_then(uri_of);
    if uri.is_none() {
        fields.mistake("`api_secret` must be the http:// or https:// URL of an incoming webhook");
    }
    // Not used with a webhook, yet a mistake in it is one.
    fields.endpoint(BASE_URL, "");
    uri.map(|uri| SlackRoute::Webhook { uri })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing::account;

    fn read(key: Option<&str>, secret: Option<&str>, config: Value) -> Result<SlackRoute, String> {
        let account = account(ProviderKind::Slack, key, secret, config);
        match SlackSettings::from_account(&account) {
            Ok(settings) => Ok(settings.route),
            Err(error) => Err(error.mistakes.join("\n")),
        }
    }

    #[test]
    fn all_mistakes_are_told_and_no_secret() {
        let config = json!({"channel": "C1", "base_url": "x"});
        insta::assert_snapshot!(read(None, None, config).err().unwrap(), @"
        config key `channel` is unknown; allowed: base_url, sandbox
        exactly one of `api_key` (a bot token) and `api_secret` (the URL of an incoming webhook) is needed
        config key `base_url` must be http:// or https:// with a host and without user, query or fragment, for example https://slack.com
        ");
        let both = read(
            Some("xoxb-1"),
            Some("https://hooks.slack.com/services/T"),
            json!({}),
        );
        insta::assert_snapshot!(both.err().unwrap(), @"exactly one of `api_key` (a bot token) and `api_secret` (the URL of an incoming webhook) is needed");
        let bad = read(None, Some("hooks.slack.com/SECRET"), json!({}));
        insta::assert_snapshot!(bad.err().unwrap(), @"`api_secret` must be the http:// or https:// URL of an incoming webhook");
    }

    #[test]
    fn the_methods_are_below_the_base_url() {
        let config = json!({"base_url": "http://127.0.0.1:4060"});
        let Ok(SlackRoute::Bot {
            post_uri, test_uri, ..
        }) = read(Some("xoxb-1"), None, config)
        else {
            panic!("a bot");
        };
        assert_eq!(
            post_uri.to_string(),
            "http://127.0.0.1:4060/api/chat.postMessage"
        );
        assert_eq!(test_uri.to_string(), "http://127.0.0.1:4060/api/auth.test");
    }
}
