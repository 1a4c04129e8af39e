use super::*;
use crate::policy::decide::tests::{GLOBAL, notification, now};

fn facts(event: ProviderEvent) -> EventFacts<'static> {
    EventFacts {
        channel: Channel::Email,
        event,
        blame: None,
        matched_by: Some(EventMatch::Id),
        category: Some("news"),
        may_disable: true,
    }
}

fn suppressed(facts: &EventFacts<'_>) -> Option<(SuppressionReason, WishScope)> {
    follows(facts).suppress.map(|it| (it.reason, it.scope))
}

#[test]
fn a_block_makes_no_dead_address() {
    use ProviderEvent::{Block, Deferred, Delivered, Dropped, Open, Processed, Undelivered};
    for event in [
        Block,
        Deferred,
        Delivered,
        Dropped,
        Open,
        Processed,
        Undelivered,
    ] {
        for blame in [None, Some(EventBlame::Way)] {
            let facts = EventFacts {
                blame,
                ..facts(event)
            };
            assert_eq!(follows(&facts).suppress, None, "{event}");
            assert_eq!(follows(&facts).hands_back, blame.is_some(), "{event}");
        }
    }
}

#[test]
fn a_person_is_heard_in_the_scope_that_they_mean() {
    let category = WishScope::Category("news".to_owned());
    let unsubscribed = facts(ProviderEvent::Unsubscribe);
    let whole = |reason| Some((reason, WishScope::Channel));
    assert_eq!(
        suppressed(&unsubscribed),
        Some((SuppressionReason::Unsubscribe, category.clone()))
    );
    // What everybody must get stays.
    let required = EventFacts {
        may_disable: false,
        ..unsubscribed
    };
    assert_eq!(suppressed(&required), None);
    // Of which category it was is a guess.
    for (matched_by, category) in [
        (Some(EventMatch::Address), Some("news")),
        (None, None),
        (Some(EventMatch::Id), None),
    ] {
        let facts = EventFacts {
            matched_by,
            category,
            ..unsubscribed
        };
        assert_eq!(suppressed(&facts), whole(SuppressionReason::Unsubscribe));
    }
    let stop = EventFacts {
        channel: Channel::Sms,
        ..unsubscribed
    };
    assert_eq!(suppressed(&stop), whole(SuppressionReason::Stop));
    let complaint = facts(ProviderEvent::Complaint);
    assert_eq!(suppressed(&complaint), whole(SuppressionReason::Complaint));
    let again = facts(ProviderEvent::Resubscribe);
    assert_eq!(follows(&again).lift, Some(category));
    // What could not be ended is not begun again, and whose category is a guess says nothing of any.
    let required = EventFacts {
        may_disable: false,
        ..again
    };
    assert_eq!(follows(&required).lift, None);
    let guessed = EventFacts {
        matched_by: Some(EventMatch::Address),
        ..required
    };
    assert_eq!(follows(&guessed).lift, Some(WishScope::Channel));
    let start = EventFacts {
        channel: Channel::Sms,
        ..again
    };
    assert_eq!(follows(&start).lift, Some(WishScope::Channel));
}

#[test]
fn only_an_event_that_is_certain_changes_a_notification() {
    for (matched_by, is_certain) in [
        (Some(EventMatch::Id), true),
        (Some(EventMatch::ReturnPath), true),
        (Some(EventMatch::MessageId), true),
        (Some(EventMatch::Address), false),
        (None, false),
    ] {
        let blocked = EventFacts {
            matched_by,
            blame: Some(EventBlame::Way),
            ..facts(ProviderEvent::Block)
        };
        let consequence = follows(&blocked);
        assert_eq!(consequence.accepts, is_certain);
        assert_eq!(consequence.hands_back, is_certain);
        // The address is named by the event itself.
        let dead = EventFacts {
            matched_by,
            blame: Some(EventBlame::Dead),
            ..facts(ProviderEvent::Bounce)
        };
        let whole = (SuppressionReason::HardBounce, WishScope::Channel);
        assert_eq!(suppressed(&dead), Some(whole));
    }
    assert!(follows(&facts(ProviderEvent::SoftBounce)).counts);
}

fn attempted(class: Class) -> Notification {
    let mut notification = notification(Channel::Sms);
    let step = Step::Attempt {
        provider: "first".to_owned(),
        class,
        code: None,
        detail: None,
        device_id: None,
        message_id: None,
        elapsed_ms: 1,
    };
    notification
        .attempts
        .push(AttemptRecord { at: now(), step });
    notification
}

