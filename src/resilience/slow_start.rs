//! What has just recovered is loaded step by step.

/// Requests that may be in flight at first.
const FIRST: u32 = 2;

/// Doubles the allowed requests in flight with every round of successes: a provider that comes
/// back must not fall again under all that has waited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SlowStart {
    allowed: u32,
    succeeded: u32,
}

impl SlowStart {
    /// The first round.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            allowed: FIRST,
            succeeded: 0,
        }
    }

    /// Requests that may be in flight now.
    #[must_use]
    pub const fn allowed(&self) -> u32 {
        self.allowed
    }

    /// A request succeeded; `true` once as many as `full` are allowed: the start is over.
    pub fn succeeded(&mut self, full: u32) -> bool {
        self.succeeded = self.succeeded.saturating_add(1);
        if self.succeeded >= self.allowed {
            self.allowed = self.allowed.saturating_mul(2);
            self.succeeded = 0;
        }
        self.allowed >= full
    }
}

impl Default for SlowStart {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_of_successes_doubles_what_is_allowed() {
        let mut start = SlowStart::new();
        let mut rounds = vec![start.allowed()];
        while !start.succeeded(32) {
            if rounds.last() != Some(&start.allowed()) {
                rounds.push(start.allowed());
            }
        }
        assert_eq!(rounds, [2, 4, 8, 16]);
        assert_eq!(start.allowed(), 32);
    }
}
