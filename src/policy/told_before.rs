//! What is known of a notification before it goes on its way once more: that an account has it already.
//!
//! An event may be quicker than the outcome that it settles: it comes while the answer is lost, or before anybody has
//! noticed that a node is dead.

use jiff::Timestamp;

use super::consequence::settled_by;
use crate::domain::{AttemptRecord, Channel, Class, Notification, Status, Step, ToldBefore};

/// Whether an account may have a notification that is to be sent, and may have told so: an answer was lost, or said
/// that it had not been accepted, or a node died.
#[must_use]
pub fn is_unsure(notification: &Notification) -> bool {
    let tells = matches!(notification.lane.channel, Channel::Email | Channel::Sms);
    tells && notification.present_attempts().any(is_open)
}

fn is_open(record: &AttemptRecord) -> bool {
    matches!(
        record.step,
        Step::NodeDied { .. }
            | Step::Attempt {
                class: Class::Unknown | Class::Transient,
                ..
            }
    )
}

/// By which account and when the notification was accepted, of all that was told of it: by the first that settles it as
/// sent. What was told before it was sent on its way again says nothing of now.
#[must_use]
pub fn acceptance<'a>(
    notification: &Notification,
    told: &'a [ToldBefore],
) -> Option<(&'a str, Timestamp)> {
    let is_start = |record: &&AttemptRecord| matches!(record.step, Step::Replayed { .. });
    let start = notification.attempts.iter().rev().find(is_start);
    let is_of_now = |it: &&ToldBefore| {
        it.id == notification.id && start.is_none_or(|start| it.told_at >= start.at)
    };
    let settling = told.iter().filter(is_of_now).filter_map(|it| {
        let teller = (it.provider.as_str(), it.speaks_for.as_slice());
        let account = settled_by(notification, Status::Pending, teller, it.event)?;
        Some((account, it.at))
    });
    settling.min_by_key(|(_, at)| *at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{ProviderEvent, Reason};
    use crate::policy::decide::tests::{notification, now};

    fn asked(provider: &str, class: Class) -> AttemptRecord {
        let step = Step::Attempt {
            provider: provider.to_owned(),
            class,
            code: None,
            detail: None,
            device_id: None,
            message_id: None,
            elapsed_ms: 5,
        };
        AttemptRecord { at: now(), step }
    }

    fn told(notification: &Notification, provider: &str, event: ProviderEvent) -> ToldBefore {
        ToldBefore {
            id: notification.id,
            provider: provider.to_owned(),
            speaks_for: vec![],
            event,
            at: now(),
            told_at: now(),
        }
    }

    #[test]
    fn only_what_may_have_been_sent_is_asked_about() {
        let mut mail = notification(Channel::Email);
        assert!(!is_unsure(&mail));
        for (class, unsure) in [
            (Class::Unknown, true),
            (Class::Transient, true),
            (Class::Permanent, false),
            (Class::Accepted, false),
        ] {
            mail.attempts = vec![asked("one", class)];
            assert_eq!(is_unsure(&mail), unsure, "{class}");
        }
        mail.attempts = vec![AttemptRecord::node_died(now(), 7)];
        assert!(is_unsure(&mail));
        mail.lane.channel = Channel::Push;
        assert!(!is_unsure(&mail), "nothing is told of its devices");
    }

    #[test]
    fn it_is_sent_if_the_account_that_may_have_it_says_so() {
        let mut mail = notification(Channel::Email);
        mail.attempts = vec![asked("one", Class::Unknown)];
        let (delivered, dropped) = (ProviderEvent::Delivered, ProviderEvent::Dropped);
        let settles = |mail: &Notification, provider: &str, event| {
            acceptance(mail, &[told(mail, provider, event)]).is_some()
        };
        assert!(settles(&mail, "one", delivered));
        assert!(!settles(&mail, "two", delivered), "it was not asked");
        assert!(!settles(&mail, "one", dropped), "it proves nothing");
        let twin = ToldBefore {
            speaks_for: vec!["one".to_owned()],
            ..told(&mail, "two", delivered)
        };
        assert_eq!(acceptance(&mail, &[twin]), Some(("one", now())));
        // Who had it in hand is dead: it may be anybody's.
        mail.attempts.push(AttemptRecord::node_died(now(), 7));
        assert!(settles(&mail, "two", delivered));
        // It was told before it was sent on its way again.
        let step = Step::Replayed {
            failed: Reason::ProviderRefused,
            detail: None,
            not_by: vec![],
        };
        let at = now() + jiff::SignedDuration::from_secs(1);
        mail.attempts.push(AttemptRecord { at, step });
        mail.attempts.push(asked("one", Class::Unknown));
        assert!(!settles(&mail, "one", delivered));
    }
}
