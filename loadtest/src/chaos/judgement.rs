//! What must hold at the end of a round: everybody has what they are to have, and nobody has it twice
//! but where the fault excuses it.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::round::{ASIDE_FROM, PATIENCE, Round};
use crate::harness::judge::Repetitions;
use crate::publisher::Expectations;

const LOOK_EVERY: Duration = Duration::from_millis(50);
/// After everything is stored, watch this much longer for repetitions.
const LINGER: Duration = Duration::from_millis(700);
/// How many of the lost or repeated are named.
const NAMED: usize = 5;

impl Round<'_> {
    /// Waits until everybody has what they are to have, or nothing comes any more.
    pub(super) async fn arrive(&self, expected: &Expectations) {
        let lacking = || {
            let lacking = self
                .environment
                .ledger
                .lacking_recipients(expected.wanted());
            lacking.len()
        };
        let (mut last, mut changed) = (lacking(), Instant::now());
        while last > 0 && changed.elapsed() < PATIENCE {
            sleep(LOOK_EVERY).await;
            let now = lacking();
            if now != last {
                (last, changed) = (now, Instant::now());
            }
        }
    }

    pub(super) async fn judge(&mut self, expected: &Expectations) -> Result<()> {
        self.finding.published += expected.messages();
        let lost = self.count_lost(expected);
        self.note_rows(&lost).await?;
        self.all_is_stored(expected).await?;
        sleep(LINGER).await;
        self.count_repeated().await
    }

    /// Waits until a row says of each message that it is sent: what a lost engine sent and did not
    /// store comes again before that.
    async fn all_is_stored(&mut self, expected: &Expectations) -> Result<()> {
        let rows = format!(
            "SELECT count(*) FROM notification_schema.notifications WHERE status = 'sent'
             AND source_id ~ '^A-[0-9]+$' AND substr(source_id, 3)::bigint < {ASIDE_FROM}"
        );
        let (rows, lost) = (rows.as_str(), self.finding.lost);
        let mut stored = self.environment.database.count(rows).await?;
        let deadline = Instant::now() + PATIENCE;
        while stored + lost < expected.messages() && Instant::now() < deadline {
            sleep(LOOK_EVERY).await;
            stored = self.environment.database.count(rows).await?;
        }
        let messages = expected.messages();
        self.finding.must(stored == messages, || {
            format!("{stored} rows say sent, of {messages} messages")
        });
        Ok(())
    }

    /// Counts who has not got it; says some of the messages.
    pub(super) fn count_lost(&mut self, expected: &Expectations) -> Vec<String> {
        let mut lacking = self
            .environment
            .ledger
            .lacking_recipients(expected.wanted());
        let lost = lacking.len();
        self.finding.lost += lost as u64;
        lacking.truncate(NAMED);
        self.finding.must(lost == 0, || {
            format!("{lost} were lost, for example (sequence, recipients) {lacking:?}")
        });
        let order = |(sequence, _)| format!("A-{sequence}");
        lacking.into_iter().map(order).collect()
    }

    /// Counts what was sent again, and excuses by its id what was in flight at a fault.
    async fn count_repeated(&mut self) -> Result<()> {
        let ids = self.environment.database.ids().await?;
        let mut repeated = Repetitions::of(&self.environment.ledger, &ids, &self.excuses);
        self.finding.twice += repeated.total;
        self.finding.allowed += self.excuses.total().max(self.environment.answers_lost());
        let (count, some) = (repeated.unexcused.len(), &mut repeated.unexcused);
        some.truncate(NAMED);
        self.note_rows(some).await?;
        self.finding.must(count == 0, || {
            format!("{count} were sent again and were not in flight, for example {some:?}")
        });
        let again = repeated.total;
        self.finding.must(again == 0 || self.may_repeat(), || {
            format!("{again} were sent again, though every engine knew what it had in hand")
        });
        let early = self.environment.ledger.totals().early;
        self.finding.must(early == 0, || {
            format!("{early} were sent before their time")
        });
        self.counted_as_unknown(&repeated.unanswered).await
    }

    /// Once no engine runs, the books know of as many as there are rows: each message is one.
    pub(super) async fn books_agree(&mut self) -> Result<()> {
        let taken_on =
            "SELECT coalesce(sum(consumed + accepted_api - rejected - duplicates - erased), 0)
            FROM notification_schema.intake";
        let rows = "SELECT count(*) FROM notification_schema.notifications
            WHERE source_type IS DISTINCT FROM 'crowd'";
        let taken_on = self.environment.database.count(taken_on).await?;
        let rows = self.environment.database.count(rows).await?;
        self.finding.must(taken_on == rows, || {
            format!("the books say {taken_on}, and there are {rows} rows")
        });
        Ok(())
    }

    /// What was sent again for a lost answer has a line in its timeline that says so.
    async fn counted_as_unknown(&mut self, orders: &[String]) -> Result<()> {
        let query = format!(
            "SELECT count(*) FROM notification_schema.notifications
             WHERE source_id = ANY('{{{}}}') AND NOT attempts @> '[{{\"class\": \"unknown\"}}]'",
            orders.join(",")
        );
        let silent = self.environment.database.count(&query).await?;
        self.finding.must(silent == 0, || {
            format!("{silent} were sent again for a lost answer that their timelines do not know")
        });
        Ok(())
    }

    /// Writes down what the database knows of some messages: it is gone with the round.
    pub(super) async fn note_rows(&mut self, orders: &[String]) -> Result<()> {
        for order in orders {
            let query = format!(
                "SELECT message_type, priority, waits_for, takes, id, owner, status, reason, due_at, now(), attempts
                 FROM notification_schema.notifications WHERE source_id = '{order}'"
            );
            let rows = self.environment.database.ask(&query).await?;
            self.finding.note(format!("{order}, as stored: {rows:?}"));
        }
        Ok(())
    }
}
