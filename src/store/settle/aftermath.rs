//! What an outcome changes beside its own row: reservations that go back, addresses that are dead.

use std::collections::HashSet;

use diesel_async::AsyncPgConnection;
use jiff::Timestamp;
use uuid::Uuid;

use super::super::devices::{self, Retirement};
use super::super::suppressions::Learnt;
use super::super::{StoreError, frequency, suppressions};
use super::Settlement;
use crate::domain::{Channel, Suppression, SuppressionReason};

/// An address that a provider says is dead.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum DeadAddress {
    /// A device whose token is not registered any more.
    Device {
        /// The device.
        id: Uuid,
        /// When the provider was asked: an app that has reported since lives.
        asked_at: Timestamp,
    },
    /// An address that nothing more may be sent to.
    Suppress {
        /// The channel.
        channel: Channel,
        /// The address.
        address: String,
        /// Why.
        reason: SuppressionReason,
        /// The only account for whose sender it holds: a STOP is said to a number.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        account: Option<Uuid>,
    },
}

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
                DeadAddress::Device { id, asked_at } => retirements.push(Retirement {
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
                    },
                    account: *account,
                }),
            }
        }
    }
    devices::retire(connection, &retirements).await?;
    suppressions::learn(connection, &suppressed).await?;
    Ok(())
}
