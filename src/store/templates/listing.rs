//! Templates in lists.

use diesel::QueryableByName;
use diesel::sql_types::{BigInt, Bool, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use crate::store::StoreError;

/// A template in a list.
#[derive(Debug, Clone, PartialEq, Eq, QueryableByName)]
pub struct ListedTemplate {
    /// Its name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Its channel.
    #[diesel(sql_type = Text)]
    pub message_type: String,
    /// Its language.
    #[diesel(sql_type = Text)]
    pub locale: String,
    /// The version that is used.
    #[diesel(sql_type = Nullable<Integer>)]
    pub version: Option<i32>,
    /// Whether there is a draft.
    #[diesel(sql_type = Bool)]
    pub has_draft: bool,
}

/// At most so many templates of a tenant, by name, channel and language, of those behind one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    (name, message_type, locale): (&str, &str, &str),
    most: usize,
) -> Result<Vec<ListedTemplate>, StoreError> {
    let listed = diesel::sql_query(
        "SELECT name, message_type, locale, max(version) AS version, bool_or(is_draft) AS has_draft \
         FROM (SELECT name, message_type, locale, version, false AS is_draft \
               FROM notification_templates \
               WHERE tenant_id = $1 AND is_active AND deleted_at IS NULL \
               UNION ALL \
               SELECT name, message_type, locale, NULL, true FROM template_drafts \
               WHERE tenant_id = $1) listed \
         WHERE (name, message_type, locale) > ($2, $3, $4) \
         GROUP BY name, message_type, locale ORDER BY name, message_type, locale LIMIT $5",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Text, _>(name)
    .bind::<Text, _>(message_type)
    .bind::<Text, _>(locale)
    .bind::<BigInt, _>(i64::try_from(most).unwrap_or(i64::MAX));
    Ok(listed.load(connection).await?)
}
