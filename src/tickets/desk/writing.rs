//! Writing what was done: the ticket with its clocks, the lines of its history, the comment and the events, all in one
//! transaction.

use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use crate::store::{PgConnection, StoreError};
use crate::tickets::domain::{
    CategoryRules, HistoryEntry, ReplyAddresses, SupportTicket, TicketDeed, TicketEvent,
};
use crate::tickets::policy::{
    Done, LookRules, TicketLook, TicketTold, clock_facts, look, shows_requester, standings,
    told_of_all,
};
use crate::tickets::store::outbox::OutboxEvent;
use crate::tickets::store::{comments, history, outbox, staff, tickets};

/// Most of the staff whom an event names because its ticket belongs to nobody.
const LEADS: i64 = 20;
/// Where events come from.
const SOURCE: &str = "/herald/tickets";

/// What a ticket's clocks say: computed from what they go by of its whole history.
pub(in crate::tickets) fn computed(
    ticket: &SupportTicket,
    lines: &[HistoryEntry],
    rules: &CategoryRules,
    now: Option<Timestamp>,
) -> TicketLook {
    let standings = standings(&clock_facts(lines), &rules.rule(ticket.priority));
    let rules = LookRules {
        close_after: rules.close_after,
        give_up_after: rules.give_up_after,
    };
    look(ticket, lines, &standings, rules, now)
}

/// Writes what was done to a ticket, which is held or new; `lines` is what clocks go by of its history before. Answers with the ticket as
/// it is then.
pub(in crate::tickets) async fn write(
    connection: &mut PgConnection,
    done: Done,
    mut lines: Vec<HistoryEntry>,
    (rules, replies): (&CategoryRules, Option<&ReplyAddresses>),
) -> Result<SupportTicket, StoreError> {
    let Done {
        mut ticket,
        entries,
        comment,
    } = done;
    let before = lines.len();
    if before > 0 && entries.iter().any(shows_requester) {
        ticket.public_version += 1;
        ticket.public_updated_at = ticket.updated_at;
    }
    let mut told = told_of_all(&ticket, &entries, comment.as_ref());
    if ticket.assignee_id.is_none() && told.iter().any(|it| wants_somebody(it.event)) {
        let leads = staff::leads(connection, ticket.tenant_id, LEADS).await?;
        for one in told.iter_mut().filter(|it| wants_somebody(it.event)) {
            one.data.insert("leads".to_owned(), json!(leads));
        }
    }
    if let Some(address) = replies.and_then(|known| known.of(ticket.id)) {
        // What is for staff alone is answered nowhere.
        let open = told
            .iter_mut()
            .filter(|it| it.data.contains_key("requester_id"));
        for one in open {
            one.data.insert("reply_to".to_owned(), json!(address));
        }
    }
    let told: Vec<OutboxEvent> = told.into_iter().map(|told| event(&ticket, told)).collect();
    let texts = entries.iter().any(|it| it.deed == TicketDeed::Changed);
    for entry in entries {
        let sequence = lines.last().map_or(0, |line| line.sequence) + 1;
        lines.push(HistoryEntry { sequence, entry });
    }
    ticket.clocks = computed(&ticket, &lines, rules, None).clocks;
    if before == 0 {
        tickets::insert(connection, &ticket).await?;
    } else {
        tickets::update(connection, &ticket, texts).await?;
    }
    let new = lines.get(before..).unwrap_or_default();
    history::add(connection, (ticket.tenant_id, ticket.id), new).await?;
    if let Some(comment) = &comment {
        comments::insert(connection, &ticket, comment).await?;
    }
    outbox::write(connection, told).await?;
    Ok(ticket)
}

/// Whether somebody of the staff must hear of it, if the ticket belongs to nobody.
const fn wants_somebody(event: TicketEvent) -> bool {
    matches!(
        event,
        TicketEvent::Created | TicketEvent::DueSoon | TicketEvent::Overdue | TicketEvent::Reopened
    )
}

/// A CloudEvent 1.0, in structured mode.
fn event(ticket: &SupportTicket, told: TicketTold) -> OutboxEvent {
    let event_id = Uuid::now_v7();
    let body = json!({
        "specversion": "1.0",
        "id": event_id,
        "source": SOURCE,
        "type": told.event,
        "subject": ticket.id,
        "time": ticket.updated_at,
        "tenantid": ticket.tenant_id,
        "datacontenttype": "application/json",
        "data": told.data,
    });
    OutboxEvent {
        place: 0,
        event_id,
        ticket_id: ticket.id,
        event_type: told.event.to_string(),
        body: body.to_string(),
    }
}
