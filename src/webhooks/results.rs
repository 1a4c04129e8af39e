//! How tries ended, stored together: what comes while some are being stored is stored with the next.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use scopeguard::ScopeGuard;
use uuid::Uuid;

use crate::domain::RunId;
use crate::runtime::Shutdown;
use crate::store::webhooks::deliveries::{self, WebhookResult};
use crate::store::{Database, StoreError};
use crate::work::retry::retry_until_ok;

/// Results that one statement stores.
const MOST: usize = 500;

/// What is not stored yet.
#[derive(Debug, Default)]
pub(super) struct WebhookResults(Mutex<Unstored>);

#[derive(Debug, Default)]
struct Unstored {
    ended: Vec<(RunId, WebhookResult)>,
    returned: Vec<(RunId, Uuid)>,
    is_being_stored: bool,
}

impl WebhookResults {
    pub(super) fn push(&self, run: RunId, result: WebhookResult) {
        self.lock().ended.push((run, result));
    }

    pub(super) fn give_back(&self, run: RunId, id: Uuid) {
        self.lock().returned.push((run, id));
    }

    /// Whether there is something to store, and nobody stores: whoever asks does from now on.
    pub(super) fn begin(&self) -> bool {
        let mut unstored = self.lock();
        let begins = !unstored.is_being_stored && !unstored.is_empty();
        unstored.is_being_stored |= begins;
        begins
    }

    /// Stores until nothing is left, calling `told` after each time.
    pub(super) async fn store(&self, database: &Database, giving_up: &Shutdown, told: impl Fn()) {
        // However it ends, the next one may begin.
        let unfinished = scopeguard::guard((), |()| self.lock().is_being_stored = false);
        loop {
            let (ended, returned) = self.take();
            if ended.is_empty() && returned.is_empty() {
                return ScopeGuard::into_inner(unfinished);
            }
            let store = || write(database, &ended, &returned);
            if retry_until_ok("storing webhook results", giving_up, store)
                .await
                .is_none()
            {
                return;
            }
            told();
        }
    }

    fn take(&self) -> (ByRun<WebhookResult>, ByRun<Uuid>) {
        let mut unstored = self.lock();
        let most = unstored.ended.len().min(MOST);
        let ended = unstored.ended.drain(..most).collect::<Vec<_>>();
        let returned = std::mem::take(&mut unstored.returned);
        if ended.is_empty() && returned.is_empty() {
            // Under the same lock as whoever adds: nothing is left lying.
            unstored.is_being_stored = false;
        }
        (by_run(ended), by_run(returned))
    }

    fn lock(&self) -> MutexGuard<'_, Unstored> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Unstored {
    const fn is_empty(&self) -> bool {
        self.ended.is_empty() && self.returned.is_empty()
    }
}

type ByRun<T> = HashMap<RunId, Vec<T>>;

fn by_run<T>(items: Vec<(RunId, T)>) -> ByRun<T> {
    let mut by_run = ByRun::new();
    for (run, item) in items {
        by_run.entry(run).or_default().push(item);
    }
    by_run
}

async fn write(
    database: &Database,
    ended: &ByRun<WebhookResult>,
    returned: &ByRun<Uuid>,
) -> Result<(), StoreError> {
    for (run, results) in ended {
        deliveries::record(database, *run, results).await?;
    }
    for (run, ids) in returned {
        deliveries::give_back(database, *run, ids.clone()).await?;
    }
    Ok(())
}
