//! What follows from events that are kept now: `policy` says what, and here it is done.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use uuid::Uuid;

use super::judging::{Judged, dead_lately, judge};
use super::{EventIntake, correction, wishes};
use crate::domain::webhook::{ToldProviderEvent, deliveries_of, told_of};
use crate::domain::{
    AttemptRecord, Channel, GlobalPolicy, NewWebhookDelivery, Origin, Reason, Settlement, Status,
    Step, TakeId, WebhookCatalog,
};
use crate::policy::consequence::{Consequence, LateFailure, handed_back_by, settled_by};
use crate::runtime::clock;
use crate::store::changes::CallOff;
use crate::store::metrics::HourlyDelta;
use crate::store::provider_events::{
    self, Arrivals, ChangedNotification, EventRest, EventSubject, HandBack, KeptEvent,
    LateAcceptance, StandingNotification,
};
use crate::store::{PgConnection, StoreError, accounts};

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Followed {
    /// What webhooks are told.
    pub(super) told: Vec<NewWebhookDelivery>,
    /// The channel and the account of each notification of which it is known now that it was sent.
    pub(super) accepted: Vec<(Channel, String)>,
    /// What hours are to count otherwise.
    pub(super) counted: Vec<HourlyDelta>,
}

/// Does what follows from events, in the transaction that keeps them.
pub(super) async fn follow(
    connection: &mut PgConnection,
    kept: &[KeptEvent],
    intake: &EventIntake,
    catalog: &WebhookCatalog,
) -> Result<Followed, StoreError> {
    let global = &intake.global;
    let dead = dead_lately(connection, kept).await?;
    let Judged { judged, doubted } = judge(kept, &intake.doubts, dead);
    let mut followed = Followed::default();
    let of_notifications: Vec<_> = judged
        .iter()
        .filter(|(event, _)| event.rest != EventRest::Address)
        .cloned()
        .collect();
    let (changed, waiting) = change(connection, &of_notifications, global, &mut followed).await?;
    if !waiting.is_empty() {
        provider_events::await_outcome(connection, waiting.clone()).await?;
    }
    let of_addresses: Vec<_> = judged
        .into_iter()
        .filter(|(event, _)| event.rest != EventRest::Notification)
        .collect();
    wishes::follow(connection, &of_addresses, global).await?;
    for (provider, ids) in doubted {
        provider_events::doubt(connection, provider, ids).await?;
    }
    followed
        .told
        .extend(deliveries_of(catalog, &changed.iter().collect::<Vec<_>>()));
    let ready = |it: &&KeptEvent| it.rest != EventRest::Address && !waiting.contains(&it.id);
    let ready: Vec<&KeptEvent> = kept.iter().filter(ready).collect();
    followed
        .told
        .extend(told(connection, &ready, catalog).await?);
    if !followed.told.is_empty() {
        provider_events::announce(connection, &followed.told).await?;
    }
    Ok(followed)
}

/// Whether a notification may change by it, as far as its row said without being held.
fn may_change((event, consequence): &&(&KeptEvent, Consequence)) -> bool {
    let status = event.about.as_ref().and_then(|it| it.status);
    match status {
        Some(Status::Sent) => consequence.hands_back,
        // Somebody may have it in hand.
        Some(Status::Pending) => true,
        Some(Status::Failed) => consequence.accepts || consequence.hands_back,
        Some(Status::Cancelled) | None => false,
    }
}

