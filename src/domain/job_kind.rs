//! What a job does.

use super::ApiResource;
use super::vocabulary::vocabulary;

vocabulary! {
    /// What a job does.
    JobKind {
        /// Sends dead letters on their way again.
        DlqReplay = "dlq_replay",
        /// Sends something to everybody who subscribes to a topic.
        FanOut = "fan_out",
        /// Tells a webhook again what it was told.
        WebhookReplay = "webhook_replay",
    }
}

impl JobKind {
    /// What it is about: the scopes for that open it.
    #[must_use]
    pub const fn resource(self) -> ApiResource {
        match self {
            Self::DlqReplay => ApiResource::DeadLetters,
            Self::FanOut => ApiResource::Notifications,
            Self::WebhookReplay => ApiResource::Webhooks,
        }
    }
}
