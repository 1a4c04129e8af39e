//! An address is one address, however it is spelt.

use loadtest::simulator::Provider;
use serde_json::json;

use crate::stage::{ANA, Stage, envelope_with};

const REJECTED: &str = "SELECT coalesce(sum(rejected), 0)::bigint AS count FROM intake";

#[tokio::test(flavor = "multi_thread")]
async fn suppression_holds_for_every_spelling_of_the_address() {
    let stage = Stage::with_lanes("*.normal").await;
    let (sendgrid, twilio) = (
        stage.simulator(Provider::SendGrid),
        stage.simulator(Provider::Twilio),
    );
    stage.apply_ana_and(&[&sendgrid, &twilio]);
    stage.apply(
        "[[suppressions]]\nchannel = \"sms\"\naddress = \"+49-151-1234567\"\n\
         [[suppressions]]\nchannel = \"email\"\naddress = \"Ana@exämple.org\"\n",
    );
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for (channel, to) in [
        ("sms", "+491511234567"),
        ("sms", "+49 151 1234567"),
        ("sms", "+49(151)123.45-67"),
        ("email", "ana@xn--exmple-cua.org"),
        ("email", " ANA@EXÄMPLE.org "),
        ("email", "\"ana\"@exämple.org"),
    ] {
        let message = envelope_with(channel, json!({ "to": to }));
        publisher.publish(&message).await;
    }
    let suppressed = |rows: &[crate::outcomes::Row]| {
        let of = rows
            .iter()
            .filter(|row| row.is("cancelled", Some("suppressed")));
        of.count() == 6
    };
    outcomes.until(suppressed).await;
    assert_eq!(stage.ledger.accepted(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn invalid_address_is_refused_and_replaces_no_good_one() {
    let stage = Stage::with_lanes("*.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    stage.apply_ana_and(&[&sendgrid]);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let bad = [
        (
            "email",
            json!({ "recipient": { "email": "a@x.example,b@y.example" } }),
        ),
        ("email", json!({ "recipient": { "phone": "0151 1234567" } })),
        ("email", json!({ "to": "Ana <ana@example.com>" })),
        ("sms", json!({ "to": "+49 (0) 151 1234567" })),
        ("push", json!({ "to": "" })),
    ];
    for (channel, fields) in &bad {
        publisher
            .publish(&envelope_with(channel, fields.clone()))
            .await;
    }
    outcomes.until_count(REJECTED, 5).await;
    while let Some((reason, detail, _)) = stage.take_rejected().await {
        assert_eq!(reason, "bad_address", "{detail}");
    }
    let unchanged = format!(
        "SELECT count(*) FROM users WHERE id = '{ANA}' AND email = 'ana@example.com'
         AND phone = '+4915112345678'"
    );
    assert_eq!(outcomes.count(&unchanged).await, 1);
    assert_eq!(outcomes.rows().await.len(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_domain_beyond_ascii_reaches_a_server_that_takes_only_ascii() {
    let stage = Stage::with_lanes("email.normal").await;
    let smtp = stage.simulator(Provider::Smtp);
    let account = crate::stage::account(&smtp);
    let account = account.replace("hello@example.com", "hello@bücher.example");
    stage.apply(&format!("{}\n{account}", crate::stage::ana()));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let message = envelope_with("email", json!({ "to": "Ana@Exämple.org" }));
    stage.publisher().await.publish(&message).await;
    let row = outcomes.only("sent", None).await;
    assert_eq!(row.recipient.as_deref(), Some("ana@xn--exmple-cua.org"));
    assert_eq!(stage.ledger.count_of(row.id), 1);
}
