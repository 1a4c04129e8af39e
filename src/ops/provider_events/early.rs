//! Events from which something is still to follow are looked at again: those that came before the row or the outcome of
//! their notification, and those that were not believed.

use std::time::Duration;

use tokio::time::sleep;

use super::{EventIntake, EventSource};
use crate::runtime::Shutdown;
use crate::store::StoreError;
use crate::store::provider_events::{self, AwaitedThing, EventPlace};

/// Time from one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Looks between two in which what nobody knows is forgotten: ten minutes.
const FORGET_EVERY: u32 = 600;
/// Looks between two in which doubted events are judged again.
const DOUBT_EVERY: u32 = 10;
/// So much of what is believed of an account in a minute is judged again at once.
const DOUBTED_SHARE: u32 = 12;
/// Events of one transaction.
const PART: i64 = 500;
/// Transactions of one look: however many events wait, it looks at some of them.
const PARTS: u32 = 4;

/// Looks for events whose notification has come, until it is told to stop. Every node does it.
pub async fn run(intake: EventIntake, stop: Shutdown) {
    let mut looks = 0_u32;
    let mut early = Round::of(AwaitedThing::Row);
    let mut awaiting = Round::of(AwaitedThing::Outcome);
    while !stop.is_raised() {
        for round in [&mut early, &mut awaiting] {
            if let Err(error) = round.look(&intake).await {
                tracing::debug!(%error, "early events could not be looked for; trying again");
            }
        }
        if looks.is_multiple_of(DOUBT_EVERY)
            && let Err(error) = judge_doubted(&intake).await
        {
            tracing::debug!(%error, "doubted events could not be judged again; trying again");
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

/// The way through all events that wait for a thing, again and again.
struct Round {
    thing: AwaitedThing,
    place: EventPlace,
}

impl Round {
    const fn of(thing: AwaitedThing) -> Self {
        Self {
            thing,
            place: EventPlace::START,
        }
    }

    /// Goes on for a while, at most to the end.
    async fn look(&mut self, intake: &EventIntake) -> Result<(), StoreError> {
        for _ in 0..PARTS {
            let mut connection = intake.database.get().await?;
            let next = self.place.after(&mut connection, self.thing, PART).await?;
            drop(connection);
            let source = match self.thing {
                AwaitedThing::Row => EventSource::Early(self.place, PART),
                AwaitedThing::Outcome => EventSource::Settled(self.place, PART),
            };
            intake.follow_up(source).await?;
            self.place = next.unwrap_or(EventPlace::START);
            if next.is_none() {
                break;
            }
        }
        Ok(())
    }
}

/// Judges some events again, of each account that is believed by now.
async fn judge_doubted(intake: &EventIntake) -> Result<(), StoreError> {
    let mut connection = intake.database.get().await?;
    let accounts = provider_events::doubted(&mut connection).await?;
    drop(connection);
    for provider in accounts {
        if let Some(most) = intake.doubts.may_judge(&provider, DOUBTED_SHARE) {
            let source = EventSource::Doubted(&provider, i64::from(most));
            intake.follow_up(source).await?;
        }
    }
    Ok(())
}
