//! The people that are sent to, kept in memory for as long as nothing says that they have changed.
//!
//! The database tells of every change within milliseconds of its commit. Those are too many for an
//! opt-out: whoever is about to send makes sure that everything has been heard that was committed by
//! then ([`People::catch_up`]). While nobody listens, nothing is kept.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::Recipient;
use crate::runtime::clock;
use crate::store::{Database, StoreError, recipients};

mod asking;
mod memory;

pub use asking::Asked;
use asking::Asking;
use memory::Memory;
pub use memory::Reading;

/// Who is no longer as they were when they were loaded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outdated {
    /// These; often nobody.
    Only(HashSet<Whose>),
    /// Perhaps everybody.
    Anybody,
}

impl Outdated {
    /// Whether this person is to be loaded again.
    #[must_use]
    pub fn includes(&self, whose: &Whose) -> bool {
        match self {
            Self::Only(changed) => changed.contains(whose),
            Self::Anybody => true,
        }
    }
}

/// Tenant and user.
pub type Whose = (Uuid, Uuid);

/// People by tenant and user. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct People {
    database: Database,
    memory: Arc<Memory>,
    asking: Arc<Asking>,
}

impl People {
    /// Keeps at most `most` people, nobody longer than `time_to_live`: that is the net below the
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

    /// As [`Self::load`], but nobody is as they were before this was called.
    ///
    /// # Errors
    /// As [`Self::load`].
    pub async fn load_now(
        &self,
        whose: impl IntoIterator<Item = Whose>,
    ) -> Result<HashMap<Whose, Arc<Recipient>>, StoreError> {
        match self.catch_up(self.begin()).await {
            Outdated::Only(_) => self.load(whose).await,
            Outdated::Anybody => self.read(whose.into_iter().collect()).await,
        }
    }

    /// Waits until somebody wants to catch up; to be called by the one who listens.
    pub async fn asked(&self) -> Asked {
        self.asking.asked().await
    }

    /// A notice says, or we ourselves know, that somebody has changed.
    pub fn forget(&self, whose: Whose) {
        self.memory.forget(whose);
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
