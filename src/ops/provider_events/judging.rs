//! What follows from each event by itself, and whether its word is believed that an address is dead.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::EventDoubts;
use crate::domain::EventBlame;
use crate::policy::consequence::{Consequence, EventFacts, follows};
use crate::store::provider_events::{EventRest, KeptEvent};

/// Events with what follows from each.
#[derive(Debug, Default)]
pub(super) struct Judged<'a> {
    /// All but those that are early: they say it again when their notification is there.
    pub(super) judged: Vec<(&'a KeptEvent, Consequence)>,
    /// By account those whose word is not believed.
    pub(super) doubted: BTreeMap<&'a str, Vec<Uuid>>,
}

/// Judges events that are kept or taken now.
pub(super) fn judge<'a>(kept: &'a [KeptEvent], doubts: &EventDoubts) -> Judged<'a> {
    let mut all = Judged::default();
    for event in kept.iter().filter(|it| !it.is_early) {
        let mut consequence = follows(&facts(event));
        // What was in hand was counted when it came.
        let is_counted = event.rest != EventRest::Notification;
        if is_counted && !doubts.believes(event) && event.blame == Some(EventBlame::Dead) {
            consequence.suppress = None;
            let of_account = all.doubted.entry(&event.provider).or_default();
            of_account.push(event.id);
        }
        all.judged.push((event, consequence));
    }
    all
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
