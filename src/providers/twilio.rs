//! Twilio Messages, API of 2010-04-01: one request a text message.

mod codes;
pub(super) mod events;
pub(super) mod reply;
mod request;
mod settings;
mod signature;

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use url::Url;

use super::check;
use super::http::{HttpClient, HttpEndpoint, ReplyContext};
use super::{Delivery, Provider, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;

pub(crate) use reply::read;
use request::Constant;
use settings::TwilioSettings;

/// A Twilio account.
pub(crate) struct Twilio {
    http: HttpClient,
    messages: HttpEndpoint,
    account: HttpEndpoint,
    constant: Constant,
    timeout: Duration,
}

impl Twilio {
    pub(crate) fn connect(http: HttpClient, account: &Account) -> Result<Self, SettingsError> {
        let settings = TwilioSettings::from_account(account)?;
        let headers = headers(settings.authorization);
        let callback = settings
            .status_callback
            .or_else(|| own_callback(&http, account));
        Ok(Self {
            http,
            messages: HttpEndpoint::new(settings.messages_uri, headers.clone()),
            account: HttpEndpoint::new(settings.account_uri, headers),
            constant: Constant::of(&settings.sender, callback.as_ref()),
            timeout: settings.timeout,
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let deadline = clock::instant() + self.timeout;
        let body = match request::body(&self.constant, &delivery) {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let request = self.messages.post(body, &delivery);
        match self.http.call(request, delivery.leave, deadline).await {
            Ok(answer) => read(&answer, ReplyContext::of(&delivery)),
            Err(trouble) => trouble.into_reply(),
        }
    }
}

/// Twilio: connection overrides. It calls once by default, and what came while we restarted would be lost.
const CALL_AGAIN: &str = "rc=5&rp=all";

/// Where we hear what became of a message; nowhere, if nothing would prove the call. Twilio takes no host with an
/// underscore, and refuses the message then.
fn own_callback(http: &HttpClient, account: &Account) -> Option<Url> {
    let mut url = http.hook(account).filter(|_| events::has_key(account))?;
    url.set_fragment(Some(CALL_AGAIN));
    (!url.host_str().is_some_and(|host| host.contains('_'))).then_some(url)
}

fn headers(authorization: HeaderValue) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(6);
    let form = HeaderValue::from_static("application/x-www-form-urlencoded");
    headers.insert(CONTENT_TYPE, form);
    headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
    headers.insert(AUTHORIZATION, authorization);
    headers
}

impl Provider for Twilio {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        let request = self.account.bare(Method::GET, "");
        let credentials = "api_key, api_secret and account_sid";
        Box::pin(check::asks(&self.http, request, self.timeout, credentials))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::testing;

    #[test]
    fn an_account_without_a_callback_of_its_own_is_called_back_at_our_door() {
        let account = || {
            let config = json!({ "from": "+15550001111" });
            testing::account(ProviderKind::Twilio, Some("AC1"), Some("token"), config)
        };
        let callback = |url: Option<&str>, name: &str| {
            let http = HttpClient::plain().reached_at(url.map(|url| Url::parse(url).unwrap()));
            let mut account = account();
            account.name = name.to_owned();
            own_callback(&http, &account).map(|url| url.to_string())
        };
        assert_eq!(callback(None, "main"), None);
        assert_eq!(callback(Some("https://my_host.example.com"), "main"), None);
        assert_eq!(
            callback(Some("https://herald.example.com/below/"), "a b/c").as_deref(),
            Some("https://herald.example.com/below/hooks/twilio/a%20b%2Fc#rc=5&rp=all")
        );
        // With an API key, calls are signed with a token that only the config can hold.
        let http = HttpClient::plain().reached_at(Url::parse("https://herald.example.com").ok());
        let mut account = account();
        account.api_key = Some("SK1".into());
        assert_eq!(own_callback(&http, &account), None);
    }
}
