//! Work on tickets: made, looked at, changed.

use jiff::Timestamp;
use uuid::Uuid;

use super::writing::write;
use super::{
    ChangedTicket, OrderedDeed, StoredComment, TicketChange, TicketDesk, TicketDeskError,
    TicketOrder,
};
use crate::runtime::{clock, failpoint};
use crate::store::{Database, PgConnection};
use crate::tickets::domain::{
    CategoryStaff, HistoryEntry, NewComment, StaffRole, SupportTicket, TicketFilter, TicketName,
    TicketViewer,
};
use crate::tickets::policy::{self, Done};
use crate::tickets::store::{categories, comments, history, listing, staff, tickets};

/// A moment as the database keeps it.
fn now() -> Timestamp {
    let now = clock::now();
    Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now)
}

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
    /// Its category takes none; or the database is out of reach.
    pub async fn create(&self, order: TicketOrder) -> Result<SupportTicket, TicketDeskError> {
        let work = move |database: Database| {
            let order = order.clone();
            async move {
                let make = async |connection: &mut PgConnection| made(connection, order).await;
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

    /// At most so many lines of a ticket's history, which is for staff, that come behind another one, in order.
    ///
    /// # Errors
    /// As [`Self::get`]; whoever asked for the ticket may not see it.
    pub async fn history(
        &self,
        of: (Uuid, TicketViewer),
        name: TicketName,
        after: Option<i32>,
        most: usize,
    ) -> Result<Vec<HistoryEntry>, TicketDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let ticket = seen(&mut connection, of, name).await?;
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
        let work = move |database: Database| {
            let change = change.clone();
            async move {
                let done = async |connection: &mut PgConnection| changed(connection, change).await;
                database.attempt(done).await
            }
        };
        let changed = self.patiently("change a ticket", work).await?;
        failpoint::hit("ticket.written");
        self.tell();
        Ok(changed)
    }
}

async fn made(
    connection: &mut PgConnection,
    order: TicketOrder,
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
    Ok(write(connection, done, vec![], &rules).await?)
}

/// Who may be given tickets of a category.
async fn staff_of(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    category: Option<&str>,
) -> Result<Vec<CategoryStaff>, TicketDeskError> {
    match category {
        Some(category) => Ok(staff::of_category(connection, tenant_id, category).await?),
        None => Ok(vec![]),
    }
}

/// A ticket, if they may see it.
async fn seen(
    connection: &mut PgConnection,
    (tenant_id, viewer): (Uuid, TicketViewer),
    name: TicketName,
) -> Result<SupportTicket, TicketDeskError> {
    let missing = TicketDeskError::NotFound("ticket");
    let found = tickets::find(connection, tenant_id, name).await?;
    let ticket = found.ok_or_else(|| missing.clone())?;
    match listing::may_see(connection, viewer, &ticket).await? {
        true => Ok(ticket),
        false => Err(missing),
    }
}

async fn changed(
    connection: &mut PgConnection,
    change: TicketChange,
) -> Result<ChangedTicket, TicketDeskError> {
    let of = (change.tenant_id, change.viewer);
    let id = seen(connection, of, change.name).await?.id;
    let other = match change.deed {
        OrderedDeed::Merge(name) => Some(seen(connection, of, name).await?.id),
        _ => None,
    };
    // In the order of their ids, so that two who merge do not wait for each other.
    let (mut ticket, mut into) = (None, None);
    let mut ids: Vec<Uuid> = other.into_iter().chain([id]).collect();
    ids.sort_unstable();
    ids.dedup();
    for one in ids {
        let held = tickets::hold(connection, change.tenant_id, one).await?;
        if Some(one) == other {
            into = held.clone();
        }
        if one == id {
            ticket = held;
        }
    }
    let ticket = ticket.ok_or(TicketDeskError::NotFound("ticket"))?;
    // It may have gone to somebody else meanwhile.
    if !listing::may_see(connection, change.viewer, &ticket).await? {
        return Err(TicketDeskError::NotFound("ticket"));
    }
    // First whether they may: an answer about versions would tell whoever asked of what is among staff.
    allowed(&change, &ticket, into.as_ref())?;
    let version = ticket.version_for(change.viewer);
    if change.version.is_some_and(|known| known != version) {
        return Err(TicketDeskError::Stale(version));
    }
    let actor_id = change.viewer.person().or(change.actor_id);
    if let (OrderedDeed::Merge(_), Some(into)) = (&change.deed, &into) {
        let at = now();
        let done = policy::absorb(into.clone(), &ticket, (actor_id, at))?;
        let merged = policy::merge(ticket, into, (actor_id, at))?;
        finish(connection, done).await?;
        return finish(connection, merged).await;
    }
    let before = ticket.clone();
    let done = decided(connection, ticket, change, actor_id).await?;
    if done.entries.is_empty() {
        return Ok(ChangedTicket {
            ticket: before,
            comment: None,
        });
    }
    finish(connection, done).await
}

/// Who asked for a ticket may comment on it, and no more; of both, where there are two.
fn allowed(
    change: &TicketChange,
    ticket: &SupportTicket,
    into: Option<&SupportTicket>,
) -> Result<(), TicketDeskError> {
    let comments = matches!(&change.deed, OrderedDeed::Comment { is_internal, .. } if !is_internal);
    let mut both = [Some(ticket), into].into_iter().flatten();
    if comments || both.all(|it| change.viewer.works_for(it.requester_id)) {
        return Ok(());
    }
    let why = "whoever asked for a ticket may comment on it; the rest is for those who work on it";
    Err(TicketDeskError::Forbidden(why))
}

/// Writes what was done; the rules are read while the ticket is held, so that a change of theirs comes after.
async fn finish(
    connection: &mut PgConnection,
    done: Done,
) -> Result<ChangedTicket, TicketDeskError> {
    let category = done.ticket.category.clone();
    let rules = categories::rules(connection, done.ticket.tenant_id, category.as_deref()).await?;
    let lines = history::of_clocks(connection, &[done.ticket.id]).await?;
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    let comment = done.comment.clone();
    let ticket = write(connection, done, lines, &rules).await?;
    Ok(ChangedTicket { ticket, comment })
}

async fn decided(
    connection: &mut PgConnection,
    ticket: SupportTicket,
    change: TicketChange,
    actor_id: Option<Uuid>,
) -> Result<Done, TicketDeskError> {
    let by = (actor_id, now());
    let category = ticket.category.clone();
    let staff = async |connection: &mut PgConnection| {
        staff_of(connection, change.tenant_id, category.as_deref()).await
    };
    Ok(match change.deed {
        OrderedDeed::Edit(edit) => policy::edit(ticket, *edit, by)?,
        OrderedDeed::Assign(to) => policy::assign(ticket, to, by)?,
        OrderedDeed::AssignByCategory => {
            let staff = staff(connection).await?;
            // Where there is nobody to choose, it stays whose it is.
            let to = policy::chosen(&staff).or(ticket.assignee_id);
            policy::assign(ticket, to, by)?
        }
        OrderedDeed::Move(to, notes) => policy::set_status(ticket, to, notes, by)?,
        OrderedDeed::Escalate(reason) => {
            let staff = staff(connection).await?;
            let next = policy::next_level(&ticket, &staff);
            policy::escalate(ticket, next, reason.as_deref(), by)?
        }
        OrderedDeed::Comment {
            author_id,
            comment,
            is_internal,
            is_automatic,
        } => {
            let author_id = change.viewer.person().or(author_id).or(actor_id);
            if is_internal && author_id == Some(ticket.requester_id) {
                let why = "what is for staff alone is not written by whoever asked for the ticket";
                return Err(TicketDeskError::Forbidden(why));
            }
            let comment = NewComment {
                id: Uuid::now_v7(),
                author_id: author_id.unwrap_or_default(),
                comment,
                is_internal,
                is_automatic,
            };
            policy::comment(ticket, comment, by.1)?
        }
        OrderedDeed::Merge(_) => return Err(TicketDeskError::NotFound("ticket")),
    })
}
