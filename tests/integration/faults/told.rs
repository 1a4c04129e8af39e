//! What an account tells before anybody knows that the node which asked it is dead.

use herald::runtime::clock;
use loadtest::events::{SendgridKey, sendgrid_body};
use loadtest::harness::http;
use loadtest::simulator::{Behaviour, Fault, Provider, Rule, When};
use serde_json::json;

use super::process;
use crate::database::lines;
use crate::stage::{PATIENCE, Stage, account_named, ana, envelope};

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_of_a_dead_node_that_is_known_as_delivered_is_not_sent_again() {
    let stage = Stage::with_lanes("email.normal").await;
    let silent = Rule::always(Fault::Hang).when(When::First(1));
    let silent = Behaviour::default().rule(silent.accepted(true));
    let sendgrid = stage.behaving(Provider::SendGrid, silent);
    let key = SendgridKey::generate().unwrap();
    let account = account_named(&sendgrid, "mail", 1);
    let public = key.public().unwrap();
    let account = format!("{}\nevent_public_key = \"{public}\"\n", account.trim_end());
    stage.apply(&format!("{}{account}", ana()));
    let mut outcomes = stage.outcomes().await;
    let one = process::node(stage.herald(&["serve"]), "one").await;
    stage.publisher().await.publish(&envelope("email")).await;
    assert!(stage.ledger.wait_for_accepted(1, PATIENCE).await);
    one.signal("KILL").unwrap();
    let _two = process::engine(stage.herald(&["serve"])).await;

    let mut owner = stage.database.owner().await;
    let claimed =
        "SELECT notification_id::text AS text FROM notification_schema.notification_deduplication";
    let id = lines(&mut owner, claimed).await.remove(0);
    let event = json!({
        "event": "delivered", "sg_event_id": "1", "email": "ana@example.com",
        "notification_id": id, "herald_notification_id": id,
    });
    let body = sendgrid_body(&[event]);
    let headers = key.headers(clock::now().as_second(), &body).unwrap();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    let url = stage.url("/hooks/sendgrid/mail");
    let answer = http::request("POST", &url, &headers, &body).await.unwrap();
    assert_eq!(answer.status, 204);

    let row = outcomes.only("sent", None).await;
    assert_eq!(
        (row.id.to_string(), row.provider.as_deref()),
        (id, Some("mail"))
    );
    assert_eq!(row.classes().last(), Some(&"accepted"));
    assert_eq!(sendgrid.stats().requests, 1);
}
