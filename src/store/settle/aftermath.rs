//! What an outcome changes beside its own row: reservations that go back, addresses that are dead, runs of workflows whose
//! message cannot be rendered.

use std::collections::HashSet;

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::super::devices::{self, DeviceRetirement};
use super::super::runs::RunLine;
use super::super::runs::failing::{self, FailedRuns, UnrenderedMessage};
use super::super::suppressions::Learnt;
use super::super::{StoreError, frequency, suppressions};
use super::Settlement;
use crate::domain::{DeadAddress, Reason, Suppression};

/// Whether there is anything to do.
pub(super) fn follows(batch: &[&Settlement]) -> bool {
    batch
        .iter()
        .any(|one| one.refund || !one.dead_addresses.is_empty() || run_of(one).is_some())
}

/// The run that has sent it, where it cannot be rendered. Whether that is so is said by the run itself: anybody may write
/// into `metadata`.
fn run_of(one: &Settlement) -> Option<Uuid> {
    let is_unrendered = one.reason == Some(Reason::TemplateError);
    let metadata = one.notification.metadata.as_ref();
    let run = metadata.filter(|_| is_unrendered)?.get("run")?;
    run.as_str()?.parse().ok()
}

fn unrendered(one: &Settlement) -> Option<UnrenderedMessage> {
    let run_id = run_of(one)?;
    let notification = &one.notification;
    let step = notification.metadata.as_ref().and_then(|it| it.get("step"));
    let channel = notification.lane.channel;
    let why = one
        .error_message
        .as_deref()
        .unwrap_or("its template is no good");
    Some(UnrenderedMessage {
        tenant_id: notification.tenant_id,
        run_id,
        id: notification.id,
        line: RunLine {
            at: one.decided_at,
            step: step
                .and_then(|it| it.as_str())
                .unwrap_or_default()
                .to_owned(),
            words: format!("the message for {channel} cannot be rendered: {why}"),
        },
    })
}

/// Refunds what is now stored as not sent, buries what is dead, and fails runs of workflows, whoever stored the outcome.
/// In the transaction of the outcomes; every kind of row is locked in the same order by everybody: counters, devices,
/// suppressions, runs. Answers how many runs have failed.
pub(super) async fn write(
    connection: &mut AsyncPgConnection,
    batch: &[&Settlement],
    stored: &[Uuid],
) -> Result<FailedRuns, StoreError> {
    let stored: HashSet<Uuid> = stored.iter().copied().collect();
    let refunds: Vec<(Uuid, Uuid)> = batch
        .iter()
        .map(|one| (one.refund, &one.notification))
        .filter(|(refund, notification)| *refund && stored.contains(&notification.id))
        .map(|(_, notification)| (notification.user_id, notification.id))
        .collect();
    frequency::refund(connection, &refunds).await?;

    let mut retirements = vec![];
    let mut suppressed = vec![];
    for one in batch {
        let tenant_id = one.notification.tenant_id;
        for dead in &one.dead_addresses {
            match dead {
                DeadAddress::Device { id, asked_at } => retirements.push(DeviceRetirement {
                    tenant_id,
                    device_id: *id,
                    asked_at: *asked_at,
                }),
                DeadAddress::Suppress {
                    channel,
                    address,
                    reason,
                    account,
                } => suppressed.push(Learnt {
                    suppression: Suppression {
                        tenant_id,
                        channel: *channel,
                        address: address.clone(),
                        reason: *reason,
                        category: None,
                    },
                    account: *account,
                    event_id: None,
                }),
            }
        }
    }
    devices::retire(connection, &retirements).await?;
    suppressions::learn(connection, &suppressed).await?;
    let now_stored = batch
        .iter()
        .filter(|one| stored.contains(&one.notification.id));
    failing::fail(
        connection,
        now_stored.filter_map(|one| unrendered(one)).collect(),
    )
    .await
}
