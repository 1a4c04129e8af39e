//! What people see of what is for everybody.

use std::collections::HashMap;

use uuid::Uuid;

use crate::domain::TenantRules;
use crate::domain::inbox::InboxView;
use crate::policy;
use crate::policy::switches::Wants;
use crate::store::{Database, StoreError, recipients, rules};

/// The views of people, who are named by tenant and id. Whose wishes cannot be read sees everything.
///
/// # Errors
/// The database is out of reach.
pub(super) async fn of(
    database: &Database,
    people: &[(Uuid, Uuid)],
) -> Result<HashMap<Uuid, InboxView>, StoreError> {
    let connection = database.get().await?;
    let mut known = recipients::load(&connection, people).await?;
    let tenants: Vec<Uuid> = people.iter().map(|(tenant, _)| *tenant).collect();
    let mut said = rules::of(&connection, &tenants).await?;
    let mut by_tenant: HashMap<Uuid, TenantRules> = HashMap::new();
    let mut views = HashMap::with_capacity(people.len());
    for whose in people {
        let (tenant, user) = *whose;
        let Ok(Some(recipient)) = known.take(whose) else {
            continue;
        };
        let rules = by_tenant
            .entry(tenant)
            .or_insert_with(|| said.take(&tenant).ok().flatten().unwrap_or_default());
        let wants = Wants {
            own: &recipient.preferences,
            rules,
        };
        views.insert(user, policy::inbox::view(&wants));
    }
    Ok(views)
}
