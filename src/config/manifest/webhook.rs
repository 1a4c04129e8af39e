//! `[[webhooks]]`

use std::time::Duration;

use uuid::Uuid;

use super::fields::EntryFields;
use super::template::CHANNELS;
use crate::domain::{Channel, WebhookEvents, WebhookFilter, WebhookSecret, WebhookUrl};

/// Longest name of a webhook, and of a category.
const NAME_CHARS: usize = 100;

/// A webhook, known by its name.
#[derive(Debug, Clone)]
pub struct DeclaredWebhook {
    /// Whose notifications it hears of.
    pub tenant_id: Uuid,
    /// By what it is known again.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub filter: WebhookFilter,
    /// What signs. Nobody could be shown one that is made here.
    pub secret: WebhookSecret,
    /// Whether anything is sent.
    pub is_active: bool,
    /// Tries after the first.
    pub retry_count: u32,
    /// Longest wait for an answer.
    pub timeout: Duration,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredWebhook> {
    fields.required("name", "a text by which it is known again");
    fields.required("url", "https://...");
    fields.required("secret", "{ env = \"NAME\" } or { file = \"PATH\" }");
    fields.required("events", "a list of events, or [\"*\"]");
    let tenant_id = fields.tenant();
    let name = fields.line("name", NAME_CHARS);
    let url = fields.text("url").and_then(|text| match text.parse() {
        Ok(url) => Some(WebhookUrl::to_string(&url)),
        Err(error) => fields.refuse("url", format!("is no place for webhooks: {error}")),
    });
    let secret = fields.text("secret").and_then(|text| match text.parse() {
        Ok(secret) => Some(secret),
        Err(error) => fields.refuse("secret", format!("is no webhook secret: {error}")),
    });
    let filter = filter(fields);
    let is_active = fields.flag("is_active");
    let retry_count = fields.integer("retry_count", 0..=20, "tries after the first");
    let seconds = fields.integer("timeout_seconds", 1..=30, "seconds");
    Some(DeclaredWebhook {
        tenant_id,
        name: name?,
        url: url?,
        filter: filter?,
        secret: secret?,
        is_active,
        retry_count: retry_count.unwrap_or(10),
        timeout: Duration::from_secs(seconds.unwrap_or(10)),
    })
}

fn filter(fields: &mut EntryFields) -> Option<WebhookFilter> {
    let words = fields.texts("events");
    let events = match WebhookEvents::read(words.iter().map(String::as_str)) {
        Ok(events) if events.is_empty() && fields.has("events") => {
            fields.refuse("events", "names no event")
        }
        Ok(events) => Some(events),
        Err(error) => fields.refuse("events", error.to_string()),
    };
    let mut channels: Vec<Channel> = vec![];
    for word in fields.texts("channels") {
        match word.parse() {
            Ok(channel) => channels.push(channel),
            Err(_) => fields.report_with("channels", "names no channel", CHANNELS),
        }
    }
    let categories = fields.texts("categories");
    let is_name = |name: &String| (1..=NAME_CHARS).contains(&name.chars().count());
    if !categories.iter().all(is_name) {
        fields.report(
            "categories",
            format!("has a name that is not 1 to {NAME_CHARS} characters"),
        );
    }
    Some(WebhookFilter {
        events: events?,
        channels,
        categories,
    })
}
