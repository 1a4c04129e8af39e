//! Stopping an account for a while.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{ProviderDesk, ProviderDeskError, ShownProvider, found, note};
use crate::domain::{AccountPause, PauseKind};
use crate::runtime::clock;
use crate::store::Database;
use crate::store::accounts::pauses;
use crate::store::audit::{AuditChanges, DoneBy};

impl ProviderDesk {
    /// Stops an account until a moment; a pause that it has gives way.
    ///
    /// # Errors
    /// There is no such account; or the database is out of reach.
    pub async fn pause(
        &self,
        name: String,
        kind: PauseKind,
        (reason, until): (String, Timestamp),
        by: DoneBy,
    ) -> Result<ShownProvider, ProviderDeskError> {
        let sealer = self.sealer.clone();
        let pause = AccountPause {
            kind,
            reason,
            by: by.actor().to_owned(),
            since: clock::now(),
            until,
        };
        let work = async move |database: Database| {
            let paused = database.transaction(async |connection| {
                let stored = match found(connection, &sealer, &name).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                pauses::begin(connection, stored.id, &pause).await?;
                let old = stored.pause.as_ref().map_or(Value::Null, audited);
                let changes = AuditChanges::between(old, audited(&pause));
                note(connection, &name, &by, "pause", changes).await?;
                Ok(found(connection, &sealer, &name).await)
            });
            let stored = paused.await??;
            Ok(ShownProvider::from(&stored))
        };
        self.desk.with("pause a provider", work).await
    }

    /// Ends the pause of an account; one that has none stays as it is.
    ///
    /// # Errors
    /// There is no such account; or the database is out of reach.
    pub async fn resume(
        &self,
        name: String,
        by: DoneBy,
    ) -> Result<ShownProvider, ProviderDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let resumed = database.transaction(async |connection| {
                let stored = match found(connection, &sealer, &name).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let Some(pause) = &stored.pause else {
                    return Ok(Ok(stored));
                };
                pauses::end(connection, stored.id, by.actor()).await?;
                let changes = AuditChanges::gone(audited(pause));
                note(connection, &name, &by, "resume", changes).await?;
                Ok(found(connection, &sealer, &name).await)
            });
            let stored = resumed.await??;
            Ok(ShownProvider::from(&stored))
        };
        self.desk.with("resume a provider", work).await
    }
}

fn audited(pause: &AccountPause) -> Value {
    json!({
        "kind": pause.kind,
        "reason": pause.reason,
        "until": pause.until,
    })
}
