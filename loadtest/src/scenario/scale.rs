//! A shorter run of the same scenario.

use super::Scenario;

/// Less than this shows nothing.
const FEWEST_MESSAGES: u64 = 50;
const SHORTEST_SECONDS: f64 = 1.0;

impl Scenario {
    /// Counts, durations and the instants of events times `scale`. Rates, patience and quiet hours
    /// stay: they are what the engine is asked to stand, not how long.
    #[must_use]
    pub fn scaled(mut self, scale: f64) -> Self {
        // Counts are far below 2^53, so nothing is lost on the way.
        let count = |count: u64| (count as f64 * scale).round() as u64;
        for phase in &mut self.load {
            phase.count = phase
                .count
                .map(|all| count(all).max(FEWEST_MESSAGES.min(all)));
            phase.seconds = phase
                .seconds
                .map(|all| (all * scale).max(SHORTEST_SECONDS.min(all)));
            phase.stored_before = count(phase.stored_before);
        }
        for event in &mut self.event {
            event.at_seconds *= scale;
        }
        self
    }
}
