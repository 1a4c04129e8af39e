//! What follows from each event by itself, and whether its word is believed that an address is dead.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::EventDoubts;
use crate::domain::EventBlame;
use crate::policy::consequence::{Consequence, EventFacts, follows};
use crate::store::provider_events::{self, EventRest, KeptEvent};
use crate::store::{PgConnection, StoreError};

/// Events with what follows from each.
#[derive(Debug, Default)]
pub(super) struct Judged<'a> {
    /// All but those that are early: they say it again when their notification is there.
    pub(super) judged: Vec<(&'a KeptEvent, Consequence)>,
    /// By account those whose word is not believed.
    pub(super) doubted: BTreeMap<&'a str, Vec<Uuid>>,
}

/// Judges events that are kept or taken now. `dead` says of each account how many addresses it called dead in the last
/// minute without these.
pub(super) fn judge<'a>(
    kept: &'a [KeptEvent],
    doubts: &EventDoubts,
    mut dead: BTreeMap<&'a str, u32>,
) -> Judged<'a> {
    let mut all = Judged::default();
    for event in kept.iter().filter(|it| !it.is_early) {
        let mut consequence = follows(&facts(event));
        let provider = event.provider.as_str();
        let is_dead = event.blame == Some(EventBlame::Dead);
        let lately = match event.rest {
            // It is of another minute.
            EventRest::Address => 0,
            EventRest::All | EventRest::Notification => {
                let lately = dead.entry(provider).or_default();
                *lately = lately.saturating_add(u32::from(is_dead));
                *lately
            }
        };
        // What was in hand was counted when it came.
        let is_counted = event.rest != EventRest::Notification;
        if is_counted && !doubts.believes(event, lately) && is_dead {
            consequence.suppress = None;
            all.doubted.entry(provider).or_default().push(event.id);
        }
        all.judged.push((event, consequence));
    }
    all
}

/// How many addresses each account called dead in the last minute, whichever node it told; without these events.
pub(super) async fn dead_lately<'a>(
    connection: &mut PgConnection,
    kept: &'a [KeptEvent],
) -> Result<BTreeMap<&'a str, u32>, StoreError> {
    let mut dead: BTreeMap<&str, Vec<Uuid>> = BTreeMap::new();
    for event in kept.iter().filter(|it| it.blame == Some(EventBlame::Dead)) {
        dead.entry(&event.provider).or_default().push(event.id);
    }
    let mut counted = BTreeMap::new();
    for (provider, these) in dead {
        let lately = provider_events::dead_lately(connection, provider, these).await?;
        counted.insert(provider, lately);
    }
    Ok(counted)
}

fn facts(event: &KeptEvent) -> EventFacts<'_> {
    let about = event.about.as_ref();
    EventFacts {
        channel: event.channel,
        event: event.event,
        blame: event.blame,
        matched_by: about.map(|it| it.matched_by),
        category: about.and_then(|it| it.category.as_deref()),
        may_disable: about.is_none_or(|it| it.may_disable),
    }
}
