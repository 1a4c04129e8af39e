//! Templates: slow ones, changed ones, and ones that are no good.

use loadtest::simulator::Provider;
use serde_json::{Value, json};

use crate::outcomes::Row;
use crate::stage::{Stage, account, ana, envelope_with};

fn template(name: &str, body: &str) -> String {
    format!(
        "[[templates]]\nname = \"{name}\"\nmessage_type = \"email\"\nsubject = \"Hello\"\n\
         body = \"{body}\"\n"
    )
}

fn calling(name: &str, priority: &str) -> Value {
    let call = json!({ "name": name, "variables": {} });
    let mut envelope = envelope_with("email", json!({ "priority": priority, "template": call }));
    envelope.as_object_mut().unwrap().remove("content");
    envelope
}

#[tokio::test(flavor = "multi_thread")]
async fn an_urgent_one_does_not_wait_for_a_bulk_of_slow_templates() {
    const BULK: usize = 400;
    let stage = Stage::with_lanes("email.*").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    // Close to the limit of steps.
    let slow = "{% for a in range(150) %}{% for b in range(150) %}{% if b == 200 %}x{% endif %}{% endfor %}{% endfor %}done";
    let templates = template("slow", slow) + &template("quick", "quick");
    stage.apply(&format!("{}{}{templates}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    for _ in 0..BULK {
        publisher.publish(&calling("slow", "low")).await;
    }
    let some =
        "SELECT (count(*) > 0)::int::bigint AS count FROM notifications WHERE status = 'sent'";
    outcomes.until_count(some, 1).await;
    publisher.publish(&calling("quick", "urgent")).await;
    let urgent = "SELECT count(*) FROM notifications WHERE priority = 'urgent' AND status = 'sent'";
    outcomes.until_count(urgent, 1).await;
    let accepted = usize::try_from(stage.ledger.accepted()).unwrap();
    assert!(accepted < BULK / 2, "{accepted} of {BULK} were before it");
    let all = |rows: &[Row]| rows.len() == BULK + 1 && rows.iter().all(|row| row.is("sent", None));
    outcomes.until(all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_that_cannot_be_read_fails_alone_also_at_the_start() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let templates = template("odd", "odd") + &template("good", "good");
    stage.apply(&format!("{}{}{templates}", ana(), account(&sendgrid)));
    let mut outcomes = stage.outcomes().await;
    let odd = "UPDATE notification_templates SET variables = '[1]' WHERE name = 'odd'";
    outcomes.execute(odd).await;
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&calling("odd", "normal")).await;
    publisher.publish(&calling("good", "normal")).await;
    let rows = outcomes
        .until(|rows| rows.len() == 2 && rows.iter().all(|row| row.status != "pending"))
        .await;
    // Of one millisecond their ids say no order.
    let failed = rows
        .iter()
        .find(|row| row.is("failed", Some("template_error")));
    let words = failed.and_then(|row| row.error_message.as_deref()).unwrap();
    assert!(words.contains("not a list of names"), "{words}");
    assert!(rows.iter().any(|row| row.is("sent", None)), "{rows:#?}");
    // Mended, it is used; the other is as it was.
    outcomes
        .execute("UPDATE notification_templates SET variables = '[]' WHERE name = 'odd'")
        .await;
    let mended = async {
        loop {
            let before = outcomes.rows().await.len();
            publisher.publish(&calling("odd", "normal")).await;
            let rows = outcomes.until(|rows| rows.len() > before).await;
            if rows.last().unwrap().is("sent", None) {
                return;
            }
        }
    };
    let mended = tokio::time::timeout(crate::stage::PATIENCE, mended).await;
    assert!(mended.is_ok());
}
