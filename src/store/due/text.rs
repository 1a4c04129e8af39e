//! What all takes have in common: the text of the statement, but for which rows are looked for.

use serde_json::Value;

use crate::domain::AttemptRecord;

/// The timeline of a row that is taken: taken from a dead run, it says so from now on, whatever
/// becomes of the taker. Binds [`node_died`].
macro_rules! with_the_dead {
    () => {
        "n.attempts || CASE WHEN picked.owner IS NULL THEN '[]'::jsonb \
         ELSE jsonb_build_array(?::jsonb || jsonb_build_object('run', picked.owner)) END"
    };
}
pub(super) use with_the_dead;

/// The line that a row gets which is taken from a dead run; the statement puts the run's number in.
pub(in super::super) fn node_died(now: jiff::Timestamp) -> Value {
    serde_json::to_value(AttemptRecord::node_died(now, 0)).unwrap_or_default()
}

/// Whether a row is nobody's who may still work on it, but this run's: it takes nothing of its own. By the
/// list of the living first, which costs nothing; who is not on it may be younger than the list. Not those
/// that refuse to be taken; and not what is in quarantine, for not all of that could be set aside.
macro_rules! is_free {
    () => {
        "(n.owner IS NULL OR (n.owner <> ? AND n.owner <> ALL (SELECT unnest(runs) FROM living)
                              AND is_dead_run(n.owner)))
         AND n.id <> ALL (?)
         AND (SELECT q.id FROM notification_quarantine q WHERE q.notification_id = n.id
                AND q.resolution IS DISTINCT FROM 'replayed' LIMIT 1) IS NULL"
    };
}
pub(super) use is_free;

// A row whose form is newer than what this version knows is left to others.
//
// Index scans, one for each that is asked for; the lock keeps two nodes from taking the same row, and
// the owner is committed before the work begins. A row whose owner is dead is free.
//
// Rows that were taken five times or more and came to no outcome are suspects: of each lane the first is
// taken if that is wanted, so that it comes up again a minute later at the earliest, and the others are put
// aside, one a second. Their due time is moved, since they would stand in the way at the front of
// their lane.
macro_rules! take_statement {
    (asked: $asked:literal, by: $by:literal, in_order_of: $order:literal, suspects: $suspects:literal) => {
        concat!(
            "WITH asked AS (
                 SELECT * FROM unnest(", $asked, "
             ), living AS MATERIALIZED (
                 SELECT coalesce(array_agg(run), '{}') AS runs FROM ", living_runs!(), " AS alive (run)
             ), found AS MATERIALIZED (
                 SELECT asked.channel, asked.priority, ", $suspects, " AS suspects, due.*
                 FROM asked CROSS JOIN LATERAL (
                     SELECT n.id, n.owner, n.takes FROM notifications n
                     WHERE n.message_type = asked.channel AND n.priority = asked.priority
                       AND n.status = 'pending' AND ", $by, " AND n.format <= ?
                       AND ", is_free!(), "
                     ORDER BY ", $order, " LIMIT asked.most FOR UPDATE SKIP LOCKED
                 ) due
             ), picked AS MATERIALIZED (
                 SELECT id, owner, suspects, CASE WHEN takes BETWEEN 5 AND 49
                     THEN row_number() OVER (
                         PARTITION BY channel, priority, takes BETWEEN 5 AND 49 ORDER BY takes, id)
                     ELSE 0 END AS place, takes FROM found
             ), aside AS (
                 UPDATE notifications n SET due_at = ? + interval '1 second' * least(picked.place, 60)
                 FROM picked WHERE n.id = picked.id AND n.status = 'pending' AND picked.place > picked.suspects
             )
             UPDATE notifications n SET owner = ?, attempts = ", with_the_dead!(), ", take = ?,
                 takes = least(n.takes, 1000) + 1,
                 due_at = CASE WHEN picked.place > 0 THEN ? ELSE n.due_at END
             FROM picked WHERE n.id = picked.id AND n.status = 'pending' AND picked.place <= picked.suspects
             RETURNING ", taken_columns!()
        )
    };
}
pub(super) use take_statement;

/// Takes rows by a statement whose text is [`take_statement`], with the binds that are each one's own.
macro_rules! take_rows {
    ($database:expr, $taking:expr, $now:expr, $Take:ident { $($bind:tt)* }) => {{
        let (now, run) = ($now, $taking.run.0);
        let take = $Take {
            $($bind)*
            format: form::format(),
            run,
            refusing: $taking.refusing.to_vec(),
            due_aside: time::to_database(now),
            heir: run,
            died: node_died(now),
            take: $taking.take.0,
            due_again: time::to_database(again(now)),
        };
        let rows: Vec<NotificationRow> = planned_anew!($database, take)?;
        Ok(Taken::of(rows))
    }};
}
pub(super) use take_rows;

/// Loads a statement's rows. A plan that was made while the table was young reads all of it: planned anew
/// each time.
macro_rules! planned_anew {
    ($database:expr, $statement:expr) => {
        $database
            .transaction(async |connection| {
                connection
                    .batch_execute("SET LOCAL plan_cache_mode = force_custom_plan")
                    .await?;
                Ok($statement.load(connection).await?)
            })
            .await
    };
}
pub(super) use planned_anew;
