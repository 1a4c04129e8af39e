//! The state of an account's circuit, as it is shown.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Whether an account may be asked.
    CircuitState {
        /// It works: requests pass.
        Closed = "closed",
        /// It fails: nobody is asked until a while has passed.
        Open = "open",
        /// One request tries whether it works again.
        HalfOpen = "half_open",
    }
}
