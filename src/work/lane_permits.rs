//! The permits of every lane, shared out between its two ways in.

use crate::config::Lanes;
use crate::domain::Lane;
use crate::runtime::Permits;

/// Permits by lane. Each lane keeps a share for the scheduler, and no lane can take another's, so
/// that neither way in starves and no bulk lane holds up an urgent one.
#[derive(Debug, Clone)]
pub struct LanePermits {
    lanes: Vec<(Permits, Permits)>,
}

impl LanePermits {
    /// The permits of all lanes by configuration.
    #[must_use]
    pub fn new(settings: &Lanes) -> Self {
        let lanes = Lane::all().map(|lane| {
            let total = settings.permits(lane.priority).max(2);
            let scheduler = scheduler_permits(total, settings.scheduler_share);
            (Permits::new(total - scheduler), Permits::new(scheduler))
        });
        Self {
            lanes: lanes.collect(),
        }
    }

    /// What messages from the broker occupy.
    #[must_use]
    pub fn broker(&self, lane: Lane) -> Option<&Permits> {
        self.lanes.get(lane.index()).map(|(broker, _)| broker)
    }

    /// How many are taken: messages in hand.
    #[must_use]
    pub fn taken(&self) -> usize {
        let taken = |permits: &Permits| permits.total().saturating_sub(permits.free());
        self.lanes
            .iter()
            .map(|(broker, scheduler)| taken(broker) + taken(scheduler))
            .sum()
    }

    /// How many of a lane are taken, and how many there are.
    #[must_use]
    pub fn standing(&self, lane: Lane) -> (usize, usize) {
        let both = self.lanes.get(lane.index());
        let both = both.map(|(broker, scheduler)| [broker, scheduler]);
        let both = both.into_iter().flatten();
        both.fold((0, 0), |(taken, all), permits| {
            let total = permits.total();
            (taken + total.saturating_sub(permits.free()), all + total)
        })
    }

    /// Waits until all are free: nothing is in hand any more. Only once nothing is taken on.
    pub async fn idle(&self) {
        for (broker, scheduler) in &self.lanes {
            broker.all_free().await;
            scheduler.all_free().await;
        }
    }

    /// What the scheduler occupies.
    #[must_use]
    pub fn scheduler(&self, lane: Lane) -> Option<&Permits> {
        self.lanes.get(lane.index()).map(|(_, scheduler)| scheduler)
    }
}

fn scheduler_permits(total: usize, share: f64) -> usize {
    ((total as f64 * share).round() as usize).clamp(1, total - 1)
}
