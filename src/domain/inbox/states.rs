//! What a person has done with something in their inbox.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::domain::vocabulary::vocabulary;

vocabulary! {
    /// What a person says of something in their inbox, and may take back.
    InboxState {
        /// It was shown to them.
        Seen = "seen",
        /// They have read it.
        Read = "read",
        /// They have put it away.
        Archived = "archived",
    }
}

/// When a person did what with it; what they have not done, or have taken back, has no time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InboxStates {
    /// It was shown to them.
    pub seen_at: Option<Timestamp>,
    /// They read it.
    pub read_at: Option<Timestamp>,
    /// They read it for the first time. That is not taken back.
    pub first_read_at: Option<Timestamp>,
    /// They pressed a button of it.
    pub interacted_at: Option<Timestamp>,
    /// They put it away.
    pub archived_at: Option<Timestamp>,
    /// They deleted it.
    pub deleted_at: Option<Timestamp>,
    /// It comes back then.
    pub snoozed_until: Option<Timestamp>,
    /// The buttons that they pressed.
    pub pressed: BTreeMap<String, Timestamp>,
}

/// What a deed changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxChange {
    /// As it is afterwards.
    pub states: InboxStates,
    /// Whether they read it for the first time: then that is told.
    pub is_first_read: bool,
    /// Whether they pressed a button of it for the first time: then that is told.
    pub is_first_press: bool,
}
