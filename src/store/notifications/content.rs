//! What a notification says, for people.

use diesel::QueryableByName;
use diesel::prelude::*;
use diesel::sql_types::{Bool, Int4, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::Value;
use uuid::Uuid;

use crate::domain::{Body, Channel};
use crate::store::templates::{self, StoredTemplate};
use crate::store::{StoreError, form};

/// What was asked to be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredContent {
    /// The tenant.
    pub tenant_id: Uuid,
    /// To whom; `None` when the person was erased.
    pub user_id: Option<Uuid>,
    /// Through which channel; `None` for one that this version does not know.
    pub channel: Option<Channel>,
    /// Where it stands.
    pub status: String,
    /// The version of the template that was rendered; `None` without a template, or before it was rendered.
    pub template_version: Option<i32>,
    /// Whether it was redacted.
    pub is_redacted: bool,
    /// A template with its variables, or content; or why it cannot be read.
    pub body: Result<Body, String>,
}

#[derive(QueryableByName)]
struct ContentRow {
    #[diesel(sql_type = SqlUuid)]
    tenant_id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    user_id: Option<Uuid>,
    #[diesel(sql_type = Text)]
    message_type: String,
    #[diesel(sql_type = Text)]
    status: String,
    #[diesel(sql_type = Nullable<Int4>)]
    template_version: Option<i32>,
    #[diesel(sql_type = Bool)]
    is_redacted: bool,
    #[diesel(sql_type = Jsonb)]
    payload: Value,
}

/// What a notification of a tenant says; of any, without one.
///
/// # Errors
/// The database is out of reach.
pub async fn content(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredContent>, StoreError> {
    let query = diesel::sql_query(
        "SELECT tenant_id, user_id, message_type, status, template_version,
                redacted_at IS NOT NULL AS is_redacted, payload
         FROM notifications WHERE id = $1 AND ($2 IS NULL OR tenant_id = $2)",
    );
    let query = query
        .bind::<SqlUuid, _>(id)
        .bind::<Nullable<SqlUuid>, _>(tenant_id);
    let row: Option<ContentRow> = query.load(connection).await?.into_iter().next();
    Ok(row.map(|row| StoredContent {
        tenant_id: row.tenant_id,
        user_id: row.user_id,
        channel: row.message_type.parse().ok(),
        status: row.status,
        template_version: row.template_version,
        is_redacted: row.is_redacted,
        body: form::read_payload(row.payload).map(|payload| payload.body),
    }))
}

/// A version of a template of a tenant, in every language that has it.
///
/// # Errors
/// The database is out of reach.
pub async fn versions(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    channel: Channel,
    name: &str,
    version: i32,
) -> Result<Vec<StoredTemplate>, StoreError> {
    use crate::store::schema::notification_schema::notification_templates as t;
    let ids: Vec<Uuid> = t::table
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::name.eq(name))
        .filter(t::message_type.eq(channel.as_str()))
        .filter(t::version.eq(version))
        .select(t::id)
        .load(connection)
        .await?;
    templates::load(connection, &ids).await
}
