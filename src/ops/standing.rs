//! Says every few seconds what this node has in hand, for those who look at all nodes.

use std::time::Duration;

use crate::broker::consumer::QueueDepths;
use crate::delivery::{ChannelState, ChannelStates};
use crate::domain::Lane;
use crate::runtime::Shutdown;
use crate::store::Database;
use crate::store::overview::standing::{self, LaneStanding};
use crate::work::{LanePermits, LeaseGate};

/// Time from one word to the next.
const EVERY: Duration = Duration::from_secs(5);

/// Says so until told to stop.
#[derive(Debug)]
pub struct StandingReporter {
    /// Where it is written.
    pub database: Database,
    /// Knows the run.
    pub lease_gate: LeaseGate,
    /// Know what is in hand.
    pub permits: LanePermits,
    /// Know what is paused.
    pub channels: ChannelStates,
    /// Know what waits in RabbitMQ.
    pub depths: QueueDepths,
    /// Ends it.
    pub stop: Shutdown,
}

impl StandingReporter {
    /// Runs until told to stop.
    pub async fn run(self) {
        while !self.stop.is_raised() {
            if let Some(run) = self.lease_gate.holding_run() {
                let lanes: Vec<LaneStanding> = Lane::all().map(|lane| self.lane(lane)).collect();
                if let Err(error) = standing::say(&self.database, run, &lanes).await {
                    tracing::debug!(%error, "what this node has in hand could not be written");
                }
            }
            self.stop.or(tokio::time::sleep(EVERY)).await;
        }
    }

    fn lane(&self, lane: Lane) -> LaneStanding {
        let (in_hand, room) = self.permits.standing(lane);
        let state = self.channels.state(lane.channel);
        LaneStanding {
            lane,
            in_hand: u64::try_from(in_hand).unwrap_or(u64::MAX),
            room: u64::try_from(room).unwrap_or(u64::MAX),
            is_paused: matches!(state, ChannelState::Paused { .. }),
            queued: self.depths.of(lane),
        }
    }
}
