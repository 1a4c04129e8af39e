//! Settling: what became of notifications, stored before anything is acknowledged.
//!
//! One statement, thus one transaction, a batch: the row with its final state, and the dead letter
//! if it has one. A terminal state is never overwritten, and only the owner may put a notification
//! off. Only where outcomes change something beside (a reservation goes back, an address is dead)
//! is there a transaction around it.

use std::collections::HashSet;

use diesel_async::RunQueryDsl;
use jiff::Timestamp;
use uuid::Uuid;

use super::lease::RunId;
use super::{Database, StoreError, partitions};
use crate::domain::{Notification, Reason, Status};

mod aftermath;
mod statement;

pub use aftermath::DeadAddress;

/// Where a notification came from, which decides who may settle it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the broker: its claim is in `notification_deduplication`, it may have no row yet.
    Broker,
    /// From the database: its row exists and names the owner.
    Database,
}

/// What became of one notification. Its `attempt_count` and `attempts` are those after the pass.
#[derive(Debug, Clone, PartialEq)]
pub struct Settlement {
    /// The notification as it is now.
    pub notification: Notification,
    /// Where it came from.
    pub origin: Origin,
    /// Where it stands.
    pub status: Status,
    /// Why; `None` when sent.
    pub reason: Option<Reason>,
    /// When the scheduler should take it, while pending.
    pub due_at: Option<Timestamp>,
    /// When this was decided.
    pub decided_at: Timestamp,
    /// When a provider was last asked.
    pub last_attempted: Option<Timestamp>,
    /// The account that was asked last.
    pub provider: Option<String>,
    /// The address that was used.
    pub recipient: Option<String>,
    /// The version of the template that was rendered.
    pub template_version: Option<i32>,
    /// The provider's code.
    pub provider_response: Option<String>,
    /// The provider's id for the message.
    pub provider_message_id: Option<String>,
    /// What went wrong, in words.
    pub error_message: Option<String>,
    /// Whether it was not sent, so that it goes out of the counters of daily caps.
    pub refund: bool,
    /// Addresses that were found dead.
    pub dead_addresses: Vec<DeadAddress>,
}

/// Stores what became of notifications, and returns the ids of those whose rows now say so. The
/// others were settled by somebody else before (a run that took them over, a cancellation).
///
/// A batch that PostgreSQL refuses is halved until the row that it cannot hold stands alone; that
/// one is stored without what it cannot hold, rather than sent again.
///
/// # Errors
/// When the database fails for a reason that is not a row's own data: nothing of what is left is
/// stored, or it is not known whether it is, and settling again is safe.
pub async fn settle(
    database: &Database,
    run: RunId,
    batch: &[&Settlement],
) -> Result<HashSet<Uuid>, StoreError> {
    let mut stored = HashSet::with_capacity(batch.len());
    let mut parts = vec![batch];
    while let Some(part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        match store(database, run, part).await {
            Ok(ids) => stored.extend(ids),
            Err(StoreError::NoPartition) => {
                ensure_partitions(database, part).await?;
                stored.extend(store(database, run, part).await?);
            }
            Err(error) if !error.is_about_data() => return Err(error),
            Err(error) => match part {
                [single] => stored.extend(rescue(database, run, single, &error).await?),
                many => {
                    let (left, right) = many.split_at(many.len() / 2);
                    parts.extend([right, left]);
                }
            },
        }
    }
    Ok(stored)
}

async fn store(
    database: &Database,
    run: RunId,
    batch: &[&Settlement],
) -> Result<Vec<Uuid>, StoreError> {
    write(database, &statement::Settle::of(run, batch), batch).await
}

/// Stores the outcomes as the statement has them, with what follows from them.
async fn write(
    database: &Database,
    settle: &statement::Settle,
    batch: &[&Settlement],
) -> Result<Vec<Uuid>, StoreError> {
    if !aftermath::follows(batch) {
        let mut connection = database.get().await?;
        return Ok(settle.load::<Uuid>(&mut *connection).await?);
    }
    database
        .transaction(async |connection| {
            let stored = settle.load::<Uuid>(connection).await?;
            aftermath::write(connection, batch, &stored).await?;
            Ok(stored)
        })
        .await
}

async fn ensure_partitions(database: &Database, batch: &[&Settlement]) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    for settlement in batch {
        if let Some(moment) = partitions::moment_of(settlement.notification.id) {
            partitions::ensure(&mut connection, moment).await?;
        }
    }
    Ok(())
}

/// Stores what can be stored of a row that PostgreSQL refuses.
async fn rescue(
    database: &Database,
    run: RunId,
    settlement: &Settlement,
    error: &StoreError,
) -> Result<Vec<Uuid>, StoreError> {
    let id = settlement.notification.id;
    tracing::warn!(notification_id = %id, %error, "a row was refused: storing what can be stored");
    let erased = matches!(error, StoreError::ForeignKey { .. });
    if erased && settlement.origin == Origin::Database {
        // The person was erased, and the notification with them.
        return Ok(vec![id]);
    }
    let mut whole = statement::Settle::of(run, &[settlement]);
    if erased {
        whole.forget_the_person();
        match write(database, &whole, &[settlement]).await {
            Err(again) if again.is_about_data() => {}
            stored => return stored,
        }
    }
    let mut least = statement::Settle::of(run, &[settlement]);
    least.keep_the_least(error);
    write(database, &least, &[settlement]).await
}

/// Gives claims back, so that whoever gets the delivery next may take them over at once.
///
/// # Errors
/// When the database fails; the end of the run frees them all the same.
pub async fn release(
    database: &Database,
    run: RunId,
    keys: &[crate::domain::KeyHash],
    ids: &[Uuid],
) -> Result<(), StoreError> {
    let mut connection = database.get().await?;
    if !keys.is_empty() {
        let keys = keys.iter().map(|key| key.0.to_vec()).collect();
        let _: Vec<Uuid> = statement::ReleaseClaims { run: run.0, keys }
            .load(&mut *connection)
            .await?;
    }
    if !ids.is_empty() {
        let ids = ids.to_vec();
        let _: Vec<Uuid> = statement::ReleaseRows { run: run.0, ids }
            .load(&mut *connection)
            .await?;
    }
    Ok(())
}
