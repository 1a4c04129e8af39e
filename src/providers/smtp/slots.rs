//! How many connections to a server may be used at once: as many as the account says, fewer for a while
//! when the server has no more places.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{Instant, timeout_at};

/// How long a place that the server did not have is not asked for.
const WITHOUT: Duration = Duration::from_secs(60);

/// The places of an account.
pub(super) struct Slots {
    free: Semaphore,
    most: usize,
    /// Since when places are not asked for, the eldest first.
    lost: Mutex<Vec<Instant>>,
}

/// Leave to use a connection.
pub(super) struct Slot<'a> {
    permit: SemaphorePermit<'a>,
    slots: &'a Slots,
}

impl Slots {
    pub(super) fn new(most: usize) -> Self {
        Self {
            free: Semaphore::new(most),
            most,
            lost: Mutex::default(),
        }
    }

    /// A place, if one is free in time.
    pub(super) async fn take(&self, now: Instant, until: Instant) -> Option<Slot<'_>> {
        self.find(now);
        let permit = timeout_at(until, self.free.acquire()).await.ok()?.ok()?;
        let slots = self;
        Some(Slot { permit, slots })
    }

    /// What was lost long ago may be there again.
    fn find(&self, now: Instant) {
        let mut lost = self.lost();
        let before = lost.len();
        lost.retain(|since| now.saturating_duration_since(*since) < WITHOUT);
        self.free.add_permits(before - lost.len());
    }

    fn lost(&self) -> MutexGuard<'_, Vec<Instant>> {
        self.lost.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot<'_> {
    /// The server has no such place. Says whether it has others that are in use: then this one is not
    /// asked for a while.
    pub(super) fn was_one_too_many(self, now: Instant) -> bool {
        let mut lost = self.slots.lost();
        let in_use = self.slots.most - lost.len() - self.slots.free.available_permits();
        if in_use < 2 {
            return false;
        }
        self.permit.forget();
        lost.push(now);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    #[tokio::test(start_paused = true)]
    async fn a_place_that_the_server_has_not_is_not_asked_for_for_a_while() {
        let (slots, now) = (Slots::new(2), clock::instant());
        let one = slots.take(now, now).await.unwrap();
        let other = slots.take(now, now).await.unwrap();
        assert!(slots.take(now, now).await.is_none());
        assert!(other.was_one_too_many(now));
        assert!(slots.take(now, now).await.is_none());
        assert!(!one.was_one_too_many(now), "the last one is left");
        let only = slots.take(now, now).await.unwrap();
        let later = now + WITHOUT;
        assert!(
            slots.take(later, later).await.is_some(),
            "it is tried again"
        );
        drop(only);
    }
}
