//! What the scheduler remembers of channels that pause and flow again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::suspect::SoloSlot;
use crate::delivery::channel_state::{ChannelState, ChannelStates};
use crate::domain::Channel;
use crate::work::claim_guard::SoloGuard;

/// Time between two probes that told nothing, such as one that turned out to be too late to send.
const PROBE_INTERVAL: Duration = Duration::from_secs(1);
/// Longest wait for a probe that is under way: its outcome may be what cannot be stored.
const PROBE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most probes that are remembered.
const MOST_TRIED: usize = 100;

/// Which channels are paused, and what was done about it.
#[derive(Debug)]
pub struct Pauses {
    channels: ChannelStates,
    seen: Mutex<Vec<ChannelPause>>,
}

/// Of one channel.
#[derive(Debug, Default)]
struct ChannelPause {
    /// When which probe was sent.
    probe: Option<(Instant, Instant)>,
    /// Whether one is under way.
    in_hand: SoloSlot,
    /// The probes since the channel flowed: each may have been refused for its own sake, and is not to be
    /// the next one.
    tried: Vec<Uuid>,
}

/// What may be taken of a channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Allowance {
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
    pub fn new(channels: ChannelStates) -> Self {
        Self {
            seen: Mutex::new(
                Channel::ALL
                    .iter()
                    .map(|_| ChannelPause::default())
                    .collect(),
            ),
            channels,
        }
    }

    /// What may be taken of a channel now.
    pub(super) fn turn(&self, channel: Channel, now: Instant) -> Allowance {
        match self.channels.state(channel) {
            ChannelState::Flowing => {
                self.with(channel, |seen| seen.tried.clear());
                Allowance::Flow
            }
            ChannelState::Paused { probe_at } if probe_at > now => Allowance::Wait,
            ChannelState::Paused { probe_at } => self.with(channel, |seen| match seen.probe {
                _ if !seen.in_hand.is_free(now, PROBE_TIMEOUT) => Allowance::Wait,
                Some((at, sent)) if at == probe_at => {
                    if sent + PROBE_INTERVAL > now {
                        Allowance::Wait
                    } else {
                        Allowance::Probe { at, again: true }
                    }
                }
                _ => Allowance::Probe {
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

    /// Those that were probes and told nothing good: others are to be tried before them.
    pub(super) fn tried(&self, channel: Channel) -> Vec<Uuid> {
        self.with(channel, |seen| seen.tried.clone())
    }

    /// This one is tried.
    pub(super) fn tries(&self, channel: Channel, id: Uuid) {
        self.with(channel, |seen| {
            if seen.tried.len() >= MOST_TRIED {
                seen.tried.clear();
            }
            seen.tried.push(id);
        });
    }

    /// There is no other: those that were tried may be again.
    pub(super) fn tries_anew(&self, channel: Channel) {
        self.with(channel, |seen| seen.tried.clear());
    }

    /// A probe is taken in hand, until the turn is dropped.
    pub(super) fn begin(&self, channel: Channel, now: Instant) -> SoloGuard {
        self.with(channel, |seen| seen.in_hand.begin(now))
    }

    /// The next message from the broker may be the probe.
    pub(super) fn probe_by_consuming(&self, channel: Channel, at: Instant) {
        self.channels.probe_by_consuming(channel, at);
    }

    /// How often the channel opened: each time, what waits for any of its accounts may have somewhere
    /// to go.
    pub(super) fn openings(&self, channel: Channel) -> u64 {
        self.channels.openings(channel)
    }

    fn with<T>(&self, channel: Channel, work: impl FnOnce(&mut ChannelPause) -> T) -> T {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match seen.get_mut(channel.index()) {
            Some(seen) => work(seen),
            // There is an entry for each channel.
            None => work(&mut ChannelPause::default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtime::clock;

    const EMAIL: Channel = Channel::Email;

    #[test]
    fn while_a_probe_is_under_way_there_is_no_other_but_not_for_ever() {
        let (channels, now) = (ChannelStates::new(), clock::instant());
        let pauses = Pauses::new(channels.clone());
        let at = |seconds| now + Duration::from_secs(seconds);
        let probe = |at, again| Allowance::Probe { at, again };
        channels.report(EMAIL, "a", Some(now));
        let first = pauses.begin(EMAIL, now);
        pauses.probed(EMAIL, now, now);
        assert_eq!(pauses.turn(EMAIL, at(5)), Allowance::Wait);
        drop(first);
        assert_eq!(pauses.turn(EMAIL, at(5)), probe(now, true));
        let _stuck = pauses.begin(EMAIL, at(5));
        pauses.probed(EMAIL, now, at(5));
        channels.report(EMAIL, "a", Some(at(20)));
        assert_eq!(pauses.turn(EMAIL, at(20)), Allowance::Wait);
        assert_eq!(pauses.turn(EMAIL, at(35)), probe(at(20), false));
    }

    #[test]
    fn failed_probe_is_not_the_next_probe_unless_there_is_no_other() {
        let (channels, now) = (ChannelStates::new(), clock::instant());
        let pauses = Pauses::new(channels.clone());
        channels.report(EMAIL, "a", Some(now));
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        pauses.tries(EMAIL, one);
        pauses.tries(EMAIL, other);
        assert_eq!(pauses.tried(EMAIL), [one, other]);
        pauses.tries_anew(EMAIL);
        assert!(pauses.tried(EMAIL).is_empty());
        pauses.tries(EMAIL, one);
        channels.report(EMAIL, "a", None);
        assert_eq!(pauses.turn(EMAIL, now), Allowance::Flow);
        assert!(pauses.tried(EMAIL).is_empty(), "it works");
    }

    #[test]
    fn a_paused_channel_is_probed_when_the_time_has_come_and_again_when_that_told_nothing() {
        let (channels, now) = (ChannelStates::new(), clock::instant());
        let pauses = Pauses::new(channels.clone());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(pauses.turn(EMAIL, now), Allowance::Flow);
        channels.report(EMAIL, "a", Some(at(5)));
        assert_eq!(pauses.turn(EMAIL, at(4)), Allowance::Wait);
        let probe = |at, again| Allowance::Probe { at, again };
        assert_eq!(pauses.turn(EMAIL, at(5)), probe(at(5), false));
        pauses.probed(EMAIL, at(5), at(5));
        assert_eq!(pauses.turn(EMAIL, at(5)), Allowance::Wait);
        assert_eq!(pauses.turn(EMAIL, at(6)), probe(at(5), true));
        channels.report(EMAIL, "a", Some(at(20)));
        assert_eq!(
            pauses.turn(EMAIL, at(19)),
            Allowance::Wait,
            "the probe failed"
        );
        assert_eq!(pauses.turn(EMAIL, at(20)), probe(at(20), false));
        channels.report(EMAIL, "a", None);
        assert_eq!(pauses.turn(EMAIL, at(20)), Allowance::Flow);
    }
}
