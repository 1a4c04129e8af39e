//! Notifications as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Content, DeliveryState, TimelineLine, ToldEvent};
use crate::ops::control::{ReadContent, StoredNotification, WholeNotification};

/// A notification, without its timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ListedNotification)]
pub(super) struct ListedNotification {
    /// Names it in paths.
    id: Uuid,
    /// Whose it is.
    tenant_id: Uuid,
    /// To whom; null when the person was erased, or for a whole tenant.
    user_id: Option<Uuid>,
    /// Through which channel.
    channel: String,
    /// How urgent.
    priority: String,
    /// The category that its person may switch off.
    category: Option<String>,
    /// Where it stands: `pending`, `sent`, `failed` or `cancelled`.
    status: String,
    /// Why; null when sent.
    reason: Option<String>,
    /// The account that was asked last.
    provider: Option<String>,
    /// The address that was used.
    to: Option<String>,
    /// Its template, and the version that was rendered.
    template: Option<ShownTemplate>,
    /// What it is about, in the publisher's words.
    source: Option<ShownSource>,
    /// Passes over the route so far.
    attempt_count: i32,
    /// Passes after the first.
    max_retries: i32,
    /// When it was accepted.
    created_at: Timestamp,
    /// Not before.
    send_at: Option<Timestamp>,
    /// Not after.
    expires_at: Option<Timestamp>,
    /// When it is taken up again, while it waits.
    due_at: Option<Timestamp>,
    /// For which account it waits, if for one.
    waits_for: Option<String>,
    /// When a provider was asked last.
    last_attempted_at: Option<Timestamp>,
    /// When it was sent.
    sent_at: Option<Timestamp>,
    /// When it failed for good.
    failed_at: Option<Timestamp>,
    /// When its person read it.
    read_at: Option<Timestamp>,
    /// When its address, its content and the words of providers were taken out (`retention.payload_days`); null while
    /// they are there.
    redacted_at: Option<Timestamp>,
    /// What went wrong, in words.
    error: Option<String>,
    /// The provider's code.
    provider_response: Option<String>,
    /// The provider's id for the message.
    provider_message_id: Option<String>,
}

/// A notification, with all that happened to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Notification)]
pub(super) struct ShownNotification {
    #[serde(flatten)]
    listed: ListedNotification,
    /// The publisher's own data.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Box<RawValue>>,
    /// How far it has come as its provider tells: `processed`, `deferred`, `undelivered`, `delivered` or `bounced`,
    /// whatever of it was told first; null where nothing was told.
    #[schema(value_type = Option<String>)]
    delivery: Option<DeliveryState>,
    /// What happened, the oldest first; what has no time is the last that is known.
    timeline: Vec<ShownLine>,
}

/// The template of a notification.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationTemplate)]
struct ShownTemplate {
    /// Its name.
    name: String,
    /// The version that was rendered; null before that.
    version: Option<i32>,
}

/// What a notification is about.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredNotificationSource)]
struct ShownSource {
    /// What kind of thing.
    r#type: String,
    /// Which one.
    id: String,
}

/// A line of a timeline.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TimelineLine)]
struct ShownLine {
    /// When; null where nobody noted it.
    at: Option<Timestamp>,
    /// The stable word for what happened.
    event: String,
    /// One sentence.
    says: String,
    /// The account that it is about.
    provider: Option<String>,
    /// The provider's code.
    code: Option<String>,
    /// The provider's words.
    detail: Option<String>,
    /// The request by which somebody did it.
    request_id: Option<Uuid>,
}

/// What a notification says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ContentAsSent)]
pub(super) struct ShownContent {
    /// The notification.
    id: Uuid,
    /// Where it stands: only what is `sent` was sent as it is shown.
    status: String,
    /// How that is known: `stored`, or `rendered` again.
    source: &'static str,
    /// What it was rendered from; null for what is stored.
    template: Option<ShownRendering>,
    /// The text.
    #[schema(value_type = Object)]
    content: Content,
}

/// A version of a template that was rendered again.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RenderedTemplate)]
struct ShownRendering {
    /// Its name.
    name: String,
    /// The version.
    version: i32,
    /// Its language; null where the version exists in several.
    locale: Option<String>,
}

impl From<&StoredNotification> for ListedNotification {
    fn from(stored: &StoredNotification) -> Self {
        let it = stored.clone();
        Self {
            id: it.id,
            tenant_id: it.tenant_id,
            user_id: it.user_id,
            channel: it.channel,
            priority: it.priority,
            category: it.category,
            status: it.status,
            reason: it.reason,
            provider: it.provider,
            to: it.recipient,
            template: it
                .template
                .map(|(name, version)| ShownTemplate { name, version }),
            source: it.source.map(|(kind, id)| ShownSource { r#type: kind, id }),
            attempt_count: it.attempt_count,
            max_retries: it.max_retries,
            created_at: it.created_at,
            send_at: it.send_at,
            expires_at: it.expires_at,
            due_at: it.due_at,
            waits_for: it.waits_for,
            last_attempted_at: it.last_attempted,
            sent_at: it.sent_at,
            failed_at: it.failed_at,
            read_at: it.read_at,
            redacted_at: it.redacted_at,
            error: it.error_message,
            provider_response: it.provider_response,
            provider_message_id: it.provider_message_id,
        }
    }
}

impl From<&WholeNotification> for ShownNotification {
    fn from(whole: &WholeNotification) -> Self {
        let stored = &whole.stored;
        let metadata = whole.metadata.clone();
        Self {
            listed: ListedNotification::from(stored),
            metadata: metadata.and_then(|text| RawValue::from_string(text).ok()),
            delivery: DeliveryState::of(whole.told.iter().filter_map(ToldEvent::known)),
            timeline: whole.lines().into_iter().map(ShownLine::from).collect(),
        }
    }
}

impl From<TimelineLine> for ShownLine {
    fn from(line: TimelineLine) -> Self {
        Self {
            at: line.at,
            event: line.event,
            says: line.says,
            provider: line.provider,
            code: line.code,
            detail: line.detail,
            request_id: line.request_id,
        }
    }
}

impl ShownContent {
    pub(super) fn of(id: Uuid, read: ReadContent) -> Self {
        let template = read.rendered_from.map(|from| ShownRendering {
            name: from.template,
            version: from.version,
            locale: from.locale,
        });
        Self {
            id,
            status: read.status,
            source: if template.is_some() {
                "rendered"
            } else {
                "stored"
            },
            template,
            content: read.content,
        }
    }
}
