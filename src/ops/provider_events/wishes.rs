//! What events say of people and addresses, put on the suppression list or taken off it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::{Channel, GlobalPolicy, Suppression, SuppressionReason};
use crate::policy::consequence::{Consequence, EventSuppression, WishScope};
use crate::runtime::clock;
use crate::store::provider_events::{self, KeptEvent, LiftedWish, SoftBounces, StoredWish};
use crate::store::{PgConnection, StoreError};

/// All that is to be written of a batch.
#[derive(Debug, Default)]
struct BatchWishes {
    suppressed: Vec<StoredWish>,
    lifted: Vec<LiftedWish>,
    dead: Vec<(Uuid, Channel, String)>,
}

/// Does what follows for people and addresses.
pub(super) async fn follow(
    connection: &mut PgConnection,
    judged: &[(&KeptEvent, Consequence)],
    global: &GlobalPolicy,
) -> Result<(), StoreError> {
    let speaking = || {
        let spoken = |it: &&(&KeptEvent, Consequence)| {
            it.1.suppress.is_some() || it.1.lift.is_some() || it.1.counts
        };
        judged
            .iter()
            .filter(spoken)
            .filter_map(|it| Some((it, it.0.address.as_deref()?)))
    };
    if speaking().next().is_none() {
        return Ok(());
    }
    let tenants = tenants(connection, speaking().map(|((event, _), _)| *event)).await?;
    let full = full(connection, speaking().map(|(it, _)| it), global).await?;
    let mut wishes = BatchWishes::default();
    for ((event, consequence), address) in speaking() {
        let key = (event.channel, address.to_owned());
        let of_address = tenants.get(&key).cloned().unwrap_or_default();
        let own = event.about.as_ref().map(|it| it.tenant_id);
        // What is said to a number is said to a sender that all tenants use.
        let heard_by: BTreeSet<Uuid> = match own {
            Some(own) if event.channel != Channel::Sms => [own].into(),
            own => of_address.into_iter().chain(own).collect(),
        };
        for tenant_id in heard_by {
            wishes.add(tenant_id, (event, address), consequence);
            if consequence.counts && full.contains(&key) {
                wishes
                    .dead
                    .push((tenant_id, event.channel, address.to_owned()));
            }
        }
    }
    if !wishes.suppressed.is_empty() {
        provider_events::suppress(connection, &wishes.suppressed).await?;
    }
    if !wishes.dead.is_empty() {
        provider_events::learn_dead(connection, &wishes.dead).await?;
    }
    if !wishes.lifted.is_empty() {
        provider_events::lift(connection, &wishes.lifted).await?;
    }
    Ok(())
}

impl BatchWishes {
    fn add(
        &mut self,
        tenant_id: Uuid,
        (event, address): (&KeptEvent, &str),
        consequence: &Consequence,
    ) {
        match &consequence.suppress {
            Some(EventSuppression {
                reason: SuppressionReason::HardBounce,
                ..
            }) => self
                .dead
                .push((tenant_id, event.channel, address.to_owned())),
            Some(EventSuppression { reason, scope }) => self.suppressed.push(StoredWish {
                suppression: Suppression {
                    tenant_id,
                    channel: event.channel,
                    address: address.to_owned(),
                    reason: *reason,
                    category: category(scope),
                },
                at: event.at,
            }),
            None => {}
        }
        if let Some(scope) = &consequence.lift {
            self.lifted.push(LiftedWish {
                tenant_id,
                channel: event.channel,
                address: address.to_owned(),
                category: category(scope),
                at: event.at,
            });
        }
    }
}

fn category(scope: &WishScope) -> Option<String> {
    match scope {
        WishScope::Channel => None,
        WishScope::Category(category) => Some(category.clone()),
    }
}

/// The tenants that know the address, of events that are about no notification for sure, or about a number.
async fn tenants<'a>(
    connection: &mut PgConnection,
    events: impl Iterator<Item = &'a KeptEvent>,
) -> Result<HashMap<(Channel, String), Vec<Uuid>>, StoreError> {
    let wide = events.filter(|it| it.about.is_none() || it.channel == Channel::Sms);
    let mut addresses: BTreeMap<Channel, BTreeSet<String>> = BTreeMap::new();
    for event in wide {
        let known = addresses.entry(event.channel).or_default();
        known.extend(event.address.clone());
    }
    let mut tenants: HashMap<(Channel, String), Vec<Uuid>> = HashMap::new();
    for (channel, addresses) in addresses {
        let addresses = addresses.into_iter().collect();
        for (address, tenant_id) in
            provider_events::tenants_of(connection, channel, addresses).await?
        {
            tenants
                .entry((channel, address))
                .or_default()
                .push(tenant_id);
        }
    }
    Ok(tenants)
}

/// The addresses whose mailbox could not take mail too often.
async fn full<'a>(
    connection: &mut PgConnection,
    judged: impl Iterator<Item = &'a (&'a KeptEvent, Consequence)>,
    global: &GlobalPolicy,
) -> Result<BTreeSet<(Channel, String)>, StoreError> {
    let mut bounced: BTreeMap<Channel, Vec<String>> = BTreeMap::new();
    if global.soft_bounces > 0 {
        for (event, _) in judged.filter(|(_, consequence)| consequence.counts) {
            let known = bounced.entry(event.channel).or_default();
            known.extend(event.address.clone());
        }
    }
    let window = SignedDuration::try_from(global.soft_bounce_window).unwrap_or_default();
    let now = clock::now();
    let bounces = SoftBounces {
        most: global.soft_bounces,
        since: now.saturating_sub(window).unwrap_or(now),
    };
    let mut full = BTreeSet::new();
    for (channel, addresses) in bounced {
        let found =
            provider_events::full_mailboxes(connection, channel, addresses, bounces).await?;
        full.extend(found.into_iter().map(|address| (channel, address)));
    }
    Ok(full)
}
