//! What an inbox shows of a notification.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{Content, InboxOptions, Notification};

/// What a notification shows in an inbox.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct InboxContent {
    /// Its title.
    pub title: Option<String>,
    /// Its text.
    pub body: Option<String>,
    /// Data for the app.
    pub data: Option<Map<String, Value>>,
    /// What else the publisher says of it.
    pub options: InboxOptions,
}

impl InboxContent {
    /// Of a notification whose content is rendered. A template that was made for mails has a subject for a title.
    #[must_use]
    pub fn of(notification: &Notification, content: Content) -> Self {
        let options = notification.payload.inbox.clone();
        Self {
            title: content.title.or(content.subject),
            body: content.body,
            data: content.data,
            options: options.unwrap_or_default(),
        }
    }
}
