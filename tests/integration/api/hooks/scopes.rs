//! What is said reaches those whom it is said to, as far as it is meant, and no further.

use diesel_async::SimpleAsyncConnection;
use herald::domain::Channel;
use herald::runtime::clock;
use herald::store::suppressions;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::door::{OTHER, SHOP, ask_as, json_of};
use super::{ANA, Hooks};

fn event(kind: &str, id: &str, more: Value) -> Value {
    let mut event = json!({
        "event": kind, "sg_event_id": id, "email": "ana@example.com", "timestamp": clock::now().as_second(),
    });
    for (name, value) in more.as_object().unwrap() {
        event[name] = value.clone();
    }
    event
}

fn of(id: Uuid) -> Value {
    json!({ "herald_notification_id": id })
}

impl Hooks {
    async fn execute(&self, sql: &str) {
        let mut owner = self.stage.database.owner().await;
        let sql = format!("SET search_path TO notification_schema; {sql}");
        owner.batch_execute(&sql).await.unwrap();
    }

    /// One that named its address itself.
    async fn sent_to(&self, provider: &str, address: &str, columns: &str) -> Uuid {
        let to = format!(
            "recipient = '{address}', payload = payload || '{{\"to\": \"{address}\"}}'{columns}"
        );
        self.sent(provider, &to).await
    }

    /// Another tenant knows Ana, too.
    async fn known_to_other(&self) {
        let sql = format!(
            "INSERT INTO users (id, tenant_id, email) VALUES (gen_random_uuid(), '{OTHER}', 'ana@example.com')"
        );
        self.execute(&sql).await;
    }

    async fn holds(&self, category: &str) -> bool {
        let pool = self.stage.database.pool().await;
        let connection = pool.get().await.unwrap();
        let asked = [(
            SHOP.parse().unwrap(),
            Channel::Email,
            "ana@example.com".to_owned(),
            Some(category.to_owned()),
        )];
        let found = suppressions::among(&connection, &asked).await.unwrap();
        !found.known.is_empty()
    }