/// Settles what is known now, and gives to others what did not arrive; answers what became of each, and which events
/// wait for the outcome of what somebody has in hand.
async fn change(
    connection: &mut PgConnection,
    judged: &[(&KeptEvent, Consequence)],
    global: &GlobalPolicy,
    followed: &mut Followed,
) -> Result<(Vec<Settlement>, Vec<Uuid>), StoreError> {
    let changing = || judged.iter().filter(may_change);
    let about = |it: &&(&KeptEvent, Consequence)| it.0.about.as_ref().map(|it| it.id);
    let ids: Vec<Uuid> = changing().filter_map(|it| about(&it)).collect();
    if ids.is_empty() {
        return Ok((vec![], vec![]));
    }
    let mut held = provider_events::hold(connection, ids).await?;
    let (mut acceptances, mut returned) = (vec![], vec![]);
    for (event, _) in changing().filter(|(_, consequence)| consequence.accepts) {
        acceptances.extend(acceptance(event, &mut held));
    }
    let waits = |(event, _): &&(&KeptEvent, Consequence)| waits(event, &held);
    let waiting: Vec<Uuid> = changing()
        .filter(waits)
        .map(|(event, _)| event.id)
        .collect();
    let mut in_use: HashMap<Channel, Vec<String>> = HashMap::new();
    let failures = || changing().filter(|(_, consequence)| consequence.hands_back);
    let failed: Vec<Uuid> = failures().filter_map(|it| about(&it)).collect();
    let arrived = match failed.is_empty() {
        true => HashMap::new(),
        false => provider_events::arrived(connection, failed).await?,
    };
    for (event, _) in failures() {
        let accounts = match in_use.entry(event.channel) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                new.insert(accounts::hooks::in_use(connection, event.channel).await?)
            }
        };
        returned.extend(hand_back(event, &mut held, (accounts, &arrived), global));
    }
    let mut settlements = vec![];
    if !acceptances.is_empty() {
        let done = provider_events::accept(connection, &acceptances).await?;
        let ids: Vec<Uuid> = done.iter().map(|it| it.id).collect();
        call_off(connection, &ids).await?;
        for (one, was) in both(&acceptances, &done, |it| it.id) {
            let Some(standing) = held.get(&one.id) else {
                continue;
            };
            let accepted = (one.provider.as_str(), one.line.at);
            followed
                .counted
                .extend(correction::accepted(standing, was, accepted));
            let channel = standing.notification.lane.channel;
            followed.accepted.push((channel, one.provider.clone()));
            settlements.push(settlement(standing, Status::Sent, &one.line));
        }
    }
    if !returned.is_empty() {
        let done = provider_events::hand_back(connection, &returned).await?;
        for (one, was) in both(&returned, &done, |it| it.id) {
            let Some(standing) = held.get(&one.id) else {
                continue;
            };
            followed
                .counted
                .extend(correction::handed_back(standing, was));
            settlements.push(settlement(standing, Status::Pending, &one.line));
        }
    }
    Ok((settlements, waiting))
}

/// What was asked for, with what it was where it was done.
fn both<'a, T>(
    asked: &'a [T],
    done: &'a [ChangedNotification],
    id: impl Fn(&T) -> Uuid,
) -> impl Iterator<Item = (&'a T, &'a ChangedNotification)> {
    let was = move |one: &T| done.iter().find(|it| it.id == id(one));
    asked.iter().filter_map(move |one| Some((one, was(one)?)))
}

/// Whether the outcome of what an event is about is still to come, and decides what follows from it. It waits once: what
/// is in hand again by then was given up before.
fn waits(event: &KeptEvent, held: &HashMap<Uuid, StandingNotification>) -> bool {
    let standing = event.about.as_ref().and_then(|it| held.get(&it.id));
    let is_open = standing.is_some_and(|it| it.is_in_hand && it.status == Status::Pending.as_str());
    is_open && event.rest == EventRest::All
}

/// Whoever has one in hand for another try is told once this is committed; what they store of it then is nothing, for
/// its row says `sent`.
async fn call_off(connection: &mut PgConnection, ids: &[Uuid]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    let wish = CallOff {
        id: Uuid::nil(),
        at: clock::now(),
        key_id: Uuid::nil(),
        request_id: Uuid::nil(),
    };
    wish.ask(connection, ids).await
}

fn acceptance(
    event: &KeptEvent,
    held: &mut HashMap<Uuid, StandingNotification>,
) -> Option<LateAcceptance> {
    let standing = held.get_mut(&event.about.as_ref()?.id)?;
    let status = standing.status.parse().ok()?;
    let teller = (event.provider.as_str(), event.speaks_for.as_slice());
    let account = settled_by(&standing.notification, status, teller, event.event)?;
    let line = AttemptRecord::told_later(event.at, account);
    // What comes after it sees it so.
    standing.status = Status::Sent.as_str().to_owned();
    standing.provider = Some(account.to_owned());
    standing.notification.attempts.push(line.clone());
    Some(LateAcceptance {
        id: standing.notification.id,
        provider: account.to_owned(),
        line,
    })
}

