//! One phase of a load.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::People;
use crate::lane::{Channel, Priority};
use crate::publisher::{Mix, Weights};

/// When a phase begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Start {
    /// When the one before it has been published.
    #[default]
    After,
    /// Together with the one before it.
    Beside,
    /// Before the engine starts: its messages wait in RabbitMQ.
    BeforeEngine,
}

/// Messages of one kind, published in one go.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Phase {
    /// Its name, for intervals and on the page.
    pub name: String,
    /// How many messages.
    pub count: Option<u64>,
    /// Or for how long, seconds.
    pub seconds: Option<f64>,
    /// Messages a second on a fixed schedule; absent: flat out.
    pub rate: Option<f64>,
    /// When it begins.
    #[serde(default)]
    pub start: Start,
    /// Rows of other notifications that are stored before it begins.
    #[serde(default)]
    pub stored_before: u64,
    /// Wait until all of it is accepted before the next phase begins.
    #[serde(default)]
    pub settle: bool,
    /// Policies may stop or put off its messages: none of them counts as lost.
    #[serde(default)]
    pub may_be_stopped: bool,
    /// Weights of the channels; absent: mostly mail.
    pub channels: Option<BTreeMap<Channel, u32>>,
    /// Weights of the priorities; absent: mostly normal.
    pub priorities: Option<BTreeMap<Priority, u32>>,
    /// Share of messages that name a template.
    #[serde(default = "half")]
    pub templates: f64,
    /// Whether all of its mail has the same content, as that of a campaign, so that the engine may put
    /// many into one request.
    #[serde(default)]
    pub equal_content: bool,
    /// Share of messages that have expired already.
    #[serde(default)]
    pub expired: f64,
    /// Share of messages with a `send_at` ahead.
    #[serde(default)]
    pub scheduled: f64,
    /// How far ahead those are, milliseconds.
    #[serde(default = "two_seconds")]
    pub schedule_ahead_ms: u64,
    /// Share of messages that repeat an earlier one.
    #[serde(default)]
    pub duplicates: f64,
    /// Size of an envelope, bytes.
    #[serde(default = "usual_size")]
    pub size: usize,
    /// How many of the people it writes to, from the first on; absent: all.
    pub people: Option<u32>,
}

fn half() -> f64 {
    0.5
}

fn two_seconds() -> u64 {
    2_000
}

fn usual_size() -> usize {
    700
}

impl Phase {
    /// How many messages at most: for a phase that goes flat out for a time, as many as one may have.
    #[must_use]
    pub fn most_messages(&self, limit: u64) -> u64 {
        match (self.count, self.seconds, self.rate) {
            (Some(count), ..) => count.min(limit),
            // Rates and durations are checked to be finite and positive, so this never wraps.
            (None, Some(seconds), Some(rate)) => ((seconds * rate).round() as u64).clamp(1, limit),
            _ => limit,
        }
    }

    /// What its messages are made of, for these people.
    #[must_use]
    pub fn mix(&self, people: &People) -> Mix {
        let usual = Mix::default();
        Mix {
            channels: self.channels.as_ref().map_or(usual.channels, Weights::of),
            priorities: self
                .priorities
                .as_ref()
                .map_or(usual.priorities, Weights::of),
            template_share: self.templates,
            equal_content: self.equal_content,
            expired_share: self.expired,
            scheduled_share: self.scheduled,
            schedule_ahead_ms: self.schedule_ahead_ms,
            duplicate_share: self.duplicates,
            envelope_bytes: self.size,
            users: self.people.unwrap_or(people.count),
            tenants: people.tenants,
        }
    }
}
