//! What waits for an account: called back by whoever has room for it, tenants in turn.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Array, Int2, Int4, Int8, Jsonb, Text, Timestamptz, Uuid as SqlUuid};
use diesel_async::{RunQueryDsl, SimpleAsyncConnection};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::super::lease::living_runs;
use super::super::statement::statement;
use super::super::{Database, StoreError, form, time};
use super::row::taken_columns;
use super::text::{is_free, node_died, planned_anew, take_rows, take_statement, with_the_dead};
use super::{Columns, NotificationRow, Taken, Taking, again, count};
pub use crate::domain::WaitsFor;
use crate::domain::{Channel, Lane, Priority};

/// What waits in a channel for the same.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct WaitingKey {
    /// The channel.
    pub channel: Channel,
    /// For whom.
    pub waits_for: WaitsFor,
}

// A loose index scan over those who wait, as of what is due.
statement!(
    WaitingTenants(
        channels: Vec<&'static str> => Array<Text>,
        names: Vec<String> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        after: Vec<Uuid> => Array<SqlUuid>,
        steps: i32 => Int4,
    ) -> (Int8, SqlUuid) =
    "WITH RECURSIVE asked AS (
         SELECT * FROM unnest(?, ?, ?, ?) WITH ORDINALITY
             AS asked (channel, name, priority, after, place)
     ), circle AS (
         SELECT asked.channel, asked.name, asked.priority, asked.place, first.tenant_id, 1 AS step
         FROM asked CROSS JOIN LATERAL (
             SELECT n.tenant_id FROM notifications n
             WHERE n.message_type = asked.channel AND n.waits_for = asked.name
               AND n.priority = asked.priority AND n.status = 'pending'
               AND n.waits_for IS NOT NULL AND n.tenant_id > asked.after
             ORDER BY n.tenant_id LIMIT 1
         ) first
         UNION ALL
         SELECT circle.channel, circle.name, circle.priority, circle.place, next.tenant_id, circle.step + 1
         FROM circle CROSS JOIN LATERAL (
             SELECT n.tenant_id FROM notifications n
             WHERE n.message_type = circle.channel AND n.waits_for = circle.name
               AND n.priority = circle.priority AND n.status = 'pending'
               AND n.waits_for IS NOT NULL AND n.tenant_id > circle.tenant_id
             ORDER BY n.tenant_id LIMIT 1
         ) next WHERE circle.step < ?
     )
     SELECT place, tenant_id FROM circle ORDER BY place, step"
);

/// Of whom tenants are looked for who wait, and from where on.
#[derive(Debug, Clone)]
pub struct WaitingOf {
    /// For what they wait.
    pub key: WaitingKey,
    /// In which line.
    pub priority: Priority,
    /// The last tenant that was looked at before.
    pub after: Uuid,
}

/// Tenants looked at in a line at once.
const STEPS: usize = 128;

/// The next tenants of whom something waits, for each that is asked about; fewer than all are left when
/// there is a tenant to go on after.
///
/// # Errors
/// When the database fails.
pub async fn waiting(
    database: &Database,
    asked: &[WaitingOf],
) -> Result<Vec<super::FoundTenants>, StoreError> {
    let find = WaitingTenants {
        channels: asked.iter().map(|it| it.key.channel.as_str()).collect(),
        names: asked
            .iter()
            .map(|it| it.key.waits_for.to_string())
            .collect(),
        priorities: asked.iter().map(|it| it.priority.as_str()).collect(),
        after: asked.iter().map(|it| it.after).collect(),
        steps: count(STEPS),
    };
    let rows: Vec<(i64, Uuid)> = planned_anew!(database, find)?;
    let found = (1..).zip(asked).map(|(place, _): (i64, _)| {
        let own = rows.iter().filter(|row| row.0 == place);
        let tenants: Vec<Uuid> = own.map(|row| row.1).collect();
        let after = tenants.last().copied().filter(|_| tenants.len() >= STEPS);
        super::FoundTenants { tenants, after }
    });
    Ok(found.collect())
}

