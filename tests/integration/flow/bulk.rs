//! Messages that say the same go out together.

mod refusals;

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use loadtest::simulator::{Behaviour, Fault, Latency, Provider, Rule, Simulator};
use serde_json::{Value, json};

use crate::outcomes::{Outcomes, Row};
use crate::stage::{ANA, PATIENCE, Stage, account_named, ana, envelope_with};

/// The address of the n-th recipient.
fn address(n: usize) -> String {
    format!("u{n}@example.com")
}

/// The n-th message of a campaign: it says the same as all others, to somebody else.
fn bulk(n: usize) -> Value {
    envelope_with("email", json!({ "to": address(n), "priority": "low" }))
}

fn status(status: u16, body: Option<&str>) -> Rule {
    Rule::always(Fault::Status {
        status,
        retry_after_seconds: None,
        body: body.map(str::to_owned),
    })
}

fn all_sent(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.is("sent", None))
}

fn all_settled(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.status != "pending")
}

/// A stage on which what is published before the engine starts comes up together.
async fn stage(behaviour: Behaviour) -> (Stage, Simulator) {
    let mut stage = Stage::with_lanes("email.low").await;
    stage.set("HERALD__ENGINE__CLAIM_LINGER", "500ms");
    let sendgrid = stage.behaving(Provider::SendGrid, behaviour);
    stage.apply(&format!("{}{}", ana(), account(&sendgrid)));
    // It leaves the lane's queue behind, for what is published before the next one starts.
    stage.start().await.stop().await;
    (stage, sendgrid)
}

/// One that nobody gives up too early on a busy machine.
fn account(sendgrid: &Simulator) -> String {
    account_named(sendgrid, "bulk", 0).replace("timeout_seconds = 2", "timeout_seconds = 20")
}

async fn publish(stage: &Stage, messages: impl IntoIterator<Item = Value>) {
    let publisher = stage.publisher().await;
    for message in messages {
        publisher.publish(&message).await;
    }
}

/// Whoever was sent to got it once, and SendGrid found no mistake in what it was asked.
fn each_got_it_once(stage: &Stage, sendgrid: &Simulator, rows: &[Row]) {
    let sent: Vec<&Row> = rows.iter().filter(|row| row.is("sent", None)).collect();
    for row in &sent {
        let to = row.recipient.as_deref().unwrap();
        assert_eq!(stage.ledger.count_for(row.id, to), 1, "{to}");
    }
    assert_eq!(stage.ledger.totals().accepted, sent.len() as u64);
    assert_eq!(sendgrid.stats().malformed, 0, "{:?}", sendgrid.stats());
}

fn to(rows: &[Row], n: usize) -> &Row {
    let to = Some(address(n));
    rows.iter().find(|row| row.recipient == to).unwrap()
}

/// The addresses of each request, and its subject.
fn mails(sendgrid: &Simulator) -> Vec<(Vec<String>, String)> {
    let read = |body: &[u8]| {
        let mail: Value = serde_json::from_slice(body).unwrap();
        let each = mail["personalizations"].as_array().unwrap().iter();
        let to = each.map(|one| one["to"][0]["email"].as_str().unwrap().to_owned());
        let subject = mail["subject"].as_str().unwrap().to_owned();
        (to.collect(), subject)
    };
    let requests = sendgrid.requests();
    requests.iter().map(|request| read(&request.body)).collect()
}

