//! What a push device runs.

use super::vocabulary::vocabulary;

vocabulary! {
    /// What a push device runs.
    Platform {
        /// Android.
        Android = "android",
        /// iOS and its relatives.
        Ios = "ios",
        /// A browser.
        Web = "web",
    }
}
