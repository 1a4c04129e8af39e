//! The people that are sent to, and what their tenants say for all of them, kept in memory for as
//! long as nothing says that they have changed.
//!
//! The database tells of every change within milliseconds of its commit. Those are too many for an
//! opt-out: whoever is about to send makes sure that everything has been heard that was committed by
//! then ([`People::catch_up`]). While nobody listens, nothing is kept: each batch reads its people
//! and its tenants' rules from the database.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use crate::domain::{Recipient, TenantRules};
use crate::runtime::clock;
use crate::store::{Database, StoreError, recipients, rules};

mod asking;
mod memory;

pub use asking::Asked;
use asking::Asking;
use memory::Memory;
pub use memory::{Reading, Subject};

/// Who is no longer as they were when they were loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outdated {
    /// These, and the people of these tenants; often nobody.
    Only(HashSet<Subject>),
    /// Perhaps everybody.
    Anybody,
}

impl Outdated {
    /// Whether this person is to be loaded again, with their tenant's rules.
    #[must_use]
    pub fn includes(&self, whose: &Whose) -> bool {
        match self {
            Self::Only(changed) => {
                changed.contains(&Subject::Person(*whose))
                    || changed.contains(&Subject::Rules(whose.0))
            }
            Self::Anybody => true,
        }
    }
}

/// Tenant and user.
pub type Whose = (Uuid, Uuid);

/// People as they were at a moment, with their tenants' rules.
#[derive(Debug, Clone)]
pub struct Known {
    /// Those that exist.
    pub people: HashMap<Whose, Arc<Recipient>>,
    /// Of each tenant that was asked for.
    pub rules: HashMap<Uuid, Arc<TenantRules>>,
    /// Everything is in it that was committed by then.
    pub at: Timestamp,
}

impl Known {
    /// The rules of a tenant; without any, none.
    #[must_use]
    pub fn rules_of(&self, tenant_id: Uuid) -> Arc<TenantRules> {
        self.rules.get(&tenant_id).cloned().unwrap_or_default()
    }
}

/// People by tenant and user, and tenants' rules. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct People {
    database: Database,
    memory: Arc<Memory>,
    asking: Arc<Asking>,
}

impl People {
    /// Keeps at most `most` people and as many tenants' rules, nobody longer than `time_to_live`: that is the net below the
    /// notices. Nothing is kept before [`Self::listening`] was called.
    #[must_use]
    pub fn new(database: Database, most: usize, time_to_live: Duration) -> Self {
        let memory = Arc::new(Memory::new(most, time_to_live));
        let asking = Arc::default();
        Self {
            database,
            memory,
            asking,
        }
    }

    /// Those that exist among `whose`; a deleted one does not.
    ///
    /// # Errors
    /// When somebody is not in memory and the database fails.
    pub async fn load(
        &self,
        whose: impl IntoIterator<Item = Whose>,
    ) -> Result<HashMap<Whose, Arc<Recipient>>, StoreError> {
        let asked: HashSet<Whose> = whose.into_iter().collect();
        let mut found = HashMap::with_capacity(asked.len());
        let mut missing = HashSet::new();
        let now = clock::instant();
        for whose in asked {
            match self.memory.recall(whose, now) {
                Some(recipient) => drop(found.insert(whose, recipient)),
                None => drop(missing.insert(whose)),
            }
        }
        if !missing.is_empty() {
            found.extend(self.read(missing).await?);
        }
        Ok(found)
    }

