//! What is known of accounts, templates, people and rules, and how it is kept fresh.

use std::sync::Arc;

use actix::Addr;

use super::Ground;
use crate::config::Settings;
use crate::pipeline::Catalog;
use crate::pipeline::catalog::{Needs, Refresh};
use crate::pipeline::judge::Judge;
use crate::pipeline::listener::Listener;
use crate::pipeline::patience::until_done;
use crate::pipeline::people::People;
use crate::pipeline::reserver::Reserver;

pub(super) fn judge(settings: &Settings, ground: &Ground) -> Arc<Judge> {
    let (most, time_to_live) = (
        settings.engine.people_kept,
        settings.engine.people_time_to_live,
    );
    Arc::new(Judge {
        database: ground.database.clone(),
        people: People::new(ground.database.clone(), most, time_to_live),
        reserver: Reserver::new(ground.database.clone(), ground.giving_up.clone()),
        house: settings.policy.clone(),
        giving_up: ground.giving_up.clone(),
    })
}

/// Accounts and templates must be known before the first message; `None` when the shutdown
/// came first.
pub(super) async fn start_catalog(
    settings: &Settings,
    ground: &Ground,
    needs: Needs,
) -> Option<Addr<Catalog>> {
    let supervisor = needs.supervisor.clone();
    let catalog = Catalog::new(Arc::new(needs), settings.engine.catalog_refresh);
    let catalog = supervisor.start("catalog", "catalog", catalog);
    let refresh = || async {
        let gone = |error: actix::MailboxError| crate::store::StoreError::Other(error.to_string());
        catalog.send(Refresh).await.map_err(gone)?
    };
    until_done("reading accounts and templates", &ground.stop, refresh).await?;
    Some(catalog)
}

pub(super) fn listen(ground: &Ground, judge: &Judge, catalog: Addr<Catalog>) {
    let listener = Listener {
        database: ground.database.clone(),
        people: judge.people.clone(),
        catalog,
        stop: ground.end_of_run.clone(),
    };
    ground.tasks.spawn("listen for changes", listener.run());
}
