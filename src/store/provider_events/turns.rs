//! Events that say something of the same address follow each other: each sees what the others have stored.

use diesel::sql_types::{Array, Bool, Int4, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use super::super::StoreError;
use super::super::statement::statement;
use crate::domain::Channel;

/// Of the locks of addresses.
const CLASS: i32 = 0x4845_5241;

// Few locks for all addresses: a batch may say something of very many. Everybody takes them in one order.
statement!(
    TakeTurns(class: i32 => Int4, addresses: Vec<String> => Array<Text>) -> Bool =
    "SELECT pg_advisory_xact_lock(?, turn)::text IS NULL
     FROM (SELECT DISTINCT hashtext(address) & 63 AS turn FROM unnest(?) AS told (address) ORDER BY 1) turns"
);

/// Waits until nobody else works on what was said of these addresses, and keeps others from it until the transaction
/// ends. What they have stored is seen by the statements after this one.
///
/// # Errors
/// The database is out of reach, or somebody takes very long.
pub async fn take_turns(
    connection: &mut AsyncPgConnection,
    addresses: impl IntoIterator<Item = (Channel, &str)>,
) -> Result<(), StoreError> {
    let named = addresses.into_iter();
    let addresses: Vec<String> = named
        .map(|(channel, it)| format!("{channel}:{it}"))
        .collect();
    if addresses.is_empty() {
        return Ok(());
    }
    let take = TakeTurns {
        class: CLASS,
        addresses,
    };
    let _: Vec<bool> = take.load(connection).await?;
    Ok(())
}
