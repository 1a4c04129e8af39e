//! Catching up: those who send ask, the one who listens answers.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, oneshot};
use tokio::time::timeout;

/// Whoever listens answers, or is found to be deaf, within two seconds.
const BARRIER_TIMEOUT: Duration = Duration::from_secs(5);

/// Who wants to know that everything was heard.
#[derive(Debug, Default)]
pub(super) struct Barrier {
    waiting: Mutex<Vec<oneshot::Sender<()>>>,
    somebody: Notify,
}

/// Those who have asked, to be answered together. Dropped without an answer, it tells them that
/// nobody listens.
#[derive(Debug)]
#[must_use]
pub struct BarrierRequests(Vec<oneshot::Sender<()>>);

impl Barrier {
    /// Whether everything has been heard that was committed before this was called.
    pub(super) async fn catch_up(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.waiting().push(answer);
        self.somebody.notify_one();
        matches!(timeout(BARRIER_TIMEOUT, answered).await, Ok(Ok(())))
    }

    /// Waits until somebody asks. May be dropped while it waits.
    pub(super) async fn asked(&self) -> BarrierRequests {
        loop {
            let asked = std::mem::take(&mut *self.waiting());
            if !asked.is_empty() {
                return BarrierRequests(asked);
            }
            self.somebody.notified().await;
        }
    }

    /// Nobody listens: tells so those who wait.
    pub(super) fn fail_all(&self) {
        self.waiting().clear();
    }

    fn waiting(&self) -> MutexGuard<'_, Vec<oneshot::Sender<()>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BarrierRequests {
    /// Everything has been heard that was committed when they asked.
    pub fn answer(self) {
        for waiting in self.0 {
            // Who no longer waits needs no answer.
            let _ = waiting.send(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn barrier_waits_for_an_answer_or_the_end_of_the_listener() {
        let barrier = Barrier::default();
        let (caught_up, ()) = tokio::join!(barrier.catch_up(), async {
            barrier.asked().await.answer();
        });
        assert!(caught_up);
        let (caught_up, ()) = tokio::join!(barrier.catch_up(), async {
            drop(barrier.asked().await);
        });
        assert!(!caught_up);
        let (caught_up, ()) = tokio::join!(barrier.catch_up(), async { barrier.fail_all() });
        assert!(!caught_up);
        assert!(!barrier.catch_up().await, "nobody answers");
    }
}
