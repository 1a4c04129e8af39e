//! Keys that others hold, and more than there is room for.

use herald::broker::envelope::{KeySource, key_hash};
use herald::domain::{Channel, DEFAULT_TENANT};

use uuid::Uuid;

use super::*;

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

/// The database is slow: what waits to be accepted is bounded. What is beyond that is told so, nothing of it is stored,
/// and it may be repeated.
#[tokio::test(flavor = "multi_thread")]
async fn more_than_there_is_room_for_is_refused_and_may_be_repeated() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    // The last of them come long before room for them is free again: 512 leave in ten seconds.
    let slow = "CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN PERFORM pg_sleep(10); RETURN NULL; END $$;
        CREATE TRIGGER slow BEFORE INSERT ON notifications
            FOR EACH STATEMENT EXECUTE FUNCTION public.slow();";
    outcomes.execute(slow).await;
    let batch = |batch: usize, many: usize| {
        let later = json!({ "send_at": "2026-12-24T18:00:00Z" });
        let one = |at| {
            let mut one = envelope_with("email", later.clone());
            one["idempotency_key"] = json!(format!("{batch}-{at}"));
            one
        };
        json!({ "notifications": (0..many).map(one).collect::<Vec<_>>() }).to_string()
    };
    let calls = (0..14).map(|number| {
        let (stage, key, body) = (&stage, &key, batch(number, 1_000));
        async move { ask_as(stage, key, "POST", BATCH, &body).await }
    });
    let mut overloaded = vec![];
    for (number, answer) in join_all(calls).await.iter().enumerate() {
        assert_eq!(answer.status, 207, "{}", answer.text());
        let body = json_of(answer);
        let codes: Vec<Option<&str>> = body["results"]
            .as_array()
            .unwrap()
            .iter()
            .map(|result| result["problem"]["code"].as_str())
            .collect();
        if codes[0] == Some("overloaded") {
            assert!(codes.iter().all(|code| *code == codes[0]), "all or nothing");
            overloaded.push(number);
        }
        let known = |code: &Option<&str>| matches!(code, None | Some("overloaded" | "unavailable"));
        assert!(codes.iter().all(known), "{}", answer.text());
    }
    outcomes.execute("DROP TRIGGER slow ON notifications").await;
    let stored = "SELECT count(*) FROM notification_deduplication";
    assert!(outcomes.count(stored).await <= 10_000);
    let again = batch(*overloaded.first().unwrap(), 10);
    let answer = json_of(&ask_as(&stage, &key, "POST", BATCH, &again).await);
    for result in answer["results"].as_array().unwrap() {
        assert_eq!(
            (&result["status"], &result["replayed"]),
            (&json!("pending"), &Value::Null)
        );
    }
}
