//! Giving back what nobody works on: claims and rows in the database, then deliveries.

use std::time::Duration;

use super::settling::Settling;
use crate::resilience::Backoff;
use crate::store::{StoreError, claims, settle};
use crate::work::release_queue::{Abandoned, ReleaseQueue};
use crate::work::unfinished::UNFINISHED;

/// First and longest wait of what could not be given back.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));

/// What is not given back yet. Dropped (a panic), it goes back into the release queue.
#[derive(Debug)]
pub(super) struct Unreleased {
    abandoned: Vec<Abandoned>,
    release_queue: ReleaseQueue,
}

impl Unreleased {
    pub(super) const fn new(abandoned: Vec<Abandoned>, release_queue: ReleaseQueue) -> Self {
        Self {
            abandoned,
            release_queue,
        }
    }
}

impl Drop for Unreleased {
    fn drop(&mut self) {
        for abandoned in std::mem::take(&mut self.abandoned) {
            self.release_queue.abandon(abandoned);
        }
    }
}

impl Settling {
    /// Gives claims and rows back; then their deliveries, which come again. Until then the in-flight table
    /// has them: a row that somebody let go of meanwhile could be taken, and be freed under work.
    ///
    /// Nobody else takes what is this run's while it lives: what cannot be given back is tried again for as long as
    /// it takes. Once that is for single rows' sake, `slot` is free for others.
    pub(super) async fn release(&self, mut unreleased: Unreleased, slot: impl Send) {
        let unfinished = UNFINISHED.begin("giving claims and rows back");
        let mut at_all = Some((slot, unfinished));
        for tries in 0.. {
            let trouble = self.release_once(&mut unreleased.abandoned).await;
            let Some(error) = trouble else {
                return;
            };
            if let Some((_, unfinished)) = &at_all {
                unfinished.failed(&error);
            }
            let left = unreleased.abandoned.len();
            if tries == 0 || u32::is_power_of_two(tries) {
                tracing::warn!(%error, left, tries, "claims and rows of dropped jobs could not be given back yet; trying again");
            }
            if error.may_be_of_one_row() {
                at_all.take();
            }
            let wait = tokio::time::sleep(AGAIN.ceiling(tries));
            if self.node.phases.giving_up.or(wait).await.is_none() {
                return;
            }
        }
    }

    /// Gives back what can be; says why, if something is left.
    async fn release_once(&self, abandoned: &mut Vec<Abandoned>) -> Option<StoreError> {
        let (mut keys, mut ids) = (vec![], vec![]);
        for one in abandoned.iter() {
            match one {
                Abandoned::Claim { key, take, .. } => keys.push((*key, *take)),
                Abandoned::Row { id, take, .. } => ids.push((*id, *take)),
            }
        }
        let keys = claims::give_back(&self.node.database, &keys).await;
        let rows = settle::release(&self.node.database, &ids).await;
        let is_left = |one: &Abandoned| match one {
            Abandoned::Claim { key, take, .. } => keys.left.contains(&(*key, *take)),
            Abandoned::Row { id, take, .. } => rows.left.contains(&(*id, *take)),
        };
        let (left, released): (Vec<_>, Vec<_>) = abandoned.drain(..).partition(is_left);
        *abandoned = left;
        for one in released {
            self.let_go(one);
        }
        let is_any = !abandoned.is_empty();
        keys.trouble.or(rows.trouble).filter(|_| is_any)
    }

    fn let_go(&self, released: Abandoned) {
        let in_flight = &self.node.claim_guards.in_flight;
        match released {
            Abandoned::Claim {
                key, is_held: true, ..
            } => drop(in_flight.remove(key)),
            Abandoned::Row {
                id, is_held: true, ..
            } => in_flight.let_row_go(id),
            Abandoned::Claim { .. } | Abandoned::Row { .. } => {}
        }
    }
}
