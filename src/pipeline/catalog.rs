//! Catalog: keeps accounts and templates as they stand in the database, and an actor for every
//! active account.

mod look;
mod report;

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, Supervised,
};

use self::look::{Look, look};
use super::channels::Channels;
use super::directory::{AccountEntry, Directory};
use super::dispatcher::Dispatchers;
use super::fence::Fence;
use super::jobs::Wake;
use super::judge::Judge;
use super::outbox::Outbox;
use super::provider::{AccountHealth, Desk, Listeners, ProviderActor, Reporter, Retirement};
use super::shelf::Shelf;
use crate::config::{Providers, Retry};
use crate::domain::{Account, Channel};
use crate::machine::delivery::AccountTerms;
use crate::providers::{HttpClient, SettingsError};
use crate::runtime::{Shutdown, Supervisor, Tasks};
use crate::store::accounts::Accounts;
use crate::store::seal::Sealer;
use crate::store::{Database, Fingerprint, StoreError};
use crate::telemetry::Metrics;

/// The actor.
pub struct Catalog {
    needs: Arc<Needs>,
    interval: Duration,
    read: Option<Fingerprint>,
    accounts: Look,
    templates: Look,
}

/// What the catalog and the actors that it starts need.
#[derive(Clone)]
pub struct Needs {
    /// The database.
    pub database: Database,
    /// Opens credentials.
    pub sealer: Sealer,
    /// The templates, kept up to date.
    pub shelf: Shelf,
    /// The accounts, kept up to date.
    pub directory: Directory,
    /// Starts and keeps the actors.
    pub supervisor: Supervisor,
    /// The client that all HTTP accounts share.
    pub client: HttpClient,
    /// What all accounts share.
    pub settings: Providers,
    /// The back-off of each channel.
    pub retry: Retry,
    /// Routes anew what waited for an account that went out of use.
    pub dispatchers: Dispatchers,
    /// Where outcomes go.
    pub outbox: Outbox,
    /// Passed before each call.
    pub fence: Fence,
    /// Asked again about what has waited.
    pub judge: Arc<Judge>,
    /// Told of circuits.
    pub channels: Channels,
    /// Counts.
    pub metrics: Arc<Metrics>,
    /// Where the work runs.
    pub tasks: Tasks,
    /// No request is started any more once raised.
    pub no_calls: Shutdown,
}

impl fmt::Debug for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Catalog")
            .field("directory", &self.needs.directory)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Needs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Needs")
    }
}

/// Reads what has changed; answered when it is in use.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Refresh;

impl Catalog {
    /// An empty catalog that looks for changes at this interval.
    #[must_use]
    pub fn new(needs: Arc<Needs>, interval: Duration) -> Self {
        Self {
            needs,
            interval,
            read: None,
            accounts: Look::default(),
            templates: Look::default(),
        }
    }

    /// Looks for accounts and for templates, each beside the other: neither waits for the other, and
    /// what comes up during a look is one more look after it, however much it is.
    fn refresh(&mut self, ctx: &mut Context<Self>) {
        self.refresh_accounts(ctx);
        self.refresh_templates(ctx);
    }

    fn refresh_accounts(&mut self, ctx: &mut Context<Self>) {
        if !self.accounts.begin() {
            return;
        }
        let look = wrap_future::<_, Self>(look(Arc::clone(&self.needs), self.read.clone()));
        let used = look.map(|found, catalog, ctx| {
            if let Err(error) = catalog.take_in(found) {
                tracing::warn!(%error, "accounts could not be read; the known ones stay in use");
            }
            if catalog.accounts.end() {
                catalog.refresh_accounts(ctx);
            }
        });
        ctx.spawn(used);
    }

    fn refresh_templates(&mut self, ctx: &mut Context<Self>) {
        if !self.templates.begin() {
            return;
        }
        let needs = Arc::clone(&self.needs);
        let reload = async move { needs.shelf.reload(&needs.database).await };
        let reloaded = wrap_future::<_, Self>(reload).map(|reloaded, catalog, ctx| {
            if let Err(error) = reloaded {
                tracing::warn!(%error, "templates could not be read; the known ones stay in use");
            }
            if catalog.templates.end() {
                catalog.refresh_templates(ctx);
            }
        });
        ctx.spawn(reloaded);
    }

    fn take_in(
        &mut self,
        found: Result<Option<(Fingerprint, Accounts)>, StoreError>,
    ) -> Result<(), StoreError> {
        if let Some((fingerprint, accounts)) = found? {
            self.install(accounts);
            self.read = Some(fingerprint);
        }
        Ok(())
    }

