//! Slack: `chat.postMessage` with a bot token, or a post to an incoming webhook.

mod errors;
pub(super) mod reply;
mod request;
mod settings;

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;

use super::check;
use super::http::{HttpClient, HttpEndpoint, ReplyContext, json_headers};
use super::verdict::ResponseClass;
use super::{Delivery, Provider, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;

pub(crate) use reply::read;
use settings::{SlackRoute, SlackSettings};

/// A Slack account.
pub(crate) struct Slack {
    http: HttpClient,
    way: SlackWay,
    timeout: Duration,
}

enum SlackWay {
    /// `chat.postMessage` into any channel, and `auth.test`.
    Bot {
        post: HttpEndpoint,
        test: HttpEndpoint,
    },
    /// Into the webhook's own channel.
    Webhook { post: HttpEndpoint },
}

impl Slack {
    pub(crate) fn connect(http: HttpClient, account: &Account) -> Result<Self, SettingsError> {
        let settings = SlackSettings::from_account(account)?;
        let way = match settings.route {
            SlackRoute::Bot {
                post_uri,
                test_uri,
                authorization,
            } => {
                let headers = json_headers(Some(authorization));
                SlackWay::Bot {
                    post: HttpEndpoint::new(post_uri, headers.clone()),
                    test: HttpEndpoint::new(test_uri, headers),
                }
            }
            SlackRoute::Webhook { uri } => SlackWay::Webhook {
                post: HttpEndpoint::new(uri, json_headers(None)),
            },
        };
        Ok(Self {
            http,
            way,
            timeout: settings.timeout,
        })
    }

    async fn put(&self, delivery: Delivery<'_>) -> Reply {
        let deadline = clock::instant() + self.timeout;
        let (post, body) = match &self.way {
            SlackWay::Bot { post, .. } => (post, request::to_channel(&delivery)),
            SlackWay::Webhook { post } => (post, request::to_webhook(&delivery)),
        };
        let body = match body {
            Ok(body) => body,
            Err(refusal) => return refusal,
        };
        let request = post.post(body, &delivery);
        match self.http.call(request, delivery.leave, deadline).await {
            Ok(answer) => read(&answer, ReplyContext::of(&delivery)),
            Err(trouble) => trouble.into_reply(),
        }
    }

    async fn works(&self) -> Result<(), String> {
        // A webhook cannot be asked without posting: that its URL is one was checked before.
        let SlackWay::Bot { test, .. } = &self.way else {
            return Ok(());
        };
        let request = test.bare(Method::POST, "{}");
        let answer = check::answer(&self.http, request, self.timeout).await?;
        check::judge(&answer, "api_key")?;
        match reply::refusal(&answer) {
            None => Ok(()),
            Some(error) if errors::verdict(&error) == Some(ResponseClass::CREDENTIALS) => {
                Err(format!("Slack refuses the token: {error}; check `api_key`"))
            }
            Some(error) => Err(format!("Slack answers {error}; check `base_url`")),
        }
    }
}

impl Provider for Slack {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn needs_address(&self) -> bool {
        matches!(self.way, SlackWay::Bot { .. })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        Box::pin(self.works())
    }
}
