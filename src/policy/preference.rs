//! What the person switched off is never sent, not even urgently.

use crate::domain::{Notification, Reason, Recipient};

/// Why the person does not want this notification, if so.
#[must_use]
pub fn switched_off(notification: &Notification, recipient: &Recipient) -> Option<Reason> {
    let channel = notification.lane.channel;
    let category = notification.category.as_deref();
    let mut off = recipient
        .preferences
        .iter()
        .filter(|wish| !wish.enabled && wish.scope.covers(channel, category));
    if off.clone().any(|wish| wish.scope.category().is_none()) {
        return Some(Reason::ChannelDisabled);
    }
    off.next().map(|_| Reason::CategoryDisabled)
}
