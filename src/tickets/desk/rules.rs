//! The rules of the desk: categories, and who works here.

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use serde_json::json;
use uuid::Uuid;

use super::changes::{Changed, note};
use super::{DeskActor, TicketDesk, TicketDeskError};
use crate::store::{Database, PgConnection, StoreError};
use crate::tickets::domain::{StaffMember, TicketCategory};
use crate::tickets::store::{categories, staff};

/// What the trail of changes calls them.
const CATEGORY: &str = "ticket_category";
const STAFF: &str = "staff_member";

impl TicketDesk {
    /// At most so many categories, by falling id, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn categories(
        &self,
        tenant_id: Uuid,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<TicketCategory>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(categories::page(&mut connection, tenant_id, before, most).await?)
        };
        self.with("list ticket categories", work).await
    }

    /// A category.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn category(
        &self,
        tenant_id: Uuid,
        id: Uuid,
    ) -> Result<TicketCategory, TicketDeskError> {
        let work = async move |database: Database| {
            let found = categories::find(&mut *database.get().await?, tenant_id, id).await?;
            found.ok_or(TicketDeskError::NotFound("ticket category"))
        };
        self.with("get a ticket category", work).await
    }

    /// Writes a category by its name; the clocks of its tickets follow. Says whether it is new.
    ///
    /// # Errors
    /// Somebody named is not of the staff; or the database is out of reach.
    pub async fn put_category(
        &self,
        tenant_id: Uuid,
        category: TicketCategory,
        by: DeskActor,
    ) -> Result<(TicketCategory, bool), TicketDeskError> {
        let work = move |database: Database| {
            let (category, by) = (category.clone(), by.clone());
            async move {
                let put = async |connection: &mut PgConnection| {
                    category_put(connection, tenant_id, category, &by).await
                };
                database.attempt(put).await
            }
        };
        self.patiently("put a ticket category", work).await
    }

    /// Removes a category; its tickets keep its name, and have no targets then.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn remove_category(
        &self,
        tenant_id: Uuid,
        id: Uuid,
        by: DeskActor,
    ) -> Result<(), TicketDeskError> {
        let work = removal(RemovedRule::Category, (tenant_id, id), by);
        self.patiently("remove a ticket category", work).await
    }

    /// At most so many of the staff, by falling id, that come behind somebody.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn staff(
        &self,
        tenant_id: Uuid,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StaffMember>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(staff::page(&mut connection, tenant_id, before, most).await?)
        };
        self.with("list the staff", work).await
    }

    /// Somebody of the staff.
    ///
    /// # Errors
    /// There is no such member; or the database is out of reach.
    pub async fn staff_member(
        &self,
        tenant_id: Uuid,
        id: Uuid,
    ) -> Result<StaffMember, TicketDeskError> {
        let work = async move |database: Database| {
            let found = staff::find(&mut *database.get().await?, tenant_id, id).await?;
            found.ok_or(TicketDeskError::NotFound("staff member"))
        };
        self.with("get a staff member", work).await
    }

    /// Writes somebody of the staff; says whether they are new.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn put_staff_member(
        &self,
        tenant_id: Uuid,
        member: StaffMember,
        by: DeskActor,
    ) -> Result<bool, TicketDeskError> {
        let work = move |database: Database| {
            let (member, by) = (member.clone(), by.clone());
            async move {
                let put = async |connection: &mut PgConnection| {
                    let old = staff::find(connection, tenant_id, member.id).await?;
                    let is_new = staff::put(connection, tenant_id, &member).await?;
                    let changed = changed(STAFF, member.id, old.as_ref(), Some(&member));
                    note(connection, tenant_id, &by, changed).await?;
                    Ok::<_, TicketDeskError>(is_new)
                };
                database.attempt(put).await
            }
        };
        self.patiently("put a staff member", work).await
    }

    /// Removes somebody from the staff; their tickets stay theirs.
    ///
    /// # Errors
    /// There is no such member; or the database is out of reach.
    pub async fn remove_staff_member(
        &self,
        tenant_id: Uuid,
        id: Uuid,
        by: DeskActor,
    ) -> Result<(), TicketDeskError> {
        let work = removal(RemovedRule::Staff, (tenant_id, id), by);
        self.patiently("remove a staff member", work).await
    }
}

/// What of the rules is removed.
#[derive(Debug, Clone, Copy)]
enum RemovedRule {
    Category,
    Staff,
}

/// The work of removing a part of the rules.
fn removal(
    rule: RemovedRule,
    of: (Uuid, Uuid),
    by: DeskActor,
) -> impl Fn(Database) -> BoxFuture<'static, Result<(), TicketDeskError>> + Send + Sync {
    move |database: Database| {
        let by = by.clone();
        async move {
            let remove =
                async |connection: &mut PgConnection| removed(connection, rule, of, &by).await;
            database.attempt(remove).await
        }
        .boxed()
    }
}

/// Removes a part of the rules, and writes down what it was.
async fn removed(
    connection: &mut PgConnection,
    rule: RemovedRule,
    (tenant_id, id): (Uuid, Uuid),
    by: &DeskActor,
) -> Result<(), TicketDeskError> {
    let (kind, name, old, gone) = match rule {
        RemovedRule::Category => {
            let old = categories::find(connection, tenant_id, id).await?;
            let gone = categories::remove(connection, tenant_id, id).await?;
            (CATEGORY, "ticket category", old.map(|it| json!(it)), gone)
        }
        RemovedRule::Staff => {
            let old = staff::find(connection, tenant_id, id).await?;
            let gone = staff::remove(connection, tenant_id, id).await?;
            (STAFF, "staff member", old.map(|it| json!(it)), gone)
        }
    };
    let old = old.filter(|_| gone);
    let old = old.ok_or(TicketDeskError::NotFound(name))?;
    let changed = changed(kind, id, Some(&old), None);
    Ok(note(connection, tenant_id, by, changed).await?)
}

const fn changed<'a, T>(
    kind: &'static str,
    id: Uuid,
    old: Option<&'a T>,
    new: Option<&'a T>,
) -> Changed<'a, T> {
    Changed { kind, id, old, new }
}

async fn category_put(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    category: TicketCategory,
    by: &DeskActor,
) -> Result<(TicketCategory, bool), TicketDeskError> {
    let old = categories::held(connection, tenant_id, category.name.clone()).await?;
    let put = categories::put(connection, tenant_id, &category).await;
    let (id, is_new) = put.map_err(|error| match error {
        StoreError::ForeignKey { .. } => TicketDeskError::UnknownStaff,
        other => other.into(),
    })?;
    let category = TicketCategory { id, ..category };
    let changed = changed(CATEGORY, id, old.as_ref(), Some(&category));
    note(connection, tenant_id, by, changed).await?;
    Ok((category, is_new))
}
