//! Before anything is done with a database: whether it has the schema that this engine knows.

use std::time::Duration;

use super::StartError;
use super::context::EngineContext;
use crate::resilience::Backoff;
use crate::store::migrations::{self, Fit};
use tokio::sync::oneshot;

/// First and longest wait between looks.
const BACKOFF: Backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(5));

/// Waits until the database is there and has every migration of this engine; `/readyz` says what it
/// waits for. `None` when the engine was told to stop.
///
/// # Errors
/// The database was made by something else: it must not be touched, and waiting would not help.
pub(super) async fn fitting(context: &EngineContext) -> Result<Option<()>, StartError> {
    let (database, health) = (context.database.clone(), context.health.clone());
    let stop = context.phases.stop.clone();
    let (sender, fits) = oneshot::channel();
    context.tasks.spawn("look at the schema", async move {
        let mut looks = 0_u32;
        let fit = loop {
            let waits_for = match migrations::history(&database).await.map(|h| h.fit()) {
                Ok(Fit::Behind(why)) => why,
                Ok(fit) => {
                    health.up("database");
                    break Some(fit);
                }
                Err(error) => error.to_string(),
            };
            health.down("database", waits_for.as_str());
            if looks == 0 || looks.is_power_of_two() {
                tracing::warn!(
                    error = waits_for,
                    "the database cannot be used yet; trying again"
                );
            }
            let wait = tokio::time::sleep(BACKOFF.ceiling(looks));
            looks = looks.saturating_add(1);
            if stop.or(wait).await.is_none() {
                break None;
            }
        };
        // Nobody waits any more when the engine was told to stop.
        let _ = sender.send(fit);
    });
    match fits.await.ok().flatten() {
        Some(Fit::Foreign(why)) => Err(StartError::Schema(why)),
        Some(Fit::Ahead(why)) => {
            tracing::warn!(
                why,
                "the database has a newer schema; this node continues with it"
            );
            Ok(Some(()))
        }
        Some(Fit::Fits | Fit::Behind(_)) => Ok(Some(())),
        None => Ok(None),
    }
}
