//! Account loader: keeps accounts and templates as they stand in the database, and an actor for every
//! active account.

mod building;
mod look;
mod measuring;
mod pausing;
mod report;

use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::fut::wrap_future;
use actix::{
    Actor, ActorFutureExt, AsyncContext, Context, Handler, Message, ResponseActFuture, SpawnHandle,
    Supervised,
};

use uuid::Uuid;

use self::look::{Look, look};
use self::pausing::is_drained;
use crate::config::{Providers, Retry};
use crate::delivery::account::{AccountContext, AccountHealth, ProviderActor};
use crate::delivery::node_context::NodeContext;
use crate::delivery::registry::{AccountEntry, ChannelAccounts};
use crate::domain::{Account, Channel};
use crate::providers::{HttpClient, SettingsError};
use crate::runtime::Supervisor;
use crate::store::accounts::Accounts;
use crate::store::provider_health::measures::AccountMeasure;
use crate::store::seal::Sealer;
use crate::store::{Fingerprint, StoreError};
use crate::work::Dispatchers;
use crate::work::job::Wake;

/// Time between two measures of the accounts in use.
const MEASURE_EVERY: Duration = Duration::from_secs(1);

/// The actor.
pub struct AccountLoader {
    context: Arc<LoaderContext>,
    interval: Duration,
    read: Option<Fingerprint>,
    accounts: Look,
    templates: Look,
    /// Those that send what they have in hand, and get nothing new.
    draining: Vec<Arc<AccountEntry>>,
    /// Looks again when the first pause ends.
    resumes: Option<SpawnHandle>,
    /// What was measured of each account in use, as it was written last.
    measured: HashMap<Uuid, AccountMeasure>,
}

/// What the account loader and the actors that it starts need.
#[derive(Clone)]
pub struct LoaderContext {
    /// What the node shares.
    pub node: Arc<NodeContext>,
    /// Routes anew what waited for an account that went out of use.
    pub dispatchers: Dispatchers,
    /// Opens credentials.
    pub sealer: Sealer,
    /// Starts and keeps the actors.
    pub supervisor: Supervisor,
    /// The client that all HTTP accounts share.
    pub client: HttpClient,
    /// What all accounts share.
    pub settings: Providers,
    /// The back-off of each channel.
    pub retry: Retry,
}

impl fmt::Debug for AccountLoader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccountLoader")
            .field("registry", &self.context.node.registry)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for LoaderContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoaderContext")
    }
}

/// Reads what has changed; answered when it is in use.
#[derive(Debug, Clone, Copy, Message)]
#[rtype(result = "Result<(), StoreError>")]
pub struct Refresh;

