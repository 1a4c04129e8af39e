//! Providers: how one message is put to SendGrid, SMTP, Twilio, FCM or Slack, and how their answer
//! reads.
//!
//! One trait, one folder a provider: `settings` (what the account needs), `request` and `reply`
//! (pure, snapshot-tested), and the thin client that carries one to the other. Nothing here
//! decides what a failure leads to, retries, or knows of queues and databases.

pub mod catalog;
mod check;
pub mod events;
mod fcm;
mod fields;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod heard;
pub mod http;
mod leave;
pub mod mail_reading;
mod pool;
mod sandbox;
mod scrub;
mod sendgrid;
mod slack;
mod smtp;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod twilio;
mod verdict;

use std::time::Duration;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{Content, Priority, ProviderKind, Reply};

pub use catalog::connect;
pub use http::HttpClient;
pub use leave::Leave;
pub use verdict::{CALLED_OFF, NOT_ASKED};

/// One message for one address, borrowed from the job for the time of the request.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The notification; goes into the provider's own correlation field where it has one.
    pub notification_id: Uuid,
    /// E-mail address, number, device token, chat channel; empty where none is needed.
    pub address: &'a str,
    /// The rendered message.
    pub content: &'a Content,
    /// How soon; push has a notion of it.
    pub priority: Priority,
    /// Not after; becomes the provider's time-to-live where it has one.
    pub expires_at: Option<Timestamp>,
    /// The time of this attempt.
    pub now: Timestamp,
    /// The publisher's W3C trace context, passed on as a header to HTTP providers.
    pub traceparent: Option<&'a str>,
    /// Whether it may still be sent.
    pub leave: &'a Leave,
    /// Where its reader unsubscribes with one click (RFC 8058), if mail clients are told.
    pub unsubscribe_url: Option<&'a str>,
}

/// A client of one account. Safe to call many times at once.
pub trait Provider: Send + Sync {
    /// Puts one message to the provider and classifies its answer.
    ///
    /// Never fails: every trouble is a class of [`Reply`]. Ends within the account's timeout. Asks for
    /// [`Delivery::leave`] at the last step before the provider could act on it, and keeps the connection
    /// that was opened in vain.
    fn send<'a>(&'a self, delivery: Delivery<'a>) -> BoxFuture<'a, Reply>;

    /// Most requests that it can have in flight, where that is its own affair: nobody asks for more.
    fn most_in_flight(&self) -> Option<usize> {
        None
    }

    /// Most messages of equal content that one request can carry; 1 where each is a request.
    fn most_at_once(&self) -> usize {
        1
    }

    /// Puts messages of equal content, each for another address, to the provider in one request.
    /// Nobody asks for more than [`Provider::most_at_once`].
    ///
    /// Never fails, and ends within the account's timeout, as [`Provider::send`].
    fn send_many<'a>(&'a self, deliveries: &'a [Delivery<'a>]) -> BoxFuture<'a, Replies> {
        let replies = Replies::undecided(deliveries.len());
        Box::pin(std::future::ready(replies))
    }

    /// Whether `address` may be empty (an incoming webhook knows its channel).
    fn needs_address(&self) -> bool {
        true
    }

    /// Asks the provider whether the account works, without sending anything to a person.
    ///
    /// # Errors
    /// What is wrong and how to mend it, in one sentence, without a secret.
    fn check(&self) -> BoxFuture<'_, Result<(), String>>;

    /// Shortest wait before the same provider may be asked again after a transient failure.
    fn minimum_retry_delay(&self) -> Duration {
        Duration::ZERO
    }

    /// Time since a message's first failure after which the provider wants no further retry.
    fn retry_window(&self) -> Option<Duration> {
        None
    }
}

/// What is known after one request for many.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Replies {
    /// The answer to the request as a whole; `None` when the provider was not asked.
    pub request: Option<Reply>,
    /// For each, in the order of the deliveries. `None`: surely not sent, for a reason that need not
    /// be its own, so that it is to be asked for again in smaller company.
    pub each: Vec<Option<Reply>>,
}

impl Replies {
    /// Nobody was asked, and nothing is known.
    #[must_use]
    pub fn undecided(count: usize) -> Self {
        Self {
            request: None,
            each: vec![None; count],
        }
    }

    /// The answer holds for each.
    #[must_use]
    pub fn all(reply: Reply, count: usize) -> Self {
        Self {
            each: vec![Some(reply.clone()); count],
            request: Some(reply),
        }
    }
}

/// What an account lacks: every mistake in its settings at once, one sentence each.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("provider `{account}` ({kind}): {}", mistakes.join("; "))]
pub struct SettingsError {
    /// The account's name.
    pub account: String,
    /// Its kind.
    pub kind: ProviderKind,
    /// What is wrong and what is allowed, never the value of a secret.
    pub mistakes: Vec<String>,
}

impl SettingsError {
    /// Each mistake with the way to what it is about: `config` and a key, or one of the other settings.
    #[must_use]
    pub fn places(&self) -> Vec<(Vec<&str>, &str)> {
        let mistakes = self.mistakes.iter();
        mistakes
            .map(|words| (place(words), words.as_str()))
            .collect()
    }

    /// The stand-in for a mistake that nobody noted: a getter gave nothing without saying why.
    fn incomplete(account: &crate::domain::Account) -> Self {
        Self {
            account: account.name.clone(),
            kind: account.kind,
            mistakes: vec!["its settings are incomplete".to_owned()],
        }
    }
}

/// What a mistake is about. `ConfigFields`, which words them, names it first.
fn place(words: &str) -> Vec<&str> {
    let mut pieces = words.split('`');
    let (before, quoted) = (pieces.next().unwrap_or_default(), pieces.next());
    match (before, quoted) {
        ("config key ", Some(key)) => vec!["config", key],
        ("channel ", _) => vec!["channel"],
        (_, Some(credential @ ("api_key" | "api_secret"))) => vec![credential],
        _ if words.starts_with("timeout_seconds") => vec!["timeout_seconds"],
        _ => vec!["config"],
    }
}
