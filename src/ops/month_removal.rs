//! Months of notifications that are kept no longer: each is written as files first, if a place is set, and removed once
//! these were read back and are right. Whatever breaks that off leaves the month where it is.

mod export;

use std::time::Duration;

use crate::objects::{ObjectError, Objects};
use crate::runtime::Shutdown;
use crate::store::months::{self, MonthKeeper};
use crate::store::{Access, Database, StoreError};

/// Time between rounds.
const EVERY: Duration = Duration::from_secs(600);

/// Removes months until told to stop. One node does it at a time, whichever comes first.
#[derive(Debug)]
pub struct MonthRemoval {
    /// The database.
    pub database: Database,
    /// How it is reached for copying.
    pub access: Access,
    /// Whole months that are kept beside the running one; 0 keeps them all.
    pub months: i32,
    /// Where months are written to before they go.
    pub place: Option<Objects>,
    /// Ends it.
    pub stop: Shutdown,
}

/// Why a month stays for now.
#[derive(Debug, thiserror::Error)]
pub enum MonthError {
    /// The database's.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// It cannot be written, or not be read back.
    #[error("it cannot be exported: {0}; see the settings in [retention.export]")]
    Place(#[from] ObjectError),
    /// What is there is not what was written.
    #[error(
        "{0} of its export is not as it was written; if no row of the month is missing in the database, remove its \
         manifest.json, and it is written anew"
    )]
    Damaged(String),
}

impl MonthRemoval {
    /// Runs until told to stop.
    pub async fn run(self) {
        while self.months > 0 && !self.stop.is_raised() {
            if let Some(Err(error)) = self.stop.or(self.round()).await {
                tracing::warn!(%error, "a month of notifications could not be removed; trying again later");
            }
            self.stop.or(tokio::time::sleep(EVERY)).await;
        }
    }

    /// Removes what has had its time; says which months.
    ///
    /// # Errors
    /// The database's, or the export's; what is left is removed the next time.
    pub async fn round(&self) -> Result<Vec<String>, MonthError> {
        let mut removed = vec![];
        let past = months::past(&self.database, self.months).await?;
        if past.is_empty() {
            return Ok(removed);
        }
        let Some(keeper) = MonthKeeper::alone(&self.access).await? else {
            return Ok(removed);
        };
        for month in past {
            // One in which something waits is looked at again the next time.
            if !months::is_quiet(&self.database, month).await? {
                continue;
            }
            if let Some(place) = &self.place {
                export::export(&keeper, month, place).await?;
            }
            if months::remove(&self.database, month).await? {
                tracing::info!(month = month.name(), "a month of notifications was removed");
                removed.push(month.name());
            }
        }
        Ok(removed)
    }
}
