use jiff::Timestamp;

use super::{PassEnd, is_due};
use crate::domain::{AttemptRecord, Class, Reason, Reply, Status, Step};

const FAILED: PassEnd<'_> = PassEnd {
    status: Status::Failed,
    reserved: true,
    attempts: &[],
};

fn answered(class: Class) -> AttemptRecord {
    AttemptRecord::of_reply(
        Timestamp::UNIX_EPOCH,
        "one",
        None,
        &Reply::of(class, None, None),
        1,
    )
}

#[test]
fn reservation_of_an_unsent_notification_is_refunded() {
    for status in [Status::Failed, Status::Cancelled, Status::Pending] {
        assert!(is_due(&PassEnd { status, ..FAILED }), "{status}");
    }
}

#[test]
fn sent_notification_stays_counted() {
    let sent = PassEnd {
        status: Status::Sent,
        ..FAILED
    };
    assert!(!is_due(&sent));
}

#[test]
fn pass_refunds_only_its_own_reservation() {
    let unasked = PassEnd {
        reserved: false,
        ..FAILED
    };
    assert!(!is_due(&unasked));
}

#[test]
fn notification_that_a_dead_run_may_have_sent_stays_counted() {
    let waited = AttemptRecord {
        at: Timestamp::UNIX_EPOCH,
        step: Step::Deferred {
            reason: Reason::Retry,
            until: Timestamp::UNIX_EPOCH,
        },
    };
    let attempts = [
        AttemptRecord::node_died(Timestamp::UNIX_EPOCH, 7),
        waited,
        answered(Class::Transient),
    ];
    let ending = PassEnd {
        attempts: &attempts,
        ..FAILED
    };
    assert!(!is_due(&ending));
}

#[test]
fn possible_delivery_in_any_pass_stays_counted() {
    for class in [Class::Accepted, Class::Unknown] {
        let attempts = [answered(class), answered(Class::Transient)];
        let ending = PassEnd {
            attempts: &attempts,
            ..FAILED
        };
        assert!(!is_due(&ending), "{class:?}");
    }
}

#[test]
fn refusals_and_waits_do_not_keep_a_place() {
    let waited = AttemptRecord {
        at: Timestamp::UNIX_EPOCH,
        step: Step::Deferred {
            reason: Reason::Retry,
            until: Timestamp::UNIX_EPOCH,
        },
    };
    let attempts = [
        answered(Class::Transient),
        waited,
        answered(Class::Permanent),
    ];
    assert!(is_due(&PassEnd {
        attempts: &attempts,
        ..FAILED
    }));
}
