//! Whose wishes cannot be read: told to whoever tells operators, not at every reading.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;
use uuid::Uuid;

use crate::runtime::clock;
use crate::store::StoreError;

/// Time after which somebody is told of again who still cannot be read.
const AGAIN: Duration = Duration::from_secs(60);
/// Most who are told of in that time: one names the kind, and each is looked for by the same query.
const MOST: usize = 64;

/// Somebody, or something that a tenant says for all its recipients, that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnreadableWishes {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The person; `None` is what the tenant says for all.
    pub user_id: Option<Uuid>,
    /// Why.
    pub error: StoreError,
}

/// Those who are to be told of.
#[derive(Debug, Default)]
pub(super) struct UnreadableReports {
    state: Mutex<ReportState>,
    somebody: Notify,
}

#[derive(Debug, Default)]
struct ReportState {
    at: HashMap<(Uuid, Option<Uuid>), Instant>,
    waiting: Vec<UnreadableWishes>,
}

impl UnreadableReports {
    /// Somebody cannot be read.
    pub(super) fn add(&self, found: UnreadableWishes) {
        let (whose, now) = ((found.tenant_id, found.user_id), clock::instant());
        let mut told = self.lock();
        told.at.retain(|_, at| now < *at + AGAIN);
        if told.at.len() >= MOST || told.at.contains_key(&whose) {
            return;
        }
        told.at.insert(whose, now);
        told.waiting.push(found);
        drop(told);
        self.somebody.notify_one();
    }

    /// Waits until somebody is to be told of. May be dropped while it waits.
    pub(super) async fn found(&self) -> Vec<UnreadableWishes> {
        loop {
            let found = std::mem::take(&mut self.lock().waiting);
            if !found.is_empty() {
                return found;
            }
            self.somebody.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, ReportState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(user: u128) -> UnreadableWishes {
        UnreadableWishes {
            tenant_id: Uuid::nil(),
            user_id: Some(Uuid::from_u128(user)),
            error: StoreError::Corrupt("quiet_hours_days".to_owned()),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_is_told_of_once_a_minute() {
        let reports = UnreadableReports::default();
        for _ in 0..3 {
            reports.add(found(1));
            reports.add(found(2));
        }
        assert_eq!(reports.found().await, [found(1), found(2)]);
        tokio::time::advance(AGAIN).await;
        reports.add(found(1));
        assert_eq!(reports.found().await, [found(1)]);
    }

    #[tokio::test(start_paused = true)]
    async fn of_a_great_many_some_are_told_of() {
        let reports = UnreadableReports::default();
        for user in 0..1_000 {
            reports.add(found(user));
        }
        assert_eq!(reports.found().await.len(), MOST);
    }
}