#[test]
fn what_may_have_been_sent_is_settled_by_the_account_that_tells_of_it() {
    let first = ("first", ProviderEvent::Processed);
    for (class, settled) in [
        (Class::Unknown, true),
        (Class::Transient, true),
        (Class::Permanent, false),
        (Class::NotByAccount, false),
    ] {
        let lost = attempted(class);
        for status in [Status::Pending, Status::Failed] {
            assert_eq!(is_settled_by(&lost, status, first), settled, "{class}");
            let other = ("second", ProviderEvent::Processed);
            assert!(!is_settled_by(&lost, status, other));
        }
        assert!(!is_settled_by(&lost, Status::Cancelled, first));
        assert!(!is_settled_by(&lost, Status::Sent, first));
    }
    let mut died = notification(Channel::Sms);
    died.attempts.push(AttemptRecord::node_died(now(), 7));
    assert!(is_settled_by(&died, Status::Pending, first));
    // It said that it had not arrived: what is on its way says nothing new, but what has arrived has.
    let mut back = attempted(Class::Accepted);
    let step = Step::Replayed {
        failed: crate::domain::Reason::ProviderRefused,
        detail: None,
        not_by: vec!["first".to_owned()],
    };
    back.attempts.push(AttemptRecord { at: now(), step });
    for (event, settled) in [
        (ProviderEvent::Processed, false),
        (ProviderEvent::Block, false),
        (ProviderEvent::MachineOpen, false),
        (ProviderEvent::Delivered, true),
        (ProviderEvent::Click, true),
    ] {
        let told = is_settled_by(&back, Status::Pending, ("first", event));
        assert_eq!(told, settled, "{event}");
        assert!(!is_settled_by(&back, Status::Pending, ("second", event)));
    }
}

#[test]
fn an_account_settles_what_it_may_speak_of() {
    let lost = attempted(Class::Unknown);
    let (processed, pending) = (ProviderEvent::Processed, Status::Pending);
    let twins = ["first".to_owned(), "third".to_owned()];
    let by = |teller, speaks_for| settled_by(&lost, pending, (teller, speaks_for), processed);
    assert_eq!(by("first", &[]), Some("first"));
    assert_eq!(by("second", &[]), None);
    assert_eq!(
        by("second", &twins[..]),
        Some("first"),
        "the one that was asked"
    );
    assert_eq!(by("second", &twins[1..]), None);
}

fn handed(
    notification: &Notification,
    account: &str,
    later: SignedDuration,
) -> Option<Vec<String>> {
    handed_though(notification, account, (later, None))
}

fn handed_though(
    notification: &Notification,
    account: &str,
    (later, arrived_at): (SignedDuration, Option<Timestamp>),
) -> Option<Vec<String>> {
    let accounts = ["first", "second", "third"].map(str::to_owned);
    let failure = LateFailure {
        notification,
        status: Status::Sent,
        sent_by: Some(account),
        account,
        accounts: &accounts,
        failed_at: now() + later,
        arrived_at,
        now: now() + later,
    };
    let global = GlobalPolicy {
        fail_over_undelivered: vec![notification.lane.channel],
        ..GLOBAL.clone()
    };
    handed_back_by(&failure, &global)
}

#[test]
fn a_late_failure_asks_each_account_once_and_nobody_too_late() {
    let minute = SignedDuration::from_mins(1);
    let mut sent = attempted(Class::Accepted);
    for (account, expected) in [
        ("first", Some(vec!["first"])),
        ("second", Some(vec!["first", "second"])),
        ("third", None),
    ] {
        let tried = handed(&sent, account, minute);
        let expected = expected.map(|it| it.into_iter().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(tried, expected);
        if let Some(not_by) = tried {
            let step = Step::Replayed {
                failed: crate::domain::Reason::ProviderRefused,
                detail: None,
                not_by,
            };
            sent.attempts.push(AttemptRecord { at: now(), step });
            assert!(sent.is_declined_by("first") && sent.is_declined_by(account));
            assert!(!sent.is_partly_accepted());
        }
    }
    let fresh = attempted(Class::Accepted);
    assert_eq!(
        handed(&fresh, "first", SignedDuration::from_hours(25)),
        None
    );
    let mut expired = fresh.clone();
    expired.expires_at = Some(now());
    assert_eq!(handed(&expired, "first", minute), None);
    let mut pinned = fresh.clone();
    pinned.payload.provider = Some("first".to_owned());
    assert_eq!(handed(&pinned, "first", minute), None);
}

#[test]
fn what_has_arrived_is_not_sent_again() {
    let minute = SignedDuration::from_mins(1);
    let text = attempted(Class::Accepted);
    let earlier = (minute, Some(now()));
    let later = (minute, Some(now() + minute));
    assert_eq!(handed_though(&text, "first", earlier), None, "in any order");
    assert_eq!(handed_though(&text, "first", later), None);
    let mut mail = text;
    mail.lane.channel = Channel::Email;
    // The server that had taken it sent it back.
    assert!(handed_though(&mail, "first", earlier).is_some());
    assert_eq!(handed_though(&mail, "first", later), None);
    let global = GlobalPolicy {
        fail_over_undelivered: vec![Channel::Sms],
        ..GLOBAL.clone()
    };
    let failure = LateFailure {
        notification: &mail,
        status: Status::Sent,
        sent_by: Some("first"),
        account: "first",
        accounts: &["second".to_owned()],
        failed_at: now(),
        arrived_at: None,
        now: now(),
    };
    assert_eq!(handed_back_by(&failure, &global), None, "another channel");
}
