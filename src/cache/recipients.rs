//! The recipients that are sent to, and what their tenants say for all of them, kept in memory for as
//! long as nothing says that they have changed.
//!
//! The database tells of every change within milliseconds of its commit. Those are too many for an
//! opt-out: whoever is about to send makes sure that everything has been heard that was committed by
//! then ([`RecipientCache::catch_up`]). While nobody listens, nothing is kept: each batch reads its recipients
//! and its tenants' rules from the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{ReadMark, Recipient, TenantRules};
use crate::runtime::clock;
use crate::store::{Database, Sifted, StoreError, recipients, rules};

mod barrier;
mod memory;
mod unreadable;

use barrier::Barrier;
pub use barrier::BarrierRequests;
pub use memory::CacheKey;
use memory::{Cacheable, RecipientStore};
use unreadable::UnreadableReports;
pub use unreadable::UnreadableWishes;

/// Who is no longer as they were when they were loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stale {
    /// These, and the recipients of these tenants; often nobody.
    Only(HashSet<CacheKey>),
    /// Perhaps everybody.
    All,
}

impl Stale {
    /// Whether this recipient is to be loaded again, with their tenant's rules.
    #[must_use]
    pub fn includes(&self, recipient_key: &RecipientKey) -> bool {
        match self {
            Self::Only(changed) => {
                changed.contains(&CacheKey::Recipient(*recipient_key))
                    || changed.contains(&CacheKey::Rules(recipient_key.0))
            }
            Self::All => true,
        }
    }
}

/// Tenant and user.
pub type RecipientKey = (Uuid, Uuid);
/// People, and those of whom something cannot be read.
pub type FoundPeople = Sifted<RecipientKey, Arc<Recipient>>;
/// What is in memory of one kind.
type Kept<T> = Sifted<<T as Cacheable>::Key, Arc<T>>;
/// Rules by tenant, and those that cannot be read.
pub type FoundRules = Sifted<Uuid, Arc<TenantRules>>;

/// Recipients as they were at a moment, with their tenants' rules.
#[derive(Debug, Clone)]
pub struct RecipientSnapshot {
    /// Those that exist.
    pub recipients: HashMap<RecipientKey, Arc<Recipient>>,
    /// Of each tenant that was asked for.
    pub rules: HashMap<Uuid, Arc<TenantRules>>,
    /// Those of whom something cannot be read, be it their tenant's rules: nobody knows what they want.
    pub unreadable: HashSet<RecipientKey>,
    /// Everything is in it that was committed by then.
    pub at: Timestamp,
    /// And heard by then: whom a notice has named since may be different.
    pub heard: ReadMark,
}

impl RecipientSnapshot {
    /// The rules of a tenant; without any, none.
    #[must_use]
    pub fn rules_of(&self, tenant_id: Uuid) -> Arc<TenantRules> {
        self.rules.get(&tenant_id).cloned().unwrap_or_default()
    }
}

/// Recipients by tenant and user, and tenants' rules. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct RecipientCache {
    database: Database,
    memory: Arc<RecipientStore>,
    barrier: Arc<Barrier>,
    reports: Arc<UnreadableReports>,
}

impl RecipientCache {
    /// Keeps at most `most` recipients and as many tenants' rules, nobody longer than `time_to_live`: that is the net below the
    /// notices. Nothing is kept before [`Self::connected`] was called.
    #[must_use]
    pub fn new(database: Database, most: usize, time_to_live: Duration) -> Self {
        let memory = Arc::new(RecipientStore::new(most, time_to_live));
        Self {
            database,
            memory,
            barrier: Arc::default(),
            reports: Arc::default(),
        }
    }

    /// Those that exist among `recipient_key`; a deleted one does not. One who cannot be read stops no other.
    ///
    /// # Errors
    /// When somebody is not in memory and the database fails.
    pub async fn load(
        &self,
        recipient_key: impl IntoIterator<Item = RecipientKey>,
    ) -> Result<FoundPeople, StoreError> {
        let asked: HashSet<RecipientKey> = recipient_key.into_iter().collect();
        Ok(self.load_both(&asked, &HashSet::new()).await?.0)
    }

