//! Doing something to a ticket: it is held, looked at, changed and written, all in one transaction.

use uuid::Uuid;

use super::calls;
use super::changes::note_deed;
use super::seeing::{now, seen, staff_of};
use super::writing::write;
use super::{ChangedTicket, OrderedDeed, TicketChange, TicketDeskError};
use crate::store::PgConnection;
use crate::tickets::domain::{NewComment, ReplyAddresses, SupportTicket, TicketViewer};
use crate::tickets::policy::{self, Done};
use crate::tickets::store::{attachments, categories, history, listing, outbox, tickets};

/// Does what is to be done, and writes down by which key if that is wanted.
pub(super) async fn changed(
    connection: &mut PgConnection,
    change: TicketChange,
    replies: Option<&ReplyAddresses>,
) -> Result<ChangedTicket, TicketDeskError> {
    let (tenant_id, by, word) = (change.tenant_id, change.by.clone(), change.deed.word());
    let call = change.call.clone();
    let of = (tenant_id, change.viewer);
    if let Some(former) = calls::begin(connection, of, call.as_ref()).await? {
        return Ok(former);
    }
    let (before, changed) = done_to(connection, change, replies).await?;
    calls::end(connection, tenant_id, call.as_ref(), (&changed).into()).await?;
    let ticket = &changed.ticket;
    if let Some(by) = by.filter(|_| ticket.version != before) {
        let what = (ticket.id, word, (before, ticket.version));
        note_deed(connection, tenant_id, &by, what).await?;
    }
    Ok(changed)
}

/// Does what is to be done; says at which version the ticket was before.
async fn done_to(
    connection: &mut PgConnection,
    change: TicketChange,
    replies: Option<&ReplyAddresses>,
) -> Result<(i64, ChangedTicket), TicketDeskError> {
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
    let known = ticket.version;
    if matches!(change.deed, OrderedDeed::Delete) {
        return Ok((known, deleted(connection, ticket, actor_id, replies).await?));
    }
    if let (OrderedDeed::Merge(_), Some(into)) = (&change.deed, &into) {
        let at = now();
        let done = policy::absorb(into.clone(), &ticket, (actor_id, at))?;
        let merged = policy::merge(ticket, into, (actor_id, at))?;
        finish(connection, done, replies).await?;
        return Ok((known, finish(connection, merged, replies).await?));
    }
    let before = ticket.clone();
    let done = decided(connection, ticket, change, actor_id).await?;
    if done.entries.is_empty() {
        let same = ChangedTicket {
            ticket: before,
            comment: None,
            written_at: None,
            is_replayed: false,
        };
        return Ok((known, same));
    }
    Ok((known, finish(connection, done, replies).await?))
}

/// Who asked for a ticket may comment on it, and no more; of both, where there are two.
fn allowed(
    change: &TicketChange,
    ticket: &SupportTicket,
    into: Option<&SupportTicket>,
) -> Result<(), TicketDeskError> {
    let is_lead = matches!(change.viewer, TicketViewer::Tenant | TicketViewer::Lead(_));
    if matches!(change.deed, OrderedDeed::Delete)
        && change.viewer.works_for(ticket.requester_id)
        && !is_lead
    {
        return Err(TicketDeskError::Forbidden(
            "a ticket is deleted by leads and admins",
        ));
    }
    let comments = matches!(&change.deed, OrderedDeed::Comment { is_internal, .. } if !is_internal);
    let mut both = [Some(ticket), into].into_iter().flatten();
    if comments || both.all(|it| change.viewer.works_for(it.requester_id)) {
        return Ok(());
    }
    let why = "whoever asked for a ticket may comment on it; the rest is for those who work on it";
    Err(TicketDeskError::Forbidden(why))
}

/// Takes a ticket away, with its files and with what is still to be told of it.
async fn deleted(
    connection: &mut PgConnection,
    ticket: SupportTicket,
    actor_id: Option<Uuid>,
    replies: Option<&ReplyAddresses>,
) -> Result<ChangedTicket, TicketDeskError> {
    let done = policy::delete(ticket, (actor_id, now()));
    let changed = finish(connection, done, replies).await?;
    tickets::delete(connection, &changed.ticket).await?;
    attachments::remove_all(connection, changed.ticket.id).await?;
    outbox::forget(connection, changed.ticket.id).await?;
    Ok(changed)
}

/// Writes what was done; the rules are read while the ticket is held, so that a change of theirs comes after.
pub(super) async fn finish(
    connection: &mut PgConnection,
    done: Done,
    replies: Option<&ReplyAddresses>,
) -> Result<ChangedTicket, TicketDeskError> {
    let category = done.ticket.category.clone();
    let rules = categories::rules(connection, done.ticket.tenant_id, category.as_deref()).await?;
    let lines = history::of_clocks(connection, &[done.ticket.id]).await?;
    let lines = lines.into_iter().map(|(_, line)| line).collect();
    let comment = done.comment.clone();
    let ticket = write(connection, done, lines, (&rules, replies)).await?;
    Ok(ChangedTicket {
        ticket,
        comment,
        written_at: None,
        is_replayed: false,
    })
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
                is_of_stranger: false,
                mail_from: None,
            };
            policy::comment(ticket, comment, by.1)?
        }
        OrderedDeed::Merge(_) | OrderedDeed::Delete => {
            return Err(TicketDeskError::NotFound("ticket"));
        }
    })
}
