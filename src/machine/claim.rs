//! Who works on a key, when several deliveries, runs or nodes could.

use crate::domain::RunId;

/// Looks after which a message that says something else need not wait for the first one any more. A dead
/// owner's lease runs out long before that.
const LOOKS: u32 = 60;

/// Who holds a key, as far as it matters to another message with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyHolder {
    /// Whether what became of the first message is stored.
    pub is_stored: bool,
    /// Whether the first message said the same.
    pub says_the_same: bool,
    /// The run that works on it; nobody after it was given back.
    pub owner: Option<RunId>,
    /// Whether that run lives.
    pub owner_lives: bool,
}

/// What is to be done with a message whose key somebody held before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyAction {
    /// Nothing: the first one is stored. It is a duplicate.
    Acknowledge,
    /// It is rejected: the first one is stored and said something else.
    Reject,
    /// The claim is taken over: whoever held it cannot end it.
    TakeOver,
    /// It is looked at again.
    Wait,
    /// Its delivery returns, to begin from the start: the key is free.
    Return,
}

/// Decides at the `look`th look of this run.
///
/// As long as the owner lives, it waits: to return it would only count against it, until RabbitMQ sets it
/// aside, though the owner needs no delivery to store what became of it.
///
/// What says something else waits until it is known what becomes of the first. When nobody comes for
/// that, not even the broker again, it was set aside, and the key is free. What this run holds itself
/// would be in the in-flight table if it were being worked on.
#[must_use]
pub fn what_becomes_of(holder: Option<KeyHolder>, run: RunId, look: u32) -> KeyAction {
    let Some(holder) = holder else {
        return KeyAction::Return;
    };
    match (holder.is_stored, holder.says_the_same) {
        (true, true) => return KeyAction::Acknowledge,
        (true, false) => return KeyAction::Reject,
        (false, _) => {}
    }
    if is_left(holder, run) && (holder.says_the_same || look >= LOOKS) {
        KeyAction::TakeOver
    } else {
        KeyAction::Wait
    }
}

/// Whether nobody can end it: its owner is dead or gave it back, or is this run, which would have it in its
/// in-flight table if it worked on it.
#[must_use]
pub fn is_left(holder: KeyHolder, run: RunId) -> bool {
    !holder.is_stored && (!holder.owner_lives || holder.owner == Some(run))
}

#[cfg(test)]
mod tests {
    use super::*;

    const US: RunId = RunId(1);
    const THEM: RunId = RunId(2);

    #[test]
    fn a_key_is_taken_over_from_whoever_cannot_end_it_and_of_another_message_at_last() {
        use KeyAction::{Acknowledge, Reject, TakeOver, Wait};
        let cases = [
            // Who holds it, whether they live; then what is done at the first look and at the last, of
            // the same content and of another.
            (None, false, [TakeOver, TakeOver], [Wait, TakeOver]),
            (Some(THEM), false, [TakeOver, TakeOver], [Wait, TakeOver]),
            (Some(US), true, [TakeOver, TakeOver], [Wait, TakeOver]),
            (Some(THEM), true, [Wait, Wait], [Wait, Wait]),
        ];
        for (owner, owner_lives, same, other) in cases {
            for (says_the_same, actions) in [(true, same), (false, other)] {
                let holder = KeyHolder {
                    is_stored: false,
                    says_the_same,
                    owner,
                    owner_lives,
                };
                let found = [1, LOOKS].map(|look| what_becomes_of(Some(holder), US, look));
                assert_eq!(found, actions, "{holder:?}");
                let stored = KeyHolder {
                    is_stored: true,
                    ..holder
                };
                let end = if says_the_same { Acknowledge } else { Reject };
                assert_eq!(what_becomes_of(Some(stored), US, 1), end);
            }
        }
        assert_eq!(what_becomes_of(None, US, 1), KeyAction::Return);
    }
}
