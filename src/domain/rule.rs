//! The rules that decide on a notification, and what they say of it.

use super::vocabulary::vocabulary;

vocabulary! {
    /// A rule; declared in the order in which they are asked.
    Rule {
        /// Too late is never sent.
        Expiry = "expiry",
        /// What the person switched off is never sent.
        Preference = "preference",
        /// Not before `send_at`.
        Schedule = "schedule",
        /// There must be somewhere to send it.
        Address = "address",
        /// Nothing goes to a suppressed address.
        Suppression = "suppression",
        /// Not while the person wants silence.
        QuietHours = "quiet_hours",
        /// Somebody must be there to send it.
        Routing = "routing",
        /// No more a day than the person wants; the last one, because asking it reserves.
        FrequencyCap = "frequency_cap",
    }
}

vocabulary! {
    /// What a rule says of a notification.
    RuleVerdict {
        /// It has nothing against it.
        Passes = "passes",
        /// It is the first that objects: its word holds.
        Decides = "decides",
        /// It objects as well, after another one has decided.
        WouldAlso = "would_also",
        /// It has nothing to say here, or what it needs is not known.
        NotAsked = "not_asked",
    }
}
