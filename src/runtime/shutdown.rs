//! The signal to stop, and why.

use std::future::Future;
use std::time::Duration;

use tokio::sync::{Notify, watch};

/// Why the engine ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// It was asked to.
    Asked,
    /// Something that it cannot go on without broke; the process must end with a non-zero exit, so
    /// that whoever runs it takes over.
    Fatal(String),
}

/// A signal that many can wait for and anybody can raise; the first to raise it decides why.
#[derive(Debug, Clone)]
pub struct Shutdown {
    sender: watch::Sender<Option<Ending>>,
}

impl Default for Shutdown {
    fn default() -> Self {
        Self::new()
    }
}

impl Shutdown {
    /// A signal that has not been raised.
    #[must_use]
    pub fn new() -> Self {
        Self {
            sender: watch::Sender::new(None),
        }
    }

    /// Raises the signal.
    pub fn raise(&self, ending: Ending) {
        self.sender.send_if_modified(|current| {
            let first = current.is_none();
            if first {
                *current = Some(ending);
            }
            first
        });
    }

    /// Why, once raised.
    #[must_use]
    pub fn ending(&self) -> Option<Ending> {
        self.sender.borrow().clone()
    }

    /// Whether it has been raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.sender.borrow().is_some()
    }

    /// Waits until it is raised.
    pub async fn raised(&self) {
        let mut receiver = self.sender.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = receiver.wait_for(Option::is_some).await;
    }

    /// Waits until somebody wakes it or for so long, and no longer than until it is raised.
    pub async fn pause(&self, woken: &Notify, longest: Duration) {
        tokio::select! {
            () = woken.notified() => {}
            () = tokio::time::sleep(longest) => {}
            () = self.raised() => {}
        }
    }

    /// The output of `work`, or `None` if the signal is raised first.
    pub async fn or<F: Future>(&self, work: F) -> Option<F::Output> {
        tokio::select! {
            output = work => Some(output),
            () = self.raised() => None,
        }
    }
}

/// The phases in which a node stops. Each is raised after the one before it.
#[derive(Debug, Clone, Default)]
pub struct ShutdownPhases {
    /// Takes on no more work.
    pub stop: Shutdown,
    /// Starts no further provider call.
    pub no_calls: Shutdown,
    /// Ends every wait: what is in hand returns to where it came from.
    pub giving_up: Shutdown,
    /// Ends the run itself: its lease, and what it says of itself.
    pub end_of_run: Shutdown,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_first_to_raise_it_decides_why() {
        let shutdown = Shutdown::new();
        assert!(!shutdown.is_raised());
        shutdown.raise(Ending::Fatal("recorder".into()));
        shutdown.raise(Ending::Asked);
        shutdown.raised().await;
        assert_eq!(shutdown.ending(), Some(Ending::Fatal("recorder".into())));
        assert_eq!(shutdown.or(std::future::pending::<()>()).await, None);
    }
}
