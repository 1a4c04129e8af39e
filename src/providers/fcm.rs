//! Firebase Cloud Messaging, HTTP v1: one request a device.

pub(super) mod reply;
mod request;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use hyper::header::AUTHORIZATION;
use tokio::time::Instant;

use super::http::{
    HttpAnswer, HttpClient, HttpEndpoint, HttpTransportError, ReplyContext, json_headers,
};
use super::{Delivery, Provider, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;

pub(crate) use reply::read;
use settings::FcmSettings;
use token::{AccessToken, AccessTokens};

/// Firebase: "Best practices when sending at scale": never ask again sooner.
const MINIMUM_RETRY_DELAY: Duration = Duration::from_secs(10);
/// Google's guidance: whoever has not got through within an hour gives up.
const RETRY_WINDOW: Duration = Duration::from_secs(60 * 60);

/// An FCM project.
pub(crate) struct Fcm {
    http: HttpClient,
    send: HttpEndpoint,
    tokens: AccessTokens,
    timeout: Duration,
}

impl Fcm {
    pub(crate) fn connect(http: HttpClient, account: &Account) -> Result<Self, SettingsError> {
        let settings = FcmSettings::from_account(account)?;
        Ok(Self {
            tokens: AccessTokens::new(http.clone(), settings.service),
            http,
            send: HttpEndpoint::new(settings.send_uri, json_headers(None)),
            timeout: settings.timeout,
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let deadline = clock::instant() + self.timeout;
        let body = match request::body(&delivery) {
            Ok(body) => Bytes::from(body),
            Err(refusal) => return refusal,
        };
        match self.put_with_token(body, &delivery, deadline).await {
            Ok(reply) | Err(reply) => reply,
        }
    }

    /// The message with a token; once more with a new one if that was refused, since a token may
    /// be revoked before its time. `Err` is the reply when no token can be had: nothing was sent.
    async fn put_with_token(
        &self,
        body: Bytes,
        delivery: &Delivery<'_>,
        deadline: Instant,
    ) -> Result<Reply, Reply> {
        let token = self.tokens.get(deadline).await?;
        let answer = match self.ask(body.clone(), delivery, &token, deadline).await {
            Ok(answer) => answer,
            Err(trouble) => return Ok(trouble.into_reply()),
        };
        if !reply::refuses_token(&answer) {
            return Ok(read(&answer, ReplyContext::of(delivery)));
        }
        let token = self.tokens.replace(&token, deadline).await?;
        Ok(match self.ask(body, delivery, &token, deadline).await {
            Ok(answer) => read(&answer, ReplyContext::of(delivery)),
            Err(trouble) => trouble.into_reply(),
        })
    }

    async fn ask(
        &self,
        body: Bytes,
        delivery: &Delivery<'_>,
        token: &AccessToken,
        deadline: Instant,
    ) -> Result<HttpAnswer, HttpTransportError> {
        let mut request = self.send.post(body, delivery);
        let headers = request.headers_mut();
        headers.insert(AUTHORIZATION, token.authorization.clone());
        self.http.call(request, delivery.leave, deadline).await
    }

    async fn works(&self) -> Result<(), String> {
        let deadline = clock::instant() + self.timeout;
        let refusal = match self.tokens.get(deadline).await {
            Ok(_token) => return Ok(()),
            Err(refusal) => refusal,
        };
        Err(format!(
            "no access token for the service account: {}; check `api_secret`",
            refusal.detail.unwrap_or_default()
        ))
    }
}

impl Provider for Fcm {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.works())
    }

    fn minimum_retry_delay(&self) -> Duration {
        MINIMUM_RETRY_DELAY
    }

    fn retry_window(&self) -> Option<Duration> {
        Some(RETRY_WINDOW)
    }
}
