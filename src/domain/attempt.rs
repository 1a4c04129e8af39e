//! The timeline of a notification: every attempt, deferral and replay.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::reply::TOLD_LATER;
use super::{Class, Reason, Reply};

/// One line of a notification's timeline; a list of them is the `attempts` column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttemptRecord {
    /// When it happened.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub step: Step,
}

/// What happened to a notification at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum Step {
    /// A provider was asked.
    Attempt {
        /// Which account.
        provider: String,
        /// What kind of answer.
        class: Class,
        /// The provider's code.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// The provider's words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// The device asked for, for push.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        device_id: Option<Uuid>,
        /// The provider's id for what a device was sent; the row holds that of one alone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message_id: Option<String>,
        /// Milliseconds from request to answer.
        elapsed_ms: u64,
    },
    /// It was put off.
    Deferred {
        /// Why.
        reason: Reason,
        /// Until when.
        until: Timestamp,
    },
    /// The account whose answer was lost is not there any more: others may be asked, since nobody can
    /// say what became of it there.
    AccountGone {
        /// Which account.
        provider: String,
    },
    /// It had failed, and was sent on its way again with all its attempts before it: by an operator, or since an
    /// account told late that it did not arrive.
    Replayed {
        /// Why it had failed.
        failed: Reason,
        /// What had gone wrong, in words.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// The accounts that told, after they had accepted it, that it did not arrive: it is not theirs any more,
        /// and the last of them is why. None: somebody replayed it.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        not_by: Vec<String>,
    },
    /// The run that had it in hand died, and another took it over: it may have been sent, and
    /// nobody knows through whom.
    NodeDied {
        /// The run that died.
        run: i32,
    },
    /// Somebody called it off before it was sent.
    Cancelled {
        /// The id of their API key, or what acted on the command line.
        by: String,
        /// The request by which they did it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        request_id: Option<Uuid>,
    },
}

impl AttemptRecord {
    /// A record of a provider's answer.
    #[must_use]
    pub fn of_reply(
        at: Timestamp,
        provider: &str,
        device_id: Option<Uuid>,
        reply: &Reply,
        elapsed_ms: u64,
    ) -> Self {
        let step = Step::Attempt {
            provider: provider.to_owned(),
            class: reply.class,
            code: reply.code.clone(),
            detail: reply.detail.clone(),
            device_id,
            message_id: device_id.and(reply.message_id.clone()),
            elapsed_ms,
        };
        Self { at, step }
    }

    /// A record that an account has it, as it told later.
    #[must_use]
    pub fn told_later(at: Timestamp, provider: &str) -> Self {
        let step = Step::Attempt {
            provider: provider.to_owned(),
            class: Class::Accepted,
            code: Some(TOLD_LATER.to_owned()),
            detail: None,
            device_id: None,
            message_id: None,
            elapsed_ms: 0,
        };
        Self { at, step }
    }

    /// A record that the run which had it in hand died.
    #[must_use]
    pub const fn node_died(at: Timestamp, run: i32) -> Self {
        let step = Step::NodeDied { run };
        Self { at, step }
    }

    /// The device that this record says has accepted, if it says so.
    #[must_use]
    pub fn accepted_device(&self) -> Option<Uuid> {
        match &self.step {
            Step::Attempt {
                class: Class::Accepted,
                device_id,
                ..
            } => *device_id,
            _ => None,
        }
    }

    /// The device that this record says was refused for good, if it says so.
    #[must_use]
    pub const fn refused_device(&self) -> Option<Uuid> {
        match &self.step {
            Step::Attempt {
                class: Class::Permanent,
                device_id,
                ..
            } => *device_id,
            _ => None,
        }
    }

    /// Whether the person may have got it: a provider accepted, or nobody knows, be it that an
    /// answer was lost or that a node died before it could tell.
    #[must_use]
    pub const fn may_be_delivered(&self) -> bool {
        matches!(
            self.step,
            Step::Attempt {
                class: Class::Accepted | Class::Unknown,
                ..
            } | Step::NodeDied { .. }
        )
    }

    /// Whether a provider accepted.
    #[must_use]
    pub fn is_accepted(&self) -> bool {
        matches!(
            self.step,
            Step::Attempt {
                class: Class::Accepted,
                ..
            }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn notification_of_a_dead_node_may_be_delivered_by_an_unknown_account() {
        let record = AttemptRecord::node_died(Timestamp::UNIX_EPOCH, 7);
        assert!(record.may_be_delivered());
        let stored = r#"{"at":"1970-01-01T00:00:00Z","step":"node_died","run":7}"#;
        assert_eq!(serde_json::to_string(&record).unwrap(), stored);
        assert_eq!(
            serde_json::from_str::<AttemptRecord>(stored).unwrap(),
            record
        );
    }
}
