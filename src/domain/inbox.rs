//! The inbox: what a publisher says for it, and what its person does with it.

mod deed;
mod options;
mod states;
mod view;

pub use deed::{InboxDeed, InboxRefusal, LONGEST_SNOOZE, SHORTEST_SNOOZE};
pub use options::{InboxAction, InboxOptions, InboxOptionsMistake};
pub use states::{InboxChange, InboxState, InboxStates};
pub use view::InboxView;

use uuid::Uuid;

use super::vocabulary::vocabulary;

/// Stands where a person's id does, of what is for all people of a tenant.
pub const EVERYBODY: Uuid = Uuid::nil();

/// The most that is counted: beyond, it is more than that.
pub const MOST_COUNTED: i64 = 100;

vocabulary! {
    /// Which part of an inbox is listed.
    InboxFilter {
        /// What was not read, and is not archived.
        Unread = "unread",
        /// What was not seen, and is not archived.
        Unseen = "unseen",
        /// What was put into the archive.
        Archived = "archived",
        /// What comes back at a time.
        Snoozed = "snoozed",
        /// Everything, the archive as well.
        All = "all",
    }
}

/// How many of an inbox there are, to a hundred; `None` is more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InboxCounts {
    /// That were not seen.
    pub unseen: Option<u8>,
    /// That were not read.
    pub unread: Option<u8>,
}

impl InboxCounts {
    /// Of what was counted, which went no further than one beyond a hundred.
    #[must_use]
    pub fn of((unseen, unread): (i64, i64)) -> Self {
        let exact = |count: i64| u8::try_from(count).ok().filter(|_| count <= MOST_COUNTED);
        Self {
            unseen: exact(unseen),
            unread: exact(unread),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hundred_is_exact_and_one_more_is_more() {
        let counts = |unseen, unread| InboxCounts::of((unseen, unread));
        assert_eq!(counts(0, 99).unread, Some(99));
        assert_eq!(counts(100, 101).unseen, Some(100));
        assert_eq!(counts(100, 101).unread, None);
    }
}
