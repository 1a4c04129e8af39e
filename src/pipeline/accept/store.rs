//! Storing a batch: keys and rows in one statement, then the answers, then the jobs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use super::gather::WaitingOrder;
use super::keys::KeyGroup;
use super::unheld::UnheldRows;
use super::{AcceptAnswer, AcceptedNotification, Acceptor, NotAccepted};
use crate::broker::Refusal;
use crate::broker::envelope::EnvelopeMistake;
use crate::domain::{AttemptRecord, ContentHash, Lane, Notification, Rejection};
use crate::pipeline::hand_over::hand_over;
use crate::pipeline::ingest::{key_reused, nobody, said_now};
use crate::runtime::{Permit, clock, failpoint, mailbox};
use crate::store::accept::{self, Acceptable, Accepting};
use crate::store::claims::{ClaimOwner, Claimant};
use crate::store::recipients::{RecipientConflict, Said};
use crate::store::takes::TakeId;
use crate::store::{StoreError, partitions};
use crate::work::ClaimGuard;
use crate::work::job::Wake;

/// The books' rows of accepting, apart from those of ingest and recorder.
const FIRST_WORKER: usize = 4;
/// How long storing is tried again.
const TRIED_FOR: Duration = Duration::from_secs(2);
/// Wait between tries.
const PAUSE: Duration = Duration::from_millis(100);
/// A statement that was given up may still be at work at the server, but not for so long.
const LATE: Duration = Duration::from_secs(60);

/// One that nothing stands against.
struct ReadyOrder {
    group: KeyGroup,
    notification: Notification,
    content: ContentHash,
    said: Option<Said>,
    permit: Option<Permit>,
}

impl Acceptor {
    /// Stores a batch, answers, and hands over what is to be sent now. `slot` is free for the next batch once
    /// this one is stored.
    pub(super) async fn store(
        self: &Arc<Self>,
        worker: usize,
        batch: Vec<WaitingOrder>,
        slot: impl Send,
    ) {
        failpoint::hit("accept.batch");
        if batch.is_empty() {
            return;
        }
        let groups = KeyGroup::of(batch);
        let refused = match self.look(&groups).await {
            Ok(refused) => refused,
            Err(error) => return self.fail(groups, &error),
        };
        let (mut ready, mut left) = (Vec::with_capacity(groups.len()), vec![]);
        for (group, refused) in groups.into_iter().zip(refused) {
            match refused {
                Some(why) => left.extend(group.answer(Err(why))),
                None => ready.push(ReadyOrder::of(group)),
            }
        }
        let run = self.context.node.lease_gate.run();
        let take = run.map(|run| self.context.takes.next(run));
        let mut unheld = take.map(|take| {
            let release_queue = self.context.node.claim_guards.release_queue.clone();
            UnheldRows::new(take, release_queue)
        });
        if let Some(unheld) = &mut unheld {
            self.permit(&mut ready, unheld);
        }
        let claimant = Claimant {
            run,
            worker: u8::try_from(FIRST_WORKER + worker).unwrap_or(u8::MAX),
            now: clock::now(),
        };
        let became = match self.insert(claimant, take, &ready).await {
            Ok(became) => became,
            Err(error) => {
                self.give_back_again(unheld.as_ref());
                let groups = ready.into_iter().map(|it| it.group).collect();
                return self.fail(groups, &error);
            }
        };
        failpoint::hit("accept.stored");
        let held = self.answer(ready, became, &mut unheld, &mut left).await;
        drop(slot);
        self.gatherer.put_back(left);
        hand_over(&self.context.node, &self.context.dispatchers, held, None).await;
    }

    /// The database does not answer.
    fn fail(&self, groups: Vec<KeyGroup>, error: &StoreError) {
        tracing::warn!(%error, "notifications could not be accepted");
        for order in groups.into_iter().flat_map(KeyGroup::into_orders) {
            order.answer(Err(NotAccepted::from(error)));
        }
    }

