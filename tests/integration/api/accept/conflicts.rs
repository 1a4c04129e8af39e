//! Keys that others hold, and more than there is room for.

use herald::broker::envelope::{KeySource, key_hash};
use herald::domain::{Channel, DEFAULT_TENANT};

use uuid::Uuid;

use super::*;
use crate::database::PATIENCE;

/// A message said something else under the key, and was set aside after its claim was given back: nobody can end the
/// claim. Its delivery has a minute to come again; then the key is free.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_whose_message_never_comes_again_is_free_after_a_minute_and_not_before() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let user_id = ANA.parse().unwrap();
    let named = |name: &str| {
        let key = KeySource::Idempotency(name);
        let hash = key_hash(key, DEFAULT_TENANT, user_id, Channel::Email);
        hash.0
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<String>()
    };
    let [left, begun] = ["left", "begun"].map(named);
    let claim = |hash: &str| {
        format!(
            "INSERT INTO notification_deduplication (idempotency_key, notification_id, body_hash, expires_at)
             VALUES ('\\x{hash}', '{}', sha256('other'), now() + interval '1 day');",
            Uuid::now_v7()
        )
    };
    outcomes
        .execute(&format!("{}{}", claim(&left), claim(&begun)))
        .await;
    let order = envelope_with("email", json!({ "idempotency_key": "left" }));
    let other = envelope_with("email", json!({ "idempotency_key": "begun" }));
    let (first, second) = tokio::join!(post(&stage, &key, &order), post(&stage, &key, &other));
    for answer in [first, second] {
        assert_eq!(told(&answer), is(409, "key_in_progress"));
        assert_eq!(answer.headers["retry-after"], "1");
    }
    assert_eq!(outcomes.count(ROWS).await, 0);
    // A minute later; for one of them somebody has come meanwhile, and gone again.
    let later = "UPDATE notification_deduplication SET wanted_at = wanted_at - interval '1 minute'";
    outcomes.execute(later).await;
    let come = format!(
        "UPDATE notification_deduplication SET wanted_at = NULL WHERE idempotency_key = '\\x{begun}'"
    );
    outcomes.execute(&come).await;
    let (id, is_replayed) = accepted(&post(&stage, &key, &order).await);
    assert!(!is_replayed);
    assert_eq!(accepted(&post(&stage, &key, &order).await), (id, true));
    let answer = post(&stage, &key, &other).await;
    assert_eq!(told(&answer), is(409, "key_in_progress"));
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), 1);
}

/// The database is busy: what waits to be accepted is bounded, what is beyond that is told so at once, and what was
/// let in is accepted in the end.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_is_room_for_is_refused_at_once_and_nothing_of_it_is_stored() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let slow = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(3); RETURN NULL; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON notifications
            FOR EACH STATEMENT EXECUTE FUNCTION public.slow();";
    outcomes.execute(slow).await;
    let later = json!({ "send_at": "2099-01-01T00:00:00Z" });
    let batch = |n: usize| {
        let one = |at| {
            let mut one = envelope_with("email", later.clone());
            one["idempotency_key"] = json!(format!("{n}-{at}"));
            one
        };
        json!({ "notifications": (0..1_000).map(one).collect::<Vec<_>>() }).to_string()
    };
    let calls = (0..10).map(|n| {
        let (stage, key, body) = (&stage, &key, batch(n));
        async move { ask_as(stage, key, "POST", BATCH, &body).await }
    });
    let full = async {
        loop {
            let order = envelope_with("email", json!({ "idempotency_key": "beyond" }));
            // As long as there is room it waits for its turn, which does not come.
            let asked = post(&stage, &key, &order);
            let answer = tokio::time::timeout(std::time::Duration::from_secs(2), asked).await;
            if let Ok(answer) = answer
                && answer.status != 202
            {
                return answer;
            }
        }
    };
    let released = async {
        let answer = tokio::time::timeout(PATIENCE, full).await.unwrap();
        assert_eq!(told(&answer), is(503, "overloaded"), "{}", answer.text());
        assert_eq!(answer.headers["retry-after"], "1");
        outcomes.execute("DROP TRIGGER slow ON notifications").await;
    };
    let (answers, ()) = tokio::join!(join_all(calls), released);
    let mut stored = 0;
    for answer in answers {
        let body = json_of(&answer);
        if answer.status == 503 {
            assert_eq!(body["code"], "overloaded");
            continue;
        }
        for result in body["results"].as_array().unwrap() {
            let code = result["problem"]["code"].as_str();
            assert!(
                matches!(code, None | Some("overloaded" | "unavailable")),
                "{result}"
            );
            stored += i64::from(code.is_none());
        }
    }
    let rows = outcomes.count(ROWS).await;
    assert!(rows >= stored, "{rows} rows, {stored} were answered");
}
