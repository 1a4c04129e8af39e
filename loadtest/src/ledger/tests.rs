use super::*;

fn acceptance(id: Option<Uuid>, recipient: &str, sequence: Option<u64>) -> Acceptance {
    Acceptance {
        notification_id: id,
        recipient: recipient.into(),
        marker: sequence.map(|sequence| Marker::new(sequence, marker::now_micros())),
    }
}

#[test]
fn a_pair_accepted_again_is_a_duplicate_and_another_recipient_is_not() {
    let ledger = Ledger::new();
    for recipient in ["a", "b", "b"] {
        ledger.accept(Provider::Fcm, &acceptance(None, recipient, Some(7)), false);
    }
    let totals = ledger.totals();
    assert_eq!(
        (totals.accepted, totals.distinct, totals.duplicates),
        (3, 2, 1)
    );
    let twice = ledger.sent_twice();
    assert_eq!(twice.len(), 1);
    assert_eq!(twice[0].subject, Subject::Sequence(7));
    assert_eq!((twice[0].count, twice[0].unexcused()), (2, 1));
}

#[test]
fn a_lost_answer_excuses_one_repetition() {
    let ledger = Ledger::new();
    ledger.accept(Provider::Smtp, &acceptance(None, "a", Some(1)), true);
    ledger.accept(Provider::Smtp, &acceptance(None, "a", Some(1)), false);
    assert_eq!(ledger.sent_twice()[0].unexcused(), 0);
    ledger.accept(Provider::Smtp, &acceptance(None, "a", Some(1)), false);
    assert_eq!(ledger.sent_twice()[0].unexcused(), 1);
}

#[test]
fn what_is_missing_is_named() {
    let ledger = Ledger::new();
    let (seen, unseen) = (Uuid::now_v7(), Uuid::now_v7());
    ledger.accept(
        Provider::SendGrid,
        &acceptance(Some(seen), "a", Some(0)),
        false,
    );
    ledger.accept(Provider::SendGrid, &acceptance(None, "a", Some(2)), false);
    assert_eq!(ledger.missing([seen, unseen]), [unseen]);
    assert_eq!(ledger.missing_sequences(0..4), [1, 3]);
    assert_eq!(ledger.lacking_recipients([(0, 1), (2, 3)]), [(2, 2)]);
    assert_eq!(ledger.count_for(seen, "a"), 1);
    assert_eq!(ledger.count_for(seen, "b"), 0);
}

#[test]
fn latency_counts_the_first_acceptance_by_provider_and_by_choice() {
    let ledger = Ledger::new();
    let late = Acceptance {
        marker: Some(Marker::new(3, marker::now_micros() - 50_000)),
        ..acceptance(None, "a", None)
    };
    ledger.accept(Provider::Twilio, &late, false);
    ledger.accept(Provider::Twilio, &late, false);
    assert_eq!(ledger.latency(Some(Provider::Twilio)).len(), 1);
    assert_eq!(ledger.latency(Some(Provider::Slack)).len(), 0);
    assert!(ledger.latency(None).max() >= 50_000);
    assert_eq!(ledger.latency_of(|sequence| sequence == 3).len(), 1);
    assert_eq!(ledger.latency_of(|sequence| sequence == 4).len(), 0);
}

#[test]
fn an_acceptance_that_names_nothing_is_counted_apart() {
    let ledger = Ledger::new();
    ledger.accept(Provider::Slack, &acceptance(None, "a", None), false);
    let totals = ledger.totals();
    assert_eq!(
        (totals.unattributed, totals.distinct, totals.duplicates),
        (1, 0, 0)
    );
}

#[tokio::test]
async fn a_waiter_wakes_by_the_acceptance_and_not_by_the_clock() {
    let ledger = std::sync::Arc::new(Ledger::new());
    let id = Uuid::now_v7();
    let waiter = tokio::spawn({
        let ledger = ledger.clone();
        async move {
            ledger
                .wait_for_notification(id, Duration::from_secs(5))
                .await
        }
    });
    tokio::task::yield_now().await;
    ledger.accept(Provider::Slack, &acceptance(Some(id), "a", None), false);
    assert!(waiter.await.unwrap());
    assert!(!ledger.wait_for_accepted(2, Duration::ZERO).await);
}

#[test]
fn clearing_forgets_everything() {
    let ledger = Ledger::new();
    ledger.accept(
        Provider::Slack,
        &acceptance(Some(Uuid::now_v7()), "a", Some(1)),
        false,
    );
    ledger.clear();
    assert_eq!(ledger.totals(), Totals::default());
    assert_eq!((ledger.notifications(), ledger.sequences()), (0, 0));
    assert_eq!(ledger.latency(None).len(), 0);
    assert!(ledger.instants().is_empty());
}

#[test]
fn what_comes_before_its_instant_is_early() {
    let ledger = Ledger::new();
    for ahead in [0, 60_000_000] {
        let marker = Some(Marker::new(ahead, marker::now_micros() + ahead));
        let one = Acceptance {
            marker,
            ..acceptance(None, "a", None)
        };
        ledger.accept(Provider::Slack, &one, false);
    }
    assert_eq!(ledger.totals().early, 1);
}

#[test]
fn another_runs_messages_are_kept_apart() {
    let ledger = Ledger::new();
    ledger.begin(10..20);
    for sequence in [9, 10, 19, 20] {
        ledger.accept(
            Provider::Slack,
            &acceptance(None, "a", Some(sequence)),
            false,
        );
    }
    let totals = ledger.totals();
    assert_eq!((totals.accepted, totals.foreign), (2, 2));
    assert_eq!(
        ledger.missing_sequences(9..21),
        [9, 11, 12, 13, 14, 15, 16, 17, 18, 20]
    );
}
