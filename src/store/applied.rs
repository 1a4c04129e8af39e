//! What `herald apply --prune` has made, by label: what a file has no longer is found here, and removed.
//!
//! A row says that an apply of the label made a thing, or that it declares what one of another label made. What anybody
//! else made has no row, so that nothing here touches it.

mod live;
mod removal;

use diesel::QueryableByName;
use diesel::sql_types::{Array, Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use crate::domain::{AppliedKind, ApplyLabel};

pub use removal::{in_use, remove};

/// A thing that a label has, and that its files do not declare any more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftEntry {
    /// Its id, see the table's comment.
    pub id: Uuid,
    /// Whose it is; `None` for what belongs to no tenant.
    pub tenant_id: Option<Uuid>,
    /// What it is called.
    pub name: String,
    /// Whether another label has it, too.
    pub is_shared: bool,
}

#[derive(QueryableByName)]
struct LeftRow {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Nullable<SqlUuid>)]
    tenant_id: Option<Uuid>,
    #[diesel(sql_type = Nullable<Text>)]
    name: Option<String>,
    #[diesel(sql_type = Bool)]
    is_shared: bool,
}

/// Notes what a label's files declare, each by its key: a JSON list of the tenant, and of what names a thing of the kind
/// within it. Kept are those that this apply has made, and those of which another label knows: anything else is somebody
/// else's.
///
/// # Errors
/// The database is out of reach.
pub async fn note(
    connection: &mut AsyncPgConnection,
    label: &ApplyLabel,
    kind: AppliedKind,
    made: &[String],
    others: &[String],
) -> Result<(), StoreError> {
    let found = live::by_key(kind);
    let is_known = "WHERE EXISTS (SELECT FROM applied_entries o WHERE o.kind = $2 AND o.id = f.id
                        AND o.made_at = f.made_at AND o.label <> $1)";
    for (keys, condition) in [(made, ""), (others, is_known)] {
        if keys.is_empty() {
            continue;
        }
        let statement = format!(
            "WITH asked AS (SELECT one::jsonb AS key FROM unnest($3) AS one)
             INSERT INTO applied_entries (label, kind, id, made_at)
             SELECT DISTINCT ON (f.id) $1, $2, f.id, f.made_at FROM ({found}) f {condition} ORDER BY f.id
             ON CONFLICT (label, kind, id) DO UPDATE SET made_at = EXCLUDED.made_at"
        );
        diesel::sql_query(statement)
            .bind::<Text, _>(label.as_str())
            .bind::<Text, _>(kind.as_str())
            .bind::<Array<Text>, _>(keys)
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// What a label has of a kind, and what is not among these. What is gone by now, or was made anew by somebody else, is
/// forgotten.
///
/// # Errors
/// The database is out of reach.
pub async fn left(
    connection: &mut AsyncPgConnection,
    label: &ApplyLabel,
    kind: AppliedKind,
    declared: &[String],
) -> Result<Vec<LeftEntry>, StoreError> {
    let (found, live) = (live::by_key(kind), live::all(kind));
    let statement = format!(
        "WITH asked AS (SELECT one::jsonb AS key FROM unnest($3) AS one), kept AS MATERIALIZED ({found})
         SELECT e.id, l.tenant_id, l.name, EXISTS (
             SELECT FROM applied_entries o
             WHERE o.kind = e.kind AND o.id = e.id AND o.made_at = e.made_at AND o.label <> e.label) AS is_shared
         FROM applied_entries e LEFT JOIN ({live}) l ON l.id = e.id AND l.made_at = e.made_at
         WHERE e.label = $1 AND e.kind = $2 AND NOT EXISTS (SELECT FROM kept WHERE kept.id = e.id)
         ORDER BY l.name, e.id"
    );
    let rows: Vec<LeftRow> = diesel::sql_query(statement)
        .bind::<Text, _>(label.as_str())
        .bind::<Text, _>(kind.as_str())
        .bind::<Array<Text>, _>(declared)
        .load(connection)
        .await?;
    let gone = rows.iter().filter(|row| row.name.is_none());
    let gone: Vec<Uuid> = gone.map(|row| row.id).collect();
    forget(connection, label, kind, &gone).await?;
    let entry = |row: LeftRow| {
        Some(LeftEntry {
            id: row.id,
            tenant_id: row.tenant_id,
            name: row.name?,
            is_shared: row.is_shared,
        })
    };
    Ok(rows.into_iter().filter_map(entry).collect())
}

/// A label has these no longer.
///
/// # Errors
/// The database is out of reach.
pub async fn forget(
    connection: &mut AsyncPgConnection,
    label: &ApplyLabel,
    kind: AppliedKind,
    ids: &[Uuid],
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    diesel::sql_query(
        "DELETE FROM applied_entries WHERE label = $1 AND kind = $2 AND id = ANY($3)",
    )
    .bind::<Text, _>(label.as_str())
    .bind::<Text, _>(kind.as_str())
    .bind::<Array<SqlUuid>, _>(ids)
    .execute(connection)
    .await?;
    Ok(())
}
