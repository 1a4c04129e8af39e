//! The books of an hour: what came in is what became of it.

use jiff::Timestamp;
use uuid::Uuid;

/// What a tenant's notifications of an hour came from, and what became of them. A notification belongs to the
/// hour in which it was begun; a message that ends at the door, to the hour in which it was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerHour {
    /// The beginning of the hour, in UTC.
    pub hour: Timestamp,
    /// The tenant.
    pub tenant_id: Uuid,
    /// Messages taken from RabbitMQ: those that were claimed, rejected, or repeated another.
    pub consumed: i64,
    /// Accepted by HTTP.
    pub accepted_api: i64,
    /// Put into `herald.rejected`.
    pub rejected: i64,
    /// Repeated another one.
    pub duplicates: i64,
    /// Accepted by a provider.
    pub sent: i64,
    /// Failed for good.
    pub failed: i64,
    /// Cancelled.
    pub cancelled: i64,
    /// Wait in the database.
    pub pending: i64,
    /// Claimed, and nothing is stored of them yet.
    pub in_flight: i64,
    /// Their outcome is in quarantine.
    pub quarantined: i64,
    /// Removed with their person.
    pub erased: i64,
}

impl LedgerHour {
    /// How many came in of which nothing is known; negative when more is stored than came in. Zero at every
    /// moment, whatever is under way, if nothing was lost or made up.
    #[must_use]
    pub const fn difference(&self) -> i64 {
        self.consumed + self.accepted_api
            - self.rejected
            - self.duplicates
            - self.sent
            - self.failed
            - self.cancelled
            - self.pending
            - self.in_flight
            - self.quarantined
            - self.erased
    }
}

/// The beginning of the hour of a moment, in UTC.
#[must_use]
pub fn hour_of(moment: Timestamp) -> Timestamp {
    /// Seconds in an hour.
    const HOUR: i64 = 3_600;
    let second = moment.as_second();
    // The first second of an hour is never before the first that there is, which begins one.
    Timestamp::from_second(second - second.rem_euclid(HOUR)).unwrap_or(moment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_that_balances_has_no_difference() {
        let mut hour = LedgerHour {
            hour: hour_of("2026-03-01T12:59:59.9Z".parse().unwrap()),
            tenant_id: Uuid::from_u128(1),
            consumed: 20,
            accepted_api: 10,
            rejected: 1,
            duplicates: 2,
            sent: 10,
            failed: 3,
            cancelled: 4,
            pending: 5,
            in_flight: 2,
            quarantined: 1,
            erased: 2,
        };
        assert_eq!(hour.hour.to_string(), "2026-03-01T12:00:00Z");
        assert_eq!(hour.difference(), 0);
        hour.sent -= 1;
        assert_eq!(hour.difference(), 1, "one is lost");
        hour.sent += 2;
        assert_eq!(hour.difference(), -1, "one is made up");
    }
}
