//! Claiming: who works on a key, when several deliveries, runs or nodes could.

use std::sync::Arc;

use uuid::Uuid;

use super::Admission;
use super::held::Begun;
use super::message::{ClaimableMessage, key_reused};
use super::waiting::key_holder;
use crate::broker::receipt;
use crate::cache::recipients::{RecipientKey, Stale};
use crate::delivery::eligibility::Addressed;
use crate::domain::{Proof, ReadMark};
use crate::machine::claim::{KeyAction, what_becomes_of};
use crate::runtime::{clock, failpoint};
use crate::store::claims::{self, Claim, ClaimRequest, Claimant, IntakeCount};
use crate::store::takes::TakeId;
use crate::work::retry::retry_until_ok;

impl Admission {
    /// Claims and hands on what is ours; returns those whose keys somebody has locked. Those that were held
    /// before have no reading of their recipients. `None` when there is no more time.
    pub(super) async fn claim_once(
        self: &Arc<Self>,
        claimant: Claimant,
        take: TakeId,
        mut claimables: Vec<ClaimableMessage>,
        reading: Option<ReadMark>,
    ) -> Option<Vec<ClaimableMessage>> {
        let requests: Vec<ClaimRequest> =
            claimables.iter().map(ClaimableMessage::request).collect();
        let (known_at, heard) = (clock::now(), self.node.eligibility.recipients.begin());
        for claimable in &mut claimables {
            // Everything is heard, below, that was committed by now.
            (claimable.known_at, claimable.heard) = (known_at, heard);
        }
        let is_again = reading.is_none();
        let claim = || claims::claim(&self.node.database, claimant, take, self.window, &requests);
        let again =
            || claims::claim_again(&self.node.database, claimant, take, self.window, &requests);
        let claimed = async {
            if is_again {
                retry_until_ok("claiming", &self.node.phases.giving_up, again).await
            } else {
                retry_until_ok("claiming", &self.node.phases.giving_up, claim).await
            }
        };
        let catch_up = async {
            match reading {
                Some(reading) => self.node.eligibility.recipients.catch_up(reading).await,
                None => Stale::All,
            }
        };
        let look = || {
            self.node
                .eligibility
                .suppressed(addressed(&claimables, &requests))
        };
        let look = retry_until_ok(
            "looking for suppressions",
            &self.node.phases.giving_up,
            look,
        );
        let (claims, listed, stale) = tokio::join!(claimed, look, catch_up);
        let (claims, suppressed) = (claims?, listed?);
        failpoint::hit("ingest.claimed");
        let mut ours = Vec::with_capacity(claimables.len());
        let (mut duplicates, mut refused) = (vec![], vec![]);
        let (mut begun, mut held) = (vec![], vec![]);
        for (claimable, request) in claimables.into_iter().zip(&requests) {
            match claims.get(&request.key) {
                Some(Claim::New) => ours.push((claimable, request.notification_id)),
                Some(Claim::Taken(claim_owner)) => {
                    let seen = key_holder(claim_owner, request.content);
                    match what_becomes_of(Some(seen), take.run(), 0) {
                        KeyAction::Acknowledge => {
                            let proof = claim_owner.repeated(request.content);
                            duplicates.extend(proof.map(|proof| (claimable, proof)));
                        }
                        KeyAction::Reject => {
                            refused.extend(claimable.refused(key_reused()));
                        }
                        KeyAction::TakeOver | KeyAction::Wait | KeyAction::Return => {
                            begun.push((claimable, *claim_owner));
                        }
                    }
                }
                Some(Claim::Held) => held.push(claimable),
                // The key's window ended between two looks: from the start, with the delivery.
                None => drop(claimable),
            }
        }
        self.wait_for(take.run(), begun);
        self.refuse(usize::from(claimant.worker), refused);
        if !duplicates.is_empty() {
            let admission = Arc::clone(self);
            self.node.tasks.spawn("count duplicates", async move {
                admission.drop_duplicates(claimant, duplicates).await;
            });
        }
        self.go_on(claimant, ours, Begun::Now, (&stale, suppressed))
            .await;
        Some(held)
    }

    /// Counts duplicates, with whatever joined them meanwhile, then acknowledges. A delivery whose
    /// channel is gone comes again, and is counted then.
    pub(super) async fn drop_duplicates<P: Proof>(
        &self,
        claimant: Claimant,
        duplicates: Vec<(ClaimableMessage, P)>,
    ) {
        let (mut receipts, mut counts, mut permits) = (vec![], vec![], vec![]);
        for (
            ClaimableMessage {
                envelope, claim, ..
            },
            proof,
        ) in duplicates
        {
            let redeemed = claim.redeem(&proof);
            let gathered = redeemed.receipts;
            let live = gathered.iter().filter(|receipt| receipt.is_live()).count();
            let duplicates = u32::try_from(live).unwrap_or(u32::MAX);
            counts.push(IntakeCount {
                tenant_id: envelope.tenant_id,
                channel: envelope.lane.channel,
                rejected: 0,
                duplicates,
            });
            receipts.extend(gathered);
            permits.push(redeemed.permit);
        }
        let count = || claims::count(&self.node.database, claimant, &counts);
        if retry_until_ok("counting duplicates", &self.node.phases.giving_up, count)
            .await
            .is_none()
        {
            return;
        }
        for count in &counts {
            self.node
                .metrics
                .duplicates(count.channel, u64::from(count.duplicates));
        }
        receipt::acknowledge(receipts).await;
        drop(permits);
    }
}

fn addressed<'a>(
    claimables: &'a [ClaimableMessage],
    requests: &'a [ClaimRequest],
) -> impl Iterator<Item = Addressed<'a>> {
    let both = claimables.iter().zip(requests);
    both.filter_map(|(claimable, request)| claimable.addressed(request.notification_id))
}

impl ClaimableMessage {
    pub(super) fn recipient_key(&self) -> RecipientKey {
        (self.envelope.tenant_id, self.envelope.user_id)
    }

    /// Whose addresses are looked for on the suppression list; `None` while nobody is known.
    pub(super) fn addressed(&self, id: Uuid) -> Option<Addressed<'_>> {
        Some(Addressed {
            id,
            recipient: self.recipient.as_deref()?,
            channel: self.envelope.lane.channel,
            to: self.envelope.payload.to.as_deref(),
            category: self.envelope.category.as_deref(),
        })
    }

    fn request(&self) -> ClaimRequest {
        ClaimRequest {
            key: self.claim.key(),
            content: self.envelope.content,
            notification_id: self.claim.id(),
            tenant_id: self.envelope.tenant_id,
            channel: self.envelope.lane.channel,
        }
    }
}
