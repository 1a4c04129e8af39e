//! What is said of a webhook: every mistake at once.

use std::time::Duration;

use jiff::Timestamp;
use utoipa::ToSchema;

use crate::api::fields::SentFields;
use crate::domain::{Channel, WebhookEvents, WebhookFilter, WebhookSecret, WebhookUrl};
use crate::ops::control::{WebhookDesk, WebhookFields};

/// Longest name, of a webhook and of a category.
const NAME_CHARS: usize = 100;
/// Most categories and channels of a filter.
const FILTERS: usize = 100;
/// Tries after the first, where nobody says how many.
const RETRIES: u32 = 10;
/// Most of them.
const MOST_RETRIES: i64 = 20;
/// Wait for an answer, where nobody says how long.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest one, in seconds.
const LONGEST_TIMEOUT: i64 = 30;

/// A webhook to be made.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `AskedWebhook` reads")]
pub(super) struct NewWebhook {
    /// Where it is: `https`, or `http` where the network is allowed.
    #[schema(example = "https://example.com/hooks/herald")]
    url: String,
    /// What it wants to hear of: `*`, or types of events.
    #[schema(min_items = 1, example = json!(["notification.sent", "notification.failed"]))]
    events: Vec<String>,
    /// By what `herald apply` knows it again.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Of which channels; of all without it.
    #[schema(max_items = 100, example = json!(["email"]))]
    channels: Option<Vec<String>>,
    /// Of which categories; of all without it.
    #[schema(max_items = 100)]
    categories: Option<Vec<String>>,
    /// Whether anything is sent to it; true without it.
    is_active: Option<bool>,
    /// Tries after the first; 10 without it.
    #[schema(minimum = 0, maximum = 20)]
    retry_count: Option<u32>,
    /// Longest wait for an answer, in seconds; 10 without it.
    #[schema(minimum = 1, maximum = 30)]
    timeout_seconds: Option<u32>,
    /// A secret of your own: `whsec_` and the base64 of 24 to 64 bytes.
    secret: Option<String>,
}

/// What is to be different of a webhook.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `AskedWebhook` reads")]
pub(super) struct ChangedWebhook {
    /// Where it is.
    url: Option<String>,
    /// What it wants to hear of: `*`, or types of events.
    #[schema(min_items = 1)]
    events: Option<Vec<String>>,
    /// By what `herald apply` knows it again.
    #[schema(min_length = 1, max_length = 100)]
    name: Option<String>,
    /// Of which channels.
    #[schema(max_items = 100)]
    channels: Option<Vec<String>>,
    /// Of which categories.
    #[schema(max_items = 100)]
    categories: Option<Vec<String>>,
    /// Whether anything is sent to it.
    #[schema(example = true)]
    is_active: Option<bool>,
    /// Tries after the first.
    #[schema(minimum = 0, maximum = 20)]
    retry_count: Option<u32>,
    /// Longest wait for an answer, in seconds.
    #[schema(minimum = 1, maximum = 30)]
    timeout_seconds: Option<u32>,
}

/// How a webhook's secret is to change.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `rotate` reads")]
pub(super) struct AskedRotation {
    /// How long the secret that it has signs beside the new one, in seconds; a day without it.
    #[schema(minimum = 0, maximum = 604_800)]
    grace_seconds: Option<u32>,
    /// A secret of your own: `whsec_` and the base64 of 24 to 64 bytes.
    secret: Option<String>,
}

/// What a webhook is to be told again.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `replay` reads")]
pub(super) struct AskedReplay {
    /// What happened from here on.
    #[schema(example = "2026-01-01T00:00:00Z")]
    since: Timestamp,
    /// What happened before; now, without it.
    until: Option<Timestamp>,
    /// Also what the webhook has taken already.
    everything: Option<bool>,
    /// Only counts.
    dry_run: Option<bool>,
}

