//! What this node knows of webhooks: who wants to hear of what, and who has just been told something.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use uuid::Uuid;

use super::erased::ErasedPeople;

use crate::domain::WebhookCatalog;

/// Empty until somebody who listens for changes puts a catalog in: who does not send webhooks tells nobody.
/// Clones share it.
#[derive(Debug, Clone, Default)]
pub struct WebhookBoard {
    catalog: Arc<ArcSwap<WebhookCatalog>>,
    told: Arc<Mutex<HashSet<Uuid>>>,
    is_outdated: Arc<AtomicBool>,
    erased: ErasedPeople,
    /// Woken when something was written, or the catalog is outdated.
    awaited: Arc<Notify>,
}

impl WebhookBoard {
    /// Who wants to hear of what, from now on.
    pub fn put(&self, catalog: WebhookCatalog) {
        self.catalog.store(Arc::new(catalog));
    }

    /// Who wants to hear of what.
    #[must_use]
    pub fn catalog(&self) -> Arc<WebhookCatalog> {
        self.catalog.load_full()
    }

    /// Something has been written for these, and is committed.
    pub fn tell(&self, webhooks: impl IntoIterator<Item = Uuid>) {
        self.lock().extend(webhooks);
        self.awaited.notify_one();
    }

    /// What is known of webhooks is not what is stored any more: whoever keeps it reads it again.
    pub fn read_again(&self) {
        self.is_outdated.store(true, Ordering::Release);
        self.awaited.notify_one();
    }

    /// Whether it is to be read again; not any more, once this was asked.
    #[must_use]
    pub fn take_outdated(&self) -> bool {
        self.is_outdated.swap(false, Ordering::AcqRel)
    }

    /// Who has been erased while something about them may have been in hand.
    #[must_use]
    pub const fn erased(&self) -> &ErasedPeople {
        &self.erased
    }

    /// Waits until something has been written, or changed.
    pub async fn awaited(&self) {
        self.awaited.notified().await;
    }

    /// For whom something has been written since this was asked last.
    #[must_use]
    pub fn take_told(&self) -> HashSet<Uuid> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashSet<Uuid>> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
