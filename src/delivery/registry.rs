//! The accounts that may be asked, by channel, as the dispatchers see them.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use actix::Recipient;
use arc_swap::ArcSwap;
use jiff::Timestamp;

use super::account::{AccountHealth, AccountRoom, Retirement};
use crate::domain::{Account, Channel, CircuitState};
use crate::policy::AccountFacts;
use crate::runtime::mailbox;
use crate::work::job::{Deliver, Wake};

/// An account with the actor that serves it.
#[derive(Debug)]
pub struct AccountEntry {
    /// The account as configured.
    pub account: Account,
    /// Its name, as it stands in routes.
    pub name: Arc<str>,
    /// Whether it cannot send without an address.
    pub needs_address: bool,
    /// Shortest wait before it may be asked again after a transient failure.
    pub minimum_retry_delay: Duration,
    /// Whether it may be asked now; shared with those who ask.
    pub health: AccountHealth,
    /// How much more it can take on this node.
    pub room: AccountRoom,
    /// Its actor, which takes jobs.
    pub deliver: Recipient<Deliver>,
    /// The same, which looks at whether it is still in use.
    pub wake: Recipient<Wake>,
    /// Whether it is still in use as it is described here; shared with its actor.
    pub retirement: Retirement,
}

impl AccountEntry {
    /// It is no longer in use, or no longer as it is described here: its queue is handed back, and
    /// no further request is started. To be called once the directory holds what takes its place.
    pub fn retire(&self) {
        self.retirement.retire();
        self.health.wake();
        mailbox::post_to(&self.wake, Wake);
    }

    /// Where its circuit stands.
    #[must_use]
    pub fn circuit(&self) -> CircuitState {
        self.health.circuit()
    }

    /// What policy needs to know of it.
    #[must_use]
    pub fn facts(&self, now: Timestamp) -> AccountFacts<'_> {
        AccountFacts {
            name: &self.account.name,
            priority: self.account.priority,
            weight: self.account.weight,
            available_at: self.health.available_at(now),
            circuit: self.health.circuit(),
            rate_limit: self.account.rate_limit,
            needs_address: self.needs_address,
            is_off: false,
            pause: None,
        }
    }
}

/// The accounts of a channel.
#[derive(Debug, Clone, Default)]
pub struct ChannelAccounts {
    /// Those in use, in no order.
    pub used: Vec<Arc<AccountEntry>>,
    /// The names of those that are there and not in use: what may have been delivered by one waits for it.
    pub off: Vec<Arc<str>>,
}

impl ChannelAccounts {
    /// What policy needs to know of them; those in use first, in their order.
    #[must_use]
    pub fn facts(&self, now: Timestamp) -> Vec<AccountFacts<'_>> {
        let used = self.used.iter().map(|entry| entry.facts(now));
        let off = self.off.iter().map(|name| AccountFacts::off(name));
        used.chain(off).collect()
    }
}

/// All accounts by channel. Clones share it; it is replaced whole when configuration changes.
#[derive(Clone, Default)]
pub struct AccountRegistry {
    current: Arc<ArcSwap<Vec<ChannelAccounts>>>,
}

impl fmt::Debug for AccountRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.all().iter().map(|entry| &entry.account))
            .finish()
    }
}

impl AccountRegistry {
    /// The accounts of a channel.
    #[must_use]
    pub fn channel(&self, channel: Channel) -> ChannelAccounts {
        self.current
            .load()
            .get(channel.index())
            .cloned()
            .unwrap_or_default()
    }

    /// The accounts of a channel that are in use, in no order.
    #[must_use]
    pub fn of(&self, channel: Channel) -> Vec<Arc<AccountEntry>> {
        self.channel(channel).used
    }

    /// The accounts of all channels that are in use, in no order.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<AccountEntry>> {
        let current = self.current.load();
        let used = current.iter().flat_map(|accounts| &accounts.used);
        used.cloned().collect()
    }

    /// The account of a channel that has this name by now. `None` when it is no longer in use.
    #[must_use]
    pub fn named(&self, channel: Channel, name: &str) -> Option<Arc<AccountEntry>> {
        let current = self.current.load();
        let mut of_channel = current.get(channel.index())?.used.iter();
        of_channel.find(|entry| entry.account.name == name).cloned()
    }

    /// Replaces all accounts, at one moment: none is neither in use nor off in between.
    pub fn replace(&self, accounts: impl Fn(Channel) -> ChannelAccounts) {
        let by_channel = Channel::ALL.iter().map(|channel| accounts(*channel));
        self.current.store(Arc::new(by_channel.collect()));
    }
}
