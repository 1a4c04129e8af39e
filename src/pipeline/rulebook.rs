//! What tenants say for all their people, kept in memory: it is little.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use uuid::Uuid;

use crate::domain::TenantRules;
use crate::store::{Database, StoreError, rules};

/// The rules of all tenants. Clones share them.
#[derive(Clone, Default)]
pub struct Rulebook {
    current: Arc<ArcSwap<HashMap<Uuid, Arc<TenantRules>>>>,
    none: Arc<TenantRules>,
}

impl fmt::Debug for Rulebook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rulebook")
            .field("tenants", &self.current.load().len())
            .finish_non_exhaustive()
    }
}

impl Rulebook {
    /// The rules of a tenant; without any, none.
    #[must_use]
    pub fn of(&self, tenant_id: Uuid) -> Arc<TenantRules> {
        let current = self.current.load();
        Arc::clone(current.get(&tenant_id).unwrap_or(&self.none))
    }

    /// Reads the rules of all tenants anew.
    ///
    /// # Errors
    /// When the database fails; the rules stay as they are.
    pub async fn reload(&self, database: &Database) -> Result<(), StoreError> {
        let read = rules::load(&mut *database.get().await?).await?;
        let read = read
            .into_iter()
            .map(|(tenant_id, rules)| (tenant_id, Arc::new(rules)))
            .collect();
        self.current.store(Arc::new(read));
        Ok(())
    }
}