    /// As [`Self::load`], whatever is in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read(
        &self,
        whose: HashSet<Whose>,
    ) -> Result<HashMap<Whose, Arc<Recipient>>, StoreError> {
        let (reading, now) = (self.memory.begin(), clock::instant());
        let whose: Vec<Whose> = whose.into_iter().collect();
        let mut connection = self.database.get().await?;
        let read = recipients::load(&mut connection, &whose).await?;
        drop(connection);
        let read: HashMap<Whose, Arc<Recipient>> = read
            .into_iter()
            .map(|(whose, recipient)| (whose, Arc::new(recipient)))
            .collect();
        let kept = read.iter().map(|(whose, recipient)| (*whose, recipient));
        self.memory.keep(reading, kept, now);
        Ok(read)
    }

    /// To be asked before people are loaded: what [`Self::catch_up`] compares with.
    #[must_use]
    pub fn begin(&self) -> Reading {
        self.memory.begin()
    }

    /// Returns when everything has been heard that was committed before this was called, and says
    /// whether those who were loaded since `reading` are to be loaded again.
    pub async fn catch_up(&self, reading: Reading) -> Outdated {
        if self.memory.is_listening() && !self.asking.catch_up().await {
            return Outdated::Anybody;
        }
        self.memory.outdated(reading)
    }

    /// The rules of these tenants; of one that has none, empty ones. What is not in memory is read
    /// together.
    ///
    /// # Errors
    /// When something is not in memory and the database fails.
    pub async fn load_rules(
        &self,
        tenants: impl IntoIterator<Item = Uuid>,
    ) -> Result<HashMap<Uuid, Arc<TenantRules>>, StoreError> {
        let asked: HashSet<Uuid> = tenants.into_iter().collect();
        let mut found = HashMap::with_capacity(asked.len());
        let mut missing = HashSet::new();
        let now = clock::instant();
        for tenant_id in asked {
            match self.memory.recall(tenant_id, now) {
                Some(rules) => drop(found.insert(tenant_id, rules)),
                None => drop(missing.insert(tenant_id)),
            }
        }
        if !missing.is_empty() {
            found.extend(self.read_rules(missing).await?);
        }
        Ok(found)
    }

    /// As [`Self::load_rules`], whatever is in memory.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn read_rules(
        &self,
        tenants: HashSet<Uuid>,
    ) -> Result<HashMap<Uuid, Arc<TenantRules>>, StoreError> {
        let (reading, now) = (self.memory.begin(), clock::instant());
        let tenants: Vec<Uuid> = tenants.into_iter().collect();
        let connection = self.database.get().await?;
        let mut read = rules::of(&connection, &tenants).await?;
        drop(connection);
        let read: HashMap<Uuid, Arc<TenantRules>> = tenants
            .into_iter()
            .map(|tenant_id| {
                (
                    tenant_id,
                    Arc::new(read.remove(&tenant_id).unwrap_or_default()),
                )
            })
            .collect();
        let kept = read.iter().map(|(tenant_id, rules)| (*tenant_id, rules));
        self.memory.keep(reading, kept, now);
        Ok(read)
    }

    /// People and their tenants' rules, none of them as they were before this was called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn load_now(
        &self,
        whose: impl IntoIterator<Item = Whose>,
    ) -> Result<Known, StoreError> {
        let whose: HashSet<Whose> = whose.into_iter().collect();
        let tenants: HashSet<Uuid> = whose.iter().map(|(tenant_id, _)| *tenant_id).collect();
        let called_at = clock::now();
        let (people, rules, at) = match self.catch_up(self.begin()).await {
            Outdated::Only(_) => {
                let (people, rules) = (self.load(whose), self.load_rules(tenants));
                (people.await?, rules.await?, called_at)
            }
            Outdated::Anybody => {
                // To find that out may have taken long.
                let called_at = clock::now();
                let (people, rules) = (self.read(whose), self.read_rules(tenants));
                (people.await?, rules.await?, called_at)
            }
        };
        Ok(Known { people, rules, at })
    }

    /// Waits until somebody wants to catch up; to be called by the one who listens.
    pub async fn asked(&self) -> Asked {
        self.asking.asked().await
    }

    /// A notice says, or we ourselves know, that somebody has changed.
    pub fn forget(&self, whose: Whose) {
        self.memory.forget(Subject::Person(whose));
    }

    /// A notice says that a tenant's rules have changed. They are read when they are needed next: many
    /// notices cost no more than one.
    pub fn forget_rules(&self, tenant_id: Uuid) {
        self.memory.forget(Subject::Rules(tenant_id));
    }

    /// Notices come from now on: what is read from now on may be kept.
    pub fn listening(&self) {
        self.memory.listening();
    }

    /// Notices no longer come: whatever is known may be wrong.
    pub fn deaf(&self) {
        self.memory.deaf();
        self.asking.in_vain();
    }
}
