//! What walking through values may cost: the engine's steps count a filter once, however long what it is
//! given.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use minijinja::{Error, ErrorKind};

/// So many items may be walked through for each step that a rendering may take.
const PER_STEP: u64 = 50;
/// So many bytes of a text cost as much as an item.
const BYTES: usize = 16;

/// What is left for one message.
#[derive(Debug)]
pub(super) struct Work(AtomicU64);

impl Work {
    /// For a rendering of so many steps.
    pub(super) const fn new(steps: u64) -> Self {
        Self(AtomicU64::new(steps.saturating_mul(PER_STEP)))
    }

    /// Takes off what walking through so many items costs.
    ///
    /// # Errors
    /// Nothing is left.
    pub(super) fn items(&self, count: usize) -> Result<(), Error> {
        let cost = u64::try_from(count).unwrap_or(u64::MAX);
        // Only one thread renders.
        let left = self.0.load(Relaxed).saturating_sub(cost);
        self.0.store(left, Relaxed);
        match left {
            0 => Err(Error::from(ErrorKind::OutOfFuel)),
            _ => Ok(()),
        }
    }

    /// Takes off what walking through a text costs.
    ///
    /// # Errors
    /// Nothing is left.
    pub(super) fn text(&self, text: &str) -> Result<(), Error> {
        self.items(text.len() / BYTES)
    }

    /// Whether nothing is left: what was rendered after that may be wrong.
    pub(super) fn is_used_up(&self) -> bool {
        self.0.load(Relaxed) == 0
    }
}