statement!(
    TakeWaiting(
        channels: Vec<&'static str> => Array<Text>,
        priorities: Vec<&'static str> => Array<Text>,
        most: Vec<i32> => Array<Int4>,
        tenants: Vec<Uuid> => Array<SqlUuid>,
        floors: Vec<Uuid> => Array<SqlUuid>,
        name: String => Text,
        format: i16 => Int2,
        run: i32 => Int4,
        refusing: Vec<Uuid> => Array<SqlUuid>,
        due_aside: DateTime<Utc> => Timestamptz,
        heir: i32 => Int4,
        died: Value => Jsonb,
        take: i64 => Int8,
        due_again: DateTime<Utc> => Timestamptz,
    ) -> Columns = take_statement!(
        asked: "?, ?, ?, ?, ?) AS asked (channel, priority, most, tenant_id, floor)",
        by: "n.waits_for = ? AND n.waits_for IS NOT NULL AND n.tenant_id = asked.tenant_id
             AND n.id > asked.floor AND n.due_at IS NOT NULL AND n.takes < 5",
        in_order_of: "n.id",
        suspects: "0"
    )
);

/// What is wanted of one tenant that waits: the lane, the tenant, how many, and after which of them.
pub type WaitingLine = (Lane, Uuid, usize, Uuid);

/// Takes what waits for an account, however far off its time: of each tenant at most so many, in the
/// order of their ids. Not suspects, which would stand before the others: they come up when they are due.
///
/// # Errors
/// Those of [`super::take`].
pub async fn take_waiting(
    database: &Database,
    taking: Taking<'_>,
    waits_for: &WaitsFor,
    now: Timestamp,
    lines: &[WaitingLine],
) -> Result<Taken, StoreError> {
    take_rows!(
        database,
        taking,
        now,
        TakeWaiting {
            channels: lines.iter().map(|it| it.0.channel.as_str()).collect(),
            priorities: lines.iter().map(|it| it.0.priority.as_str()).collect(),
            most: lines.iter().map(|it| count(it.2)).collect(),
            tenants: lines.iter().map(|it| it.1).collect(),
            floors: lines.iter().map(|it| it.3).collect(),
            name: waits_for.to_string(),
        }
    )
}

// The words for which anything waits: a few, and one step each.
statement!(
    Names(channels: Vec<&'static str> => Array<Text>) -> (Text, Text) =
    "WITH RECURSIVE names AS (
         SELECT asked.channel, first.waits_for FROM unnest(?) AS asked (channel) CROSS JOIN LATERAL (
             SELECT n.waits_for FROM notifications n
             WHERE n.message_type = asked.channel AND n.status = 'pending'
               AND n.waits_for IS NOT NULL ORDER BY n.waits_for LIMIT 1
         ) first
         UNION ALL
         SELECT names.channel, next.waits_for FROM names CROSS JOIN LATERAL (
             SELECT n.waits_for FROM notifications n
             WHERE n.message_type = names.channel AND n.status = 'pending'
               AND n.waits_for IS NOT NULL AND n.waits_for > names.waits_for
             ORDER BY n.waits_for LIMIT 1
         ) next
     )
     SELECT channel, waits_for FROM names LIMIT 1000"
);

/// For which accounts anything waits that others may carry, too.
///
/// # Errors
/// When the database fails.
pub async fn names(database: &Database) -> Result<Vec<WaitingKey>, StoreError> {
    let names = Names {
        channels: Channel::ALL.iter().map(|it| it.as_str()).collect(),
    };
    let rows: Vec<(String, String)> = planned_anew!(database, names)?;
    let key = |(channel, name): (String, String)| {
        let waits_for = WaitsFor::read(&name)?;
        let channel = channel.parse().ok()?;
        matches!(waits_for, WaitsFor::Account(_)).then_some(WaitingKey { channel, waits_for })
    };
    Ok(rows.into_iter().filter_map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whom_it_waits_for_is_read_back_whatever_the_accounts_name_is() {
        let names = ["main", "any", "pinned:main", ""];
        let each = names.iter().flat_map(|name| {
            let name = (*name).to_owned();
            [WaitsFor::Account(name.clone()), WaitsFor::Pinned(name)]
        });
        for waits_for in each.chain([WaitsFor::Any]) {
            assert_eq!(WaitsFor::read(&waits_for.to_string()), Some(waits_for));
        }
        assert_eq!(WaitsFor::read("main"), None);
    }
}
