//! Settings of the rules that hold for everybody.

use std::time::Duration;

use super::reader::Reader;
use crate::domain::{Channel, GlobalPolicy};

/// A leap year, in seconds.
const YEAR: u64 = 366 * 24 * 3_600;

pub(super) fn read(reader: &mut Reader<'_>) -> GlobalPolicy {
    let spread = Duration::ZERO..=Duration::from_secs(86_400);
    GlobalPolicy {
        urgent_passes_quiet_hours: reader.flag("policy.urgent_passes_quiet_hours"),
        urgent_passes_caps: reader.flag("policy.urgent_passes_caps"),
        release_spread: reader.duration("policy.release_spread", spread),
        fail_over_unknown: channels(reader, "policy.fail_over_unknown"),
        fail_over_undelivered: channels(reader, "policy.fail_over_undelivered"),
        soft_bounces: reader.integer("policy.soft_bounces", 0..=1_000, "bounces"),
        soft_bounce_window: reader.duration(
            "policy.soft_bounce_window",
            Duration::from_secs(3_600)..=Duration::from_secs(YEAR),
        ),
    }
}

fn channels(reader: &mut Reader<'_>, key: &str) -> Vec<Channel> {
    let mut channels = vec![];
    for word in reader.words(key) {
        match word.parse::<Channel>() {
            Ok(channel) if channels.contains(&channel) => {}
            Ok(channel) => channels.push(channel),
            Err(unknown) => {
                let problem = format!("\"{word}\" is no channel");
                let () = reader.refuse(key, problem, unknown.allowed);
            }
        }
    }
    channels
}