/// What is said of a webhook.
#[derive(Debug)]
pub(super) struct AskedWebhook {
    name: Option<String>,
    url: Option<String>,
    events: Option<WebhookEvents>,
    channels: Option<Vec<Channel>>,
    categories: Option<Vec<String>>,
    is_active: Option<bool>,
    retry_count: Option<u32>,
    timeout: Option<Duration>,
}

impl AskedWebhook {
    pub(super) fn read(sent: &mut SentFields, desk: &WebhookDesk) -> Self {
        let url = sent.text("url", |text| {
            let url: WebhookUrl = text.parse().map_err(|error| format!("{error}"))?;
            if url.address().is_some_and(|address| !desk.guard.allows(address)) {
                let why = "an address that is public; `webhooks.allowed_networks` is what is allowed beyond";
                return Err(why.to_owned());
            }
            Ok(url.to_string())
        });
        let events = sent.texts("events", |word| {
            WebhookEvents::named(word).map_err(|error| error.to_string())
        });
        if events.as_ref().is_some_and(Vec::is_empty) {
            sent.wrong(&["events"], "required", "at least one event, or `*`");
        }
        let channels = sent.texts("channels", |word| {
            word.parse::<Channel>().map_err(|error| error.to_string())
        });
        let categories = sent.texts("categories", named);
        for (field, count) in [
            ("channels", channels.as_ref().map_or(0, Vec::len)),
            ("categories", categories.as_ref().map_or(0, Vec::len)),
        ] {
            if count > FILTERS {
                sent.wrong(&[field], "too_many", format!("at most {FILTERS}"));
            }
        }
        let count = sent.integer("retry_count", 0..=MOST_RETRIES);
        let timeout = sent.integer("timeout_seconds", 1..=LONGEST_TIMEOUT);
        Self {
            name: sent.text("name", named),
            url,
            events: events.map(|events| {
                events
                    .into_iter()
                    .fold(WebhookEvents::default(), WebhookEvents::and)
            }),
            channels,
            categories,
            is_active: sent.flag("is_active"),
            retry_count: count.and_then(|count| count.try_into().ok()),
            timeout: timeout.map(|seconds| Duration::from_secs(seconds.unsigned_abs())),
        }
    }

    /// A new webhook, if what it needs is said.
    pub(super) fn made(self, sent: &mut SentFields) -> Option<WebhookFields> {
        let url = sent.required("url", self.url);
        let events = sent.required("events", self.events);
        url.zip(events).map(|(url, events)| WebhookFields {
            name: self.name,
            url,
            filter: WebhookFilter {
                events,
                channels: self.channels.unwrap_or_default(),
                categories: self.categories.unwrap_or_default(),
            },
            is_active: self.is_active.unwrap_or(true),
            retry_count: self.retry_count.unwrap_or(RETRIES),
            timeout: self.timeout.unwrap_or(TIMEOUT),
        })
    }

    /// A webhook with what is said of it.
    pub(super) fn upon(self, fields: WebhookFields) -> WebhookFields {
        let filter = fields.filter;
        WebhookFields {
            name: self.name.or(fields.name),
            url: self.url.unwrap_or(fields.url),
            filter: WebhookFilter {
                events: self.events.unwrap_or(filter.events),
                channels: self.channels.unwrap_or(filter.channels),
                categories: self.categories.unwrap_or(filter.categories),
            },
            is_active: self.is_active.unwrap_or(fields.is_active),
            retry_count: self.retry_count.unwrap_or(fields.retry_count),
            timeout: self.timeout.unwrap_or(fields.timeout),
        }
    }
}

fn named(text: &str) -> Result<String, String> {
    let length = text.chars().count();
    let good = (1..=NAME_CHARS).contains(&length) && !text.chars().any(char::is_control);
    let why = format!("1 to {NAME_CHARS} characters, and no control character");
    good.then(|| text.to_owned()).ok_or(why)
}

/// A secret of somebody's own.
pub(super) fn secret(sent: &mut SentFields) -> Option<WebhookSecret> {
    sent.text("secret", |text| {
        text.parse::<WebhookSecret>()
            .map_err(|error| error.to_string())
    })
}
