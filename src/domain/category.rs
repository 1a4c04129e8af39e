//! A category of messages, such as `orders` or `marketing`, and what is different about it.

use uuid::Uuid;

use super::vocabulary::vocabulary;

vocabulary! {
    /// What happens to a message over the person's daily cap.
    OverCap {
        /// It is cancelled.
        Cancel = "cancel",
        /// It waits for the next day.
        Defer = "defer",
    }
}

vocabulary! {
    /// What happens after an attempt of unknown outcome.
    OnUnknown {
        /// The same provider is asked again later: one that can tell a repetition may.
        Retry = "retry",
        /// The next provider is asked at once: rather twice than late.
        FailOver = "fail_over",
    }
}

/// What a tenant says about a category. One that is not declared has the defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Category {
    /// The tenant.
    pub tenant_id: Uuid,
    /// What publishers name.
    pub name: String,
    /// Whether a person may switch it off.
    pub may_disable: bool,
    /// Over the daily cap.
    pub over_cap: OverCap,
    /// After an unknown outcome; `None` leaves it to the channel's setting.
    pub on_unknown: Option<OnUnknown>,
}

impl Category {
    /// A category of which nothing was said.
    #[must_use]
    pub fn undeclared(tenant_id: Uuid, name: &str) -> Self {
        Self {
            tenant_id,
            name: name.to_owned(),
            may_disable: true,
            over_cap: OverCap::Cancel,
            on_unknown: None,
        }
    }
}
