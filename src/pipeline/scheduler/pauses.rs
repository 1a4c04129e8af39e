//! What the scheduler remembers of channels that pause and flow again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::super::channels::{ChannelState, Channels};
use crate::domain::Channel;

/// Time between two probes that told nothing, such as one that turned out to be too late to send.
const PACE: Duration = Duration::from_secs(1);

/// Which channels are paused, and what was done about it.
#[derive(Debug)]
pub struct Pauses {
    channels: Channels,
    seen: Mutex<Vec<Seen>>,
}

/// Of one channel.
#[derive(Debug, Clone, Default)]
struct Seen {
    openings: u64,
    /// What was waiting when the channel opened is woken until then; by then it comes by itself.
    waking_until: Option<Instant>,
    /// When which probe was sent.
    probe: Option<(Instant, Instant)>,
}

/// What may be taken of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// What is due.
    Flow,
    /// One notification.
    Probe {
        /// The time for which it is the probe.
        at: Instant,
        /// Whether one was sent before that told nothing.
        again: bool,
    },
    /// Nothing yet.
    Wait,
}

impl Pauses {
    /// Nothing has been done yet.
    #[must_use]
    pub fn new(channels: Channels) -> Self {
        let seen = |channel: &Channel| Seen {
            openings: channels.openings(*channel),
            ..Seen::default()
        };
        Self {
            seen: Mutex::new(Channel::ALL.iter().map(seen).collect()),
            channels,
        }
    }

    /// What may be taken of a channel now.
    pub(super) fn turn(&self, channel: Channel, now: Instant) -> Turn {
        match self.channels.state(channel) {
            ChannelState::Flowing => Turn::Flow,
            ChannelState::Paused { probe_at } if probe_at > now => Turn::Wait,
            ChannelState::Paused { probe_at } => self.with(channel, |seen| match seen.probe {
                Some((at, sent)) if at == probe_at => {
                    if sent + PACE > now {
                        Turn::Wait
                    } else {
                        Turn::Probe { at, again: true }
                    }
                }
                _ => Turn::Probe {
                    at: probe_at,
                    again: false,
                },
            }),
        }
    }

    /// A probe is on its way.
    pub(super) fn probed(&self, channel: Channel, at: Instant, now: Instant) {
        self.with(channel, |seen| seen.probe = Some((at, now)));
    }

    /// The next message from the broker may be the probe.
    pub(super) fn probe_by_consuming(&self, channel: Channel, at: Instant) {
        self.channels.probe_by_consuming(channel, at);
    }

    /// Until when that must be due which is woken now; `None` when nothing is to be woken.
    pub(super) fn waking(
        &self,
        channel: Channel,
        now: Instant,
        longest: Duration,
    ) -> Option<Instant> {
        let openings = self.channels.openings(channel);
        self.with(channel, |seen| {
            if std::mem::replace(&mut seen.openings, openings) != openings {
                seen.waking_until = Some(now + longest);
            }
            seen.waking_until = seen.waking_until.filter(|until| *until > now);
            seen.waking_until
        })
    }

    /// Nothing is left to be woken.
    pub(super) fn woken(&self, channel: Channel) {
        self.with(channel, |seen| seen.waking_until = None);
    }

    fn with<T>(&self, channel: Channel, work: impl FnOnce(&mut Seen) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(channel.index()) {
            Some(seen) => work(seen),
            // There is an entry for each channel.
            None => work(&mut Seen::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const EMAIL: Channel = Channel::Email;

    #[test]
    fn a_paused_channel_is_probed_when_the_time_has_come_and_again_when_that_told_nothing() {
        let (channels, now) = (Channels::new(), clock::instant());
        let pauses = Pauses::new(channels.clone());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(pauses.turn(EMAIL, now), Turn::Flow);
        channels.report(EMAIL, "a", Some(at(5)));
        assert_eq!(pauses.turn(EMAIL, at(4)), Turn::Wait);
        let probe = |at, again| Turn::Probe { at, again };
        assert_eq!(pauses.turn(EMAIL, at(5)), probe(at(5), false));
        pauses.probed(EMAIL, at(5), at(5));
        assert_eq!(pauses.turn(EMAIL, at(5)), Turn::Wait);
        assert_eq!(pauses.turn(EMAIL, at(6)), probe(at(5), true));
        channels.report(EMAIL, "a", Some(at(20)));
        assert_eq!(pauses.turn(EMAIL, at(19)), Turn::Wait, "the probe failed");
        assert_eq!(pauses.turn(EMAIL, at(20)), probe(at(20), false));
        channels.report(EMAIL, "a", None);
        assert_eq!(pauses.turn(EMAIL, at(20)), Turn::Flow);
    }

    #[test]
    fn what_waited_is_woken_once_for_each_opening_and_for_so_long() {
        let (channels, now) = (Channels::new(), clock::instant());
        let pauses = Pauses::new(channels.clone());
        let (long, at) = (Duration::from_secs(15), |n| now + Duration::from_secs(n));
        assert_eq!(pauses.waking(EMAIL, now, long), None);
        channels.report(EMAIL, "a", Some(now));
        channels.report(EMAIL, "a", None);
        assert_eq!(pauses.waking(EMAIL, at(1), long), Some(at(16)));
        assert_eq!(pauses.waking(EMAIL, at(9), long), Some(at(16)));
        pauses.woken(EMAIL);
        assert_eq!(pauses.waking(EMAIL, at(9), long), None);
        channels.opened(EMAIL);
        assert_eq!(pauses.waking(EMAIL, at(10), long), Some(at(25)));
        assert_eq!(pauses.waking(EMAIL, at(25), long), None);
    }
}
