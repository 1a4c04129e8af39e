//! Permits bound the work: one is held from the moment a message is taken on until its outcome
//! is stored.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A bounded number of permits, for example of one lane.
#[derive(Debug, Clone)]
pub struct Permits {
    semaphore: Arc<Semaphore>,
    total: usize,
}

/// The right to work on one message; returned when dropped.
#[derive(Debug)]
pub struct Permit {
    _permit: OwnedSemaphorePermit,
}

impl Permits {
    /// `total` permits.
    #[must_use]
    pub fn new(total: usize) -> Self {
        Self {
            semaphore: Arc::new(Semaphore::new(total)),
            total,
        }
    }

    /// Waits for a permit, in order of asking.
    ///
    /// `None` once [`Self::close`] was called.
    pub async fn acquire(&self) -> Option<Permit> {
        let permit = Arc::clone(&self.semaphore).acquire_owned().await.ok()?;
        Some(Permit { _permit: permit })
    }

    /// Takes up to `most` permits that are free now.
    #[must_use]
    pub fn take_free(&self, most: usize) -> Vec<Permit> {
        let free = || Arc::clone(&self.semaphore).try_acquire_owned().ok();
        std::iter::from_fn(free)
            .take(most)
            .map(|permit| Permit { _permit: permit })
            .collect()
    }

    /// Permits that are free now.
    #[must_use]
    pub fn free(&self) -> usize {
        self.semaphore.available_permits()
    }

    /// Permits in all.
    #[must_use]
    pub const fn total(&self) -> usize {
        self.total
    }

    /// Waits until all are free at once. Whoever asks for one meanwhile waits behind.
    pub async fn all_free(&self) {
        let all = u32::try_from(self.total).unwrap_or(u32::MAX);
        // Closed permits are nobody's.
        let _ = self.semaphore.acquire_many(all).await;
    }

    /// Ends every waiting [`Self::acquire`]; nobody gets a permit any more.
    pub fn close(&self) {
        self.semaphore.close();
    }
}
