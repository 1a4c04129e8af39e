//! The keys of people's links: those of this node's settings, and those that were kept.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::domain::LinkKey;
use crate::domain::person_link::LinkKeyId;
use crate::runtime::clock;
use crate::store::seal::Sealer;
use crate::store::{Database, StoreError, link_keys};

/// Shortest time from one look for a key that is not known to the next: anybody can name one.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The keys that open links. Clones share them.
#[derive(Debug, Clone)]
pub struct LinkKeys {
    sealer: Sealer,
    own: Arc<[LinkKey]>,
    kept: Arc<Mutex<KeptKeys>>,
}

#[derive(Debug, Default)]
struct KeptKeys {
    keys: Vec<LinkKey>,
    looked_at: Option<Instant>,
}

impl LinkKeys {
    /// Those that belong to the keys of the settings.
    #[must_use]
    pub fn new(sealer: Sealer, own: Vec<LinkKey>) -> Self {
        Self {
            sealer,
            own: own.into(),
            kept: Arc::default(),
        }
    }

    /// Keeps those of the settings, so that links that they make work when they are no longer there.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn keep(&self, database: &Database) -> Result<(), StoreError> {
        link_keys::keep(&mut *database.get().await?, &self.sealer, &self.own).await
    }

    /// The key of this id, if there is one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn find(
        &self,
        database: &Database,
        id: LinkKeyId,
    ) -> Result<Option<LinkKey>, StoreError> {
        let of = |keys: &[LinkKey]| keys.iter().find(|key| key.id() == id).cloned();
        if let Some(known) = of(&self.own) {
            return Ok(Some(known));
        }
        let mut kept = self.kept.lock().await;
        let is_known = kept
            .looked_at
            .is_some_and(|at| clock::instant().duration_since(at) < LOOK_EVERY);
        if let Some(known) = of(&kept.keys) {
            return Ok(Some(known));
        }
        if !is_known {
            kept.keys = link_keys::all(&mut *database.get().await?, &self.sealer).await?;
            kept.looked_at = Some(clock::instant());
        }
        Ok(of(&kept.keys))
    }
}
