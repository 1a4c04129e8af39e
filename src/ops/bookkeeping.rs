//! Bookkeeping: counts the hours, while they run and once they are over; sets the gauge of their difference, and
//! opens an event while there is one.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::domain::{Severity, SystemEvent};
use crate::runtime::Shutdown;
use crate::store::{Database, StoreError, ledger, system_events};
use crate::telemetry::Metrics;

/// Time between looks for hours that are to be counted.
const LOOK: Duration = Duration::from_secs(15);
/// Looks between two thorough ones: ten minutes.
const THOROUGH_EVERY: u32 = 40;
/// The event that is open while the books do not balance.
const EVENT: &str = "ledger_difference";

/// What bookkeeping needs.
#[derive(Debug)]
pub struct Bookkeeping {
    /// PostgreSQL.
    pub database: Database,
    /// For the difference.
    pub metrics: Arc<Metrics>,
    /// Ends it.
    pub stop: Shutdown,
}

impl Bookkeeping {
    /// Counts until the shutdown.
    pub async fn run(self) {
        let (mut told, mut looks) = (0, 0_u32);
        loop {
            self.stop.or(tokio::time::sleep(LOOK)).await;
            if self.stop.is_raised() {
                return;
            }
            let thorough = looks.is_multiple_of(THOROUGH_EVERY);
            looks = looks.wrapping_add(1);
            match self.stop.or(self.look(thorough)).await {
                Some(Ok(difference)) => {
                    if difference != 0 && difference != told {
                        tracing::error!(
                            difference,
                            "the books of the last two days do not balance; `herald ledger` shows the hours"
                        );
                    }
                    told = difference;
                }
                Some(Err(error)) => {
                    tracing::debug!(%error, "the hours could not be counted; trying again");
                }
                None => return,
            }
        }
    }

    /// Counts what is to be counted; says by how many notifications the last two days differ.
    ///
    /// # Errors
    /// The database is out of reach, or some hours cannot be counted now: the others are.
    pub async fn look(&self, thorough: bool) -> Result<u64, StoreError> {
        ledger::close_empty(&self.database).await?;
        let mut trouble = None;
        for hour in ledger::to_count(&self.database, thorough).await? {
            match ledger::write(&self.database, hour).await {
                Ok(true) => {}
                Ok(false) => break,
                // Later hours do not wait for one that cannot be counted now.
                Err(error) => trouble = Some(error),
            }
        }
        let difference = ledger::difference(&self.database).await?;
        self.metrics.ledger_difference(difference);
        let mut connection = self.database.get().await?;
        if difference == 0 {
            system_events::resolve_types(&mut connection, vec![EVENT]).await?;
        } else {
            system_events::say(&mut connection, &event(difference)).await?;
        }
        trouble.map_or(Ok(difference), Err)
    }
}

fn event(difference: u64) -> SystemEvent {
    let mut details = Map::new();
    details.insert("difference".to_owned(), Value::from(difference));
    SystemEvent {
        event_type: EVENT.to_owned(),
        severity: Severity::Critical,
        description: format!(
            "the books of the last two days differ by {difference}: notifications came in of which nothing is known, or \
             are known that did not come in; `herald ledger` shows the hours"
        ),
        details,
        tenant_id: None,
        user_id: None,
    }
}
