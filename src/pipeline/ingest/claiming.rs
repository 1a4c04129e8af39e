//! Claiming: who works on a key, when several deliveries, runs or nodes could.

use std::sync::Arc;

use uuid::Uuid;

use super::super::judge::Addressed;
use super::super::patience::until_done;
use super::super::people::{Reading, Whose};
use super::Admission;
use super::admission::{Applicant, key_reused};
use crate::broker::receipt;
use crate::domain::Proof;
use crate::runtime::{clock, failpoint};
use crate::store::claims::{self, Claim, ClaimRequest, Claimant, DoorCount};
use crate::store::takes::TakeId;

impl Admission {
    /// Claims and hands on what is ours. The keys are distinct: a second one joined the first.
    pub(super) async fn claim(
        self: &Arc<Self>,
        claimant: Claimant,
        take: TakeId,
        mut applicants: Vec<Applicant>,
        reading: Reading,
    ) {
        let requests: Vec<ClaimRequest> = applicants.iter().map(Applicant::request).collect();
        let known_at = clock::now();
        for applicant in &mut applicants {
            // Everything is heard, below, that was committed by now.
            applicant.known_at = known_at;
        }
        let claim = || claims::claim(&self.database, claimant, take, self.window, &requests);
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
        let (mut duplicates, mut refused, mut begun) = (vec![], vec![], vec![]);
        for (applicant, request) in applicants.into_iter().zip(&requests) {
            match claims.get(&request.key) {
                Some(Claim::New) => ours.push((applicant, request.notification_id)),
                Some(Claim::Taken(holder)) => match holder.repeated(request.content) {
                    Some(proof) => duplicates.push((applicant, proof)),
                    None if holder.is_stored() => {
                        refused.extend(applicant.refused(key_reused(), false));
                    }
                    None => begun.push((applicant, *holder)),
                },
                // The key's window ended between two looks: from the start, with the delivery.
                None => drop(applicant),
            }
        }
        self.wait_for(take.run(), begun);
        self.refuse(usize::from(claimant.worker), refused);
        let Some(sorted) = self.sort(ours, &outdated, &mut suppressed).await else {
            return;
        };
        let jobs = sorted.accepted.into_iter().map(|(one, recipient, id)| {
            let suppressed = suppressed.remove(&id).unwrap_or_default();
            one.accepted(id, recipient, suppressed)
        });
        self.dispatchers.dispatch(jobs.collect());
        let deleted = sorted.deleted.into_iter();
        let deleted = deleted.map(|(one, id, refusal, _)| (one, id, refusal));
        let refused = sorted.refused.into_iter().chain(deleted);
        if self.turn_away(claimant, refused.collect()).await.is_none() {
            return;
        }
        if !duplicates.is_empty() {
            self.drop_duplicates(claimant, duplicates).await;
        }
    }

    /// Counts duplicates, with whatever joined them meanwhile, then acknowledges. A delivery whose
    /// channel is gone comes again, and is counted then.
    pub(super) async fn drop_duplicates<P: Proof>(
        &self,
        claimant: Claimant,
        duplicates: Vec<(Applicant, P)>,
    ) {
        let (mut receipts, mut counts, mut permits) = (vec![], vec![], vec![]);
        for (Applicant { envelope, hold, .. }, proof) in duplicates {
            let redeemed = hold.redeem(&proof);
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
            notification_id: self.hold.id(),
            tenant_id: self.envelope.tenant_id,
            channel: self.envelope.lane.channel,
        }
    }
}
