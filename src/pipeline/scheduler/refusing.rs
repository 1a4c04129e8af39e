//! Rows that PostgreSQL refuses to let be taken: found when a take fails, and left out for a while, so
//! that they do not stop all others.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;
use uuid::Uuid;

use super::{Looking, Poller};
use crate::domain::{Severity, SystemEvent};
use crate::runtime::clock;
use crate::store::due::{self, UntakeableRow, Wanting};
use crate::store::{StoreError, system_events};

/// The `event_type` of such rows.
const EVENT: &str = "notification_not_taken";
/// For how long a row is left out at first; twice as long each time.
const FIRST: Duration = Duration::from_secs(60);
/// For how long, where what refuses it passes: nothing is known of the row.
const MOMENT: Duration = Duration::from_secs(5);
/// For how long at most.
const LONGEST: Duration = Duration::from_secs(3_600);

/// The rows that are left out.
#[derive(Debug, Default)]
pub(super) struct Refusing(HashMap<Uuid, LeftOut>);

#[derive(Debug, Clone, Copy)]
struct LeftOut {
    until: Instant,
    span: Duration,
}

impl Refusing {
    /// Those to be left out now.
    pub(super) fn ids(&mut self, now: Instant) -> Vec<Uuid> {
        // Long after its time it was taken, or has passed.
        self.0.retain(|_, left| now < left.until + LONGEST);
        let out = self.0.iter().filter(|(_, left)| now < left.until);
        out.map(|(id, _)| *id).collect()
    }

    /// This one was refused, for the moment or for its own sake.
    fn add(&mut self, id: Uuid, now: Instant, is_for_now: bool) {
        let before = self.0.get(&id).filter(|left| left.span >= FIRST);
        let span = match before {
            _ if is_for_now => MOMENT,
            Some(left) => (left.span * 2).min(LONGEST),
            None => FIRST,
        };
        let until = now + span;
        self.0.insert(id, LeftOut { until, span });
    }
}

impl Poller {
    /// A take of this failed: finds the rows because of which, and leaves them out from now on. The
    /// failure itself, when it was none of theirs.
    pub(super) async fn sift(
        &self,
        looking: &mut Looking,
        wanted: &[Wanting],
        failure: StoreError,
    ) -> Result<(), StoreError> {
        if !failure.may_be_of_one_row() {
            return Err(failure);
        }
        let left_out = looking.refusing.ids(clock::instant());
        let taking = self.taking(looking.run, &left_out);
        let refused = due::refusing(&self.node.database, taking, clock::now(), wanted).await?;
        for (id, error) in &refused {
            tracing::error!(notification_id = %id, %error, "a row cannot be taken; it is skipped for a while");
            looking
                .refusing
                .add(*id, clock::instant(), error.is_for_now());
        }
        let Some(first) = refused.first() else {
            return Err(failure);
        };
        if let Err(error) = self.report(first).await {
            tracing::warn!(%error, "a system event could not be opened");
        }
        Ok(())
    }

    async fn report(&self, (id, why): &UntakeableRow) -> Result<(), StoreError> {
        let details = json!({ "notification_id": id, "sqlstate": why.code().to_string() });
        let event = SystemEvent {
            event_type: EVENT.to_owned(),
            severity: Severity::High,
            description:
                "PostgreSQL refuses to change or to read rows that are due (a CHECK, a trigger, \
                          damaged storage): they wait, and the others go on"
                    .to_owned(),
            details: details.as_object().cloned().unwrap_or_default(),
            tenant_id: None,
            user_id: None,
        };
        system_events::open(&mut *self.node.database.get().await?, &event).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_left_out_for_a_minute_and_for_twice_as_long_each_time() {
        let (mut refusing, mut now) = (Refusing::default(), clock::instant());
        let id = Uuid::now_v7();
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            refusing.add(id, now, false);
            let span = Duration::from_secs(minutes * 60);
            assert_eq!(refusing.ids(now + span - FIRST / 2), [id], "{minutes}");
            now += span;
            assert!(refusing.ids(now).is_empty(), "{minutes}");
        }
        refusing.ids(now + LONGEST * 2);
        refusing.add(id, now, false);
        assert!(refusing.ids(now + FIRST).is_empty(), "it begins anew");
        for _ in 0..9 {
            refusing.add(id, now, true);
            assert_eq!(refusing.ids(now + MOMENT / 2), [id]);
            assert!(refusing.ids(now + MOMENT).is_empty(), "the disk was full");
        }
        refusing.add(id, now, false);
        assert_eq!(refusing.ids(now + FIRST / 2), [id]);
        assert!(refusing.ids(now + FIRST).is_empty());
    }
}
