//! Unsubscribing: headers of mail, one click, and a person's own page.

mod elsewhere;

use std::time::Duration;

use futures_util::future::join_all;
use loadtest::harness::http::Answer;
use loadtest::provider::Provider;
use loadtest::receiver::Receiver;
use loadtest::simulator::Simulator;
use serde_json::{Value, json};

use super::door::{ask, ask_as, key};
use super::said;
use super::users::Caller;
use crate::database::lines;
use crate::outcomes::{Outcomes, Row};
use crate::stage::{ANA, Stage, account, ana, envelope_with};

const CLICK: &str = "List-Unsubscribe=One-Click";
const FORM: &str = "Content-Type: application/x-www-form-urlencoded";
const CATEGORIES: &str = "[[categories]]\nname = \"marketing\"\nmay_disable = true\n\
                          [[categories]]\nname = \"password-reset\"\nmay_disable = false\n";
const PUBLIC: &str = "https://herald.example.com/x";

/// A stage on which Ana gets mail of two categories through an account, with links.
async fn stage(provider: Provider) -> (Stage, Simulator, Outcomes) {
    let mut stage = Stage::with_lanes("email.*").await;
    stage.set("HERALD__HTTP__PUBLIC_URL", PUBLIC);
    let simulator = stage.simulator(provider);
    stage.apply(&format!("{}{}{CATEGORIES}", ana(), account(&simulator)));
    let outcomes = stage.outcomes().await;
    (stage, simulator, outcomes)
}

async fn publish(stage: &Stage, fields: Value) {
    let envelope = envelope_with("email", fields);
    stage.publisher().await.publish(&envelope).await;
}

/// Mail of these categories, sent one after another; how each ended.
async fn send(stage: &Stage, outcomes: &mut Outcomes, categories: &[&str]) -> Vec<Row> {
    let before = outcomes.rows().await.len();
    for (sent, category) in categories.iter().enumerate() {
        publish(stage, json!({ "category": category })).await;
        let ended = |rows: &[Row]| {
            rows.len() == before + sent + 1 && rows.iter().all(|row| row.status != "pending")
        };
        outcomes.until(ended).await;
    }
    outcomes.rows().await.split_off(before)
}

/// The headers to unsubscribe by of the last mail that SendGrid was asked for.
fn headers(sendgrid: &Simulator) -> Value {
    let requests = sendgrid.requests();
    let body: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
    body["personalizations"][0]["headers"].clone()
}

/// The path of the link in a header's value.
fn path(value: &str) -> String {
    let url = value.strip_prefix('<').unwrap().strip_suffix('>').unwrap();
    url.strip_prefix(PUBLIC).unwrap().to_owned()
}

fn link(sendgrid: &Simulator) -> String {
    path(headers(sendgrid)["List-Unsubscribe"].as_str().unwrap())
}

async fn get(stage: &Stage, path: &str) -> Answer {
    ask(stage, "GET", path, &[], "").await
}

async fn post(stage: &Stage, path: &str, form: &str) -> Answer {
    ask(stage, "POST", path, &[FORM], form).await
}

fn header<'a>(answer: &'a Answer, name: &str) -> &'a str {
    answer.headers[name].to_str().unwrap()
}

/// What stands in the database of what Ana wants, and of who changed it.
async fn written(stage: &Stage) -> Vec<String> {
    let query = "SELECT format('%s/%s %s %s-%s %s', coalesce(channel, '*'), coalesce(category, '*'), enabled,
                     quiet_hours_start, quiet_hours_end, quiet_hours_days) AS text
                 FROM notification_schema.notification_preferences WHERE user_id IS NOT NULL
                 UNION ALL
                 SELECT format('%s by %s from %s', action, actor, ip_address)
                 FROM notification_schema.audit_logs
                 WHERE resource_type IN ('user', 'suppression') AND actor <> 'command line'
                 ORDER BY 1";
    lines(&mut stage.database.owner().await, query).await
}

