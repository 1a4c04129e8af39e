//! How much of what workflows would have told was cancelled, as it is shown.

use serde::Serialize;
use utoipa::ToSchema;

use crate::ops::control::RunsCancelled;

/// How much was cancelled.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CancelledRuns)]
pub(super) struct ShownRunsCancelled {
    /// Runs that are cancelled now.
    cancelled: u64,
    /// Runs that had ended before.
    ended: u64,
    /// Items that are taken out of digests that nobody was told yet.
    items: u64,
    /// Fan-outs over topics that would have started more of these runs, and are cancelled.
    fan_outs: u64,
    /// Notifications of these runs that waited, whether their run had ended or not, and are cancelled now.
    notifications: u64,
    /// Notifications of these runs that are under way: a provider has some of them, or may be being asked.
    under_way: u64,
}

impl From<RunsCancelled> for ShownRunsCancelled {
    fn from(counts: RunsCancelled) -> Self {
        Self {
            cancelled: counts.cancelled,
            ended: counts.ended,
            items: counts.items,
            fan_outs: counts.fan_outs,
            notifications: counts.notifications,
            under_way: counts.under_way,
        }
    }
}
