//! The keys of people's links, kept sealed: a link outlives the key that seals credentials.

use std::collections::HashSet;

use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::schema::notification_schema::link_keys;
use super::seal::{SealError, SealedPlace, Sealer};
use crate::domain::LinkKey;

/// The table, for sealing.
const TABLE: &str = "link_keys";
/// Where the key stands.
const COLUMN: &str = "sealed_key";

const fn place(row: Uuid) -> SealedPlace<'static> {
    SealedPlace {
        table: TABLE,
        row,
        column: COLUMN,
    }
}

/// Keeps keys that are not kept yet.
///
/// # Errors
/// The database is out of reach; or nothing can be sealed.
pub async fn keep(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    keys: &[LinkKey],
) -> Result<(), StoreError> {
    let kept: Vec<Vec<u8>> = link_keys::table
        .select(link_keys::key_id)
        .load(connection)
        .await?;
    let kept: HashSet<Vec<u8>> = kept.into_iter().collect();
    for key in keys.iter().filter(|key| !kept.contains(&key.id().0[..])) {
        let id = Uuid::now_v7();
        let sealed = sealer.seal(place(id), key.expose());
        let sealed = sealed.map_err(|error: SealError| StoreError::Other(error.to_string()))?;
        diesel::insert_into(link_keys::table)
            .values((
                link_keys::id.eq(id),
                link_keys::key_id.eq(key.id().0.to_vec()),
                link_keys::sealed_key.eq(sealed),
            ))
            .on_conflict_do_nothing()
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// All keys that these keys open.
///
/// # Errors
/// The database is out of reach.
pub async fn all(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
) -> Result<Vec<LinkKey>, StoreError> {
    let rows: Vec<(Uuid, Vec<u8>)> = link_keys::table
        .select((link_keys::id, link_keys::sealed_key))
        .load(connection)
        .await?;
    let open = |(id, sealed): (Uuid, Vec<u8>)| {
        let plain = sealer.open(place(id), &sealed).ok()?;
        Some(LinkKey::of(plain.try_into().ok()?))
    };
    Ok(rows.into_iter().filter_map(open).collect())
}
