use super::*;
use crate::domain::SuppressionReason;
use crate::domain::suppression::SuppressionOrigin;

fn moment(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn standing(status: &str) -> Standing<'_> {
    Standing {
        created_at: moment("2026-03-01T12:00:00Z"),
        request_id: Some(Uuid::from_u128(5)),
        status,
        reason: None,
        provider: None,
        sent_at: None,
        failed_at: None,
        due_at: None,
        read_at: None,
        redacted_at: None,
        run: None,
        error: None,
        suppressed_by: &[],
    }
}

#[test]
fn what_is_suppressed_says_why_and_since_when() {
    let entry = StandingSuppression {
        id: Uuid::from_u128(1),
        reason: SuppressionReason::Complaint,
        category: None,
        since: moment("2026-02-01T12:00:00Z"),
        until: None,
        told_by: Some(SuppressionOrigin {
            provider: "mail".to_owned(),
            event: "complaint".to_owned(),
            at: moment("2026-02-01T11:59:00Z"),
        }),
    };
    let says = |suppressed_by: &[StandingSuppression]| {
        let standing = Standing {
            reason: Some("suppressed"),
            suppressed_by,
            ..standing("cancelled")
        };
        timeline(&standing, &[], &[]).pop().unwrap().says
    };
    assert_eq!(
        says(&[entry]),
        "It was cancelled: the address is on the suppression list: the person called mail spam (`complaint`) \
         since 2026-02-01T12:00:00Z, as mail told (complaint)."
    );
    assert_eq!(
        says(&[]),
        "It was cancelled: the address is on the suppression list (it is not there any more)."
    );
}

#[test]
fn lines_come_in_the_order_of_time_and_what_has_none_is_last() {
    let attempt = Step::Attempt {
        provider: "main".to_owned(),
        class: Class::Accepted,
        code: Some("202".to_owned()),
        detail: None,
        device_id: None,
        message_id: None,
        elapsed_ms: 7,
    };
    let at = moment("2026-03-01T12:00:01Z");
    let records = [
        TimelineRecord::Known(AttemptRecord { at, step: attempt }),
        TimelineRecord::Newer(None),
    ];
    let told = [ToldEvent {
        at: moment("2026-03-01T12:01:00Z"),
        event: "delivered".to_owned(),
        provider: "main".to_owned(),
        code: None,
        detail: None,
        matched_by: None,
        misnamed: None,
    }];
    let sent = Standing {
        sent_at: Some(moment("2026-03-01T12:00:02Z")),
        ..standing("sent")
    };
    let events: Vec<String> = timeline(&sent, &records, &told)
        .into_iter()
        .map(|line| line.event)
        .collect();
    assert_eq!(
        events,
        ["accepted", "attempt", "sent", "delivered", "unknown"]
    );
}

#[test]
fn what_is_told_in_whole_seconds_is_not_before_what_it_is_about() {
    let attempt = |code: &str, class| Step::Attempt {
        provider: "main".to_owned(),
        class,
        code: Some(code.to_owned()),
        detail: None,
        device_id: None,
        message_id: None,
        elapsed_ms: 7,
    };
    let told = |event: &str, at: &str| ToldEvent {
        at: moment(at),
        event: event.to_owned(),
        provider: "main".to_owned(),
        code: None,
        detail: None,
        matched_by: None,
        misnamed: None,
    };
    let events = |standing: &Standing<'_>, records: &[TimelineRecord], told: &[ToldEvent]| {
        let lines = timeline(standing, records, told).into_iter();
        lines.map(|line| line.event).collect::<Vec<_>>()
    };
    let accepted = TimelineRecord::Known(AttemptRecord {
        at: moment("2026-03-01T12:00:01.4Z"),
        step: attempt("202", Class::Accepted),
    });
    let sent = Standing {
        created_at: moment("2026-03-01T12:00:01.2Z"),
        sent_at: Some(moment("2026-03-01T12:00:01.5Z")),
        ..standing("sent")
    };
    let quick = [
        told("processed", "2026-03-01T12:00:01Z"),
        told("delivered", "2026-03-01T12:00:02Z"),
    ];
    assert_eq!(
        events(&sent, &[accepted], &quick),
        ["accepted", "attempt", "sent", "processed", "delivered"]
    );
    // It was told before anybody knew that it was sent.
    let lost = TimelineRecord::Known(AttemptRecord {
        at: moment("2026-03-01T12:00:01.4Z"),
        step: attempt("timeout", Class::Unknown),
    });
    let later = moment("2026-03-01T12:00:01Z");
    let settled = TimelineRecord::Known(AttemptRecord::told_later(later, "main"));
    let sent = Standing {
        sent_at: Some(later),
        ..sent
    };
    assert_eq!(
        events(&sent, &[lost, settled], &quick[..1]),
        ["accepted", "attempt", "settled", "sent", "processed"]
    );
    // A clock that is behind tells of nothing that was before.
    let behind = [told("delivered", "2026-03-01T11:59:58Z")];
    let sent = Standing {
        sent_at: Some(moment("2026-03-01T12:00:01.5Z")),
        ..sent
    };
    assert_eq!(
        events(&sent, &[], &behind),
        ["accepted", "delivered", "sent"]
    );
}

#[test]
fn what_somebody_cancelled_says_so_once() {
    let step = Step::Cancelled {
        by: "key".to_owned(),
        request_id: Some(Uuid::from_u128(7)),
    };
    let at = moment("2026-03-01T12:00:01Z");
    let records = [TimelineRecord::Known(AttemptRecord { at, step })];
    let cancelled = Standing {
        reason: Some("cancelled_by_user"),
        ..standing("cancelled")
    };
    let lines = timeline(&cancelled, &records, &[]);
    let [accepted, line] = lines.as_slice() else {
        panic!("{lines:?}");
    };
    assert_eq!(accepted.request_id, Some(Uuid::from_u128(5)));
    assert_eq!(line.request_id, Some(Uuid::from_u128(7)));
    let by_rule = Standing {
        reason: Some("channel_disabled"),
        ..standing("cancelled")
    };
    let lines = timeline(&by_rule, &[], &[]);
    let says = &lines.last().unwrap().says;
    assert_eq!(
        says,
        "It was cancelled: the person has switched the channel off."
    );
}
