//! Stored secrets: sealed anew while everything runs, and shown nowhere.

use loadtest::receiver::Receiver;
use serde_json::json;

use super::door::{SHOP, ask, ask_as, json_of, key};
use super::{made, said};
use crate::database::lines;
use crate::faults::process::{end, engine};
use crate::outcomes::Row;
use crate::stage::{Stage, account, ana, envelope};

const OLD: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
const NEW: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";

fn all_sent(count: usize) -> impl Fn(&[Row]) -> bool {
    move |rows| rows.len() == count && rows.iter().all(|row| row.is("sent", None))
}

async fn webhook(stage: &Stage, key: &str, url: &str) -> (String, String) {
    let body = json!({ "url": url, "events": ["*"], "name": url }).to_string();
    let answer = ask_as(stage, key, "POST", "/v1/webhooks", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = json_of(&answer);
    let text = |name: &str| made[name].as_str().unwrap().to_owned();
    (text("id"), text("secret"))
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_sealed_is_sealed_with_the_new_key_while_an_engine_runs_and_opens_without_the_old()
 {
    let (mut stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let receiver = Receiver::start(0).unwrap();
    let admin = key(&stage, "admin", None);
    stage.set("HERALD__SECRETS__KEY", format!("{NEW},{OLD}"));
    let running = stage.start().await;
    let path = {
        let (id, secret) = webhook(&stage, &admin, &receiver.url()).await;
        receiver.trust(&secret);
        format!("/v1/webhooks/{id}")
    };
    // It is sealed with the old key, as all was before the new one came.
    stage.set("HERALD__SECRETS__KEY", OLD);
    let rotated = ask_as(&stage, &admin, "POST", &format!("{path}/rotate-secret"), "").await;
    assert_eq!(rotated.status, 200);
    receiver.trust(json_of(&rotated)["secret"].as_str().unwrap());
    stage.set("HERALD__SECRETS__KEY", format!("{NEW},{OLD}"));
    let first = said(&stage, &["--json", "secrets", "rotate"]);
    // An account, a webhook, and the two keys of people's links.
    assert_eq!((&first["rows"], &first["left"]), (&json!(4), &json!(0)));
    assert_eq!(
        first["resealed"], 1,
        "the account: the engine sealed the webhook with the new key"
    );
    let again = said(&stage, &["--json", "secrets", "rotate"]);
    assert_eq!(again["resealed"], 0, "it is safe to repeat");
    let publisher = stage.publisher().await;
    publisher.publish(&envelope("email")).await;
    outcomes.until(all_sent(1)).await;
    running.stop().await;
    stage.set("HERALD__SECRETS__KEY", NEW);
    let _engine = stage.start().await;
    publisher.publish(&envelope("email")).await;
    outcomes.until(all_sent(2)).await;
    let mut owner = stage.database.owner().await;
    let audited =
        "SELECT resource_type || ' ' || changes::text AS text FROM notification_schema.audit_logs
                   WHERE action = 'rotate' AND resource_type = 'secrets'";
    assert_eq!(lines(&mut owner, audited).await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_no_key_opens_stays_as_it_is_and_is_told_of() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(loadtest::simulator::Provider::SendGrid);
    stage.apply(&account(&sendgrid));
    stage.set("HERALD__SECRETS__KEY", NEW);
    let output = stage.herald(&["secrets", "rotate"]).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("1 rows could not be sealed anew"), "{words}");
    stage.set("HERALD__SECRETS__KEY", OLD);
    assert_eq!(
        said(&stage, &["--json", "secrets", "rotate"])["resealed"],
        0
    );
}

/// Planted secrets are found in no log, error, audit row, metric, document or debug output.
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_shown_nowhere() {
    let stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(loadtest::simulator::Provider::SendGrid);
    let planted = "SG.planted-provider-secret-4711";
    let text = account(&sendgrid).replace("api_key = \"", &format!("api_key = \"{planted}"));
    assert!(text.contains(planted), "{text}");
    stage.apply(&format!(
        "{}{text}[[tenants]]\nid = \"{SHOP}\"\nname = \"shop\"\n",
        ana()
    ));
    let (_, api_key) = made(&stage, &["--scopes", "admin"]);
    let mut command = stage.herald(&["serve"]);
    command.env(
        "HERALD__LOG__FILTER",
        "herald=trace,actix_web=trace,actix_http=debug",
    );
    let running = engine(command).await;
    let mut answers = vec![];
    let (id, secret) = webhook(&stage, api_key.expose(), "https://example.com/hook").await;
    let mut hidden = vec![
        planted.to_owned(),
        secret.clone(),
        secret.trim_start_matches("whsec_").to_owned(),
    ];
    hidden.push(api_key.expose().rsplit('_').next().unwrap().to_owned());
    hidden.push(OLD.to_owned());
    let sent = "whsec_cGxhbnRlZC1zZWNyZXQtMTIzNDU2Nzg5MDEyMzQ1";
    hidden.push(sent.to_owned());
    let bad = json!({ "url": "https://example.com", "events": ["*"], "secret": sent, "nmae": 1 })
        .to_string();
    answers.push(
        ask_as(&stage, api_key.expose(), "POST", "/v1/webhooks", &bad)
            .await
            .text(),
    );
    let rotate = format!("/v1/webhooks/{id}/rotate-secret");
    let rotated = json_of(&ask_as(&stage, api_key.expose(), "POST", &rotate, "").await);
    hidden.push(
        rotated["secret"]
            .as_str()
            .unwrap()
            .trim_start_matches("whsec_")
            .to_owned(),
    );
    let header = "planted-header-secret-0815";
    hidden.push(header.to_owned());
    for line in [
        format!("Authorization: Basic {header}"),
        format!("X-Secret: {header}"),
    ] {
        for path in ["/v1/webhooks", "/v1/nothing", "/livez"] {
            answers.push(ask(&stage, "GET", path, &[&line], "").await.text());
        }
    }
    for path in ["/metrics", "/openapi.json", "/docs/problems", "/readyz"] {
        answers.push(ask(&stage, "GET", path, &[], "").await.text());
    }
    for path in [
        "/v1/webhooks".to_owned(),
        format!("/v1/webhooks/{id}"),
        "/v1/api-keys".to_owned(),
    ] {
        answers.push(
            ask_as(&stage, api_key.expose(), "GET", &path, "")
                .await
                .text(),
        );
    }
    end(&running).await;
    answers.push(running.lines().join("\n"));
    answers.push(format!("{:?}", stage.settings()));
    answers.push(format!("{api_key:?}"));
    let mut owner = stage.database.owner().await;
    let tables = "SELECT format('SELECT t::text AS text FROM %s t', oid::regclass) AS text FROM pg_class
                  WHERE relnamespace = 'notification_schema'::regnamespace AND relkind IN ('r', 'p')";
    for query in lines(&mut owner, tables).await {
        answers.push(lines(&mut owner, &query).await.concat());
    }
    for secret in &hidden {
        assert!(secret.len() > 20, "{secret}");
        let shown = answers.iter().find(|text| text.contains(secret.as_str()));
        let shown = shown.map(|text| {
            let at = text.find(secret.as_str()).unwrap_or_default();
            text[at.saturating_sub(200)..at].to_owned()
        });
        assert_eq!(shown, None::<String>, "a secret is shown behind this");
    }
}
