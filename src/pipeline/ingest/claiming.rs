//! Claiming: who works on a key, when several deliveries, runs or nodes could.

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::super::judge::Addressed;
use super::super::patience::until_done;
use super::super::people::{Outdated, Reading, Whose};
use super::Admission;
use super::admission::{Applicant, key_reused};
use super::renewal::Suppressed;
use crate::broker::receipt;
use crate::domain::{AttemptRecord, ContentHash, KeyHash};
use crate::runtime::{clock, failpoint};
use crate::store::claims::{self, Claim, ClaimRequest, Claimant, DoorCount, Holder, TakenOver};
use crate::store::lease::RunId;

/// Time between looks at a key that another living run works on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Looks after which a delivery is returned.
const LOOKS: u32 = 60;

impl Admission {
    /// Claims and hands on what is ours. The keys are distinct: a second one joined the first.
    pub(super) async fn claim(
        self: &Arc<Self>,
        claimant: Claimant,
        mut applicants: Vec<Applicant>,
        reading: Reading,
    ) {
        let requests: Vec<ClaimRequest> = applicants.iter().map(Applicant::request).collect();
        let known_at = clock::now();
        for (applicant, request) in applicants.iter_mut().zip(&requests) {
            // Everything is heard, below, that was committed by now.
            applicant.known_at = known_at;
            // From here on the claim may stand, whatever becomes of us.
            applicant
                .hold
                .claimed(request.notification_id, claimant.run);
        }
        let claim = || claims::claim(&self.database, claimant, self.window, &requests);
        let look = || self.judge.suppressed(addressed(&applicants, &requests));
        let (claims, listed, outdated) = tokio::join!(
            until_done("claiming", &self.giving_up, claim),
            until_done("looking for suppressions", &self.giving_up, look),
            self.judge.people.catch_up(reading),
        );
        let (Some(claims), Some(mut suppressed)) = (claims, listed) else {
            return;
        };
        failpoint::hit("ingest.claimed");
        let mut ours = Vec::with_capacity(applicants.len());
        let (mut duplicates, mut refused) = (vec![], vec![]);
        for (applicant, request) in applicants.into_iter().zip(&requests) {
            match claims.get(&request.key) {
                Some(Claim::New) => ours.push((applicant, request.notification_id)),
                Some(Claim::Taken(holder)) if holder.is_stored => {
                    if holder.said(request.content) {
                        duplicates.push(applicant);
                    } else {
                        refused.extend(applicant.refused(key_reused(), false));
                    }
                }
                Some(Claim::Taken(_)) => self.wait_for(claimant, applicant),
                // The key's window ended between two looks: from the start, with the delivery.
                None => drop(applicant),
            }
        }
        self.refuse(usize::from(claimant.worker), refused);
        let Some(sorted) = self.sort(ours, &outdated, &mut suppressed).await else {
            return;
        };
        let jobs = sorted.accepted.into_iter().map(|(one, recipient, id)| {
            let suppressed = suppressed.remove(&id).unwrap_or_default();
            one.accepted(id, recipient, suppressed)
        });
        self.dispatchers.dispatch(jobs.collect());
        let refused = sorted.refused.into_iter().chain(sorted.deleted);
        if self.turn_away(claimant, refused.collect()).await.is_none() {
            return;
        }
        if !duplicates.is_empty() {
            self.drop_duplicates(claimant, duplicates).await;
        }
    }

    /// Somebody claimed it and has not stored an outcome: waits for that, or for their end.
    fn wait_for(self: &Arc<Self>, claimant: Claimant, applicant: Applicant) {
        let admission = Arc::clone(self);
        self.tasks.spawn("wait for another run", async move {
            let (key, content) = (applicant.hold.key(), applicant.envelope.content);
            match admission.resolve(key, content).await {
                Some(Resolved::Ours(taken)) => {
                    admission.take_up(claimant, applicant, taken).await;
                }
                Some(Resolved::KeyReused) => {
                    let refused = applicant.refused(key_reused(), false).into_iter();
                    admission.refuse(usize::from(claimant.worker), refused.collect());
                }
                Some(Resolved::Duplicate) => {
                    admission.drop_duplicates(claimant, vec![applicant]).await;
                }
                // No more time, or nobody holds the key any more: the delivery comes again.
                None => drop(applicant),
            }
        });
    }

    /// Goes on with what another run began and cannot end.
    async fn take_up(self: &Arc<Self>, claimant: Claimant, mut applicant: Applicant, taken: Taken) {
        let (id, over) = (taken.id, taken.over);
        applicant.hold.claimed(id, taken.by);
        let (ours, mut suppressed) = (vec![(applicant, id)], Suppressed::new());
        // The other run may have had it for long.
        let sorted = self.sort(ours, &Outdated::Anybody, &mut suppressed).await;
        let Some(sorted) = sorted else {
            return;
        };
        let jobs = sorted.accepted.into_iter().map(|(one, recipient, id)| {
            let suppressed = suppressed.remove(&id).unwrap_or_default();
            let mut job = one.accepted(id, recipient, suppressed);
            if let Some(died) = over.died {
                job.record(AttemptRecord::node_died(clock::now(), died.0));
            }
            job
        });
        self.dispatchers.dispatch(jobs.collect());
        let claimant = Claimant {
            run: taken.by,
            ..claimant
        };
        if self.turn_away(claimant, sorted.refused).await.is_none() {
            return;
        }
        // Who was erased took their notifications along: what was claimed before is a repetition.
        let deleted: Vec<Applicant> = sorted.deleted.into_iter().map(|(one, ..)| one).collect();
        if !deleted.is_empty() {
            self.drop_duplicates(claimant, deleted).await;
        }
    }

