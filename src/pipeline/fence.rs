//! A run that is not sure that it lives starts no provider call.

use std::time::Duration;

use tokio::sync::watch;

use crate::runtime::{Health, Shutdown};
use crate::store::lease::{Lease, RunId};
use crate::store::{Database, StoreError};

/// The name under which `/readyz` shows the database.
const PART: &str = "database";

/// Open while this run holds its lease. Clones share it.
///
/// Every lease has an epoch. What was taken on under an earlier one may have been taken over by
/// another run meanwhile, and must not be sent.
#[derive(Debug, Clone)]
pub struct Fence {
    state: watch::Sender<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    open: bool,
    epoch: u64,
}

impl Default for Fence {
    fn default() -> Self {
        Self::closed()
    }
}

impl Fence {
    /// A fence that nobody may pass yet.
    #[must_use]
    pub fn closed() -> Self {
        Self {
            state: watch::Sender::new(State::default()),
        }
    }

    /// Waits until the run holds its lease (at once, nearly always), and says which epoch it is.
    pub async fn pass(&self) -> u64 {
        let now = *self.state.borrow();
        if now.open {
            return now.epoch;
        }
        let mut state = self.state.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        state
            .wait_for(|state| state.open)
            .await
            .map_or(now.epoch, |state| state.epoch)
    }

    /// The epoch of the present lease, or of the one that was lost last.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.state.borrow().epoch
    }

    fn open(&self) {
        self.state.send_modify(|state| {
            // The first lease is the one under which work is taken on.
            state.open = true;
        });
    }

    fn close(&self) {
        self.state.send_modify(|state| {
            state.open = false;
            state.epoch += 1;
        });
    }
}

/// Keeps the lease of a run, and opens the fence while it is held, until `stop` is raised.
#[derive(Debug)]
pub struct LeaseKeeper {
    /// The database.
    pub database: Database,
    /// The run.
    pub run: RunId,
    /// The fence to open and close.
    pub fence: Fence,
    /// Time between heartbeats.
    pub heartbeat: Duration,
    /// Tells operators whether the database is there.
    pub health: Health,
    /// Ends the run.
    pub stop: Shutdown,
}

impl LeaseKeeper {
    /// Keeps the lease until told to stop; then ends the run in good order.
    pub async fn run(self) {
        while !self.stop.is_raised() {
            match bounded(self.patience(), Lease::take(&self.database, self.run)).await {
                Ok(Some(lease)) => {
                    self.health.up(PART);
                    self.fence.open();
                    let lost = self.keep(lease).await;
                    self.fence.close();
                    let Some(error) = lost else { return };
                    tracing::warn!(%error, "the lease is lost: no provider is called until it is back");
                    // Whatever has happened to this session may have happened to the others.
                    self.database.distrust();
                    self.health.down(PART, error.to_string());
                }
                Ok(None) => {
                    tracing::info!("the lease is still held by a former session of this run")
                }
                Err(error) => self.health.down(PART, error.to_string()),
            }
            self.stop
                .or(tokio::time::sleep(
                    self.heartbeat.min(Duration::from_millis(500)),
                ))
                .await;
        }
    }

    /// Beats until the session is lost, or ends the run.
    async fn keep(&self, mut lease: Lease) -> Option<StoreError> {
        loop {
            if self
                .stop
                .or(tokio::time::sleep(self.heartbeat))
                .await
                .is_none()
            {
                if let Err(error) = lease.end().await {
                    tracing::debug!(%error, "the run ends with its session");
                }
                return None;
            }
            if let Err(error) = bounded(self.patience(), lease.beat()).await {
                return Some(error);
            }
        }
    }

    /// A session that does not answer for this long counts as lost.
    fn patience(&self) -> Duration {
        self.heartbeat.max(Duration::from_secs(2))
    }
}

/// A connection over a broken network would else be believed in until TCP gives up.
async fn bounded<T>(
    limit: Duration,
    work: impl Future<Output = Result<T, StoreError>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, work).await {
        Ok(done) => done,
        Err(_) => Err(StoreError::Unavailable("no answer in time".to_owned())),
    }
}
