//! The places that an account has for what waited for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The place that one notification has at an account for which it waited; free when it is dropped.
#[derive(Debug)]
pub struct CallBackSlot(Arc<AtomicUsize>);

impl CallBackSlot {
    /// Takes a place of those that are counted here.
    #[must_use]
    pub fn taken(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(count))
    }
}

impl Drop for CallBackSlot {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
