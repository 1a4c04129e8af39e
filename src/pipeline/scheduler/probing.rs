//! Paused channels: one probe at a time while they are, and a gentle waking afterwards.

use std::time::Duration;

use super::pauses::Turn;
use super::{MOST, Round, Strays};
use crate::domain::{Channel, Lane};
use crate::policy::routing;
use crate::runtime::clock;
use crate::store::{StoreError, due};

impl Round {
    /// The lanes of which all that is due may be taken.
    pub(super) fn flowing(&self) -> Vec<Lane> {
        let now = clock::instant();
        let flows = |lane: &&Lane| self.pauses.turn(lane.channel, now) == Turn::Flow;
        self.lanes.iter().filter(flows).copied().collect()
    }

    /// Wakes some of what waits for a provider, in lanes whose channel has opened and whose permits
    /// are mostly free: what is woken must not queue up behind accounts that are slow to take it.
    pub(super) async fn wake(&self, flowing: &[Lane]) -> Result<(), StoreError> {
        let (now, moment) = (clock::now(), clock::instant());
        let longest = Duration::try_from(routing::WAIT).unwrap_or_default();
        for channel in Channel::ALL {
            let lanes = of_channel(flowing, *channel);
            let until = self.pauses.waking(*channel, moment, longest);
            let Some(until) = until.filter(|_| !lanes.is_empty()) else {
                continue;
            };
            let idle: Vec<(Lane, usize)> = lanes
                .iter()
                .filter_map(|lane| Some((*lane, self.mostly_free(*lane)?)))
                .collect();
            if idle.is_empty() {
                continue;
            }
            let until = now.saturating_add(until.duration_since(moment));
            let woken = due::wake(&self.database, now, until.unwrap_or(now), &idle).await?;
            if woken == 0 && idle.len() == lanes.len() {
                self.pauses.woken(*channel);
            }
        }
        Ok(())
    }

    /// Sends a probe through each paused channel for which the time has come, if nothing else of
    /// that channel is under way from here.
    ///
    /// Whatever becomes of a probe, its permit comes back: then either the account's circuit has
    /// told of a change, or another probe follows.
    pub(super) async fn probe(&self, strays: &mut Strays) -> Result<(), StoreError> {
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
            let until = now.saturating_add(routing::WAIT).unwrap_or(now);
            let take = due::probe(&self.database, self.run, now, until, &lanes);
            let count = self.bring(until, take, &mut permits, strays).await?;
            if count > 0 {
                self.pauses.probed(*channel, at, moment);
            }
            // What waits here may be unable to tell anything: pinned to another account, too late.
            if count == 0 || again {
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

    /// How many permits are free, if most are.
    fn mostly_free(&self, lane: Lane) -> Option<usize> {
        let permits = self.permits.scheduler(lane)?;
        let free = permits.free();
        (free * 4 >= permits.total() * 3).then_some(free.min(MOST))
    }
}

fn of_channel(lanes: &[Lane], channel: Channel) -> Vec<Lane> {
    let own = |lane: &&Lane| lane.channel == channel;
    lanes.iter().filter(own).copied().collect()
}
