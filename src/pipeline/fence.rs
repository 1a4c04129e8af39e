//! A run that is not sure that it lives starts no provider call.

use std::time::Duration;

use tokio::sync::watch;

use crate::runtime::{Health, Shutdown};
use crate::store::lease::{Lease, RunId};
use crate::store::{Database, StoreError};

/// The name under which `/readyz` shows the database.
const PART: &str = "database";

/// Open while this run holds its lease. Clones share it.
#[derive(Debug, Clone)]
pub struct Fence {
    open: watch::Sender<bool>,
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
            open: watch::Sender::new(false),
        }
    }

    /// Waits until the run holds its lease; at once, nearly always.
    pub async fn pass(&self) {
        if *self.open.borrow() {
            return;
        }
        let mut open = self.open.subscribe();
        // The sender lives in `self`, so that waiting cannot fail.
        let _ = open.wait_for(|open| *open).await;
    }

    fn set(&self, open: bool) {
        self.open.send_replace(open);
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
            match Lease::take(&self.database, self.run).await {
                Ok(Some(lease)) => {
                    self.health.up(PART);
                    self.fence.set(true);
                    let lost = self.keep(lease).await;
                    self.fence.set(false);
                    let Some(error) = lost else { return };
                    tracing::warn!(%error, "the lease is lost: no provider is called until it is back");
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
    async fn keep(&self, mut lease: Lease<'_>) -> Option<StoreError> {
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
            if let Err(error) = lease.beat().await {
                return Some(error);
            }
        }
    }
}
