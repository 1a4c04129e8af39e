//! How long events, runs, digests and throttles are kept.

use diesel::sql_types::{Double, Int8};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::store::StoreError;

/// What is removed, in this order: an event goes once no run, no digest and no fan-out needs it.
const REMOVALS: [&str; 4] = [
    "DELETE FROM throttles WHERE ctid = ANY(ARRAY( \
         SELECT ctid FROM throttles WHERE until < now() - make_interval(secs => 0 * $1) LIMIT $2))",
    "DELETE FROM digests WHERE id = ANY(ARRAY( \
         SELECT d.id FROM digests d WHERE d.closed_at < now() - make_interval(secs => $1) AND NOT EXISTS ( \
             SELECT 1 FROM workflow_runs r WHERE r.digest_id = d.id AND r.status = 'waiting') LIMIT $2))",
    "DELETE FROM workflow_runs WHERE id = ANY(ARRAY( \
         SELECT r.id FROM workflow_runs r WHERE r.finished_at < now() - make_interval(secs => $1) AND NOT EXISTS ( \
             SELECT 1 FROM digest_items i WHERE i.run_id = r.id) LIMIT $2))",
    "DELETE FROM events WHERE id = ANY(ARRAY( \
         SELECT e.id FROM events e WHERE e.id < overlay(overlay( \
                 lpad(to_hex(floor(extract(epoch FROM now() - make_interval(secs => $1)) * 1000)::bigint), 12, '0') \
                     || repeat('0', 20) placing '7' from 13 for 1) placing '8' from 17 for 1)::uuid \
             AND NOT EXISTS (SELECT 1 FROM workflow_runs r WHERE r.event_id = e.id) \
             AND NOT EXISTS (SELECT 1 FROM digest_items i WHERE i.event_id = e.id) \
             AND NOT EXISTS (SELECT 1 FROM jobs j WHERE j.kind = 'fan_out' AND j.state IN ('running', 'paused') \
                 AND j.filter #>> '{what,run,event_id}' = e.id::text) ORDER BY e.id LIMIT $2))",
];

/// Removes a batch of what is older, of each kind. Says whether there may be more.
///
/// # Errors
/// The database's.
pub async fn remove(
    connection: &mut AsyncPgConnection,
    older_than: std::time::Duration,
    most: i64,
) -> Result<bool, StoreError> {
    let mut is_more = false;
    for text in REMOVALS {
        let removed = diesel::sql_query(text)
            .bind::<Double, _>(older_than.as_secs_f64())
            .bind::<Int8, _>(most)
            .execute(connection)
            .await?;
        is_more |= i64::try_from(removed).unwrap_or(i64::MAX) >= most;
    }
    Ok(is_more)
}
