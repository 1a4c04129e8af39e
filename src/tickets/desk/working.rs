//! Work on tickets: made, looked at, changed.

use uuid::Uuid;

use super::calls;
use super::doing::changed;
use super::seeing::{now, seen, staff_of};
use super::writing::write;
use super::{
    ChangedTicket, OrderedDeed, StoredComment, TicketChange, TicketDesk, TicketDeskError,
    TicketOrder,
};
use crate::runtime::failpoint;
use crate::store::{Database, PgConnection};
use crate::tickets::domain::{
    HistoryEntry, ReplyAddresses, StaffRole, SupportTicket, TicketFilter, TicketName, TicketViewer,
};
use crate::tickets::policy;
use crate::tickets::store::{categories, comments, history, listing, staff, tickets};

impl TicketDesk {
    /// What a person may see: by their role if they are of the staff, else what they asked.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn viewer(&self, tenant_id: Uuid, id: Uuid) -> Result<TicketViewer, TicketDeskError> {
        let work = async move |database: Database| {
            let found = staff::find(&mut *database.get().await?, tenant_id, id).await?;
            let role = found
                .filter(|member| member.is_active)
                .map(|member| member.role);
            Ok(match role {
                Some(StaffRole::Lead | StaffRole::Admin) => TicketViewer::Lead(id),
                Some(StaffRole::Agent) => TicketViewer::Agent(id),
                None => TicketViewer::Requester(id),
            })
        };
        self.with("find who looks at tickets", work).await
    }

    /// Makes a ticket, gives it to whom its category says, and tells.
    ///
    /// # Errors
    /// Its category takes none, or its key stands for another call; or the database is out of reach.
    pub async fn create(&self, order: TicketOrder) -> Result<ChangedTicket, TicketDeskError> {
        let means = self.means.clone();
        let work = move |database: Database| {
            let (order, means) = (order.clone(), means.clone());
            async move {
                let make = async |connection: &mut PgConnection| {
                    made_once(connection, order, means.reply_addresses()).await
                };
                database.attempt(make).await
            }
        };
        let made = self.patiently("make a ticket", work).await?;
        failpoint::hit("ticket.written");
        self.tell();
        Ok(made)
    }

    /// At most so many tickets that somebody may see, by falling id, that come behind another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        of: (Uuid, TicketViewer),
        filter: TicketFilter,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<SupportTicket>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(listing::page(&mut connection, of, &filter, before, most).await?)
        };
        self.with("list tickets", work).await
    }

    /// A ticket that somebody may see.
    ///
    /// # Errors
    /// There is none, or they may not see it; or the database is out of reach.
    pub async fn get(
        &self,
        (tenant_id, viewer): (Uuid, TicketViewer),
        name: TicketName,
    ) -> Result<SupportTicket, TicketDeskError> {
        let work = async move |database: Database| {
            seen(&mut *database.get().await?, (tenant_id, viewer), name).await
        };
        self.with("get a ticket", work).await
    }

    /// At most so many comments of a ticket, the eldest first, that come behind another one. Who asked for the ticket is
    /// not shown what is for staff alone.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn comments(
        &self,
        of: (Uuid, TicketViewer),
        name: TicketName,
        after: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredComment>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = seen(&mut connection, of, name).await?;
            let with_internal = of.1.works_for(ticket.requester_id);
            let page = comments::page(&mut connection, ticket.id, with_internal, after, most);
            Ok(page.await?)
        };
        self.with("list a ticket's comments", work).await
    }

    /// At most so many lines of a ticket's history, which is for staff, that come behind another one, in order. Of a ticket
    /// that was deleted only those who may look at the trail of changes see it.
    ///
    /// # Errors
    /// As [`Self::get`]; whoever asked for the ticket may not see it.
    pub async fn history(
        &self,
        of: (Uuid, TicketViewer),
        name: TicketName,
        (after, with_deleted): (Option<i32>, bool),
        most: usize,
    ) -> Result<Vec<HistoryEntry>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = match seen(&mut connection, of, name).await {
                Err(TicketDeskError::NotFound(what)) if with_deleted => {
                    let found = tickets::find_deleted(&mut connection, of.0, name).await?;
                    found.ok_or(TicketDeskError::NotFound(what))?
                }
                seen => seen?,
            };
            if !of.1.works_for(ticket.requester_id) {
                let why = "a ticket's history is for those who work on it";
                return Err(TicketDeskError::Forbidden(why));
            }
            Ok(history::page(&mut connection, ticket.id, after, most).await?)
        };
        self.with("get a ticket's history", work).await
    }

    /// Does something to a ticket, and tells.
    ///
    /// # Errors
    /// As [`Self::get`]; the ticket stands against it, or was changed meanwhile, or they may not.
    pub async fn change(&self, change: TicketChange) -> Result<ChangedTicket, TicketDeskError> {
        let means = self.means.clone();
        let deletes = matches!(change.deed, OrderedDeed::Delete);
        let work = move |database: Database| {
            let (change, means) = (change.clone(), means.clone());
            async move {
                let done = async |connection: &mut PgConnection| {
                    changed(connection, change, means.reply_addresses()).await
                };
                database.attempt(done).await
            }
        };
        let changed = self.patiently("change a ticket", work).await?;
        failpoint::hit("ticket.written");
        self.tell();
        if deletes {
            self.tell_sweeper();
        }
        Ok(changed)
    }
}

/// Makes a ticket, unless the same call has made one.
async fn made_once(
    connection: &mut PgConnection,
    order: TicketOrder,
    replies: Option<&ReplyAddresses>,
) -> Result<ChangedTicket, TicketDeskError> {
    let (tenant_id, call) = (order.tenant_id, order.call.clone());
    // Who names a key sees what they have made under it.
    let of = (tenant_id, TicketViewer::Tenant);
    if let Some(former) = calls::begin(connection, of, call.as_ref()).await? {
        return Ok(former);
    }
    let made = ChangedTicket {
        ticket: made(connection, order, replies).await?,
        comment: None,
        written_at: None,
        is_replayed: false,
    };
    calls::end(connection, tenant_id, call.as_ref(), (&made).into()).await?;
    Ok(made)
}

async fn made(
    connection: &mut PgConnection,
    order: TicketOrder,
    replies: Option<&ReplyAddresses>,
) -> Result<SupportTicket, TicketDeskError> {
    let tenant_id = order.tenant_id;
    let category = match order.ticket.category.as_deref() {
        Some(name) => categories::named(connection, tenant_id, name).await?,
        None => None,
    };
    if category
        .as_ref()
        .is_some_and(|category| !category.is_active)
    {
        return Err(TicketDeskError::InactiveCategory);
    }
    let rules = category.map(|category| category.rules()).transpose();
    let rules = rules.map_err(TicketDeskError::Failed)?.unwrap_or_default();
    let staff = staff_of(connection, tenant_id, order.ticket.category.as_deref()).await?;
    let number = tickets::next_number(connection, tenant_id).await?;
    let done = policy::create(
        order.ticket,
        (tenant_id, Uuid::now_v7(), number),
        policy::chosen(&staff),
        (order.actor_id, now()),
    );
    Ok(write(connection, done, vec![], (&rules, replies)).await?)
}
