//! The load under which faults happen.

use crate::publisher::Mix;

/// Its lanes.
pub const LANES: [&str; 6] = [
    "email.high",
    "email.normal",
    "sms.high",
    "sms.normal",
    "push.high",
    "push.normal",
];

/// The queues of its lanes.
#[must_use]
pub fn queues() -> [String; LANES.len()] {
    LANES.map(|lane| format!("herald.{lane}"))
}

/// Messages for all its lanes and so many people, half of them by template.
///
/// # Errors
/// None, as long as the words below are those of [`Mix`].
pub fn mix(users: u32) -> Result<Mix, String> {
    Ok(Mix {
        channels: "email=3,sms=2,push=2".parse()?,
        priorities: "high=1,normal=2".parse()?,
        users,
        ..Mix::default()
    })
}
