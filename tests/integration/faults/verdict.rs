//! What must hold when everything is over, and what was in flight at the moment of a fault.

use std::collections::HashMap;

use loadtest::ledger::Subject;
use loadtest::publisher::Expectations;

use super::scene::{LANES, Scene};
use crate::database::lines;
use crate::stage::PATIENCE;

/// Ends what a dead process's sessions were still doing, as when its machine dies with it; waits.
const END_SESSIONS: &str = "
    SELECT pg_terminate_backend(pid, 10000)::text AS text FROM pg_stat_activity
    WHERE datname = current_database() AND application_name LIKE 'herald %'";
const SEQUENCES: &str = "
    SELECT source_id || ' ' || id AS text FROM notification_schema.notifications";
const SENT: &str = "SELECT count(*) FROM notifications WHERE status = 'sent'";
const ROWS: &str = "SELECT count(*) FROM notifications";
/// Different messages taken on, by the books.
const TAKEN_ON: &str = "
    SELECT coalesce(sum(consumed + accepted_api - rejected - duplicates), 0)::bigint AS count
    FROM intake";

/// How often each notification may have been sent beyond the once.
#[derive(Default)]
pub(crate) struct Excuses(HashMap<String, u32>);

impl Excuses {
    /// What was in flight at a fault may be sent once more.
    pub(crate) fn add(&mut self, ids: &[String]) {
        for id in ids {
            *self.0.entry(id.clone()).or_default() += 1;
        }
    }

    /// How many were in flight, over all faults.
    pub(crate) fn total(&self) -> u32 {
        self.0.values().sum()
    }
}

fn in_flight_of(run: i64) -> String {
    format!(
        "SELECT d.notification_id::text AS text
         FROM notification_schema.notification_deduplication d
         WHERE d.owner = {run} AND NOT EXISTS (
             SELECT FROM notification_schema.notifications n WHERE n.id = d.notification_id)
         UNION ALL
         SELECT n.id::text FROM notification_schema.notifications n
         WHERE n.owner = {run} AND n.status = 'pending'"
    )
}

impl Scene {
    /// What a run has claimed or taken and not stored an outcome of, by committed rows alone.
    pub(crate) async fn in_flight(&self, run: i64) -> Vec<String> {
        lines(&mut self.stage.database.owner().await, &in_flight_of(run)).await
    }

    /// Ends every session that an engine has.
    pub(crate) async fn end_sessions(&self) -> usize {
        let ended = lines(&mut self.stage.database.owner().await, END_SESSIONS).await;
        ended.len()
    }

    /// Messages in the lanes that no consumer has.
    pub(crate) async fn ready(&self) -> u64 {
        let mut ready = 0;
        for lane in LANES {
            ready += u64::from(self.stage.vhost.waiting(&format!("herald.{lane}")).await);
        }
        ready
    }

    /// Waits until all is sent, and checks that every message reached everybody, that each is one
    /// row, and that the books agree.
    pub(crate) async fn nothing_is_lost(&mut self, expected: &Expectations) {
        let (wanted, messages) = (expected.acceptances(), expected.messages());
        let ledger = &self.stage.ledger;
        let all = ledger
            .wait_until(PATIENCE, |ledger| ledger.distinct() >= wanted)
            .await;
        let lacking = ledger.lacking_recipients(expected.wanted());
        assert!(
            all && lacking.is_empty(),
            "{:?}: {lacking:?}",
            ledger.totals()
        );
        let messages = i64::try_from(messages).unwrap();
        self.outcomes.until_count(SENT, messages).await;
        assert_eq!(self.outcomes.count(ROWS).await, messages);
        assert_eq!(self.outcomes.count(TAKEN_ON).await, messages, "the books");
    }

    /// Checks that nothing was sent again but what was in flight at a fault; returns how many
    /// notifications were.
    pub(crate) async fn only_excused_repetitions(&self, excuses: &Excuses) -> u32 {
        let rows = lines(&mut self.stage.database.owner().await, SEQUENCES).await;
        let ids: HashMap<&str, &str> = rows.iter().filter_map(|row| row.split_once(' ')).collect();
        let mut repeated: HashMap<&str, u32> = HashMap::new();
        for twice in self.stage.ledger.sent_twice() {
            let Subject::Sequence(sequence) = twice.subject else {
                panic!("a message without a marker: {twice:?}");
            };
            let id = ids[format!("A-{sequence}").as_str()];
            let (more, excused) = (twice.count - 1, excuses.0.get(id).copied().unwrap_or(0));
            assert!(
                more <= excused,
                "{id} was sent {more} times more, {excused} excused"
            );
            // A push goes to several devices.
            let known = repeated.entry(id).or_default();
            *known = more.max(*known);
        }
        repeated.values().sum()
    }

    pub(crate) fn nothing_is_sent_twice_so_far(&self) {
        let twice = self.stage.ledger.sent_twice();
        assert!(twice.is_empty(), "{twice:?}");
    }

    pub(crate) async fn nothing_is_sent_twice(&self) {
        assert_eq!(self.only_excused_repetitions(&Excuses::default()).await, 0);
    }

    /// No message is left in a lane. Only when no engine runs: what one holds is not seen.
    pub(crate) async fn the_lanes_are_empty(&self) {
        assert_eq!(self.ready().await, 0, "messages are left in the lanes");
    }
}
