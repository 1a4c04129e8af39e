//! Settling: what became of notifications, stored before anything is acknowledged.
//!
//! One statement, thus one transaction, a batch: the row with its final state, and the dead letter
//! if it has one. A terminal state is never overwritten, and anything but an acceptance is for the owner
//! to say. Only where outcomes change something beside (a reservation goes back, an address is dead)
//! is there a transaction around it; so also where a webhook is told of it.

use std::collections::HashSet;
use std::time::Duration;

use diesel_async::{AsyncPgConnection, RunQueryDsl};
use tokio::time::Instant;
use uuid::Uuid;

use super::inbox::{InboxHint, deliver};
use super::locks::Halves;
use super::observed::Duty;
use super::quarantine::keep;
use super::runs::failing::FailedRuns;
use super::webhooks::{self, announce};
use super::{Database, StoreError, partitions};
use crate::domain::webhook::deliveries_of;
use crate::domain::{AfterStatement, NewWebhookDelivery, Proof, StoredAs};
use crate::runtime::clock;

mod aftermath;
mod release;
mod statement;

pub use release::release;

pub use crate::domain::{DeadAddress, Origin, Settlement};

/// What has been tried for so long waits for nobody's locks any more: a connection is worth more.
const OFTEN: Duration = Duration::from_secs(2);

/// Proof that PostgreSQL holds what became of a notification: its row says so, or the quarantine has
/// it whole. Made by [`settle`] alone.
#[derive(Debug)]
pub struct Committed(());

impl Proof for Committed {}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct Settled {
    stored: HashSet<Uuid>,
    quarantined: HashSet<Uuid>,
    left: HashSet<Uuid>,
    /// Why some are left.
    trouble: Option<StoreError>,
    failed_runs: FailedRuns,
}

impl Settled {
    /// Whether the notification's row now says so by this. If it is neither this nor one of the
    /// others, somebody else settled it before: a run that took it over, a cancellation.
    #[must_use]
    pub fn is_stored(&self, id: Uuid) -> bool {
        self.stored.contains(&id)
    }

    /// Whether PostgreSQL refused it for its own data, and holds it in quarantine.
    #[must_use]
    pub fn is_quarantined(&self, id: Uuid) -> bool {
        self.quarantined.contains(&id)
    }

    /// Whether it is not settled yet.
    #[must_use]
    pub fn is_left(&self, id: Uuid) -> bool {
        self.left.contains(&id)
    }

    /// How many are not settled yet, and why.
    #[must_use]
    pub fn left(&self) -> Option<(usize, &StoreError)> {
        Some((self.left.len(), self.trouble.as_ref()?))
    }

    /// How many runs of workflows have failed by it, since a message of theirs cannot be rendered.
    #[must_use]
    pub const fn failed_runs(&self) -> FailedRuns {
        self.failed_runs
    }

    /// How many rows now say so.
    #[must_use]
    pub fn stored(&self) -> usize {
        self.stored.len()
    }

    /// The right to acknowledge; `None` while nothing in the database says what became of it, or as
    /// long as somebody else may still say it: it was not accepted, and is no longer ours. An acceptance
    /// that was not stored has met a final state.
    #[must_use]
    pub fn proof(&self, settlement: &Settlement) -> Option<Committed> {
        let stored = self.stored_as(settlement.notification.id);
        (settlement.after(stored) == AfterStatement::Acknowledge).then_some(Committed(()))
    }

    fn stored_as(&self, id: Uuid) -> StoredAs {
        if self.is_left(id) {
            StoredAs::NotYet
        } else if self.is_stored(id) {
            StoredAs::Row
        } else if self.is_quarantined(id) {
            StoredAs::Quarantine
        } else {
            StoredAs::Other
        }
    }

    fn leave(&mut self, left: &[&&Settlement], trouble: StoreError) {
        self.left.extend(left.iter().map(|one| one.notification.id));
        self.trouble = Some(trouble);
    }
}

/// Stores what became of notifications.
///
/// A batch that PostgreSQL refuses is halved, so that one row does not stop the others. What it refuses
/// for the row's own data goes into quarantine, whole. What it refuses for any other reason is left:
/// to be settled again, for as long as it takes. What somebody has locked is left, too, and waited for only
/// a moment. `since` is when the batch was tried first: if others were stored after it, what is refused says
/// nothing of the duty.
///
/// # Errors
/// When nothing of the batch could be settled: it is not stored, or it is not known whether it is, and
/// settling again is safe.
pub async fn settle(
    database: &Database,
    batch: &[&Settlement],
    since: Instant,
) -> Result<Settled, StoreError> {
    let work = async {
        let settled = in_parts(database, batch, since).await;
        match settled.trouble {
            Some(trouble) if settled.left.len() == batch.len() => Err(trouble),
            _ => Ok(settled),
        }
    };
    database.watch(Duty::Settling, since, work).await
}