    async fn answered(&self, from: &str, sid: &str, text: &str) {
        let form = [
            ("MessageSid", sid),
            ("SmsStatus", "received"),
            ("From", from),
            ("Body", text),
        ];
        assert_eq!(self.call("", &form).await, 204);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ends_nothing_begins_nothing_again_and_a_guess_leaves_categories_alone() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let news = hooks.sent("mail", "category = 'news'").await;
    let offers = hooks.sent("mail", "category = 'offers'").await;
    let reset = hooks.sent("mail", "category = 'security'").await;
    let now = clock::now().as_second();
    let ended = |id: &str, of: Value| {
        let mut event = event("group_unsubscribe", id, of);
        event["timestamp"] = json!(now - 100);
        event
    };
    let batch = [
        ended("1", of(news)),
        ended("2", of(offers)),
        ended("3", json!({})),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    let categories = [
        "email ana@example.com unsubscribe news f 1",
        "email ana@example.com unsubscribe offers f 1",
    ];
    let all = [
        "email ana@example.com unsubscribe - f 1",
        categories[0],
        categories[1],
    ];
    assert_eq!(hooks.suppressed().await, all);
    // What nobody may switch off comes all the same.
    assert!(!hooks.holds("security").await);
    assert!(hooks.holds("bills").await);
    assert_eq!(
        hooks
            .tell(&[event("group_resubscribe", "4", of(reset))])
            .await,
        204
    );
    assert_eq!(
        hooks.suppressed().await,
        all,
        "they never ended what they want"
    );
    // Nor does that outdo what is told late.
    hooks.execute("DELETE FROM suppressions").await;
    assert_eq!(hooks.tell(&[ended("5", json!({}))]).await, 204);
    assert_eq!(hooks.suppressed().await, all[..1]);
    assert_eq!(
        hooks
            .tell(&[ended("6", of(news)), ended("7", of(offers))])
            .await,
        204
    );
    assert_eq!(
        hooks
            .tell(&[event("group_resubscribe", "8", json!({}))])
            .await,
        204
    );
    assert_eq!(hooks.suppressed().await, categories);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_written_to_by_a_notifications_own_address_is_heard_by_its_tenant() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    hooks.sent_to("texts", "+4917700000001", "").await;
    hooks.answered("+4917700000001", "SM1", "STOP").await;
    assert_eq!(hooks.suppressed().await, ["sms +4917700000001 stop - f 1"]);
    hooks
        .sent_to(
            "mail",
            "friend@example.com",
            ", provider_message_id = 'abc.def'",
        )
        .await;
    hooks.sent_to("mail", "friend@example.com", "").await;
    let complaint = json!({ "email": "friend@example.com" });
    let by_message = json!({ "email": "friend@example.com", "sg_message_id": "abc.def.filter1" });
    let batch = [
        event("open", "1", by_message),
        event("spamreport", "2", complaint),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    assert_eq!(
        hooks.suppressed().await,
        [
            "email friend@example.com complaint - f 1",
            "sms +4917700000001 stop - f 1"
        ]
    );
    let matched = "SELECT event || ' ' || matched_by AS text FROM email_logs WHERE event <> 'unsubscribe' ORDER BY 1";
    assert_eq!(
        hooks.lines(matched).await,
        ["complaint address", "open message_id"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stop_and_an_operators_entry_stand_side_by_side() {
    let hooks = Hooks::open().await;
    let key = hooks.key("suppressions:read,suppressions:write", Some(SHOP));
    let _engine = hooks.stage.start().await;
    hooks.sent("texts", "").await;
    hooks
        .execute("DELETE FROM users WHERE email = 'other@example.com'")
        .await;
    let number = "+4915112345678";
    let entry =
        json!({ "channel": "sms", "address": number, "expires_at": "2099-01-01T00:00:00Z" });
    let put = ask_as(
        &hooks.stage,
        &key,
        "POST",
        "/v1/suppressions",
        &entry.to_string(),
    )
    .await;
    assert_eq!(put.status, 201);
    let (manual, stop) = (
        "sms +4915112345678 manual - t 1",
        "sms +4915112345678 stop - f 1",
    );
    hooks.answered(number, "SM1", "STOP").await;
    assert_eq!(hooks.suppressed().await, [manual, stop]);
    hooks.answered(number, "SM2", "START").await;
    assert_eq!(hooks.suppressed().await, [manual], "it is the operator's");
    hooks.answered(number, "SM3", "STOP").await;
    let place = format!("/v1/suppressions/{}", json_of(&put)["id"].as_str().unwrap());
    let lifted = ask_as(&hooks.stage, &key, "DELETE", &place, "").await;
    assert_eq!(lifted.status, 204);
    assert_eq!(hooks.suppressed().await, [stop], "it is the person's");
    let list = ask_as(&hooks.stage, &key, "GET", "/v1/suppressions", "").await;
    let told = &json_of(&list)["data"][0]["told_by"];
    assert_eq!(
        (&told["provider"], &told["event"]),
        (&json!("texts"), &json!("unsubscribe"))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guess_is_heard_by_all_who_write_there_and_told_as_a_guess() {
    let hooks = Hooks::open().await;
    hooks.known_to_other().await;
    let webhook = format!(
        "[[webhooks]]\ntenant_id = \"{SHOP}\"\nname = \"desk\"\nurl = \"https://hooks.example.com/\"\n\
         secret = \"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\nevents = [\"notification.complained\"]\n"
    );
    hooks.stage.apply(&webhook);
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "").await;
    assert_eq!(
        hooks.tell(&[event("spamreport", "1", json!({}))]).await,
        204
    );
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com complaint - f 2"]
    );
    hooks.execute("DELETE FROM suppressions").await;
    assert_eq!(hooks.tell(&[event("spamreport", "2", of(sent))]).await, 204);
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com complaint - f 1"],
        "this one was said to one of them"
    );
    let told = "SELECT payload::jsonb #>> '{data,provider_event,matched_by}' AS text FROM webhook_deliveries ORDER BY 1";
    assert_eq!(hooks.lines(told).await, ["address", "id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn soft_bounces_count_for_their_tenant_since_something_arrived() {
    let hooks = Hooks::open().await;
    hooks.known_to_other().await;
    let _engine = hooks.stage.start().await;
    let now = clock::now().as_second();
    let told = |kind: &str, id: String, sent: Uuid, ago: i64| {
        let mut full = event(kind, &id, of(sent));
        full["type"] = json!("bounce");
        full["status"] = json!("5.2.2");
        full["timestamp"] = json!(now - ago);
        full
    };
    let full =
        |number: i64, sent: Uuid, ago: i64| told("bounce", format!("full-{number}"), sent, ago);
    let theirs = hooks.sent("mail", "").await;
    let of_other = hooks
        .sent("mail", &format!("tenant_id = '{OTHER}', user_id = (SELECT id FROM users WHERE email = 'ana@example.com' AND tenant_id = '{OTHER}')"))
        .await;
    let batch: Vec<Value> = (1..5).map(|it| full(it, theirs, 900 - it)).collect();
    assert_eq!(hooks.tell(&batch).await, 204);
    assert_eq!(hooks.tell(&[full(10, of_other, 800)]).await, 204);
    let again: Vec<Value> = (30..36).map(|it| full(it, theirs, 899)).collect();
    assert_eq!(hooks.tell(&again).await, 204);
    assert!(
        hooks.suppressed().await.is_empty(),
        "four and one, and one of them told again under other ids"
    );
    // It came back once more; but another one arrived meanwhile.
    let arrived = hooks.sent("mail", "").await;
    let delivered = told("delivered", "arrived".to_owned(), arrived, 700);
    assert_eq!(hooks.tell(&[delivered, full(11, theirs, 600)]).await, 204);
    assert!(hooks.suppressed().await.is_empty());
    let batch: Vec<Value> = (12..16).map(|it| full(it, theirs, 500 - it)).collect();
    assert_eq!(hooks.tell(&batch).await, 204);
    let dead = ["email ana@example.com hard_bounce - t 1"];
    assert_eq!(hooks.suppressed().await, dead);
    // When that has ended it is counted anew.
    hooks
        .execute("UPDATE suppressions SET ends_at = now() - interval '1 second'")
        .await;
    assert_eq!(hooks.tell(&[full(20, theirs, 0)]).await, 204);
    assert_eq!(hooks.suppressed().await, dead, "one says nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_nobody_is_heard_by_who_writes_to_its_address_and_then_forgotten() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let another = event("spamreport", "1", of(Uuid::now_v7()));
    let gone = event(
        "delivered",
        "2",
        json!({ "email": "erased@example.com", "notification_id": ANA }),
    );
    assert_eq!(hooks.tell(&[another, gone]).await, 204);
    assert_eq!(hooks.events().await, ["complaint id t", "delivered - f"]);
    hooks.let_go().await;
    assert!(hooks.suppressed().await.is_empty(), "it may come yet");
    hooks
        .execute("UPDATE email_logs SET created_at = now() - interval '2 hours'")
        .await;
    hooks.let_go().await;
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com complaint - f 1"]
    );
    let known = "SELECT concat_ws(' ', event, recipient, notification_id, left(raw::text, 1)) AS text FROM email_logs
                 ORDER BY event";
    assert_eq!(
        hooks.lines(known).await,
        ["complaint", "delivered erased@example.com {"],
        "an operator has a day to look"
    );
    hooks
        .execute("UPDATE email_logs SET created_at = now() - interval '25 hours'")
        .await;
    hooks.let_go().await;
    assert_eq!(hooks.lines(known).await, ["complaint", "delivered"]);
}
