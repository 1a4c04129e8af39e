//! Twilio Messages, API of 2010-04-01: one request a text message.

mod codes;
pub(super) mod reply;
mod request;
mod settings;

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};

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
        Ok(Self {
            http,
            messages: HttpEndpoint::new(settings.messages_uri, headers.clone()),
            account: HttpEndpoint::new(settings.account_uri, headers),
            constant: Constant::of(&settings.sender, settings.status_callback.as_ref()),
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
