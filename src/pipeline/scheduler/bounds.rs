//! From when on anything that waits is due: the front of the index may be very many entries of rows
//! that have passed, which nobody may remove while an old snapshot is held, by a report for instance.

use std::collections::HashMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::domain::Lane;
use crate::store::due::Front;

/// Time between two looks at where the lanes begin.
const MEASURED_EVERY: Duration = Duration::from_secs(5);
/// Time between two such looks from the very beginning: what was put off to before a bound, by a clock
/// that is wrong, waits no longer.
const WHOLE_EVERY: Duration = Duration::from_secs(60);
/// What is put off is due then at the earliest, by however many clocks.
const MARGIN: SignedDuration = SignedDuration::from_secs(10);
/// Before everything: the year 1.
pub(super) const BEGINNING: Timestamp = Timestamp::constant(-62_135_596_800, 0);

/// What is known of the lanes' beginnings.
#[derive(Debug, Default)]
pub(super) struct Bounds {
    since: HashMap<Lane, Timestamp>,
    measured: Option<Instant>,
    whole: Option<Instant>,
}

impl Bounds {
    /// No row that waits in the lane is due before, as far as is known.
    pub(super) fn since(&self, lane: Lane) -> Timestamp {
        self.since.get(&lane).copied().unwrap_or(BEGINNING)
    }

    /// From when on the lanes are to be looked at now, if it is time for that.
    pub(super) fn due_measurement(
        &mut self,
        lanes: &[Lane],
        now: Instant,
    ) -> Option<Vec<(Lane, Timestamp)>> {
        let is_over = |at: Option<Instant>, every| {
            at.is_none_or(|at| now.saturating_duration_since(at) >= every)
        };
        if !is_over(self.measured, MEASURED_EVERY) {
            return None;
        }
        self.measured = Some(now);
        if is_over(self.whole, WHOLE_EVERY) {
            self.since.clear();
            self.whole = Some(now);
        }
        Some(
            lanes
                .iter()
                .map(|lane| (*lane, self.since(*lane)))
                .collect(),
        )
    }

    /// That is where they begin.
    pub(super) fn measured(&mut self, fronts: &[Front], now: Timestamp) {
        let latest = now.saturating_sub(MARGIN).unwrap_or(now);
        for front in fronts {
            let earliest = front.earliest.unwrap_or(latest);
            self.since.insert(front.lane, earliest.min(latest));
        }
    }

    /// Something went wrong: nothing is known any more.
    pub(super) fn forget(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Channel, Priority};
    use crate::runtime::clock;

    const LANE: Lane = Lane::new(Channel::Email, Priority::Low);

    fn front(earliest: Option<Timestamp>) -> [Front; 1] {
        [Front {
            lane: LANE,
            earliest,
        }]
    }

    #[test]
    fn a_bound_is_where_the_lane_begins_and_never_close_to_now() {
        let (mut bounds, moment, now) = (Bounds::default(), clock::instant(), clock::now());
        let at = |seconds| now + SignedDuration::from_secs(seconds);
        assert_eq!(bounds.since(LANE), BEGINNING);
        assert_eq!(
            bounds.due_measurement(&[LANE], moment),
            Some(vec![(LANE, BEGINNING)])
        );
        bounds.measured(&front(Some(at(-300))), now);
        assert_eq!(bounds.since(LANE), at(-300));
        assert_eq!(bounds.due_measurement(&[LANE], moment), None);
        let next = bounds.due_measurement(&[LANE], moment + MEASURED_EVERY);
        assert_eq!(next, Some(vec![(LANE, at(-300))]));
        bounds.measured(&front(Some(at(60))), now);
        assert_eq!(bounds.since(LANE), at(-10));
        bounds.measured(&front(None), now);
        assert_eq!(bounds.since(LANE), at(-10));
    }

    #[test]
    fn once_a_minute_and_after_a_mistake_it_is_looked_for_from_the_beginning() {
        let (mut bounds, moment, now) = (Bounds::default(), clock::instant(), clock::now());
        let whole = Some(vec![(LANE, BEGINNING)]);
        assert_eq!(bounds.due_measurement(&[LANE], moment), whole);
        bounds.measured(&front(None), now);
        assert_ne!(
            bounds.due_measurement(&[LANE], moment + MEASURED_EVERY),
            whole
        );
        assert_eq!(bounds.due_measurement(&[LANE], moment + WHOLE_EVERY), whole);
        bounds.measured(&front(None), now);
        bounds.forget();
        assert_eq!(bounds.since(LANE), BEGINNING);
        assert_eq!(bounds.due_measurement(&[LANE], moment + WHOLE_EVERY), whole);
    }
}
