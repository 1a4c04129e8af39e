//! What a person may do with something in their inbox, and what comes of it.

use jiff::{SignedDuration, Timestamp};

use super::states::{InboxChange, InboxState, InboxStates};

/// The shortest time for which something is put off.
pub const SHORTEST_SNOOZE: SignedDuration = SignedDuration::from_mins(3);
/// The longest time for which something is put off.
pub const LONGEST_SNOOZE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Something that a person does. Done once more it changes nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum InboxDeed {
    /// They say this of it.
    Set(InboxState),
    /// They take that back.
    Undo(InboxState),
    /// It is to come back then.
    Snooze(Timestamp),
    /// It is to be there again, as it was.
    EndSnooze,
    /// It is to be gone.
    Delete,
    /// It is to be there again.
    Restore,
    /// They press a button of it.
    Press(String),
    /// The button is as if it had not been pressed.
    Release(String),
}

/// Why something cannot be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InboxRefusal {
    /// It was deleted.
    #[error("it is deleted: restore it first")]
    Deleted,
    /// It is not there until its time comes.
    #[error("it is snoozed: end that first")]
    Snoozed,
}

impl InboxDeed {
    /// What comes of it; `None` when it was so before.
    ///
    /// # Errors
    /// It cannot be done with something that is gone, or put off.
    pub fn follow(
        &self,
        was: &InboxStates,
        now: Timestamp,
    ) -> Result<Option<InboxChange>, InboxRefusal> {
        if was.deleted_at.is_some() && !matches!(self, Self::Restore | Self::Delete) {
            return Err(InboxRefusal::Deleted);
        }
        // At its end it is unread, whatever was said meanwhile. What is taken back is taken back.
        let is_mark = matches!(self, Self::Set(_) | Self::Press(_));
        if was.snoozed_until.is_some() && is_mark {
            return Err(InboxRefusal::Snoozed);
        }
        let mut states = was.clone();
        self.apply(&mut states, now);
        let is_first_read = was.first_read_at.is_none() && states.first_read_at.is_some();
        let is_first_press = states
            .pressed
            .keys()
            .any(|it| !was.pressed.contains_key(it));
        Ok((states != *was).then_some(InboxChange {
            states,
            is_first_read,
            is_first_press,
        }))
    }

    fn apply(&self, states: &mut InboxStates, now: Timestamp) {
        match self {
            Self::Set(InboxState::Seen) => _ = states.seen_at.get_or_insert(now),
            Self::Set(InboxState::Read) => read(states, now),
            Self::Set(InboxState::Archived) => _ = states.archived_at.get_or_insert(now),
            // Nothing is read that was not seen.
            Self::Undo(InboxState::Seen) => (states.seen_at, states.read_at) = (None, None),
            Self::Undo(InboxState::Read) => states.read_at = None,
            Self::Undo(InboxState::Archived) => states.archived_at = None,
            Self::Snooze(until) => states.snoozed_until = Some(*until),
            Self::EndSnooze => states.snoozed_until = None,
            Self::Delete => {
                states.deleted_at.get_or_insert(now);
                states.snoozed_until = None;
            }
            Self::Restore => states.deleted_at = None,
            Self::Press(action) => {
                read(states, now);
                states.interacted_at.get_or_insert(now);
                states.pressed.entry(action.clone()).or_insert(now);
            }
            Self::Release(action) => {
                states.pressed.remove(action);
                if states.pressed.is_empty() {
                    states.interacted_at = None;
                }
            }
        }
    }
}

fn read(states: &mut InboxStates, now: Timestamp) {
    states.seen_at.get_or_insert(now);
    states.read_at.get_or_insert(now);
    states.first_read_at.get_or_insert(now);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn done(was: &InboxStates, deed: &InboxDeed, second: i64) -> InboxChange {
        let change = deed.follow(was, at(second)).unwrap().unwrap();
        let again = deed.follow(&change.states, at(second + 1));
        assert_eq!(
            again,
            Ok(None),
            "done once more it changes nothing: {deed:?}"
        );
        change
    }

    #[test]
    fn each_state_is_said_and_taken_back() {
        let new = InboxStates::default();
        for (state, deed) in [
            (InboxState::Seen, InboxState::Seen),
            (InboxState::Archived, InboxState::Archived),
        ] {
            let set = done(&new, &InboxDeed::Set(state), 1);
            assert_eq!(done(&set.states, &InboxDeed::Undo(deed), 2).states, new);
        }
        let read = done(&new, &InboxDeed::Set(InboxState::Read), 1);
        assert!(
            read.is_first_read && read.states.seen_at == Some(at(1)),
            "read is seen"
        );
        let unread = done(&read.states, &InboxDeed::Undo(InboxState::Read), 2).states;
        assert_eq!((unread.seen_at, unread.read_at), (Some(at(1)), None));
        let again = done(&unread, &InboxDeed::Set(InboxState::Read), 3);
        assert!(!again.is_first_read, "that is told once");
        let unseen = done(&again.states, &InboxDeed::Undo(InboxState::Seen), 4).states;
        assert_eq!((unseen.seen_at, unseen.read_at), (None, None));
    }

    #[test]
    fn what_is_snoozed_or_deleted_is_left_alone_until_it_is_back() {
        let read = InboxDeed::Set(InboxState::Read);
        let snoozed = done(&InboxStates::default(), &InboxDeed::Snooze(at(500)), 1).states;
        assert_eq!(read.follow(&snoozed, at(2)), Err(InboxRefusal::Snoozed));
        let later = done(&snoozed, &InboxDeed::Snooze(at(900)), 2).states;
        assert_eq!(later.snoozed_until, Some(at(900)));
        let back = done(&later, &InboxDeed::EndSnooze, 3).states;
        assert_eq!(back, InboxStates::default(), "as it was");

        let deleted = done(&snoozed, &InboxDeed::Delete, 4).states;
        assert_eq!(deleted.snoozed_until, None);
        for refused in [read, InboxDeed::Snooze(at(700)), InboxDeed::EndSnooze] {
            assert_eq!(refused.follow(&deleted, at(5)), Err(InboxRefusal::Deleted));
        }
        let restored = done(&deleted, &InboxDeed::Restore, 6).states;
        assert_eq!(restored, InboxStates::default());
    }

    #[test]
    fn a_button_is_pressed_and_released() {
        let press = |id: &str| InboxDeed::Press(id.to_owned());
        let yes = done(&InboxStates::default(), &press("yes"), 1);
        assert!(yes.is_first_press && yes.is_first_read);
        let both = done(&yes.states, &press("no"), 2);
        assert!(both.is_first_press && !both.is_first_read);
        let one = done(&both.states, &InboxDeed::Release("yes".to_owned()), 3).states;
        assert_eq!((one.pressed.len(), one.interacted_at), (1, Some(at(1))));
        let none = done(&one, &InboxDeed::Release("no".to_owned()), 4).states;
        assert_eq!((none.pressed.len(), none.interacted_at), (0, None));
        assert_eq!(none.read_at, Some(at(1)), "it was read all the same");
    }
}
