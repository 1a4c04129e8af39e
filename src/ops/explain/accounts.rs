//! The accounts of a channel as the database knows them: what a program that runs beside the engine sees.

use std::collections::HashMap;

use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use super::Explainer;
use crate::domain::{Account, AccountPause, Channel, CircuitState};
use crate::policy::AccountFacts;
use crate::providers;
use crate::resilience::TokenRate;
use crate::store::provider_health::{self, ProviderHealth};
use crate::store::rates::{self, AccountRateStanding};
use crate::store::{StoreError, accounts};

/// A pause that is shorter keeps nobody from the account.
const LONG_PAUSE: SignedDuration = SignedDuration::from_secs(1);

/// What is told of a pause to whoever is no operator.
const OPERATORS_OWN: (&str, &str) = ("an operator", "told to operators");

/// The accounts of a channel.
#[derive(Default)]
pub(super) struct StoredAccounts {
    used: Vec<StoredAccount>,
    unused: Vec<UnusedAccount>,
}

/// An account, with what the living nodes make of it.
struct StoredAccount {
    account: Account,
    needs_address: bool,
    health: Vec<ProviderHealth>,
    rate: Option<AccountRateStanding>,
}

/// An account that is not in use.
struct UnusedAccount {
    name: String,
    /// Who stopped it for a while, if somebody did.
    pause: Option<AccountPause>,
    /// Why its credentials cannot be read, if so.
    unreadable: Option<String>,
}

impl Explainer {
    /// The accounts that an engine would use, and the others. Operators' own words are for `operator`s.
    pub(super) async fn accounts(
        &self,
        channel: Channel,
        operator: bool,
    ) -> Result<StoredAccounts, StoreError> {
        let mut connection = self.database.get().await?;
        let loaded = accounts::load(&mut connection, &self.sealer).await?;
        let mut rates = rates::standing(&mut connection).await?;
        drop(connection);
        let mut health: HashMap<Uuid, Vec<ProviderHealth>> = HashMap::new();
        for row in provider_health::load(&self.database).await? {
            health.entry(row.provider_id).or_default().push(row);
        }
        let used = loaded.opened.into_iter().filter_map(|account| {
            let client = providers::connect(&self.client, &account).ok()?;
            (account.channel == channel).then(|| StoredAccount {
                needs_address: client.needs_address(),
                health: health.remove(&account.id).unwrap_or_default(),
                rate: rates.remove(&account.id),
                account,
            })
        });
        let used: Vec<StoredAccount> = used.collect();
        let in_use = |name: &String| used.iter().any(|one| one.account.name == *name);
        let there = loaded.there.into_iter().filter(|(of, _)| *of == channel);
        let off = there.map(|(_, name)| name).filter(|name| !in_use(name));
        let off = off.map(|name| {
            let paused = loaded.paused.iter().find(|one| one.account.name == name);
            let unreadable = loaded.unreadable.iter().find(|one| one.name == name);
            let pause = paused.map(|one| one.pause.clone());
            UnusedAccount {
                pause: pause.map(|pause| shown(pause, operator)),
                unreadable: unreadable.map(|one| one.reason.clone()),
                name,
            }
        });
        let unused = off.collect();
        Ok(StoredAccounts { used, unused })
    }
}

fn shown(mut pause: AccountPause, operator: bool) -> AccountPause {
    if !operator {
        let (by, reason) = OPERATORS_OWN;
        (pause.by, pause.reason) = (by.to_owned(), reason.to_owned());
    }
    pause
}

impl StoredAccounts {
    /// What policy decides on.
    pub(super) fn facts(&self, now: Timestamp) -> Vec<AccountFacts<'_>> {
        let used = self.used.iter().map(|one| one.facts(now));
        let unused = self.unused.iter().map(|one| AccountFacts {
            pause: one.pause.as_ref(),
            ..AccountFacts::off(&one.name)
        });
        used.chain(unused).collect()
    }

    /// What operators are told of an account beside: what it fails with, why it cannot be read.
    pub(super) fn cause(&self, name: &str) -> Option<&str> {
        let unused = self.unused.iter().filter(|one| one.name == name);
        let unreadable = unused.filter_map(|one| one.unreadable.as_deref());
        let used = self.used.iter().filter(|one| one.account.name == name);
        let open = used.flat_map(|one| &one.health);
        let causes = open.filter_map(|row| row.cause.as_deref());
        unreadable.chain(causes).next()
    }

    /// When an account's limit has room again, while it has none: until then what is sent to it waits there.
    pub(super) fn limited_until(&self, name: &str, now: Timestamp) -> Option<Timestamp> {
        let one = self.used.iter().find(|one| one.account.name == name)?;
        let rate = TokenRate::of(one.account.rate_limit?);
        let ahead = rate.time_for(rate.burst.saturating_sub(1));
        let next = one.rate?.leased_until?.checked_sub(ahead).ok()?;
        (next > now).then_some(next)
    }
}

impl StoredAccount {
    /// Out only where every node says so: the message may come to any of them.
    fn facts(&self, now: Timestamp) -> AccountFacts<'_> {
        let out = self
            .health
            .iter()
            .filter(|row| row.state == CircuitState::Open);
        let everywhere = !self.health.is_empty() && out.clone().count() == self.health.len();
        let back = out.clone().filter_map(|row| row.available_at).min();
        let back = back.filter(|back| everywhere && *back > now);
        let worst = self.health.iter().map(|row| row.state);
        AccountFacts {
            name: &self.account.name,
            priority: self.account.priority,
            weight: self.account.weight,
            available_at: back.max(self.paused_until(now)),
            circuit: worst
                .max_by_key(|state| *state == CircuitState::Open)
                .unwrap_or(CircuitState::Closed),
            rate_limit: self.account.rate_limit,
            needs_address: self.needs_address,
            is_off: false,
            pause: None,
        }
    }

    /// Until when its provider has asked everybody to wait.
    fn paused_until(&self, now: Timestamp) -> Option<Timestamp> {
        let until = self.rate?.paused_until?;
        (until.duration_since(now) >= LONG_PAUSE).then_some(until)
    }
}
