//! The rules of the desk: categories, and who works here.

use uuid::Uuid;

use super::{TicketDesk, TicketDeskError};
use crate::store::{Database, PgConnection, StoreError};
use crate::tickets::domain::{StaffMember, TicketCategory};
use crate::tickets::store::{categories, staff};

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
    ) -> Result<(TicketCategory, bool), TicketDeskError> {
        let work = async move |database: Database| {
            let put = async |connection: &mut PgConnection| {
                let put = categories::put(connection, tenant_id, &category).await;
                let (id, is_new) = put.map_err(|error| match error {
                    StoreError::ForeignKey { .. } => TicketDeskError::UnknownStaff,
                    other => other.into(),
                })?;
                Ok::<_, TicketDeskError>((TicketCategory { id, ..category }, is_new))
            };
            database.attempt(put).await
        };
        self.with("put a ticket category", work).await
    }

    /// Removes a category; its tickets keep its name, and have no targets then.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn remove_category(&self, tenant_id: Uuid, id: Uuid) -> Result<(), TicketDeskError> {
        let work = async move |database: Database| {
            let remove = async |connection: &mut PgConnection| {
                categories::remove(connection, tenant_id, id).await
            };
            match database.transaction(remove).await? {
                true => Ok(()),
                false => Err(TicketDeskError::NotFound("ticket category")),
            }
        };
        self.with("remove a ticket category", work).await
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
    ) -> Result<bool, TicketDeskError> {
        let work = async move |database: Database| {
            Ok(staff::put(&mut *database.get().await?, tenant_id, &member).await?)
        };
        self.with("put a staff member", work).await
    }

    /// Removes somebody from the staff; their tickets stay theirs.
    ///
    /// # Errors
    /// There is no such member; or the database is out of reach.
    pub async fn remove_staff_member(
        &self,
        tenant_id: Uuid,
        id: Uuid,
    ) -> Result<(), TicketDeskError> {
        let work = async move |database: Database| match staff::remove(
            &mut *database.get().await?,
            tenant_id,
            id,
        )
        .await?
        {
            true => Ok(()),
            false => Err(TicketDeskError::NotFound("staff member")),
        };
        self.with("remove a staff member", work).await
    }
}
