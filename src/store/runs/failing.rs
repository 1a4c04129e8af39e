//! Runs fail with a message of theirs that cannot be rendered, in the transaction that stores what became of it.
//!
//! One that waits in a digest goes on with what others put there, and fails at its end.

use std::collections::BTreeMap;

use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::RunLine;
use crate::store::StoreError;
use crate::store::statement::statement;

/// A message of a run that cannot be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnrenderedMessage {
    /// Whose it is.
    pub tenant_id: Uuid,
    /// The run that it names.
    pub run_id: Uuid,
    /// The notification.
    pub id: Uuid,
    /// What the run's story says of it.
    pub line: RunLine,
}

/// Runs that failed with their messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedRuns {
    /// They have ended by it.
    pub ended: u64,
    /// They had ended well before: their end is counted already.
    pub after_their_end: u64,
}

impl FailedRuns {
    /// Of each that was changed, whether it has failed for good, and whether it had ended before.
    fn of(changed: &[(bool, bool)]) -> Self {
        let mut failed = Self::default();
        for change in changed {
            match change {
                (true, false) => failed.ended += 1,
                (true, true) => failed.after_their_end += 1,
                // It waits in a digest, and is counted at its end.
                (false, _) => {}
            }
        }
        failed
    }

    /// These as well.
    pub const fn add(&mut self, others: Self) {
        self.ended += others.ended;
        self.after_their_end += others.after_their_end;
    }
}

statement!(
    /// Fails runs, each for the sake of a notification that it has sent. Says of each whether it has ended by it, and whether
    /// it had ended before.
    FailRuns(
        runs: Vec<Uuid> => Array<SqlUuid>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        notifications: Vec<Uuid> => Array<SqlUuid>,
        lines: Vec<String> => Array<Text>,
    ) -> (Bool, Bool) =
        "WITH asked AS (
             SELECT * FROM unnest(?, ?, ?, ?) AS asked (run_id, tenant_id, notification_id, lines)
         ), held AS (
             SELECT r.id, asked.notification_id, asked.lines, r.status = 'finished' OR r.due_at IS NOT NULL AS ends,
                 r.status = 'finished' AS had_ended
             FROM asked JOIN workflow_runs r ON r.id = asked.run_id AND r.tenant_id = asked.tenant_id
             WHERE r.status IN ('waiting', 'finished')
                 AND r.sent @> jsonb_build_array(jsonb_build_object('id', asked.notification_id))
             ORDER BY r.id FOR UPDATE OF r
         )
         UPDATE workflow_runs r SET
             status = CASE WHEN held.ends THEN 'failed' ELSE r.status END,
             reason = CASE WHEN held.ends THEN 'template_error' ELSE r.reason END,
             due_at = NULL,
             finished_at = CASE WHEN held.ends THEN coalesce(r.finished_at, now()) END,
             sent = (SELECT jsonb_agg(CASE WHEN it ->> 'id' = held.notification_id::text
                         THEN it || '{\"failed\": true}' ELSE it END ORDER BY place)
                     FROM jsonb_array_elements(r.sent) WITH ORDINALITY AS sent (it, place)),
             timeline = r.timeline || held.lines::jsonb
         FROM held WHERE r.id = held.id
         RETURNING held.ends, held.had_ended"
);

/// Fails the runs of messages that cannot be rendered.
///
/// # Errors
/// The database's.
pub async fn fail(
    connection: &mut AsyncPgConnection,
    messages: Vec<UnrenderedMessage>,
) -> Result<FailedRuns, StoreError> {
    // Several of one run are one change of it.
    let mut by_run: BTreeMap<(Uuid, Uuid), (Uuid, Vec<RunLine>)> = BTreeMap::new();
    for message in messages {
        let whose = (message.run_id, message.tenant_id);
        let (_, lines) = by_run.entry(whose).or_insert_with(|| (message.id, vec![]));
        lines.push(message.line);
    }
    if by_run.is_empty() {
        return Ok(FailedRuns::default());
    }
    let json = |lines: &Vec<RunLine>| serde_json::to_string(lines);
    let fail = FailRuns {
        runs: by_run.keys().map(|(run, _)| *run).collect(),
        tenants: by_run.keys().map(|(_, tenant)| *tenant).collect(),
        notifications: by_run.values().map(|(id, _)| *id).collect(),
        lines: by_run
            .values()
            .map(|(_, lines)| json(lines).unwrap_or_else(|_| "[]".to_owned()))
            .collect(),
    };
    let changed: Vec<(bool, bool)> = fail.load(connection).await?;
    Ok(FailedRuns::of(&changed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_fails_after_its_end_has_not_ended_twice() {
        let waiting_for_a_time = (true, false);
        let (over, in_a_digest) = ((true, true), (false, false));
        let mut all = FailedRuns::of(&[waiting_for_a_time, over, over, in_a_digest]);
        let wanted = FailedRuns {
            ended: 1,
            after_their_end: 2,
        };
        assert_eq!(all, wanted);
        all.add(FailedRuns::of(&[over]));
        assert_eq!((all.ended, all.after_their_end), (1, 3));
    }
}
