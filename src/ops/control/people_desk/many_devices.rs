//! The devices of many people: decided in their order, written by a statement.

use std::collections::HashMap;

use uuid::Uuid;

use super::devices::too_many;
use crate::domain::{Platform, limits};
use crate::ops::control::desk::DeskError;
use crate::store::PgConnection;
use crate::store::devices::many::{self, ReportedDevice, TokenOf};

/// A device that is somebody else's from now on, or new.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DeviceMoves {
    pub(super) whose: (Uuid, Uuid),
    /// Who had it.
    pub(super) from: Option<Uuid>,
    pub(super) id: Uuid,
    pub(super) platform: Platform,
}

/// What a person's devices report.
pub(super) fn reported(
    (tenant_id, user_id): (Uuid, Uuid),
    devices: &[(String, Platform)],
) -> impl Iterator<Item = ReportedDevice> {
    devices.iter().map(move |(token, platform)| ReportedDevice {
        tenant_id,
        user_id,
        token: token.clone(),
        platform: *platform,
    })
}

/// Writes devices of people who are held. Answers those that were not theirs.
pub(super) async fn write(
    connection: &mut PgConnection,
    devices: Vec<ReportedDevice>,
) -> Result<Vec<DeviceMoves>, DeskError> {
    if devices.is_empty() {
        return Ok(vec![]);
    }
    let token = |it: &ReportedDevice| -> TokenOf { (it.tenant_id, it.token.clone()) };
    let tokens: Vec<TokenOf> = devices.iter().map(token).collect();
    let before = many::of_tokens(connection, &tokens).await?;
    let mut people: Vec<(Uuid, Uuid)> = devices
        .iter()
        .map(|it| (it.tenant_id, it.user_id))
        .collect();
    people.sort_unstable();
    people.dedup();
    let living = many::living_of(connection, &people).await?;
    if !has_room(living, &devices) {
        return Err(too_many());
    }
    let ids = many::report(connection, &devices).await?;
    let moved = devices.iter().filter_map(|device| {
        let token = token(device);
        let from = before.get(&token).map(|(owner, _)| *owner);
        (from != Some(device.user_id)).then_some(())?;
        Some(DeviceMoves {
            whose: (device.tenant_id, device.user_id),
            from,
            id: *ids.get(&token)?,
            platform: device.platform,
        })
    });
    Ok(moved.collect())
}

/// Whether each person has room for each device, in their order: one that moves makes room where it was.
fn has_room(mut living: HashMap<Uuid, Vec<String>>, devices: &[ReportedDevice]) -> bool {
    for device in devices {
        for tokens in living.values_mut() {
            tokens.retain(|token| *token != device.token);
        }
        let own = living.entry(device.user_id).or_default();
        if own.len() >= limits::DEVICES {
            return false;
        }
        own.push(device.token.clone());
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::DEFAULT_TENANT;

    const ANA: Uuid = Uuid::from_u128(1);
    const BEN: Uuid = Uuid::from_u128(2);

    fn device(user_id: Uuid, token: &str) -> ReportedDevice {
        ReportedDevice {
            tenant_id: DEFAULT_TENANT,
            user_id,
            token: token.to_owned(),
            platform: Platform::Ios,
        }
    }

    #[test]
    fn a_device_needs_room_unless_it_is_theirs_and_leaves_room_where_it_was() {
        let full: Vec<String> = (0..limits::DEVICES).map(|n| n.to_string()).collect();
        let living = || HashMap::from([(BEN, full.clone())]);
        assert!(has_room(living(), &[device(ANA, "new"), device(BEN, "0")]));
        assert!(!has_room(living(), &[device(BEN, "new")]));
        assert!(has_room(living(), &[device(ANA, "0"), device(BEN, "new")]));
        assert!(!has_room(living(), &[device(BEN, "new"), device(ANA, "0")]));
    }
}
