//! A fan-out: what is sent to everybody who subscribes to a topic, as a job.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::vocabulary::vocabulary;
use super::{ContentHash, KeyHash, Lane, Notification, Payload, Source};

/// Most topics of one fan-out.
pub const MOST_TOPICS: usize = 20;
/// Most people whom one fan-out leaves out by name.
pub const MOST_EXCLUDED: usize = 1_000;
/// Most people that one fan-out tells in a second.
pub const FASTEST: u32 = 1_000_000;

/// A notification before it is known whom it is for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NotificationDraft {
    /// Channel and priority.
    pub lane: Lane,
    /// The category.
    pub category: Option<String>,
    /// What is sent.
    pub payload: Payload,
    /// Not before.
    pub send_at: Option<Timestamp>,
    /// Not after.
    pub expires_at: Option<Timestamp>,
    /// Retries after the first pass over the route.
    pub max_retries: u16,
    /// What it is about.
    pub source: Option<Source>,
    /// The publisher's own data.
    pub metadata: Option<Map<String, Value>>,
}

/// A topic that a fan-out goes to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FanOutTopic {
    /// The topic.
    pub id: Uuid,
    /// Its name when the fan-out was ordered.
    pub name: String,
    /// The number of its last subscriber then: who has a greater one came later, and gets nothing.
    pub joined: i64,
}

/// What a fan-out makes for each subscriber.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FanOutWhat {
    /// A notification.
    Notification(Box<NotificationDraft>),
    /// A run of a workflow: what the store of runs needs to start it.
    Run(Value),
}

/// What is sent to everybody who subscribes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FanOut {
    /// The topics. Who subscribes to several gets it once.
    pub topics: Vec<FanOutTopic>,
    /// An expression over a subscriber's attributes that must be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<String>,
    /// Who gets nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub excluded: Vec<Uuid>,
    /// What each gets.
    pub what: FanOutWhat,
}

vocabulary! {
    /// What became of one subscriber of a fan-out.
    FanOutFate {
        /// A notification is accepted, or a run started.
        Accepted = "accepted",
        /// The order leaves them out.
        Excluded = "excluded",
        /// The condition is not true of them.
        NotMatching = "not_matching",
        /// The condition cannot be evaluated over their attributes.
        ConditionFailed = "condition_failed",
        /// The person is gone.
        UnknownUser = "unknown_user",
        /// They have it already.
        ToldBefore = "told_before",
    }
}

impl FanOutFate {
    /// Whether a job keeps a result of its own for each: so many are accepted or not meant that their number says
    /// enough.
    #[must_use]
    pub const fn is_kept(self) -> bool {
        !matches!(self, Self::Accepted | Self::NotMatching)
    }
}

impl NotificationDraft {
    /// The notification for one person.
    #[must_use]
    pub fn of(
        &self,
        (tenant_id, user_id): (Uuid, Uuid),
        id: Uuid,
        key: KeyHash,
        created_at: Timestamp,
    ) -> Notification {
        Notification {
            id,
            tenant_id,
            user_id,
            lane: self.lane,
            category: self.category.clone(),
            key,
            payload: self.payload.clone(),
            send_at: self.send_at,
            expires_at: self.expires_at,
            max_retries: self.max_retries,
            source: self.source.clone(),
            metadata: self.metadata.clone(),
            created_at,
            attempt_count: 0,
            attempts: vec![],
            stored_attempts: 0,
        }
    }
}

/// What a repetition of an order must say again: the notification's content, and whom it is for.
#[must_use]
pub fn content_of(
    notification: ContentHash,
    topics: &[String],
    condition: Option<&str>,
    excluded: &[Uuid],
    rate: Option<u32>,
) -> ContentHash {
    let rest = serde_json::json!([topics, condition, excluded, rate]).to_string();
    let mut hasher = Sha256::new();
    hasher.update(notification.0);
    hasher.update(rest);
    ContentHash(hasher.finalize().into())
}
