//! Lanes in which more is due than can be taken: tenants in turn.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use super::ring::Ring;
use super::take::{TakePurpose, by_tenant};
use super::{Looking, Poller};
use crate::domain::Lane;
use crate::runtime::{Permit, clock};
use crate::store::StoreError;
use crate::store::due::{self, Among, TenantWanted, TenantsOf, Wanted, Wanting};

/// Time between two looks for tenants of whom something has become due.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// How far back such a look goes behind the one before it: what was put off to then is committed by then.
const OVERLAP: SignedDuration = SignedDuration::from_secs(5);

/// Who waits in a lane in which more was due than could be taken.
#[derive(Debug, Default)]
pub(super) struct CrowdedLane {
    tenants: Ring,
    looked: Option<(Instant, Timestamp)>,
}

impl CrowdedLane {
    /// Since when to look for what has become due, if it is time for a look.
    fn due_look(&mut self, now: Instant, moment: Timestamp) -> Option<Timestamp> {
        let before = self.looked;
        if before.is_some_and(|(at, _)| now.saturating_duration_since(at) < LOOK_EVERY) {
            return None;
        }
        self.looked = Some((now, moment));
        let since = before.map_or(moment, |(_, moment)| moment);
        Some(since.saturating_sub(OVERLAP).unwrap_or(since))
    }
}

impl Poller {
    /// Takes what is due in these lanes, for which there are these permits: the longest due first, as long
    /// as there is room for all; where there is not, tenants in turn.
    pub(super) async fn take_due(
        &self,
        looking: &mut Looking,
        permits: &mut HashMap<Lane, Vec<Permit>>,
    ) -> Result<(), StoreError> {
        let (crowded, free): (Vec<Lane>, Vec<Lane>) = permits
            .keys()
            .copied()
            .partition(|lane| looking.crowded_lanes.contains_key(lane));
        let wanted = |lane: Lane| Wanted {
            lane,
            most: permits.get(&lane).map_or(0, Vec::len),
            since: looking.bounds.since(lane),
            suspect: self.suspects.is_free(lane, clock::instant()),
        };
        let wanted: Vec<Wanted> = free.into_iter().map(wanted).collect();
        if !wanted.is_empty() {
            let left_out = looking.refusing.ids(clock::instant());
            let (now, taking) = (clock::now(), self.taking(looking.run, &left_out));
            let take = due::take(&self.node.database, taking, now, &wanted);
            let brought = self
                .bring(taking.take, now, take, permits, looking, TakePurpose::Due)
                .await;
            let brought = match brought {
                Ok(brought) => brought,
                Err(failure) => {
                    let wanting = wanted.iter().map(|it| Wanting {
                        lane: it.lane,
                        tenant: None,
                        most: it.most,
                        among: Among::Due(it.since),
                    });
                    let wanting: Vec<Wanting> = wanting.collect();
                    return self.sift(looking, &wanting, failure).await;
                }
            };
            for wanted in &wanted {
                let of_lane = brought.iter().filter(|one| one.lane == wanted.lane);
                if of_lane.count() >= wanted.most {
                    looking
                        .crowded_lanes
                        .insert(wanted.lane, CrowdedLane::default());
                }
            }
        }
        self.take_in_turn(looking, &crowded, permits).await
    }

    async fn take_in_turn(
        &self,
        looking: &mut Looking,
        lanes: &[Lane],
        permits: &mut HashMap<Lane, Vec<Permit>>,
    ) -> Result<(), StoreError> {
        let (now, moment) = (clock::now(), clock::instant());
        let (mut asked, mut turns) = (vec![], vec![]);
        for lane in lanes {
            let Some(crowd) = looking.crowded_lanes.get_mut(lane) else {
                continue;
            };
            if let Some(since) = crowd.due_look(moment, now) {
                let after = crowd.tenants.after();
                let of = TenantsOf {
                    lane: *lane,
                    after,
                    since,
                };
                crowd
                    .tenants
                    .found(due::tenants(&self.node.database, of, now).await?);
            }
            let most = permits.get(lane).map_or(0, Vec::len);
            let whose = crowd.tenants.turns(most);
            let since = looking.bounds.since(*lane);
            turns.extend(whose.iter().map(|(tenant, most)| TenantWanted {
                lane: *lane,
                tenant: *tenant,
                most: *most,
                since,
                suspect: self.suspects.is_free(*lane, moment),
            }));
            asked.push((*lane, whose));
        }
        let brought = if turns.is_empty() {
            vec![]
        } else {
            let left_out = looking.refusing.ids(moment);
            let taking = self.taking(looking.run, &left_out);
            let take = due::take_in_turn(&self.node.database, taking, now, &turns);
            let brought = self
                .bring(taking.take, now, take, permits, looking, TakePurpose::Due)
                .await;
            match brought {
                Ok(brought) => brought,
                Err(failure) => {
                    let wanting = turns.iter().map(|turn| Wanting {
                        lane: turn.lane,
                        tenant: Some(turn.tenant),
                        most: turn.most,
                        among: Among::Due(turn.since),
                    });
                    let wanting: Vec<Wanting> = wanting.collect();
                    return self.sift(looking, &wanting, failure).await;
                }
            }
        };
        for (lane, whose) in asked {
            let had = by_tenant(&brought, lane);
            if let Some(crowd) = looking.crowded_lanes.get_mut(&lane) {
                crowd.tenants.had(&whose, &had);
                if crowd.tenants.is_empty() {
                    looking.crowded_lanes.remove(&lane);
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_goes_back_behind_the_one_before_and_comes_four_times_a_second() {
        let (mut crowd, now, moment) = (CrowdedLane::default(), clock::instant(), clock::now());
        assert_eq!(crowd.due_look(now, moment), Some(moment - OVERLAP));
        assert_eq!(crowd.due_look(now + LOOK_EVERY / 2, moment), None);
        let later = moment + SignedDuration::from_secs(9);
        assert_eq!(
            crowd.due_look(now + LOOK_EVERY, later),
            Some(moment - OVERLAP)
        );
        assert_eq!(
            crowd.due_look(now + LOOK_EVERY * 2, later),
            Some(later - OVERLAP)
        );
    }
}
