//! The way of a ticket from who asks to who is told: real servers, and the workflows that come ready.

use herald::runtime::clock;
use loadtest::events::SendgridKey;
use loadtest::harness::http;
use loadtest::provider::Provider;
use loadtest::simulator::Simulator;
use serde_json::{Value, json};

use crate::api::door::{ask_as, json_of, key};
use crate::outcomes::Outcomes;
use crate::stage::{ANA, Stage, account, ana};

const AGENT: &str = "0190c1a0-0000-7000-8000-00000000d0a1";
const LEAD: &str = "0190c1a0-0000-7000-8000-00000000d0a2";
const SECRET: &str = "between us: they are rude";

/// What whoever hands mails over knows.
const HOOK: &str = "0123456789abcdef0123456789abcdef";

/// Where the mails that were sent say that answers go.
fn reply_to(sendgrid: &Simulator) -> String {
    let address = |body: &[u8]| {
        let mail: Value = serde_json::from_slice(body).ok()?;
        Some(mail["reply_to"]["email"].as_str()?.to_owned())
    };
    let requests = sendgrid.requests();
    let told = requests.iter().find_map(|request| address(&request.body));
    told.unwrap()
}

/// An answer of Ana's by mail, as SendGrid hands it over.
fn answer_to(address: &str, text: &str) -> String {
    let headers = format!(
        "From: Ana <ana@example.com>\r\nTo: <{address}>\r\nSubject: Re: Help\r\nMessage-ID: <1@example.com>"
    );
    let envelope = json!({ "to": [address], "from": "ana@example.com" }).to_string();
    let mut form = String::new();
    for (name, value) in [
        ("headers", headers.as_str()),
        ("envelope", &envelope),
        ("text", text),
    ] {
        form.push_str(&format!(
            "--xYz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    form + "--xYz--\r\n"
}

/// Hands a mail over under a signature; the status of what is said to it.
async fn hand(stage: &Stage, form: &str, signature: &[String]) -> u16 {
    let mut headers = vec!["Content-Type: multipart/form-data; boundary=xYz"];
    headers.extend(signature.iter().map(String::as_str));
    let url = stage.url(&format!("/hooks/mail/sendgrid/{HOOK}"));
    let handed = http::request("POST", &url, &headers, form.as_bytes()).await;
    handed.unwrap().status
}

struct Told {
    stage: Stage,
    key: String,
}

impl Told {
    async fn good(&self, key: &str, method: &str, path: &str, body: Value) -> Value {
        let body = match body {
            Value::Null => String::new(),
            body => body.to_string(),
        };
        let answer = ask_as(&self.stage, key, method, path, &body).await;
        assert!(answer.status < 300, "{method} {path}: {}", answer.text());
        match answer.body.is_empty() {
            true => Value::Null,
            false => json_of(&answer),
        }
    }

    /// What somebody was sent by a channel, the eldest first: title or subject, and body.
    async fn to(&self, who: &str, channel: &str) -> Vec<String> {
        let path = format!("/v1/notifications?user_id={who}&channel={channel}&status=sent");
        let sent = self.good(&self.key, "GET", &path, Value::Null).await;
        let mut told = vec![];
        for row in sent["data"].as_array().unwrap().iter().rev() {
            let path = format!("/v1/notifications/{}/content", row["id"].as_str().unwrap());
            let content = self.good(&self.key, "GET", &path, Value::Null).await;
            let of = |name: &str| {
                content["content"][name]
                    .as_str()
                    .unwrap_or_default()
                    .trim()
                    .to_owned()
            };
            told.push(format!("{}{}|{}", of("title"), of("subject"), of("body")));
            assert_eq!(row["source"]["type"], "ticket", "{row:#}");
        }
        told
    }
}

fn sent(who: &str, channel: &str) -> String {
    format!(
        "SELECT count(*) FROM notifications WHERE user_id = '{who}' AND message_type = '{channel}' AND status = 'sent'"
    )
}

/// The hour strikes for whatever waits.
async fn strike(outcomes: &mut Outcomes) {
    let now = "UPDATE workflow_runs SET due_at = now() WHERE status = 'waiting' AND due_at > now();
               UPDATE digests SET closes_at = now() WHERE closed_at IS NULL AND closes_at > now()";
    outcomes.execute(now).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_requester_is_told_by_mail_then_in_the_app_and_by_mail_again_only_of_what_they_have_not_seen()
 {
    let mut stage = Stage::with_lanes("email.normal,email.low,in_app.normal").await;
    let carrier = SendgridKey::generate().unwrap();
    for (name, value) in [
        ("DOMAIN", "desk.example.com"),
        ("REPLY_KEYS", "first-key-of-replies-0123456789abcdef"),
        ("HOOK_SECRET", HOOK),
        ("HOOK_PUBLIC_KEY", &carrier.public().unwrap()),
    ] {
        stage.set(&format!("HERALD__TICKETS__MAIL__{name}"), value);
    }
    let sendgrid = stage.simulator(Provider::SendGrid);
    let staff = format!(
        "[[users]]\nid = \"{AGENT}\"\nusername = \"ada\"\n[[users]]\nid = \"{LEAD}\"\nusername = \"lea\"\n"
    );
    stage.apply(&format!("{}{staff}{}", ana(), account(&sendgrid)));
    stage.apply(include_str!("../../../config/tickets.toml"));
    let admin = key(&stage, "admin", None);
    let mut outcomes = stage.outcomes().await;
    let _engine = stage.start().await;
    let told = Told { stage, key: admin };
    let good = async |method: &str, path: &str, body: Value| {
        told.good(&told.key, method, path, body).await
    };
    good(
        "PUT",
        &format!("/v1/staff/{AGENT}"),
        json!({ "name": "Ada" }),
    )
    .await;
    let rules = json!({ "name": "fire", "staff": [{ "id": AGENT }] });
    good("POST", "/v1/ticket-categories", rules).await;

    // Created: the requester is told by mail, the agent in the app.
    let asked = json!({ "subject": "Help", "description": "It burns.", "requester_id": ANA, "category": "fire" });
    let ticket = good("POST", "/v1/tickets", asked).await;
    let place = format!("/v1/tickets/{}", ticket["id"].as_str().unwrap());
    let comments = format!("{place}/comments");
    let says = |author: &str, text: &str| json!({ "author_id": author, "comment": text });
    outcomes.until_count(&sent(ANA, "email"), 1).await;
    outcomes.until_count(&sent(AGENT, "in_app"), 1).await;
    assert!(told.to(ANA, "email").await[0].starts_with("We received your ticket #1: Help|"));
    assert!(told.to(AGENT, "in_app").await[0].starts_with("Ticket #1 is yours|"));

    // An internal comment: the agent alone.
    let mut note = says(LEAD, SECRET);
    note["internal"] = json!(true);
    good("POST", &comments, note).await;
    outcomes.until_count(&sent(AGENT, "in_app"), 2).await;

    // Answered and seen: in the app at once, and no mail.
    good("POST", &comments, says(AGENT, "First answer.")).await;
    outcomes.until_count(&sent(ANA, "in_app"), 1).await;
    let waits = "SELECT count(*) FROM workflow_runs WHERE workflow = 'ticket-replied' AND status = 'waiting'
                 AND due_at > now()";
    outcomes.until_count(waits, 1).await;
    let token = good("POST", &format!("/v1/users/{ANA}/token"), json!({})).await;
    let token = token["token"].as_str().unwrap();
    let seen = "/v1/inbox/seen-all?until=2100-01-01T00:00:00Z";
    told.good(token, "POST", seen, Value::Null).await;
    strike(&mut outcomes).await;
    let reached = "SELECT count(*) FROM workflow_runs WHERE reason = 'reached'";
    outcomes.until_count(reached, 1).await;

    // Answered twice and not seen: one mail of both.
    for (many, text) in [(2, "Second answer."), (3, "Third answer.")] {
        good("POST", &comments, says(AGENT, text)).await;
        outcomes.until_count(&sent(ANA, "in_app"), many).await;
    }
    outcomes.until_count(waits, 2).await;
    strike(&mut outcomes).await;
    let gathered = "SELECT count(*) FROM digest_items";
    outcomes.until_count(gathered, 2).await;
    strike(&mut outcomes).await;
    outcomes.until_count(&sent(ANA, "email"), 2).await;
    let mails = told.to(ANA, "email").await;
    assert!(
        mails[1].starts_with("New responses on ticket #1: Help|There are 2 new responses"),
        "{mails:?}"
    );
    assert!(mails[1].contains("Second answer.") && mails[1].contains("Third answer."));
    assert!(!mails[1].contains("First answer."), "it was seen");

    // The requester answers the mail, which says where answers go; nobody but the carrier may hand that over. The agent is
    // told of it, and was never told of their own deeds.
    let form = answer_to(&reply_to(&sendgrid), "Thank you.");
    let now = clock::now().as_second();
    let signed = carrier.headers(now, form.as_bytes()).unwrap();
    let other = form.replace("Thank", "I love");
    assert_eq!(hand(&told.stage, &form, &[]).await, 403, "unsigned");
    assert_eq!(hand(&told.stage, &other, &signed[1..]).await, 403, "bent");
    assert_eq!(hand(&told.stage, &form, &signed[1..]).await, 204);
    let page = good("GET", &comments, Value::Null).await;
    let last = page["data"].as_array().unwrap().last().unwrap();
    assert_eq!(
        (&last["author_id"], &last["comment"]),
        (&json!(ANA), &json!("Thank you."))
    );
    outcomes.until_count(&sent(AGENT, "in_app"), 3).await;
    let waiting = "SELECT count(*) FROM workflow_runs WHERE status = 'waiting'";
    outcomes.until_count(waiting, 0).await;
    let titles: Vec<String> = told.to(AGENT, "in_app").await;
    let titles: Vec<&str> = titles
        .iter()
        .map(|it| it.split('|').next().unwrap())
        .collect();
    assert_eq!(
        titles,
        [
            "Ticket #1 is yours",
            "An internal comment on ticket #1",
            "A new response on ticket #1"
        ]
    );
    // By no way has the internal comment come to the requester.
    let all = "SELECT count(*) FROM notifications WHERE message_type IN ('email', 'in_app')";
    assert_eq!(outcomes.count(all).await, 8);
    for channel in ["email", "in_app"] {
        let sent = told.to(ANA, channel).await.concat();
        assert!(
            !sent.contains(SECRET) && !sent.contains("internal"),
            "{sent}"
        );
    }

    // What belongs to nobody is told to who leads.
    let lead = json!({ "name": "Lea", "role": "lead", "level": 2 });
    good("PUT", &format!("/v1/staff/{LEAD}"), lead).await;
    let asked = json!({ "subject": "Whose?", "description": "Nobody's.", "requester_id": ANA });
    good("POST", "/v1/tickets", asked).await;
    outcomes.until_count(&sent(LEAD, "in_app"), 1).await;
    assert!(told.to(LEAD, "in_app").await[0].starts_with("Ticket #2 belongs to nobody|"));
}