    /// Keeps the entries of unchanged accounts, with their actors and what is known of them.
    fn install(&self, accounts: Accounts) {
        let mut unusable: Vec<(String, String)> = vec![];
        for account in accounts.unreadable {
            tracing::error!(
                provider = account.name,
                reason = account.reason,
                "an account cannot be read: it is not used; see HERALD__SECRETS__KEY"
            );
            unusable.push((account.name, account.reason));
        }
        let mut entries: Vec<Arc<AccountEntry>> = vec![];
        for account in accounts.opened {
            let name = account.name.clone();
            match self.entry(account) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::error!(%error, "an account cannot be used as it is configured; mend it with `herald apply`");
                    unusable.push((name, error.to_string()));
                }
            }
        }
        report::tell(&self.needs, unusable, &entries);
        tracing::info!(accounts = entries.len(), "provider accounts read");
        for gone in self.needs.directory.all() {
            if !entries
                .iter()
                .any(|entry| entry.account.name == gone.account.name)
            {
                self.needs.supervisor.forget(&part_of(&gone.account));
                gone.health.forget();
                self.needs.metrics.forget_provider(&gone.account.name);
            }
        }
        let known = self.needs.directory.all();
        let news = entries
            .iter()
            .filter(|entry| !known.iter().any(|old| Arc::ptr_eq(old, entry)));
        let mut changed: HashSet<Channel> = news.map(|entry| entry.account.channel).collect();
        self.needs.directory.replace(entries.iter().cloned());
        // What their queues hand back is routed by what takes their place.
        for old in &known {
            if !entries.iter().any(|entry| Arc::ptr_eq(entry, old)) {
                old.retire();
                changed.insert(old.account.channel);
            }
        }
        for channel in changed {
            // What waits for a provider may have somewhere to go now, or faster.
            self.needs.channels.opened(channel);
        }
    }

    fn entry(&self, account: Account) -> Result<Arc<AccountEntry>, SettingsError> {
        let known = self.needs.directory.of(account.channel);
        let same = |entry: &&Arc<AccountEntry>| {
            (entry.account.id, entry.account.updated_at) == (account.id, account.updated_at)
        };
        if let Some(entry) = known.iter().find(same) {
            return Ok(Arc::clone(entry));
        }
        let client = crate::providers::connect(&self.needs.client, &account)?;
        let health = self.health(&account);
        let desk = self.needs.desk(account.clone(), client, health.clone());
        Ok(Arc::new(self.start(account, desk, health)))
    }

    /// What is known of an account stays known when it is the same to its provider: an open circuit
    /// does not close because a rate limit was changed. With other credentials it starts anew.
    fn health(&self, account: &Account) -> AccountHealth {
        let all = self.needs.directory.all();
        let known = all.iter().find(|entry| entry.account.id == account.id);
        if let Some(known) = known {
            if known.account.is_same_to_provider(account) {
                known.health.set_rate_limit(account.rate_limit);
                return known.health.clone();
            }
            known.health.retire();
        }
        self.needs.health(account)
    }

    fn start(&self, account: Account, desk: Desk, health: AccountHealth) -> AccountEntry {
        let needs_address = desk.client.needs_address();
        let minimum_retry_delay = desk.client.minimum_retry_delay();
        let retirement = desk.retirement.clone();
        let route_name = Arc::clone(&desk.terms.name);
        let name = part_of(&account);
        let actor = ProviderActor::new(Arc::new(desk));
        let room = actor.room();
        let actor = self.needs.supervisor.start("provider", &name, actor);
        AccountEntry {
            account,
            name: route_name,
            needs_address,
            minimum_retry_delay,
            health,
            room,
            actor,
            retirement,
        }
    }
}

/// The name under which `/readyz` and the log show an account's actor.
fn part_of(account: &Account) -> String {
    format!("provider {}", account.name)
}

impl Needs {
    fn health(&self, account: &Account) -> AccountHealth {
        let reporter = Reporter::new(
            account,
            self.database.clone(),
            self.fence.clone(),
            self.tasks.clone(),
            self.no_calls.clone(),
        );
        let listeners = Listeners {
            channels: self.channels.clone(),
            counts: self.metrics.provider(&account.name),
            reporter,
        };
        AccountHealth::new(account, &self.settings, listeners)
    }

    fn desk(
        &self,
        account: Account,
        client: Arc<dyn crate::providers::Provider>,
        health: AccountHealth,
    ) -> Desk {
        let terms = AccountTerms {
            id: account.id,
            name: Arc::from(account.name.as_str()),
            backoff: self.retry.of(account.channel),
            minimum_delay: client.minimum_retry_delay(),
            retry_window: client.retry_window(),
        };
        Desk {
            counts: self.metrics.provider(&account.name),
            terms,
            account,
            concurrency: client
                .most_in_flight()
                .map_or(self.settings.concurrency, |most| {
                    most.min(self.settings.concurrency)
                }),
            client,
            health,
            retirement: Retirement::default(),
            directory: self.directory.clone(),
            dispatchers: self.dispatchers.clone(),
            queue_wait: self.settings.queue_wait,
            outbox: self.outbox.clone(),
            fence: self.fence.clone(),
            judge: Arc::clone(&self.judge),
            database: self.database.clone(),
            metrics: Arc::clone(&self.metrics),
            tasks: self.tasks.clone(),
            no_calls: self.no_calls.clone(),
        }
    }
}

impl Actor for Catalog {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.interval, Self::refresh);
    }
}

impl Supervised for Catalog {
    /// Reads everything again; the directory and the shelf stay in use meanwhile.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.read = None;
        (self.accounts, self.templates) = (Look::default(), Look::default());
    }
}

impl Handler<Wake> for Catalog {
    type Result = ();

    /// Something may have changed.
    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.refresh(ctx);
    }
}

impl Handler<Refresh> for Catalog {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, _: Refresh, _: &mut Context<Self>) -> Self::Result {
        let (needs, read) = (Arc::clone(&self.needs), self.read.clone());
        let look = async move {
            needs.shelf.reload(&needs.database).await?;
            look(needs, read).await
        };
        let look = wrap_future::<_, Self>(look);
        Box::pin(look.map(|found, catalog, _| catalog.take_in(found)))
    }
}
