//! Paused channels: one probe at a time.

use uuid::Uuid;

use super::bounds::BEGINNING;
use super::pauses::Allowance;
use super::take::TakePurpose;
use super::{Looking, Poller, only_of_rows};
use crate::domain::{Channel, Lane};
use crate::machine::delivery::LATEST;
use crate::runtime::clock;
use crate::store::StoreError;
use crate::store::due::{self, Among, WaitsFor, Wanting};

impl Poller {
    /// The lanes of which all that is due may be taken.
    pub(super) fn flowing(&self) -> Vec<Lane> {
        let now = clock::instant();
        let flows = |lane: &&Lane| self.pauses.turn(lane.channel, now) == Allowance::Flow;
        self.lanes.iter().filter(flows).copied().collect()
    }

    /// Sends a probe through each paused channel for which the time has come, if none is under way from
    /// here. What else of the channel is in hand does not matter: it may be an outcome that cannot be
    /// stored, and the account lets one request through.
    ///
    /// Whatever becomes of a probe, it ends: then either the account's circuit has told of a change, or
    /// another probe follows.
    pub(super) async fn probe(&self, looking: &mut Looking) -> Result<(), StoreError> {
        let mut failed = Ok(());
        for channel in Channel::ALL {
            let mut lanes = of_channel(&self.lanes, *channel);
            let moment = clock::instant();
            let Allowance::Probe { at, again } = self.pauses.turn(*channel, moment) else {
                continue;
            };
            let mut permits = self.free_permits(&lanes, 1);
            lanes.retain(|lane| permits.contains_key(lane));
            if lanes.is_empty() {
                // All that may be in hand is, and may be unable to end.
                self.pauses.probe_by_consuming(*channel, at);
                continue;
            }
            lanes.sort_by_key(|lane| lane.priority);
            let mut left_out = looking.refusing.ids(moment);
            left_out.extend(self.pauses.tried(*channel));
            let now = clock::now();
            let until = now.saturating_add(LATEST * 2).unwrap_or(now);
            let taking = self.taking(looking.run, &left_out);
            let names = self.probing(*channel, &looking.waits);
            let take = due::probe(&self.node.database, taking, now, &lanes, &names);
            let purpose = TakePurpose::Probe(*channel);
            let brought = self
                .bring(taking.take, until, take, &mut permits, looking, purpose)
                .await;
            let brought = match brought {
                Ok(brought) => brought,
                Err(failure) => {
                    self.pauses.probe_by_consuming(*channel, at);
                    failed =
                        only_of_rows(self.sift(looking, &probed(&lanes, &names), failure).await)?;
                    continue;
                }
            };
            match brought.first() {
                Some(probe) => {
                    self.pauses.probed(*channel, at, moment);
                    self.pauses.tries(*channel, probe.id);
                }
                None => self.pauses.tries_anew(*channel),
            }
            // What waits here may be unable to tell anything: pinned to another account, too late.
            if brought.is_empty() || again {
                self.pauses.probe_by_consuming(*channel, at);
            }
        }
        failed
    }
}

/// What a probe looks at.
fn probed(lanes: &[Lane], names: &[WaitsFor]) -> Vec<Wanting> {
    let named = |name: &WaitsFor| Among::Waiting(name.clone(), Uuid::nil());
    let wanting = |lane: &Lane| {
        let lane = *lane;
        let among = std::iter::once(Among::Due(BEGINNING)).chain(names.iter().map(named));
        let wanted = among.map(move |among| Wanting {
            lane,
            tenant: None,
            most: 1,
            among,
        });
        wanted.collect::<Vec<_>>()
    };
    lanes.iter().flat_map(wanting).collect()
}

fn of_channel(lanes: &[Lane], channel: Channel) -> Vec<Lane> {
    let own = |lane: &&Lane| lane.channel == channel;
    lanes.iter().filter(own).copied().collect()
}
