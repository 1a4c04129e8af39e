//! The people that are sent to, kept in memory for as long as nothing says that they have changed.
//!
//! The database tells of every change within milliseconds of its commit. While nobody listens,
//! nothing is kept: an opt-out must never be overlooked.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use crate::domain::Recipient;
use crate::runtime::clock;
use crate::store::{Database, StoreError, recipients};

mod memory;

use memory::Memory;

/// Tenant and user.
pub type Whose = (Uuid, Uuid);

/// People by tenant and user. Clones share what is kept.
#[derive(Debug, Clone)]
pub struct People {
    database: Database,
    memory: Arc<Memory>,
}

impl People {
    /// Keeps at most `most` people, nobody longer than `time_to_live`: that is the net below the
    /// notices. Nothing is kept before [`Self::listening`] was called.
    #[must_use]
    pub fn new(database: Database, most: usize, time_to_live: Duration) -> Self {
        let memory = Arc::new(Memory::new(most, time_to_live));
        Self { database, memory }
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
        let (mut found, mut missing) = (HashMap::with_capacity(asked.len()), vec![]);
        let now = clock::instant();
        for whose in asked {
            match self.memory.recall(whose, now) {
                Some(recipient) => drop(found.insert(whose, recipient)),
                None => missing.push(whose),
            }
        }
        if missing.is_empty() {
            return Ok(found);
        }
        let reading = self.memory.begin();
        let mut connection = self.database.get().await?;
        let read = recipients::load(&mut connection, &missing).await?;
        drop(connection);
        for (whose, recipient) in read {
            found.insert(whose, Arc::new(recipient));
        }
        let read = missing
            .iter()
            .filter_map(|whose| Some((*whose, found.get(whose)?)));
        self.memory.keep(reading, read, now);
        Ok(found)
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
    }
}
