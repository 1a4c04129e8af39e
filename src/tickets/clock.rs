//! What time does to tickets: somebody is told of clocks, what nobody answers moves on, and changed rules reach the
//! tickets that they are about.
//!
//! Each ticket is held by the one transaction that looks at it, so any number of nodes may look at once.

use std::time::Duration;

use jiff::Timestamp;
use tokio::time::sleep;
use uuid::Uuid;

use super::desk::{TicketDesk, computed, write};
use super::domain::{HistoryEntry, NewEntry, SupportTicket, TicketDeed};
use super::policy::{self, Done, TicketLook};
use super::store::{categories, clock as looks, history, staff};
use crate::runtime::{Shutdown, clock, failpoint};
use crate::store::{Database, PgConnection, StoreError};

/// Time between two looks when there is nothing.
const EVERY: Duration = Duration::from_secs(1);
/// Tickets whose clocks are computed anew at once.
const RECOUNTED: usize = 500;
/// Seconds after which a ticket is looked at again that could not be.
const PUT_OFF: i64 = 300;

/// Looks at clocks until told to stop.
pub async fn run(desk: TicketDesk, stop: Shutdown) {
    while !stop.is_raised() {
        let looked = look(&desk).await;
        let recounted = recount(desk.database()).await;
        for error in [looked.as_ref().err(), recounted.as_ref().err()]
            .into_iter()
            .flatten()
        {
            let why = error.without_data();
            tracing::warn!(
                why,
                "clocks of tickets could not be looked at; trying again"
            );
        }
        if !matches!((&looked, &recounted), (Ok(true), _) | (_, Ok(true))) {
            stop.or(sleep(EVERY)).await;
        }
    }
}

/// Looks at the ticket whose moment came first; says whether there was one.
async fn look(desk: &TicketDesk) -> Result<bool, StoreError> {
    let now = clock::now();
    let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    let mut of = None;
    let one = async |connection: &mut PgConnection| {
        let Some(ticket) = looks::take(connection, now, 1).await?.pop() else {
            return Ok(false);
        };
        of = Some(ticket.id);
        look_at(connection, ticket, now).await?;
        Ok(true)
    };
    let looked = desk.database().transaction(one).await;
    failpoint::hit("ticket.looked");
    match (looked, of) {
        (Ok(is_one), _) => {
            if is_one {
                desk.tell();
            }
            Ok(is_one)
        }
        (Err(error), Some(id)) if !matches!(error, StoreError::Unavailable(_)) => {
            let why = error.without_data();
            tracing::error!(ticket = %id, why, "a ticket's clocks cannot be looked at; it is left out for five minutes");
            put_off(desk.database(), id).await?;
            Ok(true)
        }
        (Err(error), _) => Err(error),
    }
}

async fn put_off(database: &Database, id: Uuid) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    looks::put_off(&mut connection, id, PUT_OFF).await
}

async fn look_at(
    connection: &mut PgConnection,
    ticket: SupportTicket,
    now: Timestamp,
) -> Result<(), StoreError> {
    let tenant_id = ticket.tenant_id;
    let rules = categories::rules(connection, tenant_id, ticket.category.as_deref()).await?;
    let lines = history::of(connection, ticket.id).await?;
    let seen = computed(&ticket, &lines, &rules, Some(now));
    let done = done(connection, ticket, seen, now).await?;
    if done.entries.is_empty() {
        return looks::write(connection, &[done.ticket]).await;
    }
    write(connection, done, lines, &rules).await?;
    Ok(())
}

/// What a look comes to.
async fn done(
    connection: &mut PgConnection,
    ticket: SupportTicket,
    seen: TicketLook,
    now: Timestamp,
) -> Result<Done, StoreError> {
    let by = (None, now);
    let version = ticket.version;
    let mut done = Done {
        ticket: SupportTicket {
            clocks: seen.clocks,
            ..ticket
        },
        entries: seen.marks,
        comment: None,
    };
    let deeds = |entries: &[NewEntry]| entries.iter().any(|it| it.deed == TicketDeed::Overdue);
    if let Some(to) = seen.moves_to {
        if let Ok(moved) = policy::set_status(done.ticket.clone(), to, None, by) {
            done.add(moved);
        }
    } else if seen.escalates && deeds(&done.entries) {
        let category = done.ticket.category.clone().unwrap_or_default();
        let staff = staff::of_category(connection, done.ticket.tenant_id, &category).await?;
        let next = policy::next_level(&done.ticket, &staff);
        if next.is_some()
            && let Ok(up) = policy::escalate(done.ticket.clone(), next, Some("overdue"), by)
        {
            done.add(up);
        }
    }
    if !done.entries.is_empty() {
        done.ticket.version = version + 1;
        done.ticket.updated_at = now;
    }
    Ok(done)
}

/// Computes some clocks anew whose rules have changed; says whether there were any.
async fn recount(database: &Database) -> Result<bool, StoreError> {
    let part = async |connection: &mut PgConnection| {
        let Some(recount) = looks::next_recount(connection).await? else {
            return Ok(false);
        };
        let category = Some(recount.category.as_str());
        let rules = categories::rules(connection, recount.tenant_id, category).await?;
        let mut tickets = looks::of_recount(connection, &recount, RECOUNTED).await?;
        let ids: Vec<Uuid> = tickets.iter().map(|ticket| ticket.id).collect();
        let lines = history::of_all(connection, &ids).await?;
        for ticket in &mut tickets {
            let from = lines.partition_point(|(id, _)| *id < ticket.id);
            let own = lines.get(from..).unwrap_or_default().iter();
            let own = own.take_while(|(id, _)| *id == ticket.id);
            let own: Vec<HistoryEntry> = own.map(|(_, line)| line.clone()).collect();
            ticket.clocks = computed(ticket, &own, &rules, None).clocks;
        }
        looks::write(connection, &tickets).await?;
        let up_to = ids.last().copied().filter(|_| ids.len() == RECOUNTED);
        looks::recounted(connection, recount, up_to).await?;
        Ok(true)
    };
    database.transaction(part).await
}
