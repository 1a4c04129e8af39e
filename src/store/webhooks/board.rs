//! What this node knows of webhooks: who wants to hear of what, and who has just been told something.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::sync::Notify;
use uuid::Uuid;

use super::erased::ErasedPeople;

use crate::domain::WebhookCatalog;
use crate::domain::webhook::STATUS_EXCHANGE;

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
    /// Whether the exchange `herald.status` hears of everything.
    tells_exchange: Arc<AtomicBool>,
    /// Woken when something was written for it.
    status: Arc<Notify>,
}

impl WebhookBoard {
    /// Who wants to hear of what, from now on.
    pub fn put(&self, catalog: WebhookCatalog) {
        let tells_exchange = self.tells_exchange.load(Ordering::Acquire);
        let catalog = catalog.telling_exchange(tells_exchange);
        self.catalog.store(Arc::new(catalog));
    }

    /// The exchange `herald.status` hears of everything from now on.
    pub fn tell_exchange(&self) {
        self.tells_exchange.store(true, Ordering::Release);
        self.put(WebhookCatalog::clone(&self.catalog()));
    }

    /// Whether it does.
    #[must_use]
    pub fn tells_exchange(&self) -> bool {
        self.tells_exchange.load(Ordering::Acquire)
    }

    /// Waits until something has been written for the exchange.
    pub async fn status_awaited(&self) {
        self.status.notified().await;
    }

    /// Who wants to hear of what.
    #[must_use]
    pub fn catalog(&self) -> Arc<WebhookCatalog> {
        self.catalog.load_full()
    }

    /// Something has been written for these, and is committed.
    pub fn tell(&self, webhooks: impl IntoIterator<Item = Uuid>) {
        let (exchange, webhooks): (Vec<Uuid>, Vec<Uuid>) =
            webhooks.into_iter().partition(|it| *it == STATUS_EXCHANGE);
        if !exchange.is_empty() {
            self.status.notify_one();
            // Nobody else was told.
            if webhooks.is_empty() {
                return;
            }
        }
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
