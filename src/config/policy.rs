//! Settings of the rules that hold for everybody.

use std::time::Duration;

use super::reader::Reader;
use crate::domain::{Channel, GlobalPolicy};

const FAIL_OVER: &str = "policy.fail_over_unknown";

pub(super) fn read(reader: &mut Reader<'_>) -> GlobalPolicy {
    let spread = Duration::ZERO..=Duration::from_secs(86_400);
    GlobalPolicy {
        urgent_passes_quiet_hours: reader.flag("policy.urgent_passes_quiet_hours"),
        urgent_passes_caps: reader.flag("policy.urgent_passes_caps"),
        release_spread: reader.duration("policy.release_spread", spread),
        fail_over_unknown: channels(reader),
    }
}

fn channels(reader: &mut Reader<'_>) -> Vec<Channel> {
    let mut channels = vec![];
    for word in reader.words(FAIL_OVER) {
        match word.parse::<Channel>() {
            Ok(channel) if channels.contains(&channel) => {}
            Ok(channel) => channels.push(channel),
            Err(unknown) => {
                let problem = format!("\"{word}\" is no channel");
                let () = reader.refuse(FAIL_OVER, problem, unknown.allowed);
            }
        }
    }
    channels
}
