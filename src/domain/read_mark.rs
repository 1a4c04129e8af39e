//! When something was read, in notices of what has changed since.

/// How many notices of changes had been heard when a reading began; unknown while none came.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadMark(Option<u64>);

impl ReadMark {
    /// None came then: nobody knows what has changed since.
    pub const UNKNOWN: Self = Self(None);

    /// So many had been heard.
    #[must_use]
    pub const fn after(count: u64) -> Self {
        Self(Some(count))
    }

    /// How many had been heard, if they came.
    #[must_use]
    pub const fn count(self) -> Option<u64> {
        self.0
    }
}