#[tokio::test(flavor = "multi_thread")]
async fn scanners_change_nothing_and_one_click_ends_the_category_alone() {
    let (mut stage, sendgrid, mut outcomes) = stage(Provider::SendGrid).await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let admin = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let receiver = Receiver::start(0).unwrap();
    let hook = json!({ "url": receiver.url(), "events": ["notification.unsubscribed"] });
    let made = ask_as(&stage, &admin, "POST", "/v1/webhooks", &hook.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: Value = serde_json::from_slice(&made.body).unwrap();
    receiver.trust(made["secret"].as_str().unwrap());

    send(&stage, &mut outcomes, &["password-reset"]).await;
    assert_eq!(headers(&sendgrid), Value::Null, "it is needed");
    publish(&stage, json!({})).await;
    outcomes
        .until(|rows| rows.len() == 2 && rows[1].is("sent", None))
        .await;
    assert_eq!(
        headers(&sendgrid),
        Value::Null,
        "of no category: a click would end all mail"
    );
    let sent = send(&stage, &mut outcomes, &["marketing"]).await;
    assert_eq!(headers(&sendgrid)["List-Unsubscribe-Post"], CLICK);
    assert_eq!(headers(&sendgrid)["Auto-Submitted"], "auto-generated");
    let link = link(&sendgrid);
    assert!(!link.contains(&ANA.replace('-', "")) && !link.contains("market"));

    for _ in 0..100 {
        let page = get(&stage, &link).await;
        assert_eq!(page.status, 200, "{}", page.text());
        let head = ask(&stage, "HEAD", &link, &[], "").await;
        assert_eq!((head.status, head.body.len()), (200, 0));
    }
    assert_eq!(written(&stage).await, Vec::<String>::new());

    // A mail client may ask many times at once.
    for clicked in join_all((0..10).map(|_| post(&stage, &link, CLICK))).await {
        assert_eq!(clicked.status, 200, "{}", clicked.text());
        for absent in ["set-cookie", "location"] {
            assert!(!clicked.headers.contains_key(absent), "{absent}");
        }
    }
    let expected = ["email/marketing f - ", "prefer by person from 127.0.0.1"];
    assert_eq!(written(&stage).await, expected);
    let multipart = "--xyz\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--xyz--\r\n";
    let kind = "Content-Type: multipart/form-data; boundary=xyz";
    for (kind, form) in [(kind, multipart), ("Content-Type: text/plain", CLICK)] {
        let again = ask(&stage, "POST", &link, &[kind], form).await;
        assert_eq!(again.status, 200, "{}", again.text());
    }
    assert_eq!(written(&stage).await, expected, "it was done already");

    let ended = send(
        &stage,
        &mut outcomes,
        &["marketing", "password-reset", "orders"],
    )
    .await;
    assert!(ended[0].is("cancelled", Some("category_disabled")));
    assert!(ended[1].is("sent", None) && ended[2].is("sent", None));
    outcomes
        .until_count("SELECT count(*) FROM webhook_deliveries WHERE delivered", 1)
        .await;
    let told: Vec<Value> = receiver
        .told()
        .iter()
        .map(|it| serde_json::from_str(&it.body).unwrap())
        .collect();
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(told[0]["type"], "notification.unsubscribed");
    assert_eq!(told[0]["data"]["id"], json!(sent[0].id));
    assert_eq!(
        (&told[0]["data"]["category"], &told[0]["data"]["status"]),
        (&json!("marketing"), &json!("sent"))
    );

    let undone = post(&stage, &link, "on=email%2Fmarketing").await;
    assert_eq!(undone.status, 200, "{}", undone.text());
    let sent = send(&stage, &mut outcomes, &["marketing"]).await;
    assert!(sent[0].is("sent", None));
}

#[tokio::test(flavor = "multi_thread")]
async fn mail_by_smtp_has_the_headers_too_and_its_link_works() {
    let (stage, smtp, mut outcomes) = stage(Provider::Smtp).await;
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, &["marketing"]).await;
    let requests = smtp.requests();
    let mail = requests.last().unwrap();
    let text = String::from_utf8(mail.body.clone()).unwrap();
    let value = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap_or_else(|| panic!("{name} {text}"))
            .trim()
            .to_owned()
    };
    assert_eq!(value("List-Unsubscribe-Post:"), CLICK);
    let clicked = post(&stage, &path(&value("List-Unsubscribe:")), CLICK).await;
    assert_eq!(clicked.status, 200);
    let ended = send(&stage, &mut outcomes, &["marketing"]).await;
    assert!(ended[0].is("cancelled", Some("category_disabled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_shows_and_changes_what_comes_and_when_it_is_quiet() {
    let (stage, sendgrid, mut outcomes) = stage(Provider::SendGrid).await;
    let operator = Caller::of(&stage, "admin", None);
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, &["marketing"]).await;
    let link = link(&sendgrid);
    let page = get(&stage, &link).await;
    for (name, wanted) in [
        ("content-type", "text/html; charset=utf-8"),
        ("x-robots-tag", "noindex, nofollow"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
        ("x-content-type-options", "nosniff"),
        ("content-language", "en"),
    ] {
        assert_eq!(header(&page, name), wanted, "{name}");
    }
    let policy = header(&page, "content-security-policy");
    assert!(
        policy.starts_with("default-src 'none'; style-src 'sha256-"),
        "{policy}"
    );
    let text = page.text();
    for wanted in [
        "Unsubscribe",
        "marketing",
        "password-reset",
        "always sent",
        "Europe&#x2f;Berlin",
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
    assert!(
        !text.contains("ana@example.com") && !text.contains("4915112345678"),
        "{text}"
    );
    let german = ask(
        &stage,
        "GET",
        &link,
        &["Accept-Language: fi, de-AT;q=0.5"],
        "",
    )
    .await;
    assert_eq!(header(&german, "content-language"), "de");
    operator
        .good(
            "PATCH",
            &format!("/v1/users/{ANA}"),
            json!({ "locale": "pl" }),
            200,
        )
        .await;
    let polish = ask(&stage, "GET", &link, &["Accept-Language: de"], "").await;
    assert_eq!(
        header(&polish, "content-language"),
        "pl",
        "what they read is known"
    );

    // What an unsubscribing at the provider put on the list is lifted by switching it on again, and nothing else.
    for (address, reason) in [
        ("ana@example.com", "unsubscribe"),
        ("ben@example.com", "unsubscribe"),
    ] {
        let entry = json!({ "channel": "email", "address": address, "reason": reason });
        operator.good("POST", "/v1/suppressions", entry, 201).await;
    }
    assert!(
        get(&stage, &link)
            .await
            .text()
            .contains("name=\"on\" value=\"email&#x2f;*\"")
    );
    let on = post(&stage, &link, "on=email/*").await;
    assert_eq!(on.status, 200, "{}", on.text());
    let left = "SELECT address AS text FROM notification_schema.suppressions";
    let left = lines(&mut stage.database.owner().await, left).await;
    assert_eq!(left, ["ben@example.com"]);
    let sent = send(&stage, &mut outcomes, &["marketing"]).await;
    assert!(sent[0].is("sent", None));

    let quiet = "quiet=*/*&start=22:00&end=07:30&day=mon&day=sun&hours=set";
    assert_eq!(post(&stage, &link, quiet).await.status, 200);
    assert!(get(&stage, &link).await.text().contains("value=\"07:30\""));
    let bad = post(
        &stage,
        &link,
        "quiet=*/*&start=22:00&end=&day=mon&hours=set",
    )
    .await;
    assert_eq!(bad.status, 422);
    let needed = post(&stage, &link, "off=email/password-reset").await;
    assert_eq!(needed.status, 409, "{}", needed.text());
    assert_eq!(post(&stage, &link, "off=sms/*").await.status, 200);
    let shown = operator
        .good(
            "GET",
            &format!("/v1/users/{ANA}/preferences"),
            Value::Null,
            200,
        )
        .await;
    let expected = json!([
        { "channel": "sms", "enabled": false },
        { "channel": "all", "quiet_hours_start": "22:00", "quiet_hours_end": "07:30",
          "quiet_hours_days": ["mon", "sun"] },
    ]);
    assert_eq!(shown["preferences"], expected);
    assert_eq!(
        post(&stage, &link, "quiet=*/*&hours=none").await.status,
        200
    );
    let by_them = written(&stage).await;
    let by_them = by_them.iter().filter(|line| line.contains("by person"));
    assert_eq!(
        by_them.collect::<Vec<_>>(),
        ["delete by person from 127.0.0.1"]
            .into_iter()
            .chain(["prefer by person from 127.0.0.1"; 3])
            .collect::<Vec<_>>()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_link_or_no_form_is_told_in_plain_words_and_changes_nothing() {
    let (mut stage, sendgrid, mut outcomes) = stage(Provider::SendGrid).await;
    stage.set("HERALD__HTTP__FAILED_KEYS", "30");
    let operator = Caller::of(&stage, "admin", None);
    let _engine = stage.start().await;
    send(&stage, &mut outcomes, &["marketing"]).await;
    let link = link(&sendgrid);
    let mut forged = link.clone();
    let last = if forged.pop() == Some('A') { 'Q' } else { 'A' };
    forged.push(last);
    let long = format!("/u/{}", "A".repeat(5_000));
    for odd in [
        &forged,
        "/u/x",
        "/u/%00",
        "/u/AQAAAAAAAAAAAAAAAAAAAAAAAAAA",
        &long,
    ] {
        for method in ["GET", "POST"] {
            let answer = ask(&stage, method, odd, &[FORM], CLICK).await;
            assert_eq!(answer.status, 404, "{method} {odd}");
            assert!(
                answer.text().contains("This link does not work"),
                "{}",
                answer.text()
            );
            assert_eq!(header(&answer, "cache-control"), "no-store");
        }
    }
    let large = format!("{CLICK}&x={}", "x".repeat(20_000));
    for (kind, form, status) in [
        (FORM, "", 400),
        (FORM, "List-Unsubscribe=yes", 400),
        (FORM, "off=fax/news", 400),
        (FORM, "off=email/made-up", 400),
        (FORM, "quiet=*/made-up&hours=none", 400),
        (FORM, large.as_str(), 413),
        ("Content-Type: application/json", "{}", 415),
        ("Content-Type: multipart/form-data", "x", 400),
    ] {
        let answer = ask(&stage, "POST", &link, &[kind], form).await;
        assert_eq!(answer.status, status, "{kind} {form:.40}");
        assert!(answer.text().contains("<h1>"), "{}", answer.text());
    }
    assert_eq!(ask(&stage, "DELETE", &link, &[], "").await.status, 405);
    assert_eq!(written(&stage).await, Vec::<String>::new());
    let answers = async |path: &str, count: usize| {
        let mut statuses = vec![];
        for _ in 0..count {
            statuses.push(get(&stage, path).await.status);
        }
        statuses
    };
    assert!(answers(&forged, 40).await.contains(&429));
    assert_eq!(
        get(&stage, &link).await.status,
        200,
        "what is a link is still one"
    );

    operator
        .good("DELETE", &format!("/v1/users/{ANA}"), Value::Null, 204)
        .await;
    for answer in [get(&stage, &link).await, post(&stage, &link, CLICK).await] {
        assert_eq!(answer.status, 404, "they are gone");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_outlives_the_key_that_made_it_and_holds_on_every_node() {
    const OLD: &str = "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=";
    const NEW: &str = "QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=";
    let (mut stage, sendgrid, mut outcomes) = stage(Provider::SendGrid).await;
    stage.set("HERALD__SECRETS__KEY", OLD);
    let engine = stage.start().await;
    send(&stage, &mut outcomes, &["marketing"]).await;
    let old = link(&sendgrid);
    engine.stop().await;
    stage.set("HERALD__SECRETS__KEY", format!("{NEW},{OLD}"));
    let engine = stage.start().await;
    let rotated = said(&stage, &["--json", "secrets", "rotate"]);
    assert_eq!(rotated["left"], 0);
    engine.stop().await;

    stage.set("HERALD__SECRETS__KEY", NEW);
    let here = stage.url("").replace("http://", "");
    stage.set("HERALD__HTTP__BIND", "127.0.0.1:0");
    let _other = stage.start().await;
    stage.set("HERALD__HTTP__BIND", here);
    let _engine = stage.start().await;
    for _ in 0..4 {
        send(&stage, &mut outcomes, &["marketing"]).await;
    }
    assert_ne!(link(&sendgrid), old);
    assert_eq!(post(&stage, &old, CLICK).await.status, 200);
    // Notices of what changed are told at once; without one it holds within a second.
    tokio::time::timeout(Duration::from_secs(30), async {
        for _ in 0..4 {
            let ended = send(&stage, &mut outcomes, &["marketing"]).await;
            assert!(
                ended[0].is("cancelled", Some("category_disabled")),
                "{ended:?}"
            );
        }
    })
    .await
    .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_have_the_link_and_mail_without_a_public_address_has_none() {
    let mut stage = Stage::with_lanes("email.normal").await;
    let sendgrid = stage.simulator(Provider::SendGrid);
    let template = "[[templates]]\nname = \"news\"\nmessage_type = \"email\"\nlocale = \"en\"\nsubject = \"News\"\n\
                    body = \"Hello {% if unsubscribe_url %}stop: {{ unsubscribe_url }}{% endif %}\"\n";
    stage.apply(&format!(
        "{}{}{CATEGORIES}{template}",
        ana(),
        account(&sendgrid)
    ));
    let checked = stage.herald(&["check"]).output().unwrap();
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(words.contains("http.public_url is not set"), "{words}");
    let mut outcomes = stage.outcomes().await;
    let call = json!({ "category": "marketing", "content": null, "template": { "name": "news" } });
    let mut message = envelope_with("email", call);
    message.as_object_mut().unwrap().remove("content");
    let plain = |sendgrid: &Simulator| {
        let requests = sendgrid.requests();
        let body: Value = serde_json::from_slice(&requests.last().unwrap().body).unwrap();
        body["content"][0]["value"].as_str().unwrap().to_owned()
    };
    let engine = stage.start().await;
    stage.publisher().await.publish(&message).await;
    outcomes
        .until(|rows| rows.iter().all(|row| row.is("sent", None)) && rows.len() == 1)
        .await;
    assert_eq!(
        (plain(&sendgrid).as_str(), headers(&sendgrid)),
        ("Hello ", Value::Null)
    );
    engine.stop().await;

    // Not HTTPS: the text may say it, mail clients are told only where somebody wants that.
    for (allowed, has_headers) in [("false", false), ("true", true)] {
        stage.set("HERALD__HTTP__PUBLIC_URL", "http://127.0.0.1:1");
        stage.set("HERALD__HTTP__ONE_CLICK_WITHOUT_TLS", allowed);
        let engine = stage.start().await;
        let count = outcomes.rows().await.len();
        message["idempotency_key"] = json!(allowed);
        stage.publisher().await.publish(&message).await;
        outcomes
            .until(|rows| rows.len() == count + 1 && rows.iter().all(|row| row.is("sent", None)))
            .await;
        let text = plain(&sendgrid);
        let (_, url) = text.split_once("stop: ").unwrap();
        let path = url.strip_prefix("http://127.0.0.1:1").unwrap();
        assert_eq!(get(&stage, path).await.status, 200);
        assert_eq!(headers(&sendgrid).is_object(), has_headers);
        engine.stop().await;
    }
    let checked = stage.herald(&["check"]).output().unwrap();
    let words = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(
        words.contains("SendGrid's subscription tracking"),
        "{words}"
    );
}
