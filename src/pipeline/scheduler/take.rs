//! What was taken is held, its recipients are loaded, and it goes on its way.

use std::collections::HashMap;

use jiff::Timestamp;
use uuid::Uuid;

use super::{Looking, Poller};
use crate::delivery::account::AccountRoom;
use crate::domain::{Channel, Lane};
use crate::pipeline::hand_over::hand_over;
use crate::runtime::{Permit, clock, failpoint};
use crate::store::StoreError;
use crate::store::due::{self, Taken, Taking};
use crate::store::takes::TakeId;
use crate::work::release_queue::Abandoned;

/// For what rows are taken.
#[derive(Debug, Clone, Copy)]
pub(super) enum TakePurpose<'a> {
    /// They are due.
    Due,
    /// There is room for them at an account, or at any.
    Call(Option<&'a AccountRoom>),
    /// One of them is to show whether an account of a paused channel is back.
    Probe(Channel),
}

/// What was taken and sent on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Brought {
    pub(super) lane: Lane,
    pub(super) tenant: Uuid,
    pub(super) id: Uuid,
}

/// How many were brought of each tenant in a lane.
pub(super) fn by_tenant(brought: &[Brought], lane: Lane) -> HashMap<Uuid, usize> {
    let mut count = HashMap::new();
    for one in brought.iter().filter(|one| one.lane == lane) {
        *count.entry(one.tenant).or_default() += 1;
    }
    count
}

impl Poller {
    /// Takes what is due by `until`, and sends it on its way; says what that was. Until all of it
    /// is held, the take may be lost.
    pub(super) async fn bring(
        &self,
        take: TakeId,
        until: Timestamp,
        taking: impl Future<Output = Result<Taken, StoreError>>,
        permits: &mut HashMap<Lane, Vec<Permit>>,
        looking: &mut Looking,
        purpose: TakePurpose<'_>,
    ) -> Result<Vec<Brought>, StoreError> {
        let until = until.max(Taking::latest(clock::now()));
        looking.lost_takes.expect(take, clock::instant(), until);
        let taken = taking.await?;
        failpoint::hit("scheduler.take");
        if !taken.worn.is_empty() {
            for id in &taken.worn {
                tracing::error!(notification_id = %id, "a notification was taken too often without an outcome; it becomes a dead letter");
            }
            let ended = due::end_worn(&self.node.database, take, &taken.worn).await;
            if let Some(error) = &ended.trouble {
                let left = ended.left.len();
                tracing::warn!(%error, left, "notifications that were taken too often could not become dead letters yet; they come again");
            }
            self.abandon(take, ended.left);
        }
        if !taken.unreadable.is_empty() {
            self.give_back(take, &taken.unreadable).await;
        }
        let mut brought = Vec::with_capacity(taken.notifications.len());
        let suspects = taken.suspects;
        let mut held = Vec::with_capacity(taken.notifications.len());
        for notification in taken.notifications {
            let about = notification.source.as_ref();
            failpoint::die_of(about.map(|source| source.id.as_str()));
            // There is a permit for each: no more were asked for.
            let Some(permit) = permits.get_mut(&notification.lane).and_then(Vec::pop) else {
                self.abandon(take, [notification.id]);
                continue;
            };
            let solo = match purpose {
                TakePurpose::Probe(channel) => Some(self.pauses.begin(channel, clock::instant())),
                _ if suspects.contains(&notification.id) => {
                    Some(self.suspects.begin(notification.lane, clock::instant()))
                }
                _ => None,
            };
            match self
                .node
                .claim_guards
                .taken(&notification, take, permit, solo)
            {
                Some(claim) => {
                    brought.push(Brought {
                        lane: notification.lane,
                        tenant: notification.tenant_id,
                        id: notification.id,
                    });
                    held.push((notification, claim));
                }
                None => self.abandon(take, [notification.id]),
            }
        }
        looking.lost_takes.held(take);
        failpoint::hit("scheduler.taken");
        let room = match purpose {
            TakePurpose::Call(room) => room,
            TakePurpose::Due | TakePurpose::Probe(_) => None,
        };
        hand_over(&self.node, &self.dispatchers, held, room).await;
        Ok(brought)
    }

    /// Has rows go back that were taken and that nobody works on.
    pub(super) fn abandon(&self, take: TakeId, ids: impl IntoIterator<Item = Uuid>) {
        for id in ids {
            let abandoned = Abandoned::row(id, take);
            self.node.claim_guards.release_queue.abandon(abandoned);
        }
    }
}
