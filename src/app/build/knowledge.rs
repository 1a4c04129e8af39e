//! What is known of accounts, templates, recipients and rules, and how it is kept fresh.

use std::sync::Arc;

use actix::Addr;

use super::super::context::EngineContext;
use crate::config::Settings;
use crate::delivery::AccountLoader;
use crate::delivery::account_loader::{LoaderContext, Refresh};
use crate::delivery::cap_reservations::CapReservations;
use crate::delivery::eligibility::{Eligibility, RecheckRequests};
use crate::ops::change_listener::Listener;
use crate::ops::explain::Explainer;
use crate::ops::look_watch::LookWatch;
use crate::ops::unreadable_people::UnreadablePeople;
use crate::work::retry::retry_until_ok;

pub(super) fn eligibility(settings: &Settings, context: &EngineContext) -> Arc<Eligibility> {
    Arc::new(Eligibility {
        database: context.database.clone(),
        recipients: context.recipients.clone(),
        rechecks: RecheckRequests::default(),
        pace: Default::default(),
        cap_reservations: CapReservations::new(
            context.database.clone(),
            context.phases.giving_up.clone(),
        ),
        global: settings.policy.clone(),
        giving_up: context.phases.giving_up.clone(),
    })
}

/// Accounts and templates must be known before the first message; `None` when the shutdown
/// came first.
pub(super) async fn start_account_loader(
    settings: &Settings,
    context: &EngineContext,
    loader: LoaderContext,
) -> Option<Addr<AccountLoader>> {
    let supervisor = loader.supervisor.clone();
    let account_loader = AccountLoader::new(Arc::new(loader), settings.engine.reload_interval);
    let account_loader = supervisor.start("catalog", "catalog", account_loader);
    let refresh = || async {
        let gone = |error: actix::MailboxError| crate::store::StoreError::Other(error.to_string());
        account_loader.send(Refresh).await.map_err(gone)?
    };
    retry_until_ok(
        "reading accounts and templates",
        &context.phases.stop,
        refresh,
    )
    .await?;
    Some(account_loader)
}

/// The keys of links are kept before the first link is sent; `None` when the shutdown came first.
pub(super) async fn keep_link_keys(context: &EngineContext) -> Option<()> {
    let keep = || context.link_keys.keep(&context.database);
    retry_until_ok("keeping the keys of links", &context.phases.stop, keep).await
}

pub(super) fn listen(
    context: &EngineContext,
    eligibility: &Arc<Eligibility>,
    account_loader: Addr<AccountLoader>,
) {
    let listener = Listener {
        database: context.database.clone(),
        recipients: eligibility.recipients.clone(),
        api_keys: context.api_keys.clone(),
        user_tokens: context.user_tokens.clone(),
        account_loader,
        webhooks: context.database.webhooks().clone(),
        gates: context.gates.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context.tasks.spawn("listen for changes", listener.run());
    let looks = LookWatch {
        eligibility: Arc::clone(eligibility),
        health: context.health.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context.tasks.spawn("watch look-ups", looks.run());
    let unreadable = UnreadablePeople {
        database: context.database.clone(),
        recipients: eligibility.recipients.clone(),
        stop: context.phases.end_of_run.clone(),
    };
    context
        .tasks
        .spawn("tell of unreadable people", unreadable.run());
}

/// The explainer of an engine: it shares the engine's templates.
pub(super) fn explainer_of(settings: &Settings, context: &EngineContext) -> Explainer {
    Explainer {
        database: context.database.clone(),
        global: settings.policy.clone(),
        templates: context.templates.clone(),
        sealer: context.sealer.clone(),
        client: context.client.clone(),
        max_body_bytes: settings.broker.max_body_bytes,
    }
}
