//! Paused channels: one probe at a time.

use super::pauses::Turn;
use super::{Looking, Round};
use crate::domain::{Channel, Lane};
use crate::pipeline::provider::LATEST;
use crate::runtime::clock;
use crate::store::{StoreError, due};

impl Round {
    /// The lanes of which all that is due may be taken.
    pub(super) fn flowing(&self) -> Vec<Lane> {
        let now = clock::instant();
        let flows = |lane: &&Lane| self.pauses.turn(lane.channel, now) == Turn::Flow;
        self.lanes.iter().filter(flows).copied().collect()
    }

    /// Sends a probe through each paused channel for which the time has come, if nothing else of
    /// that channel is under way from here.
    ///
    /// Whatever becomes of a probe, its permit comes back: then either the account's circuit has
    /// told of a change, or another probe follows.
    pub(super) async fn probe(&self, looking: &mut Looking) -> Result<(), StoreError> {
        for channel in Channel::ALL {
            let mut lanes = of_channel(&self.lanes, *channel);
            let moment = clock::instant();
            let Turn::Probe { at, again } = self.pauses.turn(*channel, moment) else {
                continue;
            };
            if lanes.is_empty() || !self.all_free(&lanes) {
                continue;
            }
            lanes.sort_by_key(|lane| lane.priority);
            let mut permits = self.free_permits(&lanes, 1);
            let now = clock::now();
            let until = now.saturating_add(LATEST * 2).unwrap_or(now);
            let taking = self.taking(looking.run);
            let take = due::probe(&self.database, taking, now, &lanes);
            let brought = self
                .bring(taking.take, until, take, &mut permits, looking, None)
                .await?;
            if !brought.is_empty() {
                self.pauses.probed(*channel, at, moment);
            }
            // What waits here may be unable to tell anything: pinned to another account, too late.
            if brought.is_empty() || again {
                self.pauses.probe_by_consuming(*channel, at);
            }
        }
        Ok(())
    }

    fn all_free(&self, lanes: &[Lane]) -> bool {
        let free = |lane: &Lane| {
            let permits = self.permits.scheduler(*lane);
            permits.is_some_and(|permits| permits.free() == permits.total())
        };
        lanes.iter().all(free)
    }
}

fn of_channel(lanes: &[Lane], channel: Channel) -> Vec<Lane> {
    let own = |lane: &&Lane| lane.channel == channel;
    lanes.iter().filter(own).copied().collect()
}
