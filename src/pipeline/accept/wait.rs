//! Orders whose key is another's that is not stored yet: a message from RabbitMQ that is being worked on, or was when
//! its node died; or a row that somebody has locked. They are looked at again for a while.

use std::sync::Arc;
use std::time::Duration;

use super::adopted::AdoptedClaim;
use super::gather::WaitingOrder;
use super::keys::KeyGroup;
use super::{Acceptor, NotAccepted};
use crate::machine::claim::is_left;
use crate::pipeline::ingest::key_holder;
use crate::resilience::Backoff;
use crate::store::StoreError;
use crate::store::claims::{self, ClaimOwner, FoundClaim};

/// First and longest wait until the next look, and the most looks: about four seconds in all.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(640));
const LOOKS: u32 = 12;
/// How long the delivery of a message that said something else may take to come again, from when its key was first
/// wanted: as long as ingest waits.
const NOBODY_CAME: Duration = Duration::from_secs(60);

impl Acceptor {
    /// Puts these back in a while. Claims that nobody can end any more are adopted: the next look accepts under
    /// the ids that they stand for.
    pub(super) async fn wait(self: &Arc<Self>, mut busy: Vec<(KeyGroup, Option<ClaimOwner>)>) {
        if busy.is_empty() {
            return;
        }
        if let Err(error) = self.adopt(&mut busy).await {
            tracing::warn!(%error, "keys of messages that nobody works on could not be taken over yet");
        }
        let orders = busy.into_iter().flat_map(|(group, _)| group.into_orders());
        let mut again: Vec<WaitingOrder> = vec![];
        for mut order in orders {
            order.looks += 1;
            match order.looks > LOOKS {
                true => order.answer(Err(NotAccepted::KeyInProgress)),
                false => again.push(order),
            }
        }
        let looks = again.iter().map(|order| order.looks).min().unwrap_or(0);
        let acceptor = Arc::clone(self);
        self.context.node.tasks.spawn("accept later", async move {
            let pause = tokio::time::sleep(AGAIN.ceiling(looks));
            // When the engine stops, they are told so.
            acceptor.context.node.phases.stop.or(pause).await;
            acceptor.gatherer.put_back(again);
        });
    }

    /// Adopts claims that have nobody to work on them: at once where their message said the same, for its delivery,
    /// should it come again, is a repetition of what is accepted now; else once nobody has come for it for a while.
    async fn adopt(&self, busy: &mut [(KeyGroup, Option<ClaimOwner>)]) -> Result<(), StoreError> {
        let Some(run) = self.context.node.lease_gate.run() else {
            return Ok(());
        };
        let guards = &self.context.node.claim_guards;
        let (mut found, mut others): (Vec<FoundClaim>, Vec<FoundClaim>) = Default::default();
        for (group, owner) in busy.iter() {
            let envelope = &group.first.order.envelope;
            let (key, content) = (envelope.key, envelope.content);
            let Some(owner) = *owner else { continue };
            let holder = key_holder(&owner, content);
            if !is_left(holder, run) || guards.in_flight.has(key) {
                continue;
            }
            match holder.says_the_same {
                true => found.push((key, content, owner)),
                false => others.push((key, content, owner)),
            }
        }
        let database = &self.context.node.database;
        let left = claims::want(database, &others, NOBODY_CAME).await?;
        found.extend(others.into_iter().filter(|(key, ..)| left.contains(key)));
        if found.is_empty() {
            return Ok(());
        }
        let take = self.context.takes.next(run);
        let over = claims::take_over(database, take, self.context.window, &found).await?;
        for (group, owner) in busy {
            let key = group.first.order.envelope.key;
            if let Some((owner, over)) = owner.zip(over.get(&key)) {
                group.first.adopts = Some(AdoptedClaim {
                    id: owner.notification_id,
                    take,
                    died: over.died,
                    key,
                    release_queue: guards.release_queue.clone(),
                });
            }
        }
        Ok(())
    }
}
