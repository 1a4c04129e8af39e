//! Too late is never sent: an expired one-time password bothers and helps nobody.

use jiff::Timestamp;

use super::Decision;
use crate::domain::{Notification, Reason};

/// Whether `expires_at` has come; the moment itself is too late.
#[must_use]
pub fn expired(notification: &Notification, now: Timestamp) -> Option<Reason> {
    let expires_at = notification.expires_at?;
    (expires_at <= now).then_some(Reason::Expired)
}

/// A wait that may end at any moment, since an account may be back: until then, or until it expires.
#[must_use]
pub fn wait(notification: &Notification, until: Timestamp) -> Timestamp {
    let expires_at = notification.expires_at;
    expires_at.map_or(until, |at| at.min(until))
}

/// Puts a notification off, or cancels it at once when it would expire before.
#[must_use]
pub fn defer(notification: &Notification, reason: Reason, until: Timestamp) -> Decision {
    match expired(notification, until) {
        Some(expired) => Decision::Cancel(expired),
        None => Decision::Defer { reason, until },
    }
}
