//! The kinds of trouble with an account, and what is said of each.

use crate::domain::{AccountFault, Severity};
use crate::machine::account::CircuitCause;

/// The `event_type` of refused credentials.
pub(super) const CREDENTIALS_REFUSED: &str = "provider_credentials_refused";
/// The `event_type` of an account that is refused for how it is set up.
pub(super) const ACCOUNT_REFUSED: &str = "provider_account_refused";
/// The `event_type` of an account that may send no more for now.
pub(super) const LIMIT_REACHED: &str = "provider_limit_reached";
/// The `event_type` of an open circuit.
pub(super) const CIRCUIT_OPEN: &str = "provider_circuit_open";
/// The `event_type` of an account that calls too many addresses dead.
pub(super) const TOO_MANY_DEAD: &str = "provider_too_many_dead_addresses";

/// The `event_type` of an account whose key one platform refuses.
pub(super) const PLATFORM_REFUSED: &str = "provider_platform_refused";

/// Why an account is left alone.
pub(super) const fn words(cause: CircuitCause) -> &'static str {
    match cause {
        CircuitCause::Failing => "requests fail",
        CircuitCause::Slow => "answers take too long",
        CircuitCause::Refused(AccountFault::Credentials) => "credentials refused",
        CircuitCause::Refused(AccountFault::Settings) => {
            "refused as it is set up (address of the service, sender, reputation)"
        }
        CircuitCause::Refused(AccountFault::Exhausted) => "its limit of the day or plan is used up",
    }
}

/// The `event_type` for operators.
pub(super) const fn event_of(cause: CircuitCause) -> (&'static str, Severity) {
    match cause {
        CircuitCause::Failing | CircuitCause::Slow => (CIRCUIT_OPEN, Severity::High),
        CircuitCause::Refused(AccountFault::Credentials) => {
            (CREDENTIALS_REFUSED, Severity::Critical)
        }
        CircuitCause::Refused(AccountFault::Settings) => (ACCOUNT_REFUSED, Severity::Critical),
        CircuitCause::Refused(AccountFault::Exhausted) => (LIMIT_REACHED, Severity::High),
    }
}
