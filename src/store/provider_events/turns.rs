//! Events that say something of the same address follow each other: each sees what the others have stored.

use diesel_async::AsyncPgConnection;

use super::super::{StoreError, turn};
use crate::domain::Channel;

/// Of the locks of addresses.
const CLASS: i32 = 0x4845_5241;

/// Waits until nobody else works on what was said of these addresses, and keeps others from it until the transaction
/// ends.
///
/// # Errors
/// The database is out of reach, or somebody takes very long.
pub async fn take_turns(
    connection: &mut AsyncPgConnection,
    addresses: impl IntoIterator<Item = (Channel, &str)>,
) -> Result<(), StoreError> {
    let named = addresses.into_iter();
    let names = named.map(|(channel, it)| format!("{channel}:{it}"));
    turn::take(connection, CLASS, names.collect()).await
}
