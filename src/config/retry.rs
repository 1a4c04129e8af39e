//! Waits between passes over a route.

use std::time::Duration;

use super::reader::Reader;
use crate::domain::Channel;
use crate::resilience::Backoff;

/// The back-off of each channel.
#[derive(Debug, Clone)]
pub struct Retry {
    default: Backoff,
    /// In the order of [`Channel::ALL`].
    channels: [Backoff; Channel::ALL.len()],
}

impl Retry {
    /// The back-off of a channel.
    #[must_use]
    pub fn of(&self, channel: Channel) -> Backoff {
        let own = self.channels.get(channel.index());
        own.copied().unwrap_or(self.default)
    }

    pub(super) fn read(reader: &mut Reader<'_>) -> Self {
        let default = Backoff {
            base: base(reader, "retry.default.base"),
            max: max(reader, "retry.default.max"),
        };
        ordered(reader, "retry.default.max", default);
        let mut channels = [default; Channel::ALL.len()];
        for (backoff, channel) in channels.iter_mut().zip(Channel::ALL) {
            *backoff = overlay(reader, *channel, default);
        }
        Self { default, channels }
    }
}

fn overlay(reader: &mut Reader<'_>, channel: Channel, default: Backoff) -> Backoff {
    let base_key = format!("retry.{channel}.base");
    let max_key = format!("retry.{channel}.max");
    let has = (reader.has(&base_key), reader.has(&max_key));
    let backoff = Backoff {
        base: if has.0 {
            base(reader, &base_key)
        } else {
            default.base
        },
        max: if has.1 {
            max(reader, &max_key)
        } else {
            default.max
        },
    };
    match has {
        (false, false) => {}
        (_, true) => ordered(reader, &max_key, backoff),
        (true, false) => ordered(reader, &base_key, backoff),
    }
    backoff
}

fn base(reader: &mut Reader<'_>, key: &str) -> Duration {
    reader.duration(key, Duration::from_millis(1)..=Duration::from_secs(3_600))
}

fn max(reader: &mut Reader<'_>, key: &str) -> Duration {
    reader.duration(key, Duration::from_millis(1)..=Duration::from_secs(86_400))
}

/// A zero is the stand-in of a value that has been refused already.
fn ordered(reader: &mut Reader<'_>, key: &str, backoff: Backoff) {
    if backoff.max < backoff.base && !backoff.max.is_zero() {
        let allowed = "a max that is at least base";
        let () = reader.refuse(key, "max is shorter than base", allowed);
    }
}
