//! What becomes of one is not what becomes of all.

use loadtest::simulator::{Behaviour, Fault, Rule, Simulator, When};

use super::{
    address, all_sent, all_settled, bulk, each_got_it_once, mails, publish, sizes, stage, status,
    to,
};
use crate::outcomes::Row;

/// How many the first request carried that carried the n-th message. The very first one may go out alone,
/// before the others are handed on.
fn first_with(sendgrid: &Simulator, n: usize) -> usize {
    let mails = mails(sendgrid);
    let first = mails.iter().find(|(to, _)| to.contains(&address(n)));
    first.unwrap().0.len()
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_address_that_the_provider_names_fails_alone() {
    let bad = Behaviour::default().rule(status(400, None).recipient(address(7)));
    let (stage, sendgrid) = stage(bad).await;
    publish(&stage, (0..30).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_settled(30)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    let row = to(&rows, 7);
    assert!(row.is("failed", Some("invalid_recipient")), "{row:?}");
    assert_eq!((row.classes(), row.dead.len()), (vec!["permanent"], 1));
    let others: Vec<&Row> = rows.iter().filter(|row| row.is("sent", None)).collect();
    assert_eq!(others.len(), 29);
    for row in others {
        // It has used up no attempt of theirs, and is not in their timeline.
        assert_eq!((row.attempt_count, row.classes()), (1, vec!["accepted"]));
    }
    assert!(sizes(&sendgrid).len() <= 6, "{:?}", sizes(&sendgrid));
}

#[tokio::test(flavor = "multi_thread")]
async fn unnamed_bad_recipient_is_found_by_halves_and_tried_again_alone() {
    let nobody = r#"{"errors":[{"message":"Bad Request","field":null}]}"#;
    let bad = Behaviour::default().rule(status(400, Some(nobody)).recipient(address(7)));
    let (stage, sendgrid) = stage(bad).await;
    publish(&stage, (0..16).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_settled(16)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    let row = to(&rows, 7);
    // Words that nobody knows end nothing by themselves.
    assert!(row.is("failed", Some("retries_exhausted")), "{row:?}");
    assert!(row.classes().iter().all(|class| *class == "transient"));
    let others: Vec<&Row> = rows.iter().filter(|row| row.is("sent", None)).collect();
    assert_eq!(others.len(), 15);
    for row in others {
        assert_eq!((row.attempt_count, row.classes()), (1, vec!["accepted"]));
    }
    // The whole, and two for each time that it is halved; a little more if they came in parts. Then the
    // one, as often as it may be.
    let most = 12 + row.classes().len() - 1;
    assert!(sizes(&sendgrid).len() <= most, "{:?}", sizes(&sendgrid));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_answer_to_many_is_unknown_for_each_and_each_is_asked_for_again_alone() {
    let losing = Rule::always(Fault::DropAnswer).recipient(address(19));
    let losing = losing.when(When::First(1));
    let (stage, sendgrid) = stage(Behaviour::default().rule(losing)).await;
    publish(&stage, (0..20).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(20)).await;
    let lost = first_with(&sendgrid, 19);
    assert!(lost > 1, "{:?}", sizes(&sendgrid));
    let unknown = rows
        .iter()
        .filter(|row| row.classes() == ["unknown", "accepted"]);
    assert_eq!(unknown.count(), lost);
    let once = rows.iter().filter(|row| row.classes() == ["accepted"]);
    assert_eq!(once.count(), 20 - lost);
    // As many repetitions as answers were lost, and nobody more than one.
    assert_eq!(stage.ledger.totals().accepted, 20 + lost as u64);
    let twice = stage.ledger.sent_twice();
    assert!(twice.iter().all(|one| one.unexcused() == 0), "{twice:?}");
    let alone = sizes(&sendgrid).into_iter().filter(|size| *size == 1);
    assert!(alone.count() >= lost, "{:?}", sizes(&sendgrid));
}

#[tokio::test(flavor = "multi_thread")]
async fn transient_batch_failure_is_retried_and_failed_messages_go_alone() {
    let failing = status(503, None).recipient(address(19));
    let failing = failing.when(When::First(1));
    let (stage, sendgrid) = stage(Behaviour::default().rule(failing)).await;
    publish(&stage, (0..20).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(20)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    let failed = first_with(&sendgrid, 19);
    let again = rows
        .iter()
        .filter(|row| row.classes() == ["transient", "accepted"] && row.attempt_count == 2);
    assert!(failed > 1, "{:?}", sizes(&sendgrid));
    assert_eq!(again.count(), failed);
    let alone = sizes(&sendgrid).into_iter().filter(|size| *size == 1);
    assert!(alone.count() >= failed, "{:?}", sizes(&sendgrid));
}
