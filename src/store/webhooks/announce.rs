//! Announcing: what webhooks are told, and what is published to `herald.status`, written by the transaction in
//! which it happened.

use std::collections::HashSet;

use diesel::sql_types::{Array, Bool, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::domain::NewWebhookDelivery;
use crate::store::statement::statement;
use crate::store::{StoreError, status_outbox};

// What is written for a disabled webhook waits for a replay; a webhook that was deleted since is told nothing.
// A row that is there already says the same.
statement!(
    Announce(
        ids: Vec<Uuid> => Array<SqlUuid>,
        webhooks: Vec<Uuid> => Array<SqlUuid>,
        notifications: Vec<Uuid> => Array<SqlUuid>,
        events: Vec<&'static str> => Array<Text>,
        payloads: Vec<String> => Array<Text>,
    ) -> Bool =
    "INSERT INTO webhook_deliveries
         (id, tenant_id, webhook_id, notification_id, event_type, payload, next_retry_at)
     SELECT told.id, w.tenant_id, w.id, told.notification_id, told.event, told.payload,
            CASE WHEN w.is_active THEN now() END
     FROM unnest(?, ?, ?, ?, ?) AS told (id, webhook_id, notification_id, event, payload)
     JOIN notification_webhooks w ON w.id = told.webhook_id AND w.deleted_at IS NULL
     ON CONFLICT (id) DO NOTHING
     RETURNING true"
);

/// Writes what is told of these notifications, in the transaction that stores what happened to them.
///
/// # Errors
/// The database is out of reach.
pub(in crate::store) async fn write(
    connection: &mut AsyncPgConnection,
    deliveries: &[NewWebhookDelivery],
    stored: &[Uuid],
) -> Result<(), StoreError> {
    let stored: HashSet<&Uuid> = stored.iter().collect();
    let told = deliveries
        .iter()
        .filter(|it| stored.contains(&it.notification_id));
    let (exchange, webhooks): (Vec<_>, Vec<_>) = told.partition(|it| it.is_for_exchange());
    status_outbox::write(connection, &exchange).await?;
    let told = || webhooks.iter();
    if told().next().is_none() {
        return Ok(());
    }
    let announce = Announce {
        ids: told().map(|it| it.id).collect(),
        webhooks: told().map(|it| it.webhook_id).collect(),
        notifications: told().map(|it| it.notification_id).collect(),
        events: told().map(|it| it.event.as_str()).collect(),
        payloads: told().map(|it| it.body.clone()).collect(),
    };
    let _: Vec<bool> = announce.load(connection).await?;
    Ok(())
}
