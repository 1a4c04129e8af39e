//! Sealing everything anew with the first key, while engines run.
//!
//! Each row is written by itself, and only if nobody changed it meanwhile. What is sealed with the first key
//! already is left alone: whoever was interrupted begins again, and goes on where they stopped.

use diesel::QueryableByName;
use diesel::sql_query;
use diesel::sql_types::{Array, BigInt, Binary, Nullable, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use serde_json::json;
use uuid::Uuid;

use super::{SealedPlace, Sealer};
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::{Database, StoreError};

/// Rows of one reading.
const ROWS: i64 = 100;
/// Looks at a row that somebody else keeps changing.
const LOOKS: usize = 5;

/// A table with sealed columns; its key is `id`.
#[derive(Debug, Clone, Copy)]
pub struct SealedTable {
    /// Its name, which sealed values are bound to.
    pub name: &'static str,
    /// The columns.
    pub columns: &'static [&'static str],
}

/// Every table with sealed columns.
pub const SEALED: &[SealedTable] = &[
    SealedTable {
        name: "provider_configs",
        columns: &["api_key", "api_secret", "config_json"],
    },
    SealedTable {
        name: "notification_webhooks",
        columns: &["secret_key", "previous_secret_key"],
    },
    SealedTable {
        name: "link_keys",
        columns: &["sealed_key"],
    },
    SealedTable {
        name: "token_keys",
        columns: &["sealed_secret"],
    },
];

/// How far it has come, by rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SealingProgress {
    /// Rows that were looked at.
    pub seen: u64,
    /// Rows that were sealed anew.
    pub resealed: u64,
    /// Rows that no configured key opens, or that somebody kept changing: they are as they were.
    pub left: u64,
}

#[derive(QueryableByName)]
struct SealedValues {
    #[diesel(sql_type = SqlUuid)]
    id: Uuid,
    #[diesel(sql_type = Array<Nullable<Binary>>)]
    sealed: Vec<Option<Vec<u8>>>,
}

/// Seals everything with the first key that another one sealed. `tell` hears how far it is, a table at a time.
///
/// # Errors
/// The database is out of reach. What was done by then is done.
pub async fn rotate(
    database: &Database,
    sealer: &Sealer,
    by: &DoneBy,
    mut tell: impl FnMut(&'static str, SealingProgress),
) -> Result<SealingProgress, StoreError> {
    let mut connection = database.get().await?;
    let mut all = SealingProgress::default();
    for table in SEALED {
        let mut progress = SealingProgress::default();
        let mut after = Uuid::nil();
        loop {
            let rows = page(&mut connection, table, after).await?;
            let Some(last) = rows.last() else { break };
            after = last.id;
            for row in rows {
                progress.seen += 1;
                match reseal(&mut connection, table, sealer, row).await? {
                    Some(true) => progress.resealed += 1,
                    Some(false) => {}
                    None => progress.left += 1,
                }
            }
            tell(table.name, progress);
        }
        all.seen += progress.seen;
        all.resealed += progress.resealed;
        all.left += progress.left;
    }
    drop(connection);
    if all.resealed > 0 {
        note(database, by, all).await?;
    }
    Ok(all)
}

async fn note(database: &Database, by: &DoneBy, all: SealingProgress) -> Result<(), StoreError> {
    let said = json!({ "resealed": all.resealed, "left": all.left });
    let entry = AuditEntry {
        tenant_id: None,
        action: "rotate",
        resource: "secrets",
        resource_id: "all".to_owned(),
        changes: AuditChanges::made(said),
    };
    database
        .transaction(async |connection| audit::record(connection, by, entry.clone()).await)
        .await
}

async fn page(
    connection: &mut AsyncPgConnection,
    table: &SealedTable,
    after: Uuid,
) -> Result<Vec<SealedValues>, StoreError> {
    let (name, columns) = (table.name, table.columns.join(", "));
    let query = format!(
        "SELECT id, ARRAY[{columns}] AS sealed FROM {name} WHERE id > $1 ORDER BY id LIMIT $2"
    );
    let rows = sql_query(query)
        .bind::<SqlUuid, _>(after)
        .bind::<BigInt, _>(ROWS);
    Ok(rows.load(connection).await?)
}

async fn again(
    connection: &mut AsyncPgConnection,
    table: &SealedTable,
    id: Uuid,
) -> Result<Option<SealedValues>, StoreError> {
    let (name, columns) = (table.name, table.columns.join(", "));
    let query = format!("SELECT id, ARRAY[{columns}] AS sealed FROM {name} WHERE id = $1");
    let rows: Vec<SealedValues> = sql_query(query)
        .bind::<SqlUuid, _>(id)
        .load(connection)
        .await?;
    Ok(rows.into_iter().next())
}

/// Whether a row was sealed anew; `None` when it could not be.
async fn reseal(
    connection: &mut AsyncPgConnection,
    table: &SealedTable,
    sealer: &Sealer,
    row: SealedValues,
) -> Result<Option<bool>, StoreError> {
    let mut row = row;
    for _ in 0..LOOKS {
        let current = |it: &Vec<u8>| sealer.is_current(it);
        if row.sealed.iter().flatten().all(current) {
            return Ok(Some(false));
        }
        let Some(anew) = anew(table, sealer, &row) else {
            tracing::warn!(
                table = table.name,
                id = %row.id,
                "a sealed value is opened by no key of secrets.key: it stays as it is"
            );
            return Ok(None);
        };
        if write(connection, table, &row, &anew).await? {
            return Ok(Some(true));
        }
        match again(connection, table, row.id).await? {
            Some(changed) => row = changed,
            // It was removed meanwhile.
            None => return Ok(Some(false)),
        }
    }
    Ok(None)
}

/// All values of a row, sealed with the first key.
fn anew(table: &SealedTable, sealer: &Sealer, row: &SealedValues) -> Option<Vec<Option<Vec<u8>>>> {
    let values = table.columns.iter().zip(&row.sealed);
    let values = values.map(|(column, sealed)| {
        let Some(sealed) = sealed else {
            return Some(None);
        };
        let place = SealedPlace {
            table: table.name,
            row: row.id,
            column,
        };
        let plain = sealer.open(place, sealed).ok()?;
        sealer.seal(place, &plain).ok().map(Some)
    });
    values.collect()
}

/// Writes them where the row is still what was read; says whether it was.
async fn write(
    connection: &mut AsyncPgConnection,
    table: &SealedTable,
    row: &SealedValues,
    anew: &[Option<Vec<u8>>],
) -> Result<bool, StoreError> {
    let (name, columns) = (table.name, table.columns.join(", "));
    let sets = table.columns.iter().enumerate();
    let sets = sets.map(|(at, column)| format!("{column} = ($2)[{}]", at + 1));
    let sets = sets.collect::<Vec<_>>().join(", ");
    let update = format!(
        "UPDATE {name} SET {sets} WHERE id = $1 AND ARRAY[{columns}] IS NOT DISTINCT FROM $3"
    );
    let written = sql_query(update)
        .bind::<SqlUuid, _>(row.id)
        .bind::<Array<Nullable<Binary>>, _>(anew.to_vec())
        .bind::<Array<Nullable<Binary>>, _>(row.sealed.clone())
        .execute(connection)
        .await?;
    Ok(written > 0)
}
