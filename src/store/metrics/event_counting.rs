//! Counting what providers told later, in the hour in which it happened.

use chrono::{DateTime, Utc};
use diesel::sql_types::{Bool, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;

use super::super::statement::statement;
use super::super::{StoreError, time};

// A message may be opened by its person and by a machine; only the person counts.
statement!(
    CountEvents(hour: DateTime<Utc> => Timestamptz) -> Bool =
    "WITH asked AS (
         SELECT hour, (hour AT TIME ZONE 'UTC')::date AS of_date,
                extract(hour FROM hour AT TIME ZONE 'UTC')::integer AS of_hour
         FROM (SELECT ?::timestamptz AS hour) h
     ), counted AS (
         SELECT e.tenant_id, e.provider, e.message_type,
                count(*) FILTER (WHERE e.event = 'delivered') AS delivered,
                count(*) FILTER (WHERE e.event IN ('bounce', 'soft_bounce', 'block', 'undelivered', 'dropped')) AS bounced,
                count(*) FILTER (WHERE e.event = 'complaint') AS complained,
                count(*) FILTER (WHERE e.event = 'open') AS opened,
                count(*) FILTER (WHERE e.event = 'click') AS clicked,
                count(*) FILTER (WHERE e.event = 'unsubscribe') AS unsubscribed
         FROM email_logs e, asked
         WHERE e.occurred_at >= asked.hour AND e.occurred_at < asked.hour + interval '1 hour'
           AND e.tenant_id IS NOT NULL
         GROUP BY 1, 2, 3
     ), emptied AS (
         UPDATE notification_metrics m SET total_delivered = 0, total_bounced = 0, total_complained = 0,
             total_opened = 0, total_clicked = 0, total_unsubscribed = 0
         FROM asked WHERE m.date = asked.of_date AND m.hour = asked.of_hour
             AND m.total_delivered + m.total_bounced + m.total_complained + m.total_opened + m.total_clicked
                 + m.total_unsubscribed > 0
             AND NOT EXISTS (SELECT FROM counted c WHERE c.tenant_id = m.tenant_id AND c.provider = m.provider
                                 AND c.message_type = m.message_type)
     )
     INSERT INTO notification_metrics AS m (tenant_id, date, hour, provider, message_type, total_delivered,
         total_bounced, total_complained, total_opened, total_clicked, total_unsubscribed)
     SELECT c.tenant_id, asked.of_date, asked.of_hour, c.provider, c.message_type, c.delivered, c.bounced,
            c.complained, c.opened, c.clicked, c.unsubscribed
     FROM counted c, asked ORDER BY 1, 4, 5
     ON CONFLICT ON CONSTRAINT notification_metrics_hour_key DO UPDATE SET
         total_delivered = excluded.total_delivered, total_bounced = excluded.total_bounced,
         total_complained = excluded.total_complained, total_opened = excluded.total_opened,
         total_clicked = excluded.total_clicked, total_unsubscribed = excluded.total_unsubscribed
     RETURNING true"
);

/// Writes what providers told of an hour, by tenant, account and channel, in place of what was written before.
///
/// # Errors
/// The database is out of reach.
pub(in crate::store) async fn count_events(
    connection: &mut AsyncPgConnection,
    hour: Timestamp,
) -> Result<(), StoreError> {
    let count = CountEvents {
        hour: time::to_database(hour),
    };
    let _: Vec<bool> = count.load(connection).await?;
    Ok(())
}