/// How many messages each request carried.
fn sizes(sendgrid: &Simulator) -> Vec<usize> {
    mails(sendgrid).iter().map(|(to, _)| to.len()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn equal_messages_go_out_in_few_requests_and_to_each_recipient_once() {
    let (stage, sendgrid) = stage(Behaviour::default()).await;
    let campaign = (0..60).map(|n| match n % 2 {
        0 => bulk(n),
        _ => {
            let other = json!({ "subject": "Hallo", "body": "Es ist unterwegs." });
            let mut message = bulk(n);
            message["content"] = other;
            message
        }
    });
    publish(&stage, campaign).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(60)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    assert!(sizes(&sendgrid).len() <= 15, "{:?}", sizes(&sendgrid));
    for row in &rows {
        assert_eq!((row.attempt_count, row.classes()), (1, vec!["accepted"]));
    }
    for ((to, subject), request) in mails(&sendgrid).iter().zip(sendgrid.requests()) {
        let german = |to: &String| to.ends_with(['1', '3', '5', '7', '9']);
        assert!(
            to.iter()
                .all(|to| (subject == "Hallo") == german(&to.replace("@example.com", "")))
        );
        // It would name one of them only.
        let named = request.header("x-herald-notification-id");
        assert_eq!(named.is_some(), to.len() == 1);
    }
    let ids = "SELECT count(DISTINCT provider_message_id) AS count FROM notifications";
    assert_eq!(outcomes.count(ids).await, sizes(&sendgrid).len() as i64);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_is_told_so_takes_one_at_a_time() {
    let (stage, sendgrid) = stage(Behaviour::default()).await;
    stage.apply(&account(&sendgrid).replace("from =", "batch_size = 1\nfrom ="));
    publish(&stage, (0..20).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(20)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    assert_eq!(sizes(&sendgrid), [1; 20]);
}

/// Asks for the consumed ones, so that what was published is known to be on its way.
async fn until_consumed(outcomes: &mut Outcomes, count: i64) {
    let consumed = "SELECT coalesce(sum(consumed), 0)::bigint AS count FROM intake";
    outcomes.until_count(consumed, count).await;
}

#[expect(
    clippy::disallowed_methods,
    reason = "an expiry by the real clock of a real engine"
)]
fn in_a_second() -> String {
    (Timestamp::now() + SignedDuration::from_secs(1)).to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn batch_leaves_out_opted_out_and_expired_messages() {
    let slow = Behaviour::default().latency(Latency::Fixed { ms: 2_500.0 });
    let (mut stage, sendgrid) = stage(slow).await;
    stage.set("HERALD__ENGINE__CLAIM_LINGER", "50ms");
    stage.set("HERALD__PROVIDERS__CONCURRENCY", "1");
    let ben = "0190c1a0-0000-7000-8000-000000000002";
    stage.apply(&format!(
        "[[users]]\nid = \"{ben}\"\nemail = \"ben@example.com\"\nusername = \"ben\"\n"
    ));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    // While this one is under way, the others wait, with decisions to send them.
    publish(&stage, [bulk(100)]).await;
    assert!(stage.ledger.wait_for_accepted(1, PATIENCE).await);
    let late = envelope_with(
        "email",
        json!({ "to": address(5), "priority": "low", "expires_at": in_a_second() }),
    );
    let bens = envelope_with("email", json!({ "user_id": ben, "priority": "low" }));
    publish(&stage, (0..5).map(bulk).chain([late, bens])).await;
    until_consumed(&mut outcomes, 8).await;
    stage.apply(&format!(
        "[[preferences]]\nuser_id = \"{ben}\"\nchannel = \"email\"\nenabled = false\n\
         [[suppressions]]\nchannel = \"email\"\naddress = \"U3@example.com\"\nreason = \"manual\"\n"
    ));
    let rows = outcomes.until(all_settled(8)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    let reasons: BTreeSet<&str> = rows
        .iter()
        .filter(|row| row.status == "cancelled")
        .filter_map(|row| row.reason.as_deref())
        .collect();
    let expected = ["channel_disabled", "expired", "suppressed"];
    assert_eq!(reasons, BTreeSet::from(expected), "{rows:#?}");
    assert_eq!(sizes(&sendgrid), [1, 4], "the others went together");
    assert_eq!(stage.ledger.accepted(), 5, "{ANA} and not {ben}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_counts_messages_however_they_are_put() {
    let (stage, sendgrid) = stage(Behaviour::default()).await;
    let limit = "rate_limit = 1200\ntimeout_seconds";
    stage.apply(&account(&sendgrid).replace("timeout_seconds", limit));
    publish(&stage, (0..80).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(80)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    assert!(sizes(&sendgrid).len() < 80, "{:?}", sizes(&sendgrid));
    let instants = stage.ledger.instants();
    // Twenty at once, then one in 51 ms; a token may be used half a second late.
    for (at, first) in instants.iter().enumerate() {
        for (count, last) in (1..).zip(&instants[at..]) {
            let most = 20.0 + ((last - first) as f64 / 1e6 + 0.5) / 0.051 + 1.0;
            assert!(
                f64::from(count) <= most,
                "{count} within {} us",
                last - first
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn with_a_limit_nobody_rides_along_before_another_tenant() {
    let (mut stage, sendgrid) = stage(Behaviour::default()).await;
    stage.set("HERALD__ENGINE__CLAIM_BATCH", "1000");
    stage.set("HERALD__LANES__LOW", "1000");
    let (tenant, ben) = (
        "0190c1a0-0000-7000-8000-00000000000b",
        "0190c1a0-0000-7000-8000-0000000000b1",
    );
    let limit = "rate_limit = 6000\ntimeout_seconds";
    stage.apply(&format!(
        "[[tenants]]\nid = \"{tenant}\"\nname = \"other\"\n[[users]]\nid = \"{ben}\"\n\
         tenant_id = \"{tenant}\"\nemail = \"ben@example.com\"\nusername = \"ben\"\n{}",
        account(&sendgrid).replace("timeout_seconds", limit)
    ));
    let theirs = |n: usize| {
        let to = format!("ben{n}@example.com");
        let own = json!({ "subject": "Hello", "body": format!("Number {n}") });
        let mut message =
            json!({ "tenant_id": tenant, "user_id": ben, "to": to, "priority": "low" });
        message["content"] = own;
        envelope_with("email", message)
    };
    publish(&stage, (0..200).map(bulk).chain((0..5).map(theirs))).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(205)).await;
    each_got_it_once(&stage, &sendgrid, &rows);
    let order: Vec<String> = mails(&sendgrid)
        .into_iter()
        .flat_map(|(to, _)| to)
        .collect();
    let last = order.iter().rposition(|to| to.starts_with("ben")).unwrap();
    assert!(
        last < 60,
        "{last} of 205 were before them: {:?}",
        sizes(&sendgrid)
    );
    assert!(sizes(&sendgrid).iter().any(|size| *size > 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn refused_credentials_send_all_of_them_to_the_next_account_together() {
    let refusing = Behaviour::default().rule(status(401, None));
    let (stage, first) = stage(refusing).await;
    let second = stage.simulator(Provider::SendGrid);
    let next = account_named(&second, "next", -1);
    stage.apply(&next.replace("timeout_seconds = 2", "timeout_seconds = 20"));
    publish(&stage, (0..20).map(bulk)).await;
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let rows = outcomes.until(all_sent(20)).await;
    each_got_it_once(&stage, &second, &rows);
    assert!(
        rows.iter()
            .all(|row| row.provider.as_deref() == Some("next"))
    );
    assert!(rows.iter().all(|row| row.attempt_count == 1));
    assert!(sizes(&first).len() + sizes(&second).len() <= 8);
}
