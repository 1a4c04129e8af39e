//! What inboxes need beside those who change them: hints for streams, and what was put off comes back.

use std::time::Duration;

use tokio::time::sleep;

use crate::runtime::Shutdown;
use crate::store::inbox::{InboxHint, hints, upkeep};
use crate::store::{Database, StoreError};

/// Time between two looks for what comes back: nobody puts anything off for less than minutes.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells all nodes whose inboxes this one has changed, until told to stop. What changes while a hint is given goes
/// with the next one.
pub async fn give_hints(database: Database, stop: Shutdown) {
    while stop.or(database.inboxes().awaited()).await.is_some() {
        let changed = database.inboxes().take();
        if let Err(error) = hints::send(&database, changed).await {
            tracing::debug!(%error, "a hint could not be given; streams look by themselves");
        }
    }
}

/// Brings back what was put off, until told to stop. Every node does it: each is safe to do twice.
pub async fn wake(database: Database, stop: Shutdown) {
    while !stop.is_raised() {
        match wake_some(&database).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::debug!(%error, "what was snoozed could not be looked for"),
        }
        stop.or(sleep(LOOK_EVERY)).await;
    }
}

/// Whether there was something.
async fn wake_some(database: &Database) -> Result<bool, StoreError> {
    let woken = upkeep::wake(database).await?;
    let is_some = !woken.is_empty();
    if is_some {
        let people = woken.into_iter().map(InboxHint::Person);
        database.inboxes().tell(people);
    }
    Ok(is_some)
}
