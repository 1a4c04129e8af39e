//! Who is written to.

use serde::Deserialize;

use crate::lane::Channel;

/// The people, and what they want.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct People {
    /// How many.
    pub count: u32,
    /// How many tenants they are spread over.
    pub tenants: u32,
    /// What they want.
    pub preferences: Vec<Preference>,
}

impl Default for People {
    fn default() -> Self {
        Self {
            count: 1_000,
            tenants: 1,
            preferences: Vec::new(),
        }
    }
}

/// What some of them want on one channel or in one category.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preference {
    /// The channel it is about.
    pub channel: Option<Channel>,
    /// The category it is about.
    pub category: Option<String>,
    /// Share of the people who want this, 0 to 1.
    #[serde(default = "everybody")]
    pub share: f64,
    /// Whether they want any of it.
    pub enabled: Option<bool>,
    /// How many a day.
    pub frequency_cap: Option<u32>,
    /// Quiet hours that have begun, and end at the first full minute that is at least so many seconds
    /// after the seeding. Not scaled: a preference knows minutes only.
    pub quiet_for_seconds: Option<f64>,
}

fn everybody() -> f64 {
    1.0
}
