use std::cell::RefCell;
use std::time::Duration;

use serde_json::json;
use uuid::Uuid;

use super::*;
use crate::broker::envelope::{self, Wrapping};
use crate::domain::DEFAULT_TENANT;

/// An order with this key that says this.
fn order(key: &str, words: &str) -> AcceptOrder {
    let body = json!({
        "version": 1, "user_id": Uuid::from_u128(1), "channel": "email", "idempotency_key": key,
        "content": { "subject": "Hi", "body": words },
    });
    let wrapping = Wrapping {
        lane: None,
        tenant_id: DEFAULT_TENANT,
        idempotency_key: None,
        message_id: None,
        call: Some(Uuid::from_u128(2)),
        traceparent: None,
        max_body_bytes: 4_096,
        now: clock::now(),
    };
    let body = body.to_string();
    AcceptOrder {
        request_id: None,
        envelope: envelope::decode(body.as_bytes(), &wrapping).unwrap(),
        arrived: clock::instant(),
        bytes: body.len(),
    }
}

fn in_a_minute() -> Instant {
    clock::instant() + Duration::from_secs(60)
}

/// One key with many contents is one look, where what it finds holds for all of them.
#[tokio::test]
async fn what_is_said_of_a_key_is_said_of_all_that_it_is_asked_for() {
    for why in [
        NotAccepted::KeyInProgress,
        NotAccepted::Overloaded,
        NotAccepted::Unavailable(String::new()),
        NotAccepted::Closed,
    ] {
        let rounds = RefCell::new(0);
        let orders = (0..1_000).map(|n| order("one", &n.to_string())).collect();
        let ask = async |round: Vec<AcceptOrder>| {
            *rounds.borrow_mut() += 1;
            round.iter().map(|_| Err(why.clone())).collect()
        };
        let answers = one_at_a_time(orders, in_a_minute(), ask).await;
        assert_eq!((answers.len(), rounds.into_inner()), (1_000, 1));
        let said = |answer: AcceptAnswer| answer.unwrap_err().to_string();
        assert!(answers.into_iter().all(|it| said(it) == why.to_string()));
    }
}

#[tokio::test]
async fn of_one_key_the_first_that_can_be_accepted_is_and_the_others_are_told() {
    let ids = RefCell::new(0_u128);
    let ask = async |round: Vec<AcceptOrder>| {
        let answer = |_| {
            *ids.borrow_mut() += 1;
            match *ids.borrow() {
                1 => Err(NotAccepted::NoTenant),
                id => Ok(AcceptedNotification {
                    id: Uuid::from_u128(id),
                    is_replayed: false,
                }),
            }
        };
        round.iter().map(answer).collect()
    };
    let orders = ["a", "b", "b", "c"].map(|words| order("one", words)).into();
    let answers = one_at_a_time(orders, in_a_minute(), ask).await;
    assert!(matches!(answers[0], Err(NotAccepted::NoTenant)));
    let [second, third] = [&answers[1], &answers[2]].map(|it| it.as_ref().unwrap());
    assert!(!second.is_replayed && third.is_replayed && second.id == third.id);
    assert!(matches!(answers[3], Err(NotAccepted::Refused(_))));
}

#[tokio::test(start_paused = true)]
async fn a_call_ends_in_time_however_many_rounds_it_would_take() {
    let until = in_a_minute();
    let orders = (0..1_000).map(|n| order("one", &n.to_string())).collect();
    let ask = async |round: Vec<AcceptOrder>| {
        tokio::time::advance(Duration::from_secs(4)).await;
        round.iter().map(|_| Err(NotAccepted::NoTenant)).collect()
    };
    let answers = one_at_a_time(orders, until, ask).await;
    assert!(clock::instant() < until + Duration::from_secs(5));
    let late = |it: &&AcceptAnswer| matches!(it, Err(NotAccepted::Unavailable(_)));
    assert_eq!(answers.iter().filter(late).count(), 985);
}