async fn in_parts(database: &Database, batch: &[&Settlement], since: Instant) -> Settled {
    let is_again = clock::instant().saturating_duration_since(since) >= OFTEN;
    let mut settled = Settled::default();
    let mut halves = Halves::of(batch);
    while let Some(part) = halves.pop() {
        let at_once = is_again || halves.is_narrowing();
        match store(database, part, &mut settled, at_once).await {
            Ok(()) => halves.done(),
            Err(trouble) => halves.failed(part, trouble),
        }
    }
    if let (left, Some(trouble)) = halves.into_left()
        && !left.is_empty()
    {
        settled.leave(&left, trouble);
    }
    settled
}

async fn store(
    database: &Database,
    part: &[&Settlement],
    settled: &mut Settled,
    at_once: bool,
) -> Result<(), StoreError> {
    let statement = statement::Settle::of(part);
    let told = deliveries_of(&database.webhooks().catalog(), part);
    let stored = match write(database, &statement, part, &told, at_once).await {
        Err(StoreError::NoPartition) => {
            ensure_partitions(database, part).await?;
            write(database, &statement, part, &told, at_once).await
        }
        stored => stored,
    };
    match (part, stored) {
        (_, Ok(written)) => {
            settled.stored.extend(written.stored);
            settled.failed_runs.add(written.failed_runs);
            if !written.hints.is_empty() {
                database.inboxes().tell(written.hints);
            }
            if !told.is_empty() {
                let webhooks = told.iter().map(|it| it.webhook_id);
                database.webhooks().tell(webhooks);
            }
        }
        ([single], Err(refusal)) if refusal.is_about_data() => {
            return set_aside(database, single, &refusal, settled).await;
        }
        (_, Err(trouble)) => return Err(trouble),
    }
    Ok(())
}

/// What was written of a part.
#[derive(Debug)]
struct PartWritten {
    stored: Vec<Uuid>,
    hints: Vec<InboxHint>,
    failed_runs: FailedRuns,
}

/// Stores the outcomes as the statement has them, with what follows from them; `at_once`, it waits for
/// nobody's locks.
async fn write(
    database: &Database,
    settle: &statement::Settle,
    batch: &[&Settlement],
    told: &[NewWebhookDelivery],
    at_once: bool,
) -> Result<PartWritten, StoreError> {
    let work = async |connection: &mut AsyncPgConnection| {
        let stored = settle.load::<Uuid>(connection).await?;
        let failed_runs = match aftermath::follows(batch) {
            true => aftermath::write(connection, batch, &stored).await?,
            false => FailedRuns::default(),
        };
        announce::write(connection, told, &stored).await?;
        let hints = deliver::write(connection, batch, &stored).await?;
        Ok(PartWritten {
            stored,
            hints,
            failed_runs,
        })
    };
    if at_once {
        database.at_once(work).await
    } else if aftermath::follows(batch) || deliver::follows(batch) || !told.is_empty() {
        database.transaction(work).await
    } else {
        work(&mut *database.get().await?).await
    }
}

/// Stores what was in quarantine, as it would have been stored. Says whether its row now says so.
pub(super) async fn restore(
    connection: &mut AsyncPgConnection,
    settlement: &Settlement,
    tells_exchange: bool,
) -> Result<bool, StoreError> {
    let batch = [settlement];
    let statement = statement::Settle::of(&batch);
    let stored = statement.load::<Uuid>(connection).await?;
    if aftermath::follows(&batch) {
        aftermath::write(connection, &batch, &stored).await?;
    }
    // Whoever restores may send no webhooks, and know of none.
    let catalog = webhooks::catalog(&webhooks::all(connection).await?);
    let catalog = catalog.telling_exchange(tells_exchange);
    let told = deliveries_of(&catalog, &batch);
    announce::write(connection, &told, &stored).await?;
    deliver::write(connection, &batch, &stored).await?;
    Ok(!stored.is_empty())
}

/// Does all that settling does, for no row: fails as settling would for a reason that is no row's.
///
/// # Errors
/// As [`settle`].
pub(super) async fn try_out(database: &Database) -> Result<(), StoreError> {
    write(database, &statement::Settle::of(&[]), &[], &[], false).await?;
    Ok(())
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

/// Keeps what PostgreSQL refuses for its own data.
async fn set_aside(
    database: &Database,
    settlement: &Settlement,
    refusal: &StoreError,
    settled: &mut Settled,
) -> Result<(), StoreError> {
    let id = settlement.notification.id;
    if matches!(refusal, StoreError::ForeignKey { constraint } if constraint.contains("user_id")) {
        if matches!(settlement.origin, Origin::Database(_)) {
            // The person was erased, and the notification with them: there is no delivery of it.
            settled.stored.insert(id);
            return Ok(());
        }
        let mut without = statement::Settle::of(&[settlement]);
        without.forget_the_person();
        // Nobody is told of who has been erased.
        match write(database, &without, &[], &[], true).await {
            Err(again) if again.is_about_data() => {}
            stored => {
                settled.stored.extend(stored?.stored);
                return Ok(());
            }
        }
    }
    database
        .transaction(async |connection| keep(connection, settlement, refusal).await)
        .await?;
    tracing::error!(notification_id = %id, error = %refusal, "the database refused an outcome because of its data; it is in quarantine");
    settled.quarantined.insert(id);
    Ok(())
}
