//! What the person switched off is never sent, not even urgently.

use crate::domain::{Notification, Reason, Recipient};

/// Why the person does not want this notification, if so.
#[must_use]
pub fn switched_off(notification: &Notification, recipient: &Recipient) -> Option<Reason> {
    let channel = notification.lane.channel;
    let mut off = recipient
        .preferences
        .iter()
        .filter(|preference| !preference.enabled);
    if off
        .clone()
        .any(|preference| preference.is_for_channel(channel))
    {
        return Some(Reason::ChannelDisabled);
    }
    let category = notification.category.as_deref()?;
    off.any(|preference| preference.is_for_category(category))
        .then_some(Reason::CategoryDisabled)
}
