//! SendGrid, v3 Mail Send: one request a mail, or for many mails that say the same.

pub(super) mod events;
pub(super) mod reply;
mod request;
mod settings;

use std::time::Duration;

use futures_util::future::BoxFuture;
use hyper::Method;

use super::check;
use super::http::{HttpClient, HttpEndpoint, HttpTransportError, ReplyContext, json_headers};
use super::verdict::usable_address;
use super::{Delivery, Leave, Provider, Replies, SettingsError};
use crate::domain::{Account, Reply};
use crate::runtime::clock;

pub(crate) use reply::read;
use reply::read_many;
use settings::{SendgridSender, SendgridSettings};

/// SendGrid: limitations page; a request must stay below it.
const LARGEST_REQUEST: usize = 30_000_000;

/// A SendGrid account.
pub(crate) struct Sendgrid {
    http: HttpClient,
    mail: HttpEndpoint,
    scopes: HttpEndpoint,
    sender: SendgridSender,
    timeout: Duration,
    batch_size: usize,
}

impl Sendgrid {
    pub(crate) fn connect(http: HttpClient, account: &Account) -> Result<Self, SettingsError> {
        let settings = SendgridSettings::from_account(account)?;
        let headers = json_headers(Some(settings.authorization));
        Ok(Self {
            http,
            mail: HttpEndpoint::new(settings.mail_uri, headers.clone()),
            scopes: HttpEndpoint::new(settings.scopes_uri, headers),
            sender: settings.sender,
            timeout: settings.timeout,
            batch_size: settings.batch_size,
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
            .call(self.mail.post(body, &delivery), delivery.leave, deadline)
            .await
        {
            Ok(answer) => read(&answer, ReplyContext::of(&delivery)),
            Err(trouble) => trouble.into_reply(),
        }
    }

    /// One request for all whose address can be used. It names no notification in its head: each
    /// stands in its own personalization, with its id.
    async fn put_many(&self, deliveries: &[Delivery<'_>]) -> Replies {
        let deadline = clock::instant() + self.timeout;
        let mut each = vec![];
        let mut sent = vec![];
        for delivery in deliveries {
            let refusal = usable_address(delivery.address).err();
            if refusal.is_none() {
                sent.push(delivery);
            }
            each.push(refusal);
        }
        if sent.is_empty() {
            return unasked(each, None);
        }
        let body = match request::body_of_many(&self.sender, &sent) {
            Ok(body) if body.len() < LARGEST_REQUEST => body,
            Ok(_) => return unasked(each, None),
            Err(refusal) => return unasked(each, Some(&refusal)),
        };
        let request = self.mail.bare(Method::POST, body);
        let leave = Leave::of_all(sent.iter().map(|delivery| delivery.leave));
        let answered = match self.http.call(request, &leave, deadline).await {
            Ok(answer) => read_many(&answer, &sent),
            Err(trouble) => unanswered(trouble, sent.len()),
        };
        let mut answers = answered.each.into_iter();
        for slot in each.iter_mut().filter(|slot| slot.is_none()) {
            *slot = answers.next().flatten();
        }
        Replies {
            request: answered.request,
            each,
        }
    }
}

/// No answer came. Who was called off was not asked.
fn unanswered(trouble: HttpTransportError, count: usize) -> Replies {
    let is_called_off = trouble == HttpTransportError::CalledOff;
    let all = Replies::all(trouble.into_reply(), count);
    let request = all.request.filter(|_| !is_called_off);
    Replies { request, ..all }
}

/// What was found before anybody was asked: `undecided` have no reply of their own yet.
fn unasked(mut each: Vec<Option<Reply>>, undecided: Option<&Reply>) -> Replies {
    for slot in each.iter_mut().filter(|slot| slot.is_none()) {
        *slot = undecided.cloned();
    }
    Replies {
        request: None,
        each,
    }
}

impl Provider for Sendgrid {
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply> {
        Box::pin(self.put(delivery))
    }

    fn most_at_once(&self) -> usize {
        self.batch_size
    }

    fn send_many<'a>(&'a self, deliveries: &'a [Delivery<'a>]) -> BoxFuture<'a, Replies> {
        Box::pin(self.put_many(deliveries))
    }

    fn check(&self) -> BoxFuture<'_, Result<(), String>> {
        let request = self.scopes.bare(Method::GET, "");
        Box::pin(check::asks(&self.http, request, self.timeout, "api_key"))
    }
}
