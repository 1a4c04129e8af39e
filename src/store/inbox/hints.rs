//! Hints to all nodes that somebody's inbox has changed: who has a stream there looks.
//!
//! A hint is worth nothing but time: it is sent after the commit, gathered with others, and may be lost. A
//! `NOTIFY` inside of the transaction would make the commits of all that deliver wait for each other.

use std::collections::HashSet;

use diesel::sql_types::{Array, Bool, Text};
use diesel_async::{AsyncPgConnection, RunQueryDsl, SimpleAsyncConnection};

use super::InboxHint;
use super::board::TOGETHER;
use crate::store::statement::statement;
use crate::store::{Database, StoreError};

/// The channel of PostgreSQL on which hints are given.
pub const CHANNEL: &str = "herald_inbox";

statement!(
    Hint(payloads: Vec<String> => Array<Text>) -> Bool =
    "SELECT pg_notify('herald_inbox', payload) IS NULL FROM unnest(?) AS payload"
);

/// Gives hints to all nodes.
///
/// # Errors
/// The database is out of reach: whoever listens looks from time to time all the same.
pub async fn send(database: &Database, hints: HashSet<InboxHint>) -> Result<(), StoreError> {
    let words: Vec<String> = hints.into_iter().map(InboxHint::word).collect();
    if words.is_empty() {
        return Ok(());
    }
    let payloads = words.chunks(TOGETHER).map(|words| words.join(","));
    let payloads: Vec<String> = payloads.collect();
    let hint = async |connection: &mut AsyncPgConnection| {
        // The commits of all that give notices wait for each other: none of these waits for a disk.
        let quick = "SET LOCAL synchronous_commit = off";
        connection.batch_execute(quick).await?;
        let _: Vec<bool> = Hint { payloads }.load(connection).await?;
        Ok(())
    };
    database.transaction(hint).await
}
