//! What is measured of every account in use is written while it changes, for people to see.

use std::collections::HashMap;
use std::sync::Arc;

use actix::Context;
use uuid::Uuid;

use super::{AccountLoader, LoaderContext};
use crate::store::lease::RunId;
use crate::store::provider_health::measures::{self, AccountMeasure};
use crate::store::{StoreError, provider_health};

impl AccountLoader {
    /// Writes what has changed since it was written last. What cannot be written is measured again soon.
    pub(super) fn measure(&mut self, _: &mut Context<Self>) {
        let Some(run) = self.context.node.lease_gate.run() else {
            return self.measured.clear();
        };
        let now: HashMap<Uuid, AccountMeasure> = measured(&self.context);
        let changed = now
            .iter()
            .filter(|(id, measure)| self.measured.get(*id) != Some(*measure));
        let changed: Vec<(Uuid, AccountMeasure)> = changed.map(|(id, it)| (*id, *it)).collect();
        self.measured = now;
        if changed.is_empty() {
            return;
        }
        let context = Arc::clone(&self.context);
        let tasks = self.context.node.tasks.clone();
        tasks.spawn("write measures", async move {
            if let Err(error) = write(&context, run, &changed).await {
                tracing::debug!(%error, "what is measured of accounts could not be written");
            }
        });
    }
}

fn measured(context: &LoaderContext) -> HashMap<Uuid, AccountMeasure> {
    let entries = context.node.registry.all();
    let measure = |entry: &Arc<crate::delivery::registry::AccountEntry>| {
        (entry.account.id, entry.room.measure())
    };
    entries.iter().map(measure).collect()
}

async fn write(
    context: &LoaderContext,
    run: RunId,
    changed: &[(Uuid, AccountMeasure)],
) -> Result<(), StoreError> {
    let database = &context.node.database;
    measures::write(&mut *database.get().await?, run, changed).await?;
    // One that went out of use meanwhile is not to come back.
    let in_use = measured(context);
    for (id, _) in changed.iter().filter(|(id, _)| !in_use.contains_key(id)) {
        provider_health::remove(database, run, *id).await?;
    }
    Ok(())
}
