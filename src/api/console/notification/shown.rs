//! A notification as it is shown.

use jiff::Timestamp;
use uuid::Uuid;

use crate::api::console::figures::ShownMoment;
use crate::api::console::mask;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiResource, DeliveryState, Status, TimelineLine, ToldEvent};
use crate::ops::control::{DeadLetter, StoredDelivery, StoredNotification, WholeNotification};

/// What may be offered.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoryRights {
    pub(super) cancel: bool,
    pub(super) replay: bool,
    /// Whether addresses and contents may be shown.
    pub(super) reveal: bool,
    /// Whether the person has a page.
    pub(super) person: bool,
}

/// A notification with its story.
#[derive(Debug, Clone)]
pub(super) struct ShownStory {
    pub(super) id: Uuid,
    pub(super) status: String,
    pub(super) reason: Option<String>,
    pub(super) user_id: Option<Uuid>,
    pub(super) facts: Vec<(&'static str, String)>,
    pub(super) metadata: Option<String>,
    pub(super) lines: Vec<StoryLine>,
}

/// A line of the story.
#[derive(Debug, Clone)]
pub(super) struct StoryLine {
    pub(super) at: Option<ShownMoment>,
    pub(super) event: String,
    pub(super) says: String,
    pub(super) code: Option<String>,
    pub(super) detail: Option<String>,
    pub(super) request_id: Option<Uuid>,
}

/// What a webhook was told.
#[derive(Debug, Clone)]
pub(super) struct ShownNote {
    pub(super) webhook: Uuid,
    pub(super) event: String,
    pub(super) standing: String,
    pub(super) tries: u32,
    pub(super) at: ShownMoment,
    pub(super) answer: String,
}

/// The dead letter of a notification.
#[derive(Debug, Clone)]
pub(super) struct ShownDead {
    pub(super) reason: String,
    pub(super) at: ShownMoment,
    pub(super) resolved: bool,
    pub(super) written: Option<String>,
}

impl StoryRights {
    pub(super) fn of(
        visitor: &ConsoleVisitor,
        stored: &StoredNotification,
        dead: Option<&ShownDead>,
    ) -> Self {
        let waits = stored.status == Status::Pending.as_str();
        let is_dead = dead.is_some_and(|dead| !dead.resolved);
        Self {
            cancel: waits && visitor.writes(ApiResource::Notifications),
            replay: is_dead && visitor.writes(ApiResource::DeadLetters),
            reveal: visitor.reads(ApiResource::Contents),
            person: visitor.reads(ApiResource::Users),
        }
    }
}

impl ShownStory {
    /// `open` shows the address.
    pub(super) fn of(whole: &WholeNotification, open: bool) -> Self {
        let stored = &whole.stored;
        Self {
            id: stored.id,
            status: stored.status.clone(),
            reason: stored.reason.clone(),
            user_id: stored.user_id,
            facts: facts(whole, open),
            metadata: whole.metadata.clone(),
            lines: whole.lines().into_iter().map(StoryLine::from).collect(),
        }
    }
}

fn facts(whole: &WholeNotification, open: bool) -> Vec<(&'static str, String)> {
    let stored = &whole.stored;
    let delivery = DeliveryState::of(whole.told.iter().filter_map(ToldEvent::known));
    let moment = |at: Option<Timestamp>| at.map(|at| ShownMoment::from(at).text);
    let template = stored
        .template
        .as_ref()
        .map(|(name, version)| match version {
            Some(version) => format!("{name}, version {version}"),
            None => name.clone(),
        });
    let to = stored.recipient.as_deref();
    let source = stored.source.as_ref();
    let tries = format!(
        "{} of {}",
        stored.attempt_count,
        stored.max_retries.saturating_add(1)
    );
    let facts = [
        (
            "Lane",
            Some(format!("{}.{}", stored.channel, stored.priority)),
        ),
        (
            "To",
            match stored.redacted_at {
                Some(_) => Some("redacted".to_owned()),
                None => to.map(|to| mask::address(to, open)),
            },
        ),
        ("Category", stored.category.clone()),
        ("Template", template),
        ("Source", source.map(|(kind, id)| format!("{kind} {id}"))),
        ("Account", stored.provider.clone()),
        ("Its id there", stored.provider_message_id.clone()),
        ("Provider's code", stored.provider_response.clone()),
        ("Delivery", delivery.map(|it| it.to_string())),
        ("Passes", Some(tries)),
        ("Accepted", moment(Some(stored.created_at))),
        ("Not before", moment(stored.send_at)),
        ("Not after", moment(stored.expires_at)),
        ("Due", moment(stored.due_at)),
        ("Waits for", stored.waits_for.clone()),
        ("Sent", moment(stored.sent_at)),
        ("Failed", moment(stored.failed_at)),
        ("Redacted", moment(stored.redacted_at)),
        ("What went wrong", stored.error_message.clone()),
        ("Tenant", Some(stored.tenant_id.to_string())),
    ];
    let known = facts
        .into_iter()
        .filter_map(|(name, fact)| Some((name, fact?)));
    known.collect()
}

impl From<TimelineLine> for StoryLine {
    fn from(line: TimelineLine) -> Self {
        Self {
            at: line.at.map(ShownMoment::from),
            event: line.event,
            says: line.says,
            code: line.code,
            detail: line.detail,
            request_id: line.request_id,
        }
    }
}

impl From<&(Uuid, StoredDelivery)> for ShownNote {
    fn from((webhook, told): &(Uuid, StoredDelivery)) -> Self {
        let status = told.status.map(|status| status.to_string());
        let words = [status, told.answer.clone(), told.error.clone()];
        let words = words.into_iter().flatten();
        Self {
            webhook: *webhook,
            event: told.event.clone(),
            standing: told.standing.to_string(),
            tries: told.tries,
            at: told.created_at.into(),
            answer: words.collect::<Vec<_>>().join(" "),
        }
    }
}

impl From<&DeadLetter> for ShownDead {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            reason: match &letter.reason {
                Ok(reason) => reason.to_string(),
                Err(unknown) => unknown.word.clone(),
            },
            at: letter.moved_at.into(),
            resolved: letter.resolved,
            written: letter.note.clone(),
        }
    }
}