fn hand_back(
    event: &KeptEvent,
    held: &mut HashMap<Uuid, StandingNotification>,
    (accounts, arrived): (&[String], &Arrivals),
    global: &GlobalPolicy,
) -> Option<HandBack> {
    let EventSubject { id, .. } = event.about.as_ref()?;
    let standing = held.get_mut(id)?;
    let now = clock::now();
    let mut others = event.speaks_for.iter();
    let account = others
        .find(|it| Some(it.as_str()) == standing.provider.as_deref())
        .unwrap_or(&event.provider);
    let tellers = [&event.provider, account].into_iter();
    let arrived = tellers.filter_map(|it| arrived.get(&(*id, it.clone())).copied());
    let failure = LateFailure {
        notification: &standing.notification,
        status: standing.status.parse().ok()?,
        sent_by: standing.provider.as_deref(),
        account,
        accounts,
        failed_at: event.at,
        arrived_at: arrived.max(),
        now,
    };
    let not_by = handed_back_by(&failure, global)?;
    let said = [event.code.as_deref(), event.detail.as_deref()];
    let said: Vec<&str> = said.into_iter().flatten().collect();
    let step = Step::Replayed {
        failed: Reason::ProviderRefused,
        detail: (!said.is_empty()).then(|| said.join(": ")),
        not_by,
    };
    let line = AttemptRecord { at: now, step };
    standing.status = Status::Pending.as_str().to_owned();
    standing.notification.attempts.push(line.clone());
    standing.notification.attempt_count = 0;
    Some(HandBack { id: *id, line })
}

/// What became of a notification, for webhooks.
fn settlement(standing: &StandingNotification, status: Status, line: &AttemptRecord) -> Settlement {
    let is_sent = status == Status::Sent;
    Settlement {
        notification: standing.notification.clone(),
        origin: Origin::Database(TakeId(0)),
        status,
        reason: (!is_sent).then_some(Reason::Retry),
        due_at: (!is_sent).then_some(line.at),
        waits_for: None,
        decided_at: line.at,
        last_attempted: None,
        provider: standing.provider.clone(),
        recipient: None,
        template_version: None,
        provider_response: None,
        provider_message_id: standing.provider_message_id.clone(),
        error_message: None,
        refund: false,
        dead_addresses: vec![],
        item: None,
    }
}

/// What webhooks are told of the events themselves. Their notifications are read only if somebody wants to hear.
async fn told(
    connection: &mut PgConnection,
    kept: &[&KeptEvent],
    catalog: &WebhookCatalog,
) -> Result<Vec<NewWebhookDelivery>, StoreError> {
    if catalog.is_empty() {
        return Ok(vec![]);
    }
    let is_wanted = |event: &&&KeptEvent| {
        let wanted = event.about.as_ref().zip(event.event.for_webhooks());
        wanted.is_some_and(|(about, what)| {
            let category = about.category.as_deref();
            catalog.is_wanted(about.tenant_id, what, event.channel, category)
        })
    };
    let wanted: Vec<&KeptEvent> = kept.iter().filter(is_wanted).copied().collect();
    if wanted.is_empty() {
        return Ok(vec![]);
    }
    let ids = wanted.iter().filter_map(|it| Some(it.about.as_ref()?.id));
    let standing = provider_events::read(connection, ids.collect()).await?;
    let told: Vec<ToldProviderEvent<'_>> = wanted
        .iter()
        .filter_map(|event| {
            let it = standing.get(&event.about.as_ref()?.id)?;
            Some(ToldProviderEvent {
                notification: &it.notification,
                status: it.status.parse().ok()?,
                reason: it.reason.as_deref().and_then(|word| word.parse().ok()),
                provider: &event.provider,
                provider_message_id: it.provider_message_id.as_deref(),
                id: event.id,
                event: event.event,
                at: event.at,
                code: event.code.as_deref(),
                detail: event.detail.as_deref(),
                matched_by: event.about.as_ref()?.matched_by,
            })
        })
        .collect();
    Ok(told_of(catalog, &told))
}