impl AccountLoader {
    /// One without accounts that looks for changes at this interval.
    #[must_use]
    pub fn new(context: Arc<LoaderContext>, interval: Duration) -> Self {
        Self {
            context,
            interval,
            read: None,
            accounts: Look::default(),
            templates: Look::default(),
            draining: vec![],
            resumes: None,
            measured: HashMap::new(),
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
        let look = wrap_future::<_, Self>(look(Arc::clone(&self.context), self.read.clone()));
        let used = look.map(|found, account_loader, ctx| {
            if let Err(error) = account_loader.take_in(found, ctx) {
                tracing::warn!(%error, "accounts could not be read; the loaded ones stay in use");
            }
            if account_loader.accounts.end() {
                account_loader.refresh_accounts(ctx);
            }
        });
        ctx.spawn(used);
    }

    fn refresh_templates(&mut self, ctx: &mut Context<Self>) {
        if !self.templates.begin() {
            return;
        }
        let context = Arc::clone(&self.context);
        let reload = async move { context.node.templates.reload(&context.node.database).await };
        let reloaded = wrap_future::<_, Self>(reload).map(|reloaded, account_loader, ctx| {
            if let Err(error) = reloaded {
                tracing::warn!(%error, "templates could not be read; the loaded ones stay in use");
            }
            if account_loader.templates.end() {
                account_loader.refresh_templates(ctx);
            }
        });
        ctx.spawn(reloaded);
    }

    fn take_in(
        &mut self,
        found: Result<Option<(Fingerprint, Accounts)>, StoreError>,
        ctx: &mut Context<Self>,
    ) -> Result<(), StoreError> {
        if let Some((fingerprint, accounts)) = found? {
            self.look_when_a_pause_ends(&accounts, ctx);
            self.install(accounts);
            self.read = Some(fingerprint);
        }
        Ok(())
    }

    /// Keeps the entries of unchanged accounts, with their actors and what is known of them.
    fn install(&mut self, accounts: Accounts) {
        let mut unusable: Vec<(String, String)> = vec![];
        let Accounts {
            opened,
            unreadable,
            paused,
            there,
        } = accounts;
        for account in unreadable {
            tracing::error!(
                provider = account.name,
                reason = account.reason,
                "an account cannot be read and is not used; see HERALD__SECRETS__KEY"
            );
            unusable.push((account.name, account.reason));
        }
        let mut entries: Vec<Arc<AccountEntry>> = vec![];
        for account in opened {
            let name = account.name.clone();
            match self.entry(account) {
                Ok(entry) => entries.push(entry),
                Err(error) => {
                    tracing::error!(%error, "an account has an invalid configuration; correct it with `herald apply`");
                    unusable.push((name, error.to_string()));
                }
            }
        }
        report::tell(&self.context, unusable, &entries);
        tracing::info!(accounts = entries.len(), "provider accounts read");
        for gone in self.context.node.registry.all() {
            if !entries
                .iter()
                .any(|entry| entry.account.name == gone.account.name)
            {
                self.context.supervisor.forget(&part_of(&gone.account));
                gone.health.forget();
                // Its row goes: should it come back, it is measured as one that is new.
                self.measured.remove(&gone.account.id);
                self.context
                    .node
                    .metrics
                    .forget_provider(&gone.account.name);
            }
        }
        let known = self.context.node.registry.all();
        let news = entries
            .iter()
            .filter(|entry| !known.iter().any(|old| Arc::ptr_eq(old, entry)));
        let mut changed: HashSet<Channel> = news.map(|entry| entry.account.channel).collect();
        for channel in Channel::ALL.iter().copied() {
            // What waits for one that was switched off need not do so when it is deleted.
            let before = self.context.node.registry.channel(channel).off;
            let is_there = |name: &Arc<str>| there.iter().any(|(_, it)| **it == **name);
            if !before.iter().all(is_there) {
                changed.insert(channel);
            }
        }
        self.context.node.registry.replace(|channel| {
            let of_channel = entries
                .iter()
                .filter(|entry| entry.account.channel == channel);
            let used: Vec<_> = of_channel.cloned().collect();
            let in_use = |name: &str| used.iter().any(|entry| entry.account.name == name);
            let off = there
                .iter()
                .filter(|(of, name)| *of == channel && !in_use(name));
            let off = off.map(|(_, name)| Arc::from(name.as_str())).collect();
            ChannelAccounts { used, off }
        });
        // What their queues hand back is routed by what takes their place.
        for old in known.iter().chain(&std::mem::take(&mut self.draining)) {
            if is_drained(&paused, &old.account) {
                self.draining.push(Arc::clone(old));
            } else if !entries.iter().any(|entry| Arc::ptr_eq(entry, old)) {
                old.retire();
                changed.insert(old.account.channel);
            }
        }
        for channel in changed {
            // What waits for a provider may have somewhere to go now, or faster.
            self.context.node.channels.opened(channel);
        }
    }

    fn entry(&self, account: Account) -> Result<Arc<AccountEntry>, SettingsError> {
        let known = self.context.node.registry.of(account.channel);
        let same = |entry: &&Arc<AccountEntry>| {
            (entry.account.id, entry.account.updated_at) == (account.id, account.updated_at)
        };
        if let Some(entry) = known.iter().find(same) {
            return Ok(Arc::clone(entry));
        }
        let client = crate::providers::connect(&self.context.client, &account)?;
        let health = self.health(&account);
        let account_context = self
            .context
            .account_context(account.clone(), client, health.clone());
        Ok(Arc::new(self.start(account, account_context, health)))
    }

    /// What is known of an account stays known when it is the same to its provider: an open circuit
    /// does not close because a rate limit was changed. With other credentials it starts anew.
    fn health(&self, account: &Account) -> AccountHealth {
        let all = self.context.node.registry.all();
        let known = all.iter().find(|entry| entry.account.id == account.id);
        if let Some(known) = known {
            if known.account.is_same_to_provider(account) {
                known.health.set_rate_limit(account.rate_limit);
                return known.health.clone();
            }
            known.health.retire();
        }
        self.context.health(account)
    }

    fn start(
        &self,
        account: Account,
        account_context: AccountContext,
        health: AccountHealth,
    ) -> AccountEntry {
        let needs_address = account_context.client.needs_address();
        let minimum_retry_delay = account_context.client.minimum_retry_delay();
        let retirement = account_context.retirement.clone();
        let route_name = Arc::clone(&account_context.terms.name);
        let name = part_of(&account);
        let actor = ProviderActor::new(Arc::new(account_context));
        let room = actor.room();
        let actor = self.context.supervisor.start("provider", &name, actor);
        AccountEntry {
            account,
            name: route_name,
            needs_address,
            minimum_retry_delay,
            health,
            room,
            deliver: actor.clone().recipient(),
            wake: actor.recipient(),
            retirement,
        }
    }
}

/// The name under which `/readyz` and the log show an account's actor.
fn part_of(account: &Account) -> String {
    format!("provider {}", account.name)
}

impl Actor for AccountLoader {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Context<Self>) {
        ctx.run_interval(self.interval, Self::refresh);
        ctx.run_interval(MEASURE_EVERY, Self::measure);
    }
}

impl Supervised for AccountLoader {
    /// Reads everything again; the registry and the template cache stay in use meanwhile.
    fn restarting(&mut self, _: &mut Context<Self>) {
        self.read = None;
        self.resumes = None;
        (self.accounts, self.templates) = (Look::default(), Look::default());
    }
}

impl Handler<Wake> for AccountLoader {
    type Result = ();

    /// Something may have changed.
    fn handle(&mut self, _: Wake, ctx: &mut Context<Self>) {
        self.refresh(ctx);
    }
}

impl Handler<Refresh> for AccountLoader {
    type Result = ResponseActFuture<Self, Result<(), StoreError>>;

    fn handle(&mut self, _: Refresh, _: &mut Context<Self>) -> Self::Result {
        let (context, read) = (Arc::clone(&self.context), self.read.clone());
        let look = async move {
            context
                .node
                .templates
                .reload(&context.node.database)
                .await?;
            look(context, read).await
        };
        let look = wrap_future::<_, Self>(look);
        Box::pin(look.map(|found, account_loader, ctx| account_loader.take_in(found, ctx)))
    }
}