    /// `None` when there is no more time, nobody holds the key any more, or the living owner has
    /// not ended it for long: the delivery then returns, and may reach that owner.
    ///
    /// A dead owner's lease runs out long before that, so that nothing goes back and forth meanwhile.
    /// What says something else waits until it is known what becomes of the first. When nobody comes
    /// for that, not even the broker again, it was set aside, and the key is free.
    async fn resolve(&self, key: KeyHash, content: ContentHash) -> Option<Resolved> {
        let keys = [key];
        for look in 1..=LOOKS {
            // Whoever waits may be another run by now.
            let run = self.giving_up.or(self.fence.pass()).await?;
            let find = || claims::find(&self.database, &keys);
            let holders = until_done("looking at a claim", &self.giving_up, find).await?;
            let holder = holders.get(&key).copied()?;
            let is_same = holder.said(content);
            match (holder.is_stored, is_same) {
                (true, true) => return Some(Resolved::Duplicate),
                (true, false) => return Some(Resolved::KeyReused),
                (false, _) => {}
            }
            if (!holder.owner_lives || holder.owner == Some(run))
                && (is_same || look == LOOKS)
                && let Some(over) = self.take(run, (key, content), holder).await?
            {
                let (id, by) = (holder.notification_id, run);
                return Some(Resolved::Ours(Taken { id, by, over }));
            }
            self.giving_up.or(tokio::time::sleep(LOOK_AGAIN)).await?;
        }
        None
    }

    /// Takes a claim of a dead run, of nobody, or of this run, which would be in the in-flight table if
    /// it were being worked on.
    async fn take(
        &self,
        run: RunId,
        key: (KeyHash, ContentHash),
        holder: Holder,
    ) -> Option<Option<TakenOver>> {
        let take = || claims::take_over(&self.database, key, holder.owner, run, self.window);
        until_done("taking a claim over", &self.giving_up, take).await
    }

    /// Counts duplicates, with whatever joined them meanwhile, then acknowledges. A delivery whose
    /// channel is gone comes again, and is counted then.
    async fn drop_duplicates(&self, claimant: Claimant, duplicates: Vec<Applicant>) {
        let (mut receipts, mut counts, mut permits) = (vec![], vec![], vec![]);
        for Applicant { envelope, hold, .. } in duplicates {
            let redeemed = hold.redeem_duplicate();
            let gathered = redeemed.receipts;
            let live = gathered.iter().filter(|receipt| receipt.is_live()).count();
            let duplicates = u32::try_from(live).unwrap_or(u32::MAX);
            counts.push(DoorCount {
                tenant_id: envelope.tenant_id,
                channel: envelope.lane.channel,
                consumed: duplicates,
                rejected: 0,
                duplicates,
            });
            receipts.extend(gathered);
            permits.push(redeemed.permit);
        }
        let count = || claims::count(&self.database, claimant, &counts);
        if until_done("counting duplicates", &self.giving_up, count)
            .await
            .is_none()
        {
            return;
        }
        for count in &counts {
            self.metrics
                .duplicates(count.channel, u64::from(count.duplicates));
        }
        receipt::acknowledge(receipts).await;
        drop(permits);
    }
}

enum Resolved {
    Ours(Taken),
    Duplicate,
    KeyReused,
}

/// A claim that is ours by now.
struct Taken {
    id: Uuid,
    by: RunId,
    over: TakenOver,
}

fn addressed<'a>(
    applicants: &'a [Applicant],
    requests: &'a [ClaimRequest],
) -> impl Iterator<Item = Addressed<'a>> {
    let both = applicants.iter().zip(requests);
    both.filter_map(|(applicant, request)| applicant.addressed(request.notification_id))
}

impl Applicant {
    pub(super) fn whose(&self) -> Whose {
        (self.envelope.tenant_id, self.envelope.user_id)
    }

    /// Whose addresses are looked for on the suppression list; `None` while nobody is known.
    pub(super) fn addressed(&self, id: Uuid) -> Option<Addressed<'_>> {
        Some(Addressed {
            id,
            recipient: self.recipient.as_deref()?,
            channel: self.envelope.lane.channel,
            to: self.envelope.payload.to.as_deref(),
        })
    }

    fn request(&self) -> ClaimRequest {
        ClaimRequest {
            key: self.hold.key(),
            content: self.envelope.content,
            notification_id: clock::new_id(),
            tenant_id: self.envelope.tenant_id,
            channel: self.envelope.lane.channel,
        }
    }
}
