//! What time does to tickets: somebody is told of clocks, what nobody answers moves on, and changed rules reach the
//! tickets that they are about.
//!
//! Each ticket is held by the one transaction that looks at it, so any number of nodes may look at once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::time::Duration;

use jiff::Timestamp;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::desk::{TicketDesk, computed, write};
use super::domain::{
    CategoryRules, HistoryEntry, NewEntry, ReplyAddresses, SupportTicket, TicketDeed,
};
use super::policy::{self, Done, TicketLook};
use super::store::{calls, categories, clock as looks, history, staff, tally};
use crate::runtime::{Shutdown, clock, failpoint};
use crate::store::{Database, PgConnection, StoreError};

/// Time between two looks when there is nothing.
const EVERY: Duration = Duration::from_secs(1);
/// Time after which counts are put together once more.
const TIDIED: Duration = Duration::from_secs(60);
/// Tickets whose clocks are computed anew at once.
const RECOUNTED: usize = 200;
/// Tickets that are looked at at once: many clocks run out when a day of service begins.
const AT_ONCE: usize = 50;
/// Seconds after which a ticket is looked at again that could not be.
const PUT_OFF: i64 = 300;

/// Looks at clocks until told to stop.
pub async fn run(desk: TicketDesk, stop: Shutdown) {
    let mut tidied: Option<Instant> = None;
    while !stop.is_raised() {
        let looked = look(&desk).await;
        let recounted = recount(desk.database()).await;
        let is_time = tidied.is_none_or(|at| at.elapsed() >= TIDIED);
        let tidied_up = match is_time {
            true => tidy(desk.database()).await,
            false => Ok(()),
        };
        if is_time {
            tidied = Some(clock::instant());
        }
        let errors = [
            looked.as_ref().err(),
            recounted.as_ref().err(),
            tidied_up.as_ref().err(),
        ];
        for error in errors.into_iter().flatten() {
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

/// Puts counts together, and forgets keys of calls that are old.
async fn tidy(database: &Database) -> Result<(), StoreError> {
    database.transaction(tally::gather).await?;
    database.transaction(calls::trim).await?;
    Ok(())
}

/// Looks at the tickets whose moment came first; says whether there were any.
async fn look(desk: &TicketDesk) -> Result<bool, StoreError> {
    let looked = match part(desk, AT_ONCE).await {
        // One of them is at fault: the others must not wait for it.
        (Err(error), Some(_)) if !passes(&error) => part(desk, 1).await,
        looked => looked,
    };
    match looked {
        (Ok(()), first) => {
            if first.is_some() {
                desk.tell();
            }
            Ok(first.is_some())
        }
        (Err(error), Some(id)) if !passes(&error) => {
            let why = error.without_data();
            tracing::error!(ticket = %id, why, "a ticket's clocks cannot be looked at; it is left out for five minutes");
            put_off(desk.database(), id).await?;
            Ok(true)
        }
        (Err(error), _) => Err(error),
    }
}

/// Looks at so many tickets in one transaction; says which came first.
async fn part(desk: &TicketDesk, most: usize) -> (Result<(), StoreError>, Option<Uuid>) {
    let now = clock::now();
    let now = Timestamp::from_microsecond(now.as_microsecond()).unwrap_or(now);
    let mut first = None;
    let part = async |connection: &mut PgConnection| {
        let tickets = looks::take(connection, now, most).await?;
        first = tickets.first().map(|ticket| ticket.id);
        let ids: Vec<Uuid> = tickets.iter().map(|ticket| ticket.id).collect();
        let lines = history::of_clocks(connection, &ids).await?;
        let mut known = HashMap::new();
        for ticket in tickets {
            let key = (ticket.tenant_id, ticket.category.clone());
            let rules = match known.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(place) => {
                    let (tenant_id, category) = place.key();
                    let (tenant_id, category) = (*tenant_id, category.clone());
                    place.insert(
                        categories::rules(connection, tenant_id, category.as_deref()).await?,
                    )
                }
            };
            let own = lines_of(&lines, ticket.id);
            look_at(
                connection,
                ticket,
                own,
                (rules, desk.reply_addresses()),
                now,
            )
            .await?;
        }
        Ok(())
    };
    let looked = desk.database().transaction(part).await;
    failpoint::hit("ticket.looked");
    (looked, first)
}

/// The lines of one ticket, of many's in the order of their ids.
fn lines_of(lines: &[(Uuid, HistoryEntry)], ticket: Uuid) -> Vec<HistoryEntry> {
    let from = lines.partition_point(|(id, _)| *id < ticket);
    let own = lines.get(from..).unwrap_or_default().iter();
    let own = own.take_while(|(id, _)| *id == ticket);
    own.map(|(_, line)| line.clone()).collect()
}

/// Whether it has nothing to do with the ticket, and passes.
const fn passes(error: &StoreError) -> bool {
    matches!(
        error,
        StoreError::Unavailable(_)
            | StoreError::Locked(_)
            | StoreError::Deadlock
            | StoreError::SerializationFailure
            | StoreError::Timeout(_)
    )
}

async fn put_off(database: &Database, id: Uuid) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    looks::put_off(&mut connection, id, PUT_OFF).await
}

async fn look_at(
    connection: &mut PgConnection,
    ticket: SupportTicket,
    lines: Vec<HistoryEntry>,
    (rules, replies): (&CategoryRules, Option<&ReplyAddresses>),
    now: Timestamp,
) -> Result<(), StoreError> {
    let seen = computed(&ticket, &lines, rules, Some(now));
    let done = done(connection, ticket, seen, now).await?;
    if done.entries.is_empty() {
        return looks::write(connection, &[done.ticket]).await;
    }
    write(connection, done, lines, (rules, replies)).await?;
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
        // Nothing is held meanwhile. A ticket that is changed is computed by its change; who changes the rules begins
        // the recount anew.
        let mut tickets = looks::of_recount(connection, &recount, RECOUNTED).await?;
        let ids: Vec<Uuid> = tickets.iter().map(|ticket| ticket.id).collect();
        let lines = history::of_clocks(connection, &ids).await?;
        let rules =
            categories::rules_now(connection, recount.tenant_id, recount.category.clone()).await?;
        for ticket in &mut tickets {
            let own = lines_of(&lines, ticket.id);
            ticket.clocks = computed(ticket, &own, &rules, None).clocks;
        }
        looks::write(connection, &tickets).await?;
        let up_to = ids.last().copied().filter(|_| ids.len() == RECOUNTED);
        looks::recounted(connection, recount, up_to).await?;
        Ok(true)
    };
    database.transaction(part).await
}
