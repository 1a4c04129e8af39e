//! What a trial found.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Channel, Priority};
use crate::templates::workflow::Audience;

/// What a workflow would do with an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, ToSchema)]
pub struct DryRun {
    /// `started`; `not_meant`; or the reason with which its one run would end.
    #[schema(example = "started")]
    pub outcome: String,
    /// The same, in words.
    pub detail: String,
    /// What its runs would be about.
    pub key: Option<String>,
    /// Topics whose subscribers would be told.
    pub topics: Vec<String>,
    /// People who would not be, though they are among the recipients.
    pub excluded: Vec<Uuid>,
    /// What else is to be said of its recipients.
    pub notes: Vec<String>,
    /// The first of those who would be told.
    pub people: Vec<TriedPerson>,
    /// How many more are named.
    pub left_out: usize,
}

/// The run of one person.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriedPerson {
    /// The person.
    pub user_id: Uuid,
    /// How the run would end, if nobody read anything and nothing else happened.
    #[schema(example = "completed")]
    pub reason: String,
    /// What would be done.
    pub steps: Vec<TriedStep>,
}

/// A step of a run.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriedStep {
    /// When.
    pub at: Timestamp,
    /// Which step.
    pub step: String,
    /// What happens, in words.
    pub what: String,
    /// What is sent.
    pub message: Option<TriedMessage>,
}

/// A notification that would be accepted.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TriedMessage {
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// How urgent it is.
    #[schema(value_type = String, example = "normal")]
    pub priority: Priority,
    /// Its category.
    pub category: Option<String>,
    /// The template.
    pub template: String,
    /// What would become of it then: `sent`, or `deferred`, `cancelled` or `failed` with a reason. Daily caps are taken to be
    /// empty.
    #[schema(example = "deferred:quiet_hours")]
    pub decision: String,
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: Option<String>,
    /// HTML of an e-mail.
    pub html: Option<String>,
    /// Why there is no content.
    pub error: Option<String>,
}

impl DryRun {
    pub(super) fn of_nobody(outcome: &str, words: &str) -> Self {
        Self {
            outcome: outcome.to_owned(),
            detail: words.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn of(audience: Audience, people: Vec<TriedPerson>, left_out: usize) -> Self {
        let mut notes = audience.notes;
        notes.extend(audience.bad);
        let (outcome, detail) = match people.is_empty() {
            true => ("empty_audience", "nobody would be told".to_owned()),
            false => ("started", format!("{} runs are shown", people.len())),
        };
        Self {
            outcome: outcome.to_owned(),
            detail,
            key: audience.key,
            topics: audience.topics,
            excluded: audience.excluded,
            notes,
            people,
            left_out,
        }
    }
}
