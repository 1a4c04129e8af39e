//! Gathering a batch by size or age.

use std::cell::RefCell;
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{Instant, timeout_at};

use super::Settings;

/// What can be gathered.
pub(super) trait Batch {
    /// How many there are.
    fn size(&self) -> usize;
}

impl<T> Batch for Vec<T> {
    fn size(&self) -> usize {
        self.len()
    }
}

/// A batch that grows until somebody takes it. One takes; the taken one is handed back empty, so
/// that its memory is used again.
#[derive(Debug)]
pub(super) struct Gathering<B> {
    growing: RefCell<B>,
    begun: Notify,
    full: Notify,
    enough: usize,
    linger: Duration,
}

impl<B: Batch> Gathering<B> {
    pub(super) fn new(empty: B, settings: &Settings) -> Self {
        Self {
            growing: RefCell::new(empty),
            begun: Notify::new(),
            full: Notify::new(),
            enough: settings.batch,
            linger: settings.linger,
        }
    }

    /// Adds to the batch.
    pub(super) fn add(&self, add: impl FnOnce(&mut B)) {
        let mut growing = self.growing.borrow_mut();
        let before = growing.size();
        add(&mut growing);
        let after = growing.size();
        if before == 0 && after > 0 {
            self.begun.notify_one();
        }
        if before < self.enough && after >= self.enough {
            self.full.notify_one();
        }
    }

    fn size(&self) -> usize {
        self.growing.borrow().size()
    }

    /// Waits for a batch and exchanges it for an empty one.
    pub(super) async fn take(&self, empty: B) -> B {
        while self.size() == 0 {
            self.begun.notified().await;
        }
        let deadline = Instant::now() + self.linger;
        // A batch that was taken full may have left its notice behind: it is looked at again.
        while self.size() < self.enough && timeout_at(deadline, self.full.notified()).await.is_ok()
        {
        }
        self.growing.replace(empty)
    }
}
