//! Which channels flow and which are paused, as their accounts' circuits say.
//!
//! While every account of a channel is tripped, asking on would turn what waits safely in RabbitMQ
//! into rows that wait in the database. So its lanes are not consumed, and of what waits in the
//! database one notification at a time is tried: the probe.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::time::Instant;

use crate::domain::Channel;

/// Whether a channel's notifications may be sent on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelState {
    /// An account may be asked, or none is known.
    Flowing,
    /// Every account is tripped.
    Paused {
        /// When the first of them may be asked whether it is back.
        probe_at: Instant,
    },
}

/// The states of all channels. Clones share them.
///
/// An account counts from its first report on, so each must report once when it is taken into use,
/// or a channel with one tripped and one silent account would pause. A circuit that is being
/// probed is not passing yet: it reports nothing until the probe's answer is known.
#[derive(Debug, Clone)]
pub struct ChannelStates {
    channels: Arc<[ChannelWatch]>,
}

#[derive(Debug)]
struct ChannelWatch {
    accounts: Mutex<AccountCircuits>,
    state: watch::Sender<ChannelState>,
    /// Whether the lanes' consumers are cancelled.
    held: watch::Sender<bool>,
    /// Grows when what waits for a provider may have somewhere to go.
    openings: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct AccountCircuits {
    open_until: HashMap<String, Option<Instant>>,
    /// The probe that is left to the next message from the broker.
    let_through: Option<Instant>,
}

impl Default for ChannelStates {
    fn default() -> Self {
        Self::new()
    }
}

impl ChannelStates {
    /// No account is known: everything flows.
    #[must_use]
    pub fn new() -> Self {
        Self {
            channels: Channel::ALL.iter().map(|_| ChannelWatch::new()).collect(),
        }
    }

    /// An account's circuit has changed: it is open until then, or may be asked.
    pub fn report(&self, channel: Channel, provider: &str, open_until: Option<Instant>) {
        self.change(channel, |accounts| {
            accounts.insert(provider.to_owned(), open_until);
        });
    }

    /// An account is no longer used.
    pub fn forget(&self, channel: Channel, provider: &str) {
        self.change(channel, |accounts| {
            accounts.remove(provider);
        });
    }

    /// How the channel stands.
    #[must_use]
    pub fn state(&self, channel: Channel) -> ChannelState {
        self.line(channel)
            .map_or(ChannelState::Flowing, |line| *line.state.borrow())
    }

    /// Tells of every change of the channel's state.
    #[must_use]
    pub fn subscribe(&self, channel: Channel) -> watch::Receiver<ChannelState> {
        self.line(channel).map_or_else(
            || watch::Sender::new(ChannelState::Flowing).subscribe(),
            |line| line.state.subscribe(),
        )
    }

    /// Tells whether the channel's lanes are to be left alone: while it is paused, but for a probe
    /// by the next message.
    #[must_use]
    pub fn held(&self, channel: Channel) -> watch::Receiver<bool> {
        self.line(channel).map_or_else(
            || watch::Sender::new(false).subscribe(),
            |line| line.held.subscribe(),
        )
    }

    /// Nothing in the database can be the probe for which the time has come: lets the broker's
    /// next message be it. Ends with the next change of the time to probe.
    pub fn probe_by_consuming(&self, channel: Channel, probe_at: Instant) {
        if let Some(line) = self.line(channel) {
            let mut accounts = line.accounts();
            accounts.let_through = Some(probe_at);
            line.settle(&accounts);
        }
    }

    /// Something new may take what waits for a provider, such as a rate limit that was raised.
    pub fn opened(&self, channel: Channel) {
        if let Some(line) = self.line(channel) {
            line.openings.send_modify(|count| *count += 1);
        }
    }

    /// How often the channel began to flow, or opened otherwise.
    #[must_use]
    pub fn openings(&self, channel: Channel) -> u64 {
        self.line(channel).map_or(0, |line| *line.openings.borrow())
    }

    fn change(&self, channel: Channel, change: impl FnOnce(&mut HashMap<String, Option<Instant>>)) {
        if let Some(line) = self.line(channel) {
            let mut accounts = line.accounts();
            change(&mut accounts.open_until);
            line.settle(&accounts);
        }
    }

    fn line(&self, channel: Channel) -> Option<&ChannelWatch> {
        self.channels.get(channel.index())
    }
}

impl ChannelWatch {
    fn new() -> Self {
        Self {
            accounts: Mutex::default(),
            state: watch::Sender::new(ChannelState::Flowing),
            held: watch::Sender::new(false),
            openings: watch::Sender::new(0),
        }
    }

