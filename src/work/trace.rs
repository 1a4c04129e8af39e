//! The publisher's trace, continued into log lines and provider requests.

use std::num::NonZeroU64;

use crate::domain::Notification;
use crate::store::settle::Settlement;
use crate::telemetry::trace::Traceparent;

/// The `traceparent` of the next request for this notification: the publisher's trace with a span
/// of its own. `None` when the publisher sent none.
#[must_use]
pub fn next_span(notification: &Notification) -> Option<String> {
    let span = NonZeroU64::new(rand::random()).unwrap_or(NonZeroU64::MIN);
    Some(of(notification)?.child(span).to_string())
}

/// One line for each outcome, at level debug: with the ids that other systems know it by, and
/// nothing of the recipient.
pub fn log_outcome(settlement: &Settlement) {
    if !tracing::enabled!(tracing::Level::DEBUG) {
        return;
    }
    let notification = &settlement.notification;
    let trace_id = of(notification).map(|trace| format!("{:032x}", trace.trace_id()));
    tracing::debug!(
        notification_id = %notification.id,
        trace_id,
        lane = %notification.lane,
        status = %settlement.status,
        reason = settlement.reason.map(|reason| reason.as_str()),
        provider = settlement.provider,
        attempts = notification.attempt_count,
        "a notification was settled"
    );
}

fn of(notification: &Notification) -> Option<Traceparent> {
    notification.payload.traceparent.as_deref()?.parse().ok()
}
