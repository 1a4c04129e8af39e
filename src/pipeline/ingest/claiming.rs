//! Claiming: who works on a key, when several deliveries, runs or nodes could.

use std::sync::Arc;

use uuid::Uuid;

use super::super::judge::Addressed;
use super::super::patience::until_done;
use super::super::people::{Outdated, Reading, Whose};
use super::Admission;
use super::admission::{Applicant, key_reused};
use super::held::Begun;
use super::waiting::key_holder;
use crate::broker::receipt;
use crate::domain::Proof;
use crate::machine::claim::{KeyAction, what_becomes_of};
use crate::runtime::{clock, failpoint};
use crate::store::claims::{self, Claim, ClaimRequest, Claimant, DoorCount};
use crate::store::takes::TakeId;

impl Admission {
    /// Claims and hands on what is ours; returns those whose keys somebody has locked. Those that were held
    /// before have no reading of their people. `None` when there is no more time.
    pub(super) async fn claim_once(
        self: &Arc<Self>,
        claimant: Claimant,
        take: TakeId,
        mut applicants: Vec<Applicant>,
        reading: Option<Reading>,
    ) -> Option<Vec<Applicant>> {
        let requests: Vec<ClaimRequest> = applicants.iter().map(Applicant::request).collect();
        let known_at = clock::now();
        for applicant in &mut applicants {
            // Everything is heard, below, that was committed by now.
            applicant.known_at = known_at;
        }
        let is_again = reading.is_none();
        let claim = || claims::claim(&self.database, claimant, take, self.window, &requests);
        let again = || claims::claim_again(&self.database, claimant, take, self.window, &requests);
        let claimed = async {
            if is_again {
                until_done("claiming", &self.giving_up, again).await
            } else {
                until_done("claiming", &self.giving_up, claim).await
            }
        };
        let heard = async {
            match reading {
                Some(reading) => self.judge.people.catch_up(reading).await,
                None => Outdated::Anybody,
            }
        };
        let look = || self.judge.suppressed(addressed(&applicants, &requests));
        let look = until_done("looking for suppressions", &self.giving_up, look);
        let (claims, listed, outdated) = tokio::join!(claimed, look, heard);
        let (claims, suppressed) = (claims?, listed?);
        failpoint::hit("ingest.claimed");
        let mut ours = Vec::with_capacity(applicants.len());
        let (mut duplicates, mut refused) = (vec![], vec![]);
        let (mut begun, mut held) = (vec![], vec![]);
        for (applicant, request) in applicants.into_iter().zip(&requests) {
            match claims.get(&request.key) {
                Some(Claim::New) => ours.push((applicant, request.notification_id)),
                Some(Claim::Taken(holder)) => {
                    let seen = key_holder(holder, request.content);
                    match what_becomes_of(Some(seen), take.run(), 0) {
                        KeyAction::Acknowledge => {
                            let proof = holder.repeated(request.content);
                            duplicates.extend(proof.map(|proof| (applicant, proof)));
                        }
                        KeyAction::Reject => {
                            refused.extend(applicant.refused(key_reused(), false));
                        }
                        KeyAction::TakeOver | KeyAction::Wait | KeyAction::Return => {
                            begun.push((applicant, *holder));
                        }
                    }
                }
                Some(Claim::Held) => held.push(applicant),
                // The key's window ended between two looks: from the start, with the delivery.
                None => drop(applicant),
            }
        }
        self.wait_for(take.run(), begun);
        self.refuse(usize::from(claimant.worker), refused);
        if !duplicates.is_empty() {
            let admission = Arc::clone(self);
            self.tasks.spawn("count duplicates", async move {
                admission.drop_duplicates(claimant, duplicates).await;
            });
        }
        self.go_on(claimant, ours, Begun::Now, (&outdated, suppressed))
            .await;
        Some(held)
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
