//! What events say of people and addresses, put on the suppression list or taken off it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::SignedDuration;
use uuid::Uuid;

use crate::domain::{Channel, EventMatch, GlobalPolicy, Suppression, SuppressionReason};
use crate::policy::consequence::{Consequence, EventSuppression, WishScope};
use crate::runtime::clock;
use crate::store::provider_events::{
    self, DeadWord, KeptEvent, LiftedWish, SoftBounces, StoredWish,
};
use crate::store::{PgConnection, StoreError};

/// All that is to be written of a batch.
#[derive(Debug, Default)]
struct BatchWishes {
    suppressed: Vec<StoredWish>,
    lifted: Vec<LiftedWish>,
    dead: Vec<DeadWord>,
    /// Whose mailbox could not take a mail.
    full: Vec<DeadWord>,
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
    let named = speaking().map(|((event, _), address)| (event.channel, address));
    provider_events::take_turns(connection, named).await?;
    let tenants = tenants(connection, speaking().map(|((event, _), _)| *event)).await?;
    let mut wishes = BatchWishes::default();
    for ((event, consequence), address) in speaking() {
        let own = event.about.as_ref().map(|it| it.tenant_id);
        let heard_by: BTreeSet<Uuid> = match own.filter(|_| !is_for_all(event)) {
            Some(own) => [own].into(),
            None => {
                let key = (event.channel, address.to_owned());
                let all = tenants.get(&key).into_iter().flatten().copied();
                all.chain(own).collect()
            }
        };
        for tenant_id in heard_by {
            wishes.add(tenant_id, (event, address), consequence);
        }
    }
    let full = full(connection, &wishes.full, global).await?;
    wishes.dead.extend(full);
    wishes.write(connection).await
}

/// Whether it says something to all who write to its address: it names no notification for sure, or is said to a
/// sender that all tenants use.
fn is_for_all(event: &KeptEvent) -> bool {
    let certain = |by: EventMatch| by != EventMatch::Address;
    event.channel == Channel::Sms
        || !event
            .about
            .as_ref()
            .is_some_and(|it| certain(it.matched_by))
}

impl BatchWishes {
    fn add(
        &mut self,
        tenant_id: Uuid,
        (event, address): (&KeptEvent, &str),
        consequence: &Consequence,
    ) {
        let dead = || DeadWord {
            tenant_id,
            channel: event.channel,
            address: address.to_owned(),
            event_id: event.id,
        };
        match &consequence.suppress {
            Some(EventSuppression {
                reason: SuppressionReason::HardBounce,
                ..
            }) => self.dead.push(dead()),
            Some(EventSuppression { reason, scope }) => self.suppressed.push(StoredWish {
                suppression: Suppression {
                    tenant_id,
                    channel: event.channel,
                    address: address.to_owned(),
                    reason: *reason,
                    category: category(scope),
                },
                at: event.at,
                event_id: event.id,
            }),
            None => {}
        }
        if consequence.counts {
            self.full.push(dead());
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

    async fn write(&self, connection: &mut PgConnection) -> Result<(), StoreError> {
        if !self.suppressed.is_empty() {
            provider_events::suppress(connection, &self.suppressed).await?;
        }
        if !self.dead.is_empty() {
            provider_events::learn_dead(connection, &self.dead).await?;
        }
        if !self.lifted.is_empty() {
            provider_events::lift(connection, &self.lifted).await?;
        }
        Ok(())
    }
}

fn category(scope: &WishScope) -> Option<String> {
    match scope {
        WishScope::Channel => None,
        WishScope::Category(category) => Some(category.clone()),
    }
}

/// The tenants that write to the addresses of what is said to all of them.
async fn tenants<'a>(
    connection: &mut PgConnection,
    events: impl Iterator<Item = &'a KeptEvent>,
) -> Result<HashMap<(Channel, String), Vec<Uuid>>, StoreError> {
    let mut addresses: BTreeMap<Channel, BTreeSet<String>> = BTreeMap::new();
    for event in events.filter(|it| is_for_all(it)) {
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

/// Those whose mailbox could not take mail too often.
async fn full(
    connection: &mut PgConnection,
    bounced: &[DeadWord],
    global: &GlobalPolicy,
) -> Result<Vec<DeadWord>, StoreError> {
    if global.soft_bounces == 0 {
        return Ok(vec![]);
    }
    let window = SignedDuration::try_from(global.soft_bounce_window).unwrap_or_default();
    let now = clock::now();
    let bounces = SoftBounces {
        most: global.soft_bounces,
        since: now.saturating_sub(window).unwrap_or(now),
    };
    let mut asked: BTreeMap<Channel, BTreeSet<(Uuid, String)>> = BTreeMap::new();
    for one in bounced {
        let of_channel = asked.entry(one.channel).or_default();
        of_channel.insert((one.tenant_id, one.address.clone()));
    }
    let mut full = BTreeSet::new();
    for (channel, asked) in asked {
        let asked = asked.into_iter().collect();
        let found = provider_events::full_mailboxes(connection, channel, asked, bounces).await?;
        full.extend(found.into_iter().map(|(tenant, it)| (channel, tenant, it)));
    }
    let is_full = |it: &&DeadWord| full.contains(&(it.channel, it.tenant_id, it.address.clone()));
    Ok(bounced.iter().filter(is_full).cloned().collect())
}
