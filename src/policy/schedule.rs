//! Not before `send_at`.

use jiff::Timestamp;

use crate::domain::Notification;

/// The time to wait for, while it is ahead.
#[must_use]
pub fn not_before(notification: &Notification, now: Timestamp) -> Option<Timestamp> {
    notification.send_at.filter(|send_at| *send_at > now)
}