    /// Gives those a permit for which there is one: their rows are ours from the beginning.
    fn permit(&self, ready: &mut [ReadyOrder], unheld: &mut UnheldRows) {
        if self.context.node.phases.stop.is_raised() {
            return;
        }
        let mut wanted: HashMap<Lane, usize> = HashMap::new();
        for one in ready.iter() {
            *wanted.entry(one.notification.lane).or_default() += 1;
        }
        let free = wanted.into_iter().filter_map(|(lane, many)| {
            let permits = self.context.permits.broker(lane)?;
            Some((lane, permits.take_free(many)))
        });
        let mut free: HashMap<Lane, Vec<Permit>> = free.collect();
        for one in ready {
            let notification = &one.notification;
            one.permit = free.get_mut(&notification.lane).and_then(Vec::pop);
            if one.permit.is_some() {
                unheld.expect(notification.id);
            }
        }
    }

    /// Stores, and tries again for a while: to store the same again is safe.
    async fn insert(
        &self,
        claimant: Claimant,
        take: Option<TakeId>,
        ready: &[ReadyOrder],
    ) -> Result<HashMap<Uuid, Accepting>, StoreError> {
        let acceptable = |one| ReadyOrder::acceptable(one, take);
        let batch: Vec<Acceptable<'_>> = ready.iter().map(acceptable).collect();
        if batch.is_empty() {
            return Ok(HashMap::new());
        }
        let until = clock::instant() + TRIED_FOR;
        let (database, window) = (&self.context.node.database, self.context.window);
        loop {
            match accept::accept(database, claimant, window, &batch).await {
                Err(error) if clock::instant() < until => {
                    tracing::debug!(%error, "accepting failed; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// Gives rows back that may be stored late.
    fn give_back_again(&self, unheld: Option<&UnheldRows>) {
        let Some(again) = unheld.map(UnheldRows::again).filter(|it| !it.is_empty()) else {
            return;
        };
        let giving_up = self.context.node.phases.giving_up.clone();
        self.context.node.tasks.spawn("give back late", async move {
            giving_up.or(tokio::time::sleep(LATE)).await;
            drop(again);
        });
    }

    /// Answers; returns what is ours to send. What must be looked at again is left.
    async fn answer(
        self: &Arc<Self>,
        ready: Vec<ReadyOrder>,
        mut became: HashMap<Uuid, Accepting>,
        unheld: &mut Option<UnheldRows>,
        left: &mut Vec<WaitingOrder>,
    ) -> Vec<(Notification, ClaimGuard)> {
        let (mut held, mut busy, mut is_due) = (vec![], vec![], false);
        for mut one in ready {
            let id = one.notification.id;
            // Accepted or not, the claim is done with when this ends.
            let adopted = one.group.first.adopts.take();
            let answer = match became.remove(&id).unwrap_or(Accepting::Held) {
                Accepting::New => {
                    self.context.node.metrics.accepted(one.notification.lane);
                    let is_ours = unheld.is_some() && one.permit.is_some();
                    is_due |= !is_ours && !one.notification.is_ahead();
                    let (group, mut job) = self.hold(one, unheld.as_mut());
                    let died = adopted.and_then(|claim| claim.died);
                    if let Some(((notification, _), run)) = job.as_mut().zip(died) {
                        let died = AttemptRecord::node_died(clock::now(), run.0);
                        notification.attempts.push(died);
                    }
                    held.extend(job);
                    left.extend(group.answer(new(id)));
                    continue;
                }
                Accepting::Held => {
                    busy.push((one.group, None));
                    continue;
                }
                Accepting::Taken(owner) if !owner.is_stored() => {
                    busy.push((one.group, Some(owner)));
                    forget(unheld, id);
                    continue;
                }
                Accepting::Taken(owner) if adopted.is_some() => {
                    // Its row is the first message's; or this one's, of a statement whose answer was lost.
                    left.extend(one.group.answer(repeated(&owner, one.content)));
                    continue;
                }
                Accepting::Taken(owner) => repeated(&owner, one.content),
                Accepting::Conflict(RecipientConflict::UnknownTenant) => Err(NotAccepted::NoTenant),
                Accepting::Conflict(conflict) => {
                    refused(Rejection::RecipientConflict, conflict.to_string())
                }
                Accepting::PersonGone => {
                    let whose = (one.notification.tenant_id, one.notification.user_id);
                    self.context.node.eligibility.recipients.forget(whose);
                    Err(NotAccepted::Refused(nobody(None, false)))
                }
                Accepting::Refused(error) => {
                    tracing::warn!(%error, notification_id = %id, "a notification is refused for its data");
                    unstorable()
                }
            };
            forget(unheld, id);
            left.extend(one.group.answer(answer));
        }
        if is_due {
            mailbox::post(&self.context.scheduler, Wake);
        }
        self.wait(busy).await;
        held
    }

    /// The job of one that is stored, if it is ours.
    fn hold(
        &self,
        one: ReadyOrder,
        unheld: Option<&mut UnheldRows>,
    ) -> (KeyGroup, Option<(Notification, ClaimGuard)>) {
        let ReadyOrder {
            group,
            notification,
            permit,
            ..
        } = one;
        let (Some(unheld), Some(permit)) = (unheld, permit) else {
            return (group, None);
        };
        let arrived = group.first.order.arrived;
        let guards = &self.context.node.claim_guards;
        let guard = guards.accepted(&notification, unheld.take(), permit, arrived);
        unheld.forget(notification.id);
        (group, Some((notification, guard)))
    }
}

impl ReadyOrder {
    fn of(group: KeyGroup) -> Self {
        let envelope = group.first.order.envelope.clone();
        let adopts = group.first.adopts.as_ref();
        let id = adopts.map_or_else(clock::new_id, |claim| claim.id);
        let created_at = partitions::moment_of(id).unwrap_or_else(clock::now);
        Self {
            content: envelope.content,
            said: said_now(&envelope),
            notification: envelope.into_notification(id, created_at),
            permit: None,
            group,
        }
    }

    fn acceptable(&self, take: Option<TakeId>) -> Acceptable<'_> {
        Acceptable {
            notification: &self.notification,
            content: self.content,
            take: take.filter(|_| self.permit.is_some()),
            adopts: self.group.first.adopts.as_ref().map(|claim| claim.take),
            request_id: self.group.first.order.request_id,
            said: self.said.as_ref(),
        }
    }
}

fn forget(unheld: &mut Option<UnheldRows>, id: Uuid) {
    if let Some(unheld) = unheld {
        unheld.forget(id);
    }
}

const fn new(id: Uuid) -> AcceptAnswer {
    Ok(AcceptedNotification {
        id,
        is_replayed: false,
    })
}

/// What the database refuses for its data, and nothing else had against it.
fn unstorable() -> AcceptAnswer {
    let words = "a text, number or time in it cannot be stored";
    let refusal = Refusal::new(Rejection::InvalidEnvelope, words);
    let mistake = EnvelopeMistake {
        reason: Rejection::InvalidEnvelope,
        pointer: String::new(),
        code: "invalid",
        detail: words.to_owned(),
    };
    Err(NotAccepted::Refused(Refusal {
        mistakes: vec![mistake],
        ..refusal
    }))
}

fn refused(reason: Rejection, words: String) -> AcceptAnswer {
    Err(NotAccepted::Refused(Refusal::new(reason, words)))
}

/// What a message is told whose key stands for one that is stored.
fn repeated(owner: &ClaimOwner, content: ContentHash) -> AcceptAnswer {
    match owner.said(content) {
        true => Ok(AcceptedNotification {
            id: owner.notification_id,
            is_replayed: true,
        }),
        false => Err(NotAccepted::Refused(key_reused())),
    }
}
