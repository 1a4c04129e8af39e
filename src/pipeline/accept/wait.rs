//! Orders whose key is another's that is not stored yet: a message from RabbitMQ that is being worked on, or was when
//! its node died; or a row that somebody has locked. They are looked at again for a while.

use std::sync::Arc;
use std::time::Duration;

use super::adopted::AdoptedClaim;
use super::gather::WaitingOrder;
use super::keys::KeyGroup;
use super::{Acceptor, NotAccepted};
use crate::machine::claim::{KeyAction, what_becomes_of};
use crate::pipeline::ingest::key_holder;
use crate::resilience::Backoff;
use crate::store::StoreError;
use crate::store::claims::{self, ClaimOwner, FoundClaim};

/// First and longest wait until the next look, and the most looks: about four seconds in all.
const AGAIN: Backoff = Backoff::new(Duration::from_millis(10), Duration::from_millis(640));
const LOOKS: u32 = 12;

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

    /// Adopts claims whose message said the same and has nobody to work on it: its delivery, should it come
    /// again, is a repetition of what is accepted now.
    async fn adopt(&self, busy: &mut [(KeyGroup, Option<ClaimOwner>)]) -> Result<(), StoreError> {
        let Some(run) = self.context.node.lease_gate.run() else {
            return Ok(());
        };
        let guards = &self.context.node.claim_guards;
        let found = busy.iter().filter_map(|(group, owner)| {
            let envelope = &group.first.order.envelope;
            let (key, content, owner) = (envelope.key, envelope.content, (*owner)?);
            let action = what_becomes_of(Some(key_holder(&owner, content)), run, 0);
            let is_free = action == KeyAction::TakeOver && !guards.in_flight.has(key);
            is_free.then_some((key, content, owner))
        });
        let found: Vec<FoundClaim> = found.collect();
        if found.is_empty() {
            return Ok(());
        }
        let take = self.context.takes.next(run);
        let database = &self.context.node.database;
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
