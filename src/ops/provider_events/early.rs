//! Events that came before the row of their notification are looked at again.

use std::time::Duration;

use tokio::time::sleep;

use super::{EventIntake, EventSource};
use crate::runtime::Shutdown;

/// Time from one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two in which what nobody knows is forgotten: ten minutes.
const FORGET_EVERY: u32 = 600;
/// Events of one look.
const PART: i64 = 500;

/// Looks for events whose notification has come, until it is told to stop. Every node does it.
pub async fn run(intake: EventIntake, stop: Shutdown) {
    let mut looks = 0_u32;
    while !stop.is_raised() {
        let taken = intake.follow_up(EventSource::Early(PART)).await;
        if let Err(error) = taken {
            tracing::debug!(%error, "early events could not be looked for; trying again");
        }
        if looks.is_multiple_of(FORGET_EVERY)
            && let Err(error) = intake.let_go().await
        {
            tracing::debug!(%error, "events of nobody could not be let go of; trying again later");
        }
        looks = looks.wrapping_add(1);
        stop.or(sleep(LOOK_EVERY)).await;
    }
}
