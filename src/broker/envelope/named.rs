//! The lane that an envelope names itself, for a file that comes through none.

use serde::Deserialize;

use super::text;
use crate::domain::{Channel, Lane, Priority};

#[derive(Deserialize)]
struct NamedValue {
    channel: Option<Channel>,
    priority: Option<Priority>,
}

/// The lane that a body names, `normal` where it says no priority; `None` when it names no channel,
/// or cannot be read that far.
pub(super) fn lane_named_by(body: &[u8]) -> Option<Lane> {
    let text = text::of(body).ok()?;
    let named: NamedValue = serde_json::from_str(&text).ok()?;
    let priority = named.priority.unwrap_or(Priority::Normal);
    Some(Lane::new(named.channel?, priority))
}
