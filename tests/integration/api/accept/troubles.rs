//! Trouble: the database fails, the lane is full, something panics, the engine stops.

use loadtest::simulator::{Behaviour, Latency, Provider};

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_failed_is_not_remembered_and_may_be_repeated() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let _engine = stage.start().await;
    let body = envelope("email");
    let refuse = "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '58030'; END $$;
        CREATE TRIGGER refuse BEFORE INSERT ON notifications
            FOR EACH ROW EXECUTE FUNCTION public.refuse();";
    outcomes.execute(refuse).await;
    let answer = post(&stage, &key, &body).await;
    assert_eq!(told(&answer), is(503, "unavailable"));
    assert_eq!(answer.headers["retry-after"], "1");
    assert_eq!(outcomes.count(ROWS).await, 0);
    outcomes
        .execute("DROP TRIGGER refuse ON notifications")
        .await;
    let (id, replayed) = accepted(&post(&stage, &key, &body).await);
    assert!(!replayed);
    assert_eq!(accepted(&post(&stage, &key, &body).await), (id, true));
    outcomes.only("sent", None).await;
    assert_eq!(stage.ledger.accepted(), 1);
}

/// There are two permits, and the provider keeps both: the rest is accepted all the same, and waits in the database.
#[tokio::test(flavor = "multi_thread")]
async fn accepting_never_waits_for_a_provider() {
    let mut stage = Stage::with_lanes("email.normal").await;
    stage.set("HERALD__LANES__NORMAL", "2");
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 300.0 });
    let sendgrid = stage.behaving(Provider::SendGrid, slow);
    stage.apply_ana_and(&[&sendgrid]);
    let key = super::key(&stage, "publisher", None);
    let mut outcomes = stage.outcomes().await;
    let engine = stage.start().await;
    let items: Vec<Value> = (0..20).map(|_| unkeyed()).collect();
    let body = json!({ "notifications": items }).to_string();
    let answer = ask_as(&stage, &key, "POST", BATCH, &body).await;
    assert_eq!(answer.status, 207);
    assert_eq!(outcomes.count(ROWS).await, 20);
    assert!(stage.ledger.accepted() < 20);
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, 20).await;
    assert_eq!(stage.ledger.accepted(), 20);
    assert!(engine.stop().await.drained);
}

/// The batch panics when its rows are stored: they go back to the scheduler, though this run owns them.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_panic_leaves_behind_is_sent_by_the_scheduler() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let mut serve = stage.herald(&["serve"]);
    let mut engine = serve
        .env("HERALD_FAILPOINTS", "accept.stored:0:1")
        .spawn()
        .unwrap();
    stage.ready().await;
    let body = envelope("email");
    let answer = post(&stage, &key, &body).await;
    assert_eq!(told(&answer), is(503, "unavailable"));
    let (id, replayed) = accepted(&post(&stage, &key, &body).await);
    assert!(replayed, "it was stored");
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.id.to_string(), id);
    assert_eq!(stage.ledger.accepted(), 1);
    engine.kill().unwrap();
    engine.wait().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_stops_has_stored_what_it_answered_and_refuses_the_rest() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let engine = stage.start().await;
    let body = unkeyed().to_string();
    let url = stage.url(SINGLE);
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let posting = async {
        let (mut good, mut refused) = (0, 0);
        loop {
            let posts = (0..20)
                .map(|_| loadtest::harness::http::request("POST", &url, &headers, body.as_bytes()));
            for answer in join_all(posts).await {
                match answer.map(|answer| answer.status) {
                    Ok(202) => good += 1,
                    Ok(503) | Err(_) => refused += 1,
                    Ok(status) => panic!("{status}"),
                }
            }
            if refused > 0 {
                return good;
            }
        }
    };
    let stopping = async {
        outcomes
            .until_count(&format!("SELECT least(({ROWS}), 50) AS count"), 50)
            .await;
        engine.stop().await
    };
    let (good, report) = tokio::join!(posting, stopping);
    assert!(report.drained);
    assert_eq!(outcomes.count(ROWS).await, good);
    let _engine = stage.start().await;
    let sent = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    outcomes.until_count(sent, good).await;
    assert_eq!(i64::try_from(stage.ledger.accepted()).unwrap(), good);
}

#[tokio::test(flavor = "multi_thread")]
async fn webhooks_are_told_in_the_transaction_that_accepts() {
    let (stage, _sendgrid, mut outcomes, key) = mailing().await;
    let admin = super::key(&stage, "admin", None);
    let _engine = stage.start().await;
    let webhook = json!({ "url": "https://example.com/hook", "events": ["notification.accepted"] });
    let made = ask_as(&stage, &admin, "POST", "/v1/webhooks", &webhook.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let told = "SELECT count(*) FROM webhook_deliveries WHERE event_type = 'notification.accepted'";
    // The node hears of the webhook in a moment; from then on each is told of.
    let mut first = vec![];
    while outcomes.count(told).await == 0 {
        first.push(accepted(&post(&stage, &key, &unkeyed()).await).0);
        assert!(first.len() < 1_000, "nobody is told");
    }
    let (id, _) = accepted(&post(&stage, &key, &unkeyed()).await);
    let of = format!("{told} AND notification_id = '{id}'");
    assert_eq!(outcomes.count(&of).await, 1, "when the answer is there");
    let sent = format!("SELECT count(*) FROM notifications WHERE status = 'sent' AND id = '{id}'");
    outcomes.until_count(&sent, 1).await;
    assert_eq!(outcomes.count(&of).await, 1, "and not again by its outcome");
}
