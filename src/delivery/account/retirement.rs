//! An account that is no longer in use, or is configured otherwise by now: nothing more is asked of
//! it, and what waited for it goes where the present accounts are.
//!
//! An operator who switches an account off means at once, not after its queue.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether an account is out of use, as its workers knew it. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Retirement(Arc<AtomicBool>);

impl Retirement {
    /// It is out of use from now on; there is no way back.
    pub fn retire(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is out of use.
    #[must_use]
    pub fn is_retired(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
