//! The bodies, described: the envelope is read by the same code as that of AMQP.

use jiff::Timestamp;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::domain::{Channel, Priority};

/// A notification to be accepted: version 1 of the envelope. Exactly one of `template` and `content`.
#[derive(ToSchema)]
#[schema(as = NewNotification, example = json!({
    "version": 1,
    "user_id": "0190c1a0-0000-7000-8000-000000000001",
    "channel": "email",
    "priority": "normal",
    "category": "orders",
    "idempotency_key": "order-17-shipped",
    "content": { "subject": "Order 17 is on its way", "body": "Hello Ana, your order has left us." },
    "recipient": { "email": "ana@example.com", "timezone": "Europe/Berlin", "locale": "de" }
}))]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
pub(in crate::api) struct AskedNotification {
    /// The version of the envelope: 1.
    #[schema(minimum = 1, maximum = 1, example = 1)]
    version: u64,
    /// The tenant; that of the key when it is absent.
    tenant_id: Option<Uuid>,
    /// The person; `null`, in-app alone, is everybody in the tenant.
    #[schema(required = true)]
    user_id: Option<Uuid>,
    /// How it is sent.
    #[schema(value_type = String, example = "email")]
    channel: Channel,
    /// How urgent it is; `normal` when it is absent.
    #[schema(value_type = Option<String>, example = "normal")]
    priority: Option<Priority>,
    /// What a person may switch off.
    #[schema(max_length = 100, example = "orders")]
    category: Option<String>,
    /// What makes a second one a repetition of this one.
    #[schema(min_length = 1, max_length = 255, example = "order-17-shipped")]
    idempotency_key: Option<String>,
    /// A stored template with variables.
    template: Option<AskedTemplate>,
    /// Ready text.
    content: Option<AskedContent>,
    /// Address for this message only: e-mail, E.164 number, device token.
    to: Option<String>,
    /// Who the person is: they are created or updated.
    recipient: Option<AskedRecipient>,
    /// Not before: at most a year ahead.
    send_at: Option<Timestamp>,
    /// Not after.
    expires_at: Option<Timestamp>,
    /// Retries after the first pass over the route; 5 when it is absent.
    #[schema(maximum = 100)]
    max_retries: Option<u16>,
    /// The one provider that may send it.
    #[schema(max_length = 50)]
    provider: Option<String>,
    /// What it is about, in the publisher's words.
    source: Option<AskedSource>,
    /// The publisher's own data, handed back to webhooks.
    #[schema(value_type = Option<Object>)]
    metadata: Option<Map<String, Value>>,
    /// In-app alone: what else the inbox shows.
    inbox: Option<AskedInbox>,
}

/// What the inbox shows beside the content.
#[derive(ToSchema)]
#[schema(as = InboxOptions)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
pub(in crate::api) struct AskedInbox {
    /// Words that a list may be narrowed to.
    #[schema(max_items = 10, required = false)]
    tags: Vec<String>,
    /// Buttons.
    #[schema(max_items = 5, required = false)]
    actions: Vec<AskedInboxAction>,
    /// Where a click leads: https, http, or a path with one `/` in front.
    #[schema(max_length = 2048)]
    url: Option<String>,
}

/// A button.
#[derive(ToSchema)]
#[schema(as = InboxAction)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
struct AskedInboxAction {
    /// Its id, unique among the buttons of the notification.
    #[schema(
        min_length = 1,
        max_length = 64,
        pattern = "^[A-Za-z0-9_.-]*[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
        example = "approve"
    )]
    id: String,
    /// What stands on it.
    #[schema(min_length = 1, max_length = 100, example = "Approve")]
    label: String,
    /// Where it leads: https, http, or a path with one `/` in front.
    #[schema(max_length = 2048)]
    url: Option<String>,
    /// Whether it is the one to be pressed.
    #[schema(required = false)]
    primary: bool,
}

/// Several notifications to be accepted.
#[derive(ToSchema)]
#[schema(as = NewNotifications)]
#[expect(dead_code, reason = "it describes what `items` reads")]
pub(super) struct AskedBatch {
    /// The notifications.
    #[schema(min_items = 1, max_items = 1_000)]
    notifications: Vec<AskedNotification>,
}

/// A stored template, and what to fill it with.
#[derive(ToSchema)]
#[schema(as = TemplateCall)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
pub(in crate::api) struct AskedTemplate {
    /// Its name.
    #[schema(min_length = 1, max_length = 100, example = "order-shipped")]
    name: String,
    /// Its variables.
    #[schema(value_type = Object, required = false)]
    variables: Option<Map<String, Value>>,
    /// Where answers to an e-mail go.
    reply_to: Option<String>,
}

/// Ready text. What a channel needs of it depends on the channel.
#[derive(ToSchema)]
#[schema(as = NotificationContent)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
pub(in crate::api) struct AskedContent {
    /// Subject of an e-mail.
    subject: Option<String>,
    /// Plain text.
    body: Option<String>,
    /// HTML of an e-mail.
    html: Option<String>,
    /// Title of a push or in-app message.
    title: Option<String>,
    /// Data for the app (push, in-app).
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
    /// Where answers to an e-mail go.
    reply_to: Option<String>,
}

/// What is said of the person; what is absent stays as it is.
#[derive(ToSchema)]
#[schema(as = RecipientDescription)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
struct AskedRecipient {
    /// E-mail address.
    #[schema(example = "ana@example.com")]
    email: Option<String>,
    /// Unique name within the tenant.
    username: Option<String>,
    /// Phone number, E.164.
    phone: Option<String>,
    /// IANA time zone name.
    #[schema(example = "Europe/Berlin")]
    timezone: Option<String>,
    /// Language.
    #[schema(example = "de")]
    locale: Option<String>,
}

/// What a notification is about.
#[derive(ToSchema)]
#[schema(as = NotificationSource)]
#[expect(dead_code, reason = "it describes what the envelope's decoder reads")]
pub(in crate::api) struct AskedSource {
    /// For example `ticket`.
    #[schema(max_length = 50, example = "ticket")]
    r#type: String,
    /// Its id there.
    #[schema(max_length = 255, example = "12345")]
    id: String,
}
