//! Objects that no row keeps go: what was begun by a process that died, and what was removed or erased, or went with its
//! ticket.
//!
//! Each is held by the one transaction that removes it, so any number of nodes may sweep at once, and nobody gives it a
//! row meanwhile.

use std::time::Duration;

use tokio::time::timeout;

use super::desk::TicketDesk;
use super::store::{attachments, mails};
use crate::objects::Objects;
use crate::runtime::Shutdown;
use crate::store::{Database, PgConnection, StoreError};

/// Time between two looks, unless something became loose on this node.
const EVERY: Duration = Duration::from_secs(5);
/// Objects that are removed at once.
const AT_ONCE: i64 = 20;
/// Seconds after which one is tried again that could not be removed.
const PUT_OFF: i64 = 300;
/// Days for which a mail is known that was taken.
const MAIL_DAYS: i64 = 30;
/// Mails that are forgotten at once.
const MAILS_AT_ONCE: i64 = 1_000;

/// Removes objects until told to stop.
pub async fn run(desk: TicketDesk, stop: Shutdown) {
    while !stop.is_raised() {
        match sweep(desk.database(), desk.objects()).await {
            Ok(AT_ONCE) => continue,
            Ok(_) => {}
            Err(error) => {
                let why = error.without_data();
                tracing::warn!(
                    why,
                    "objects that no ticket has are not removed; trying again"
                );
            }
        }
        if let Err(error) = forget(desk.database()).await {
            let why = error.without_data();
            tracing::warn!(
                why,
                "mails that were taken long ago are not forgotten; trying again"
            );
        }
        stop.or(timeout(EVERY, desk.loosened())).await;
    }
}

/// Forgets mails that nobody hands over again.
async fn forget(database: &Database) -> Result<(), StoreError> {
    while mails::trim(&mut *database.get().await?, MAIL_DAYS, MAILS_AT_ONCE).await? == MAILS_AT_ONCE
    {
    }
    Ok(())
}

/// Removes some of what is to go; says how many were looked at.
async fn sweep(database: &Database, objects: &Objects) -> Result<i64, StoreError> {
    let part = async |connection: &mut PgConnection| {
        let loose = attachments::take_loose(connection, AT_ONCE).await?;
        let count = i64::try_from(loose.len()).unwrap_or(AT_ONCE);
        let (mut gone, mut left) = (vec![], vec![]);
        for object in loose {
            match objects.remove(&object).await {
                Ok(()) => gone.push(object),
                Err(why) => {
                    tracing::warn!(object, %why, "an object that no ticket has cannot be removed; trying again later");
                    left.push(object);
                }
            }
        }
        if !gone.is_empty() {
            attachments::keep(connection, gone).await?;
        }
        if !left.is_empty() {
            attachments::loosen(connection, left, PUT_OFF).await?;
        }
        Ok(count)
    };
    database.transaction(part).await
}
