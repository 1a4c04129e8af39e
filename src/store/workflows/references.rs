//! What workflows name, and whether it is there.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel::sql_types::{Array, Jsonb, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;

/// A template in use, in one of its languages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedTemplate {
    /// Its name.
    pub name: String,
    /// The channel, as a word.
    pub channel: String,
    /// The variables that it declares; one with a question mark behind it may be left out.
    pub variables: Vec<String>,
}

#[derive(QueryableByName)]
struct NamedTemplateRow {
    #[diesel(sql_type = Text)]
    name: String,
    #[diesel(sql_type = Text)]
    message_type: String,
    #[diesel(sql_type = Jsonb)]
    variables: serde_json::Value,
}

/// A tenant's templates in use that have one of these names, each language of each.
///
/// # Errors
/// The database is out of reach.
pub async fn templates(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    names: &[&str],
) -> Result<Vec<NamedTemplate>, StoreError> {
    let rows: Vec<NamedTemplateRow> = diesel::sql_query(
        "SELECT name, message_type, variables FROM notification_templates \
         WHERE tenant_id = $1 AND name = ANY($2) AND is_active AND deleted_at IS NULL",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Array<Text>, _>(names)
    .load(connection)
    .await?;
    let named = rows.into_iter().map(|row| NamedTemplate {
        name: row.name,
        channel: row.message_type,
        variables: serde_json::from_value(row.variables).unwrap_or_default(),
    });
    Ok(named.collect())
}

/// A published workflow that sends a template of which nothing would be left: of all channels and languages, unless these
/// are named.
///
/// # Errors
/// The database is out of reach.
pub async fn only_sender(
    connection: &mut AsyncPgConnection,
    (tenant_id, name): (Uuid, &str),
    (channel, locale): (Option<&str>, Option<&str>),
) -> Result<Option<String>, StoreError> {
    #[derive(QueryableByName)]
    struct SenderName {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let sender: Option<SenderName> = diesel::sql_query(
        "SELECT w.name FROM workflows w WHERE w.tenant_id = $1 AND w.state = 'published' \
             AND jsonb_path_exists(w.definition, '$.steps[*].send.** ? (@.template == $name)', \
                 jsonb_build_object('name', $2::text)) \
             AND NOT EXISTS (SELECT 1 FROM notification_templates t WHERE t.tenant_id = $1 AND t.name = $2 \
                 AND t.is_active AND t.deleted_at IS NULL \
                 AND (t.message_type <> $3::text OR t.locale <> $4::text)) ORDER BY w.name LIMIT 1",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .bind::<Nullable<Text>, _>(channel)
    .bind::<Nullable<Text>, _>(locale)
    .get_result(connection)
    .await
    .optional()?;
    Ok(sender.map(|it| it.name))
}

/// Those of these categories that a tenant has.
///
/// # Errors
/// The database is out of reach.
pub async fn categories(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    names: &[&str],
) -> Result<HashSet<String>, StoreError> {
    #[derive(QueryableByName)]
    struct CategoryName {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<CategoryName> =
        diesel::sql_query("SELECT name FROM categories WHERE tenant_id = $1 AND name = ANY($2)")
            .bind::<SqlUuid, _>(tenant_id)
            .bind::<Array<Text>, _>(names)
            .load(connection)
            .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}
