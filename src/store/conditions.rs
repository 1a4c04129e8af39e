//! How the whole system stands, in a few figures.

use diesel::sql_types::{Array, BigInt, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::lease::living_runs;
use super::statement::statement;

/// How the whole system stands. Names are in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemConditions {
    /// Open dead letters of the last hour.
    pub recent_letters: i64,
    /// Channels all of whose active accounts have an open circuit on some living node.
    pub paused_channels: Vec<String>,
    /// Nodes that died within a day, and of whose name none lives.
    pub lost_nodes: Vec<String>,
    /// This month and the next, where they have no partition, as `YYYY-MM`.
    pub missing_partitions: Vec<String>,
}

type ConditionRow = (i64, Vec<String>, Vec<String>, Vec<String>);

// A run that ended in good order did so before its lease was over.
statement!(
    Look() -> (BigInt, Array<Text>, Array<Text>, Array<Text>) = concat!(
    "SELECT
         (SELECT count(*) FROM notification_dlq
          WHERE NOT resolved AND moved_to_dlq_at > now() - interval '1 hour'),
         ARRAY(SELECT p.channel FROM provider_configs p
               WHERE p.is_active AND p.deleted_at IS NULL GROUP BY p.channel
               HAVING bool_and(EXISTS (
                   SELECT FROM provider_health h
                   WHERE h.provider_id = p.id AND h.state = 'open' AND h.run_id IN ", living_runs!(), "))
               ORDER BY 1),
         ARRAY(SELECT DISTINCT d.node_name FROM engine_nodes d
               WHERE d.ended_at > now() - interval '1 day' AND d.lives_until <= d.ended_at
                 AND NOT EXISTS (SELECT FROM engine_nodes l
                                 WHERE l.node_name = d.node_name AND l.started_at > d.started_at)
               ORDER BY 1),
         ARRAY(SELECT to_char(m.month, 'YYYY-MM')
               FROM generate_series(date_trunc('month', now() AT TIME ZONE 'UTC'),
                        date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month',
                        interval '1 month') AS m (month)
               WHERE NOT EXISTS (
                   SELECT FROM pg_inherits
                   WHERE inhparent = 'notifications'::regclass
                     AND inhrelid = to_regclass(to_char(m.month, '\"notifications_\"YYYY\"_\"MM')))
               ORDER BY 1)")
);

/// How the whole system stands now.
///
/// # Errors
/// The database is out of reach.
pub async fn read(connection: &mut AsyncPgConnection) -> Result<SystemConditions, StoreError> {
    let row: ConditionRow = Look {}.get_result(connection).await?;
    let (recent_letters, paused_channels, lost_nodes, missing_partitions) = row;
    Ok(SystemConditions {
        recent_letters,
        paused_channels,
        lost_nodes,
        missing_partitions,
    })
}
