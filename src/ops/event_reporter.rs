//! Telling operators: trouble of this node that lasts is an open event, and what has passed is none.

use std::time::Duration;

use tokio::sync::watch;

use crate::domain::SystemEvent;
use crate::runtime::Shutdown;
use crate::store::{Database, StoreError, system_events};
use crate::work::lease_gate::LeaseGate;
use crate::work::retry::retry_until_ok;

/// Time after which trouble that lasts is told again: somebody may have resolved the event, and a new run
/// may have followed the one that told.
pub const AGAIN: Duration = Duration::from_secs(60);

/// Writes events beside the work that meets the trouble: a locked row or a slow database holds up nobody.
#[derive(Debug, Clone)]
pub struct EventReporter {
    /// The database.
    pub database: Database,
    /// Says whose trouble it is.
    pub lease_gate: LeaseGate,
    /// Time after which it is told again.
    pub again: Duration,
    /// Ends it.
    pub stop: Shutdown,
}

impl EventReporter {
    /// Tells of one kind of trouble, as it is last, until the watch ends: `Some` while it lasts.
    pub async fn tell(
        self,
        event_type: &'static str,
        mut trouble: watch::Receiver<Option<SystemEvent>>,
    ) {
        let mut is_open = false;
        loop {
            let event = trouble.borrow_and_update().clone();
            let told = match &event {
                Some(event) => self.open(event).await,
                None if is_open => self.close(event_type).await,
                None => Some(()),
            };
            if told.is_none() {
                return;
            }
            is_open = event.is_some();
            let changed = async {
                if is_open {
                    tokio::time::timeout(self.again, trouble.changed()).await
                } else {
                    Ok(trouble.changed().await)
                }
            };
            match self.stop.or(changed).await {
                // The watch has ended, or the node.
                None | Some(Ok(Err(_))) => return,
                Some(_) => {}
            }
        }
    }

    async fn open(&self, event: &SystemEvent) -> Option<()> {
        let open = || async {
            let mut connection = self.database.get().await?;
            system_events::open_of(&mut connection, self.lease_gate.run(), event).await
        };
        retry_until_ok("opening an event", &self.stop, open).await
    }

    async fn close(&self, event_type: &'static str) -> Option<()> {
        let close = || async {
            let mut connection = self.database.get().await?;
            let run = self.lease_gate.run();
            system_events::close_of(&mut connection, run, event_type, None).await?;
            Ok::<(), StoreError>(())
        };
        retry_until_ok("resolving an event", &self.stop, close).await
    }
}
