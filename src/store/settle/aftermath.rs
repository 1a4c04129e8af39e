//! What an outcome changes beside its own row: reservations that go back, addresses that are dead.

use std::collections::HashSet;

use diesel_async::AsyncPgConnection;
use uuid::Uuid;

use super::super::devices::{self, DeviceRetirement};
use super::super::suppressions::Learnt;
use super::super::{StoreError, frequency, suppressions};
use super::Settlement;
use crate::domain::{DeadAddress, Suppression};

/// Whether there is anything to do.
pub(super) fn follows(batch: &[&Settlement]) -> bool {
    batch
        .iter()
        .any(|one| one.refund || !one.dead_addresses.is_empty())
}

/// Refunds what is now stored as not sent, and buries what is dead, whoever stored the outcome. In
/// the transaction of the outcomes; every kind of row is locked in the same order by everybody:
/// counters, devices, suppressions.
pub(super) async fn write(
    connection: &mut AsyncPgConnection,
    batch: &[&Settlement],
    stored: &[Uuid],
) -> Result<(), StoreError> {
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
    Ok(())
}
