//! Dead letters as they are shown.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{TimelineLine, TimelineRecord};
use crate::ops::control::{DeadLetter, ReplayPreview};

/// What failed for good.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(super) struct ShownLetter {
    /// Names it in paths.
    id: Uuid,
    /// Whose it is.
    tenant_id: Uuid,
    /// The notification that failed.
    notification_id: Uuid,
    /// Why.
    reason: String,
    /// When, the last time.
    failed_at: Timestamp,
    /// Whether somebody has dealt with it.
    resolved: bool,
    /// When they did.
    resolved_at: Option<Timestamp>,
    /// What they wrote down.
    note: Option<String>,
    /// To whom; null when the person was erased, or the notification is gone.
    user_id: Option<Uuid>,
    /// Through which channel; null once the notification is gone.
    channel: Option<String>,
    /// Where the notification stands by now; null once it is gone.
    status: Option<String>,
    /// The account that was asked last.
    provider: Option<String>,
    /// Passes over the route.
    attempt_count: Option<u16>,
    /// What went wrong, in words.
    error: Option<String>,
}

/// A dead letter, with what happened to its notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WholeDeadLetter)]
pub(super) struct WholeLetter {
    #[serde(flatten)]
    letter: ShownLetter,
    /// The address that was used.
    to: Option<String>,
    /// Whether address, content and words were taken out since (`retention.payload_days`): it cannot be replayed.
    redacted: bool,
    /// What happened, the oldest first.
    history: Vec<ShownStep>,
}

/// Something that happened to a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterStep)]
struct ShownStep {
    /// When.
    at: Option<Timestamp>,
    /// The stable word for it.
    event: String,
    /// One sentence.
    says: String,
    /// The provider's code.
    code: Option<String>,
    /// The provider's words.
    detail: Option<String>,
}

/// A notification that is on its way again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayedDeadLetter)]
pub(super) struct ShownReplayed {
    /// When it is due.
    pub(super) due_at: Timestamp,
}

/// What a replay would do.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReplayPlan)]
pub(super) struct ShownPlan {
    /// How many dead letters are meant.
    planned: u64,
    /// How many of them were looked at: all, or the newest 2,000 of very many.
    judged: u64,
    /// How many of those would have each result: `replayed`, or why not.
    by_result: BTreeMap<String, u64>,
}

impl From<&DeadLetter> for ShownLetter {
    fn from(letter: &DeadLetter) -> Self {
        let failed = letter.notification.as_ref();
        Self {
            id: letter.id,
            tenant_id: letter.tenant_id,
            notification_id: letter.notification_id,
            reason: letter.reason_word().to_owned(),
            failed_at: letter.moved_at,
            resolved: letter.resolved,
            resolved_at: letter.resolved_at,
            note: letter.note.clone().filter(|_| letter.resolved),
            user_id: failed.and_then(|it| it.user_id),
            channel: failed.map(|it| it.channel.clone()),
            status: failed.map(|it| it.status.clone()),
            provider: failed.and_then(|it| it.provider.clone()),
            attempt_count: failed.map(|it| it.attempt_count),
            error: failed.and_then(|it| it.error_message.clone()),
        }
    }
}

impl From<&DeadLetter> for WholeLetter {
    fn from(letter: &DeadLetter) -> Self {
        let records = letter.history.iter().cloned().map(TimelineRecord::Known);
        let lines = records.map(|record| TimelineLine::of(&record));
        let failed = letter.notification.as_ref();
        Self {
            to: failed.and_then(|it| it.recipient.clone()),
            redacted: failed.is_some_and(|it| it.is_redacted),
            history: lines.map(ShownStep::from).collect(),
            letter: ShownLetter::from(letter),
        }
    }
}

impl From<TimelineLine> for ShownStep {
    fn from(line: TimelineLine) -> Self {
        Self {
            at: line.at,
            event: line.event,
            says: line.says,
            code: line.code,
            detail: line.detail,
        }
    }
}

impl From<ReplayPreview> for ShownPlan {
    fn from(preview: ReplayPreview) -> Self {
        Self {
            planned: preview.planned,
            judged: preview.judged,
            by_result: preview.by_result,
        }
    }
}
