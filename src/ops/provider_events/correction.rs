//! What the rollups are to count otherwise, once an event says what became of a notification. An hour that is over is
//! counted from the rows anyway; until then these are added.

use jiff::Timestamp;

use crate::store::metrics::HourlyDelta;
use crate::store::provider_events::{ChangedNotification, StandingNotification};

/// One that counts as sent through an account, and as failed no more.
pub(super) fn accepted(
    standing: &StandingNotification,
    was: &ChangedNotification,
    (provider, at): (&str, Timestamp),
) -> impl Iterator<Item = HourlyDelta> {
    let sent = HourlyDelta {
        sent: 1,
        delivery_ms: was.took_ms,
        ..nothing(standing, provider, at)
    };
    let failed = was.ended_at.map(|at| HourlyDelta {
        failed: -1,
        ..nothing(standing, &was.provider, at)
    });
    std::iter::once(sent).chain(failed)
}

/// One that counts as sent no more.
pub(super) fn handed_back(
    standing: &StandingNotification,
    was: &ChangedNotification,
) -> Option<HourlyDelta> {
    Some(HourlyDelta {
        sent: -1,
        delivery_ms: -was.took_ms,
        ..nothing(standing, &was.provider, was.ended_at?)
    })
}

fn nothing(standing: &StandingNotification, provider: &str, at: Timestamp) -> HourlyDelta {
    HourlyDelta {
        tenant_id: standing.notification.tenant_id,
        at,
        provider: provider.to_owned(),
        channel: standing.notification.lane.channel,
        sent: 0,
        failed: 0,
        pending: 0,
        delivery_ms: 0,
    }
}
