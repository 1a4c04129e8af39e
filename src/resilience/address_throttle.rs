//! Who is asked too often for one address leaves that address alone, and goes on with the others.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use super::aimd::LONGEST_PAUSE;

/// So many different addresses told so within [`TOGETHER`] are the account's own rate: one address's
/// limit says nothing of another's.
const SEVERAL: usize = 3;
/// How close together.
const TOGETHER: Duration = Duration::from_secs(1);
/// The wait where the provider names none: Slack takes a message a second for each channel.
const UNTOLD: Duration = Duration::from_secs(1);
/// Most addresses that are remembered; what finds no room is told again by the provider.
const MOST: usize = 10_000;

/// The addresses that a provider wants left alone for a while, in bounded space. Addresses are numbers
/// here, time is a duration since any fixed start.
#[derive(Debug, Clone, Default)]
pub struct AddressThrottle {
    until: BTreeMap<u64, Duration>,
    /// The last ones that were told so, each once.
    told: VecDeque<(Duration, u64)>,
}

impl AddressThrottle {
    /// The provider said that it is asked too often for this address. Says whether several were told
    /// so at once, which means the account.
    pub fn throttled(&mut self, address: u64, now: Duration, wait: Option<Duration>) -> bool {
        if self.until.len() >= MOST {
            self.until.retain(|_, until| *until > now);
        }
        if self.until.len() < MOST || self.until.contains_key(&address) {
            let wait = wait.unwrap_or(UNTOLD).min(LONGEST_PAUSE);
            let until = self.until.entry(address).or_default();
            *until = (*until).max(now.saturating_add(wait));
        }
        self.told
            .retain(|(at, told)| *told != address && now.saturating_sub(*at) < TOGETHER);
        self.told.push_back((now, address));
        if self.told.len() > SEVERAL {
            self.told.pop_front();
        }
        self.told.len() == SEVERAL
    }

    /// How long nothing may go to this address, if so.
    #[must_use]
    pub fn paused_for(&self, address: u64, now: Duration) -> Option<Duration> {
        let wait = self.until.get(&address)?.saturating_sub(now);
        (!wait.is_zero()).then_some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn throttled_address_pauses_alone() {
        let mut throttle = AddressThrottle::default();
        assert!(!throttle.throttled(1, at(0), Some(at(60_000))));
        assert_eq!(throttle.paused_for(1, at(20_000)), Some(at(40_000)));
        assert_eq!(throttle.paused_for(2, at(20_000)), None);
        assert_eq!(throttle.paused_for(1, at(60_000)), None);
        assert!(!throttle.throttled(2, at(0), None));
        assert_eq!(throttle.paused_for(2, at(0)), Some(UNTOLD));
    }

    #[test]
    fn repeated_throttling_of_one_address_counts_once() {
        let mut throttle = AddressThrottle::default();
        assert!((0..100).all(|n| !throttle.throttled(n % 2, at(n), None)));
    }

    #[test]
    fn several_addresses_within_a_second_mean_the_account() {
        let mut throttle = AddressThrottle::default();
        let mut told = |address, millis| throttle.throttled(address, at(millis), None);
        assert!(!told(1, 0));
        assert!(!told(2, 500));
        assert!(!told(3, 1_200), "the first was told more than a second ago");
        assert!(told(4, 1_300));
    }

    #[test]
    fn a_million_addresses_take_bounded_space() {
        let mut throttle = AddressThrottle::default();
        for address in 0..1_000_000 {
            throttle.throttled(address, at(address), None);
            assert!(throttle.until.len() <= MOST && throttle.told.len() <= SEVERAL);
        }
    }
}
