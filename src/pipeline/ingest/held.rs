//! Held: somebody has locked a row that a message needs, its key's or its recipient's. It waits beside the
//! batch that it came with, and whoever came with it goes on.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::Admission;
use super::message::ClaimableMessage;
use super::recipients::Sorted;
use crate::cache::recipients::Stale;
use crate::delivery::eligibility::Listed;
use crate::domain::{AttemptRecord, ReadMark, Recipient};
use crate::machine::Guard;
use crate::resilience::Backoff;
use crate::runtime::clock;
use crate::store::claims::{self, Claimant};
use crate::store::lease::RunId;
use crate::store::takes::TakeId;
use crate::work::retry::retry_until_ok;

/// First and longest wait until the rows are asked for again.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(2));

/// How far messages had come whose claims are ours.
pub(super) enum Begun {
    /// They are new.
    Now,
    /// Others had them, and by notification the runs that died with them in hand.
    Before(HashMap<Uuid, RunId>),
}

impl Admission {
    /// Claims and hands on what is ours. The keys are distinct: a second one joined the first.
    pub(super) async fn claim(
        self: &Arc<Self>,
        claimant: Claimant,
        take: TakeId,
        claimables: Vec<ClaimableMessage>,
        reading: ReadMark,
    ) {
        let claimed = self.claim_once(claimant, take, claimables, Some(reading));
        let Some(mut held) = claimed.await.filter(|held| !held.is_empty()) else {
            return;
        };
        tracing::warn!(
            messages = held.len(),
            "idempotency keys are locked in the database; their messages wait"
        );
        let admission = Arc::clone(self);
        self.node.tasks.spawn("claim later", async move {
            for tries in 0.. {
                let pause = tokio::time::sleep(AGAIN.ceiling(tries));
                if admission.node.phases.giving_up.or(pause).await.is_none() {
                    return;
                }
                let _turn = admission.later.lock().await;
                // Another run than the one for which they were registered begins with the deliveries.
                if admission.node.lease_gate.run() != Some(take.run()) {
                    return;
                }
                let claimed = admission.claim_once(claimant, take, held, None).await;
                match claimed {
                    Some(left) if !left.is_empty() => held = left,
                    _ => return,
                }
            }
        });
    }

    /// Hands on what is ours.
    pub(super) async fn go_on(
        self: &Arc<Self>,
        claimant: Claimant,
        ours: Vec<(ClaimableMessage, Uuid)>,
        begun: Begun,
        (stale, suppressed): (&Stale, Listed),
    ) {
        let begun = Arc::new(begun);
        let gone = self.go_on_once(claimant, ours, &begun, (stale, suppressed), false);
        let Some(mut held) = gone.await.filter(|held| !held.is_empty()) else {
            return;
        };
        tracing::warn!(
            messages = held.len(),
            "recipients are locked in the database; their messages wait"
        );
        let admission = Arc::clone(self);
        self.node.tasks.spawn("store people later", async move {
            for tries in 0.. {
                let pause = tokio::time::sleep(AGAIN.ceiling(tries));
                if admission.node.phases.giving_up.or(pause).await.is_none() {
                    return;
                }
                let _turn = admission.later.lock().await;
                let known = (&Stale::All, Listed::default());
                let gone = admission.go_on_once(claimant, held, &begun, known, true);
                match gone.await {
                    Some(left) if !left.is_empty() => held = left,
                    _ => return,
                }
            }
        });
    }

    /// Returns what is held; `None` when there is no more time.
    async fn go_on_once(
        self: &Arc<Self>,
        claimant: Claimant,
        ours: Vec<(ClaimableMessage, Uuid)>,
        begun: &Arc<Begun>,
        (stale, mut suppressed): (&Stale, Listed),
        is_again: bool,
    ) -> Option<Vec<(ClaimableMessage, Uuid)>> {
        let mut sorted = self.sort(ours, stale, &mut suppressed, is_again).await?;
        let held = std::mem::take(&mut sorted.held);
        let begin = |one: ClaimableMessage, recipient, id| {
            let suppressed = suppressed.of(id).unwrap_or_default();
            let mut job = one.accepted(id, recipient, suppressed);
            if let Some(died) = begun.died(id) {
                job.record(AttemptRecord::node_died(clock::now(), died.0));
            }
            job
        };
        let accepted = std::mem::take(&mut sorted.accepted).into_iter();
        let jobs = accepted.map(|(one, recipient, id)| begin(one, recipient, id));
        self.dispatchers.dispatch(jobs.collect());
        let unreadable = std::mem::take(&mut sorted.unreadable).into_iter();
        let unreadable = unreadable.map(|(one, id)| {
            let nobody = Arc::new(Recipient::nobody(one.recipient_key()));
            begin(one, nobody, id)
        });
        self.node.put_off_unreadable(unreadable);
        if sorted.refused.is_empty() && sorted.deleted.is_empty() {
            return Some(held);
        }
        let (admission, begun) = (Arc::clone(self), Arc::clone(begun));
        self.node.tasks.spawn("turn away", async move {
            admission.part_with(claimant, sorted, &begun).await;
        });
        Some(held)
    }

    /// Ends what has nobody to go to.
    async fn part_with(self: &Arc<Self>, claimant: Claimant, sorted: Sorted, begun: &Begun) {
        let Sorted {
            mut refused,
            deleted,
            ..
        } = sorted;
        if let Begun::Now = begun {
            let deleted = deleted.into_iter();
            refused.extend(deleted.map(|(one, id, refusal, _)| (one, id, refusal)));
            self.turn_away(claimant, refused).await;
            return;
        }
        if self.turn_away(claimant, refused).await.is_none() || deleted.is_empty() {
            return;
        }
        // Who was erased took their notifications along: what was claimed before is a repetition.
        let deleted = deleted.into_iter();
        let deleted: Vec<_> = deleted.map(|(one, _, _, proof)| (one, proof)).collect();
        let holds = deleted.iter().map(|(one, _)| &one.claim);
        let held: Vec<_> = holds.map(|it| (it.key(), it.origin().take())).collect();
        let give_back = async || {
            let given = claims::give_back(&self.node.database, &held).await;
            given.all_done()
        };
        let given =
            retry_until_ok("giving claims back", &self.node.phases.giving_up, give_back).await;
        if given.is_some() {
            self.drop_duplicates(claimant, deleted).await;
        }
    }
}

impl Begun {
    fn died(&self, id: Uuid) -> Option<RunId> {
        match self {
            Self::Now => None,
            Self::Before(died) => died.get(&id).copied(),
        }
    }
}
