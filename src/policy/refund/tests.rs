use jiff::Timestamp;

use super::{Ending, is_due};
use crate::domain::{AttemptRecord, Class, Reason, Reply, Status, Step};

const FAILED: Ending<'_> = Ending {
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
fn what_was_reserved_and_is_not_sent_goes_back() {
    for status in [Status::Failed, Status::Cancelled, Status::Pending] {
        assert!(is_due(&Ending { status, ..FAILED }), "{status}");
    }
}

#[test]
fn what_is_sent_stays_counted() {
    let sent = Ending {
        status: Status::Sent,
        ..FAILED
    };
    assert!(!is_due(&sent));
}

#[test]
fn what_this_pass_has_not_reserved_is_not_its_to_give_back() {
    let unasked = Ending {
        reserved: false,
        ..FAILED
    };
    assert!(!is_due(&unasked));
}

#[test]
fn what_a_dead_run_may_have_sent_stays_counted_however_often_it_is_put_off() {
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
    let ending = Ending {
        attempts: &attempts,
        ..FAILED
    };
    assert!(!is_due(&ending));
}

#[test]
fn what_may_have_been_delivered_in_any_pass_stays_counted() {
    for class in [Class::Accepted, Class::Unknown] {
        let attempts = [answered(class), answered(Class::Transient)];
        let ending = Ending {
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
    assert!(is_due(&Ending {
        attempts: &attempts,
        ..FAILED
    }));
}