    fn accounts(&self) -> std::sync::MutexGuard<'_, AccountCircuits> {
        self.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells what follows from the accounts. Called while they are locked: what is told is told in
    /// the order in which it came about.
    fn settle(&self, accounts: &AccountCircuits) {
        let state = accounts.state();
        let changed = self
            .state
            .send_if_modified(|told| std::mem::replace(told, state) != state);
        if changed && state == ChannelState::Flowing {
            self.openings.send_modify(|count| *count += 1);
        }
        let held = match state {
            ChannelState::Flowing => false,
            ChannelState::Paused { probe_at } => accounts.let_through != Some(probe_at),
        };
        self.held
            .send_if_modified(|told| std::mem::replace(told, held) != held);
    }
}

impl AccountCircuits {
    fn state(&self) -> ChannelState {
        let mut earliest = None;
        for open_until in self.open_until.values() {
            let Some(until) = open_until else {
                return ChannelState::Flowing;
            };
            earliest = Some(earliest.map_or(*until, |at: Instant| at.min(*until)));
        }
        earliest.map_or(ChannelState::Flowing, |probe_at| ChannelState::Paused {
            probe_at,
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const EMAIL: Channel = Channel::Email;

    fn seconds(seconds: u64) -> Instant {
        // One origin for all moments of a test run.
        static ORIGIN: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
        *ORIGIN.get_or_init(crate::runtime::clock::instant) + Duration::from_secs(seconds)
    }

    fn paused(at: u64) -> ChannelState {
        let probe_at = seconds(at);
        ChannelState::Paused { probe_at }
    }

    #[test]
    fn a_channel_pauses_when_its_last_account_trips_and_probes_the_first_one_back() {
        let channels = ChannelStates::new();
        assert_eq!(channels.state(EMAIL), ChannelState::Flowing);
        channels.report(EMAIL, "a", None);
        channels.report(EMAIL, "b", Some(seconds(9)));
        assert_eq!(channels.state(EMAIL), ChannelState::Flowing);
        channels.report(EMAIL, "a", Some(seconds(5)));
        assert_eq!(channels.state(EMAIL), paused(5));
        channels.report(EMAIL, "a", Some(seconds(20)));
        assert_eq!(channels.state(EMAIL), paused(9));
        assert_eq!(channels.state(Channel::Sms), ChannelState::Flowing);
        channels.report(EMAIL, "b", None);
        assert_eq!(channels.state(EMAIL), ChannelState::Flowing);
    }

    #[test]
    fn an_account_that_is_forgotten_no_longer_counts() {
        let channels = ChannelStates::new();
        channels.report(EMAIL, "a", None);
        channels.report(EMAIL, "b", Some(seconds(9)));
        channels.forget(EMAIL, "a");
        assert_eq!(channels.state(EMAIL), paused(9));
        channels.forget(EMAIL, "b");
        assert_eq!(channels.state(EMAIL), ChannelState::Flowing);
    }

    #[test]
    fn lanes_are_held_while_paused_but_for_one_probe_by_the_next_message() {
        let (channels, lane) = (ChannelStates::new(), ChannelStates::held);
        let held = |channels: &ChannelStates| *lane(channels, EMAIL).borrow();
        channels.report(EMAIL, "a", Some(seconds(5)));
        assert!(held(&channels));
        channels.probe_by_consuming(EMAIL, seconds(4));
        assert!(held(&channels), "that probe is out of date");
        channels.probe_by_consuming(EMAIL, seconds(5));
        assert!(!held(&channels));
        assert_eq!(channels.state(EMAIL), paused(5), "it does not flow yet");
        channels.report(EMAIL, "a", Some(seconds(15)));
        assert!(held(&channels), "the probe failed");
        channels.report(EMAIL, "a", None);
        assert!(!held(&channels));
    }

    #[test]
    fn channel_watchers_are_told_of_changes_only() {
        let channels = ChannelStates::new();
        let mut held = channels.held(EMAIL);
        channels.report(EMAIL, "a", Some(seconds(5)));
        assert!(held.has_changed().unwrap());
        held.mark_unchanged();
        channels.report(EMAIL, "a", Some(seconds(6)));
        assert!(!held.has_changed().unwrap());
        assert_eq!(channels.openings(EMAIL), 0);
        channels.report(EMAIL, "a", None);
        channels.report(EMAIL, "a", None);
        assert_eq!(channels.openings(EMAIL), 1);
        channels.opened(EMAIL);
        assert_eq!(channels.openings(EMAIL), 2);
        assert_eq!(channels.openings(Channel::Sms), 0);
    }
}
