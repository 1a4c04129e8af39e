//! Telling webhooks of a notification that was settled long ago, in the transaction in which it happens.

use diesel::sql_types::{Array, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::announce;
use crate::domain::webhook::{LaterEvent, ToldNotification, later_of};
use crate::domain::{NewWebhookDelivery, WebhookCatalog};
use crate::store::StoreError;
use crate::store::due::{Columns, NotificationRow, Taken};
use crate::store::statement::statement;

statement!(
    OfPerson(ids: Vec<Uuid> => Array<SqlUuid>, tenant: Uuid => SqlUuid, user: Uuid => SqlUuid)
        -> (Columns, Text, Nullable<Text>, Nullable<Text>, Nullable<Text>) =
    "SELECT n.id, n.tenant_id, n.user_id, n.idempotency_key, n.message_type, n.priority, n.category,
            n.payload, n.attempt_count, n.max_retries, n.created_at, n.send_at, n.expires_at, n.attempts,
            n.source_type, n.source_id, n.metadata, 0::smallint,
            n.status, n.reason, n.provider, n.provider_message_id
     FROM notifications n WHERE n.id = ANY(?) AND n.tenant_id = ? AND n.user_id = ?"
);

type SettledRow = (
    NotificationRow,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Writes for those webhooks that want to hear of it that something happened to notifications of a person; answers
/// which they are. One that is gone, or that cannot be read, or that is for everybody, is told of to nobody.
///
/// # Errors
/// The database is out of reach.
pub async fn tell(
    connection: &mut AsyncPgConnection,
    catalog: &WebhookCatalog,
    (tenant, user, ids): (Uuid, Uuid, &[Uuid]),
    later: LaterEvent<'_>,
) -> Result<Vec<Uuid>, StoreError> {
    if catalog.is_empty() || ids.is_empty() {
        return Ok(vec![]);
    }
    let asked = OfPerson {
        ids: ids.to_vec(),
        tenant,
        user,
    };
    let rows: Vec<SettledRow> = asked.load(connection).await?;
    let told = rows.into_iter().filter_map(told);
    let deliveries: Vec<NewWebhookDelivery> = told
        .flat_map(|told| later_of(catalog, &told, later))
        .collect();
    announce::write(connection, &deliveries, ids).await?;
    Ok(deliveries.iter().map(|it| it.webhook_id).collect())
}

fn told(
    (row, status, reason, provider, provider_message_id): SettledRow,
) -> Option<ToldNotification> {
    let notification = Taken::of(vec![row]).notifications.pop()?;
    Some(ToldNotification {
        notification,
        status: status.parse().ok()?,
        reason: reason.and_then(|word| word.parse().ok()),
        provider,
        provider_message_id,
    })
}