    /// As [`Self::load`], whatever is in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        &self,
        recipient_key: HashSet<RecipientKey>,
    ) -> Result<FoundPeople, StoreError> {
        Ok(self.read_both(&recipient_key, &HashSet::new()).await?.0)
    }

    /// People and rules; what is not in memory is read together.
    async fn load_both(
        &self,
        people: &HashSet<RecipientKey>,
        tenants: &HashSet<Uuid>,
    ) -> Result<(FoundPeople, FoundRules), StoreError> {
        let (mut recipients, people) = self.remembered(people);
        let (mut rules, tenants) = self.remembered(tenants);
        let read = self.read_both(&people, &tenants).await?;
        recipients.extend(read.0);
        rules.extend(read.1);
        Ok((recipients, rules))
    }

    /// Those in memory, and those who are not.
    fn remembered<T: Cacheable>(&self, asked: &HashSet<T::Key>) -> (Kept<T>, HashSet<T::Key>) {
        let (mut found, mut missing) = (Sifted::default(), HashSet::new());
        let now = clock::instant();
        for key in asked {
            match self.memory.lookup(*key, now) {
                Some(known) => drop(found.known.insert(*key, known)),
                None => drop(missing.insert(*key)),
            }
        }
        (found, missing)
    }

    /// Reads people and rules, at once and on one connection.
    async fn read_both(
        &self,
        people: &HashSet<RecipientKey>,
        tenants: &HashSet<Uuid>,
    ) -> Result<(FoundPeople, FoundRules), StoreError> {
        if people.is_empty() && tenants.is_empty() {
            return Ok(Default::default());
        }
        let (reading, now) = (self.memory.begin(), clock::instant());
        let people: Vec<RecipientKey> = people.iter().copied().collect();
        let tenants: Vec<Uuid> = tenants.iter().copied().collect();
        let connection = self.database.get().await?;
        let (recipients, rules) = tokio::join!(
            recipients::load(&connection, &people),
            rules::of(&connection, &tenants)
        );
        drop(connection);
        let (recipients, mut rules) = (recipients?.map(Arc::new), rules?.map(Arc::new));
        for ((tenant_id, user_id), error) in &recipients.unreadable {
            self.report(*tenant_id, Some(*user_id), error);
        }
        for tenant_id in tenants {
            match rules.unreadable.get(&tenant_id) {
                Some(error) => self.report(tenant_id, None, error),
                None => drop(rules.known.entry(tenant_id).or_default()),
            }
        }
        let known = recipients.known.iter();
        self.memory
            .keep(reading, known.map(|(key, what)| (*key, what)), now);
        let known = rules.known.iter();
        self.memory
            .keep(reading, known.map(|(key, what)| (*key, what)), now);
        Ok((recipients, rules))
    }

    /// To be asked before recipients are loaded: what [`Self::catch_up`] compares with.
    #[must_use]
    pub fn begin(&self) -> ReadMark {
        self.memory.begin()
    }

    /// Returns when everything has been heard that was committed before this was called, and says
    /// whether those who were loaded since `reading` are to be loaded again.
    pub async fn catch_up(&self, reading: ReadMark) -> Stale {
        if self.memory.is_connected() && !self.barrier.catch_up().await {
            return Stale::All;
        }
        self.memory.stale(reading)
    }

    /// Whether a notice has named a recipient since then, or may have. Nobody is asked, and of a reading that
    /// began while none came it says no.
    #[must_use]
    pub fn may_have_changed(&self, since: ReadMark, recipient_key: RecipientKey) -> bool {
        let key = CacheKey::Recipient(recipient_key);
        self.memory.may_have_named(since, key)
    }

    /// The rules of these tenants; of one that has none, empty ones. What is not in memory is read
    /// together, and what cannot be read stops no other tenant.
    ///
    /// # Errors
    /// When something is not in memory and the database fails.
    pub async fn load_rules(
        &self,
        tenants: impl IntoIterator<Item = Uuid>,
    ) -> Result<FoundRules, StoreError> {
        let asked: HashSet<Uuid> = tenants.into_iter().collect();
        Ok(self.load_both(&HashSet::new(), &asked).await?.1)
    }

    /// As [`Self::load_rules`], whatever is in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_rules(&self, tenants: HashSet<Uuid>) -> Result<FoundRules, StoreError> {
        Ok(self.read_both(&HashSet::new(), &tenants).await?.1)
    }

    /// Tells that something of somebody cannot be read, or of what a tenant says for all.
    pub fn report(&self, tenant_id: Uuid, user_id: Option<Uuid>, error: &StoreError) {
        self.reports.add(UnreadableWishes {
            tenant_id,
            user_id,
            error: error.clone(),
        });
    }

    /// Waits until operators are to be told of somebody who cannot be read.
    pub async fn unreadable(&self) -> Vec<UnreadableWishes> {
        self.reports.found().await
    }

    /// Recipients and their tenants' rules, none of them as they were before this was called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_now(
        &self,
        recipient_key: impl IntoIterator<Item = RecipientKey>,
    ) -> Result<RecipientSnapshot, StoreError> {
        let asked: HashSet<RecipientKey> = recipient_key.into_iter().collect();
        let tenants: HashSet<Uuid> = asked.iter().map(|(tenant_id, _)| *tenant_id).collect();
        let called_at = clock::now();
        let (recipients, rules, at, heard) = match self.catch_up(self.begin()).await {
            Stale::Only(_) => {
                let heard = self.begin();
                let (recipients, rules) = self.load_both(&asked, &tenants).await?;
                (recipients, rules, called_at, heard)
            }
            Stale::All => {
                // To find that out may have taken long.
                let (called_at, heard) = (clock::now(), self.begin());
                let (recipients, rules) = self.read_both(&asked, &tenants).await?;
                (recipients, rules, called_at, heard)
            }
        };
        let is_unreadable = |whose: &RecipientKey| {
            recipients.unreadable.contains_key(whose) || rules.unreadable.contains_key(&whose.0)
        };
        let unreadable = asked.into_iter().filter(is_unreadable).collect();
        Ok(RecipientSnapshot {
            recipients: recipients.known,
            rules: rules.known,
            unreadable,
            at,
            heard,
        })
    }

    /// Waits until somebody wants to catch up; to be called by the one who listens.
    pub async fn asked(&self) -> BarrierRequests {
        self.barrier.asked().await
    }

    /// A notice says, or we ourselves know, that somebody has changed.
    pub fn forget(&self, recipient_key: RecipientKey) {
        self.memory.forget(CacheKey::Recipient(recipient_key));
    }

    /// A notice says that a tenant's rules have changed. They are read when they are needed next: many
    /// notices cost no more than one.
    pub fn forget_rules(&self, tenant_id: Uuid) {
        self.memory.forget(CacheKey::Rules(tenant_id));
    }

    /// Notices come from now on: what is read from now on may be kept.
    pub fn connected(&self) {
        self.memory.connected();
    }

    /// Notices no longer come: whatever is known may be wrong.
    pub fn disconnected(&self) {
        self.memory.disconnected();
        self.barrier.fail_all();
    }
}
