//! Categories of messages, as they are declared; `rules` reads them.

use diesel::OptionalExtension;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::StoreError;
use super::change::{UpsertAnswer, WriteChange};
use crate::domain::Category;
use crate::domain::category::OnUnknown;

/// Declares a category, or declares it anew.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    category: &Category,
) -> Result<WriteChange, StoreError> {
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "INSERT INTO categories AS c (tenant_id, name, may_disable, over_cap, on_unknown) \
         VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (tenant_id, name) DO UPDATE \
         SET may_disable = EXCLUDED.may_disable, over_cap = EXCLUDED.over_cap, \
             on_unknown = EXCLUDED.on_unknown \
         WHERE (c.may_disable, c.over_cap, c.on_unknown) \
             IS DISTINCT FROM (EXCLUDED.may_disable, EXCLUDED.over_cap, EXCLUDED.on_unknown) \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(category.tenant_id)
    .bind::<Text, _>(&category.name)
    .bind::<Bool, _>(category.may_disable)
    .bind::<Text, _>(category.over_cap.as_str())
    .bind::<Nullable<Text>, _>(category.on_unknown.map(OnUnknown::as_str))
    .get_result(connection)
    .await
    .optional()?;
    Ok(UpsertAnswer::change(written.as_ref()))
}
