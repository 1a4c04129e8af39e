//! How much of what waits in the database an account can take.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{AccountContext, AccountQueue};
use crate::machine::load::Load;
use crate::store::provider_health::measures::AccountMeasure;
use crate::work::call_back_slot::CallBackSlot;

/// The room of an account on this node. Clones share it.
///
/// What it looks at is behind a function: an entry of the registry has a room, and its account knows
/// the registry.
#[derive(Clone)]
pub struct AccountRoom {
    free: Arc<dyn Fn(usize) -> usize + Send + Sync>,
    measure: Arc<dyn Fn() -> AccountMeasure + Send + Sync>,
    called: Arc<AtomicUsize>,
}

impl fmt::Debug for AccountRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountRoom")
            .field("free", &self.free())
            .finish_non_exhaustive()
    }
}

impl AccountRoom {
    pub(super) fn new(context: &Arc<AccountContext>, queue: &Arc<AccountQueue>) -> Self {
        let here = (Arc::clone(context), Arc::clone(queue));
        let (context, queue) = (Arc::clone(context), Arc::clone(queue));
        Self {
            free: Arc::new(move |called| free(&context, &queue, called)),
            measure: Arc::new(move || measure(&here.0, &here.1)),
            called: Arc::default(),
        }
    }

    /// How many more it can take now and send within seconds. None while it may not be asked.
    #[must_use]
    pub fn free(&self) -> usize {
        (self.free)(self.called.load(Ordering::Acquire))
    }

    /// How much it does.
    #[must_use]
    pub fn measure(&self) -> AccountMeasure {
        (self.measure)()
    }

    /// Takes a place.
    #[must_use]
    pub fn place(&self) -> CallBackSlot {
        CallBackSlot::taken(&self.called)
    }
}

fn free(context: &AccountContext, queue: &AccountQueue, called: usize) -> usize {
    if context.retirement.is_retired() || context.health.refused_for().is_some() {
        return 0;
    }
    let (rate, is_known) = context.health.rate();
    let load = Load {
        rate,
        is_known,
        workers: context.most_in_flight(),
        busy: queue.workers.get(),
        waiting: queue.jobs.len(),
        called,
    };
    load.room()
}

fn measure(context: &AccountContext, queue: &AccountQueue) -> AccountMeasure {
    let count = |number: usize| i32::try_from(number).unwrap_or(i32::MAX);
    let (pace, _) = context.health.rate();
    AccountMeasure {
        // Tenths are enough to be looked at.
        pace: (pace * 10.0).round() / 10.0,
        in_flight: count(queue.workers.get()),
        waiting: count(queue.jobs.len()),
    }
}
