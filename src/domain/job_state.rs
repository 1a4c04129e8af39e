//! Where a job stands.

use super::vocabulary::vocabulary;

vocabulary! {
    /// Where a job stands.
    JobState {
        /// It goes on.
        Running = "running",
        /// Somebody has stopped it for a while.
        Paused = "paused",
        /// Somebody has ended it; what was done stays done.
        Cancelled = "cancelled",
        /// All of it is done.
        Finished = "finished",
    }
}

impl JobState {
    /// Whether it may still go on.
    #[must_use]
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Running | Self::Paused)
    }
}
