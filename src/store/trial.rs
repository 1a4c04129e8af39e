//! Whether claims and outcomes can be stored, tried without a row.

use super::lease::RunId;
use super::observed::{Duty, Effort};
use super::{Database, StoreError, claims, settle};
use crate::runtime::clock;

impl Database {
    /// Does all that a duty does, for no row.
    ///
    /// # Errors
    /// As the duty would, for a reason that is no row's: a right or a column is missing, the session
    /// only reads.
    pub async fn try_out(&self, duty: Duty, run: RunId) -> Result<(), StoreError> {
        let work = async {
            match duty {
                Duty::Claiming => claims::try_out(self, run).await,
                Duty::Settling => settle::try_out(self).await,
            }
        };
        let now = clock::instant();
        self.watched(duty, Effort::Trial, now, work).await
    }
}
