//! SendGrid, v3 Mail Send: one request a mail.

mod reply;
mod request;
mod settings;

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;

use super::check;
use super::http::{Endpoint, HttpClient, Seen, json_headers};
use super::{Delivery, Provider, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;

pub(crate) use reply::read;
use settings::{Sender, Settings};

/// A SendGrid account.
pub(crate) struct Sendgrid {
    http: HttpClient,
    mail: Endpoint,
    scopes: Endpoint,
    sender: Sender,
    timeout: Duration,
}

impl Sendgrid {
    pub(crate) fn connect(http: HttpClient, account: &Account) -> Result<Self, SettingsError> {
        let settings = Settings::from_account(account)?;
        let headers = json_headers(Some(settings.authorization));
        Ok(Self {
            http,
            mail: Endpoint::new(settings.mail_uri, headers.clone()),
            scopes: Endpoint::new(settings.scopes_uri, headers),
            sender: settings.sender,
            timeout: settings.timeout,
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let deadline = clock::instant() + self.timeout;
        let body = match request::body(&self.sender, &delivery) {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        match self
            .http
            .call(self.mail.post(body, &delivery), deadline)
            .await
        {
            Ok(answer) => read(&answer, Seen::of(&delivery)),
            Err(trouble) => trouble.into_reply(),
        }
    }
}

impl Provider for Sendgrid {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        let request = self.scopes.bare(Method::GET, "");
        Box::pin(check::asks(&self.http, request, self.timeout, "api_key"))
    }
}
