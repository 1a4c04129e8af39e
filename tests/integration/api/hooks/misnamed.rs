//! Events that name a notification which they are not about.

use diesel_async::SimpleAsyncConnection;
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::door::{SHOP, ask_as, json_of};
use super::Hooks;
use super::sendgrid::event;
use crate::database::PATIENCE;

const UNKNOWN: &str = r#"{"at": "2026-01-01T00:00:00Z", "step": "attempt", "provider": "mail", "class": "unknown", "elapsed_ms": 5}"#;
const ACCEPTED: &str = r#"{"at": "2026-01-01T00:00:00Z", "step": "attempt", "provider": "other", "class": "accepted", "elapsed_ms": 5}"#;
const HANDED_BACK: &str = r#"{"at": "2026-01-01T00:00:01Z", "step": "replayed", "failed": "provider_refused", "not_by": ["other"]}"#;

fn of(id: Uuid) -> Value {
    json!({ "herald_notification_id": id, "type": "bounce" })
}

impl Hooks {
    /// What is kept: the event, its match, why it is not about what it names, and whether its address is known.
    async fn kept(&self) -> Vec<String> {
        let kept = "SELECT concat_ws(' ', event_id, event, coalesce(matched_by, '-'), coalesce(misnamed, '-'),
                                     coalesce(recipient, '-')) AS text
                    FROM email_logs ORDER BY event_id";
        self.lines(kept).await
    }

    /// What the timeline of a notification says that accounts told.
    async fn reported(&self, key: &str, id: Uuid) -> Vec<String> {
        let path = format!("/v1/notifications/{id}");
        let shown = json_of(&ask_as(&self.stage, key, "GET", &path, "").await);
        let lines = shown["timeline"].as_array().unwrap().iter();
        lines
            .filter_map(|line| line["says"].as_str())
            .filter(|says| says.contains(" reported "))
            .map(str::to_owned)
            .collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_says_nothing_of_a_notification_that_it_never_had() {
    let hooks = Hooks::open().await;
    let webhook = format!(
        "[[webhooks]]\ntenant_id = \"{SHOP}\"\nname = \"desk\"\nurl = \"https://hooks.example.com/\"\n\
         secret = \"whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\"\nevents = [\"*\"]\n"
    );
    hooks.stage.apply(&webhook);
    let (shop, operator) = (
        hooks.key("notifications:read", Some(SHOP)),
        hooks.key("provider-events:read", None),
    );
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "category = 'news'").await;
    let unsure = hooks
        .sent(
            "mail",
            &format!(
                "status = 'failed', reason = 'retries_exhausted', sent_at = NULL, failed_at = now(),
                 attempts = '[{UNKNOWN}]'"
            ),
        )
        .await;
    let batch = [
        event("bounce", "1", of(sent)),
        event("delivered", "2", of(unsure)),
        event("group_unsubscribe", "3", of(sent)),
        event("spamreport", "4", of(sent)),
    ];
    assert_eq!(hooks.tell_as("other", &batch).await, 204);
    assert_eq!(hooks.tell_as("other", &batch).await, 204, "the same again");
    let nobodys = [
        "1 bounce - other_account -",
        "2 delivered - other_account -",
        "3 unsubscribe - other_account -",
        "4 complaint - other_account -",
    ];
    assert_eq!(hooks.kept().await, nobodys);
    assert!(hooks.suppressed().await.is_empty());
    let rows = "SELECT status || ' ' || jsonb_array_length(attempts) AS text FROM notifications ORDER BY id";
    assert_eq!(hooks.lines(rows).await, ["sent 0", "failed 1"]);
    let told = "SELECT event_type AS text FROM webhook_deliveries";
    assert!(hooks.lines(told).await.is_empty());
    assert!(hooks.reported(&shop, sent).await.is_empty());
    let list = "/v1/provider-events?provider=other&event=bounce";
    let listed = json_of(&ask_as(&hooks.stage, &operator, "GET", list, "").await);
    assert_eq!(listed["data"][0]["misnamed"], "other_account");

    // Where it has sent something itself, it is about that.
    let theirs = hooks.sent("other", "").await;
    assert_eq!(
        hooks
            .tell_as("other", &[event("delivered", "5", of(sent))])
            .await,
        204
    );
    assert_eq!(
        hooks.kept().await[4],
        "5 delivered address other_account ana@example.com"
    );
    assert!(hooks.reported(&shop, sent).await.is_empty());
    assert_eq!(
        hooks.reported(&shop, theirs).await,
        [
            "other reported that it has arrived; matched by address to the last that was sent there; it names another \
          notification, which this account never had."
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_earlier_account_tells_late_of_what_it_was_asked_for_counts() {
    let hooks = Hooks::open().await;
    let shop = hooks.key("notifications:read", Some(SHOP));
    let _engine = hooks.stage.start().await;
    let failed_over = format!("attempts = '[{ACCEPTED}, {HANDED_BACK}]'");
    let sent = hooks.sent("mail", &failed_over).await;
    let batch = [
        event("delivered", "1", of(sent)),
        event("bounce", "2", of(sent)),
    ];
    assert_eq!(hooks.tell_as("other", &batch).await, 204);
    assert_eq!(
        hooks.kept().await,
        [
            "1 delivered id - ana@example.com",
            "2 bounce id - ana@example.com"
        ]
    );
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com hard_bounce - t 1"]
    );
    assert_eq!(
        hooks.reported(&shop, sent).await[0],
        "other reported that it has arrived."
    );
    let rows = "SELECT status || ' ' || provider AS text FROM notifications";
    assert_eq!(hooks.lines(rows).await, ["sent mail"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_of_another_address_is_about_whom_that_is() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("mail", "").await;
    let friends = hooks
        .sent(
            "mail",
            "recipient = 'friend@example.com', payload = payload || '{\"to\": \"friend@example.com\"}'",
        )
        .await;
    let to = |kind: &str, id: &str, email: &str| {
        let mut event = event(kind, id, of(sent));
        event["email"] = json!(email);
        event
    };
    let batch = [
        to("bounce", "1", "ana+news@example.com"),
        to("spamreport", "2", "other@example.com"),
        to("delivered", "3", "Ana B. <Ana@EXAMPLE.com>"),
        to("delivered", "4", "friend@example.com"),
        // Whom it is about cannot be read: the id says it.
        to("open", "5", "no address"),
    ];
    assert_eq!(hooks.tell(&batch).await, 204);
    assert_eq!(
        hooks.kept().await,
        [
            "1 bounce - other_address -",
            "2 complaint - other_address -",
            "3 delivered id - ana@example.com",
            "4 delivered address other_address friend@example.com",
            "5 open id - ana@example.com",
        ]
    );
    assert!(hooks.suppressed().await.is_empty());
    let matched =
        format!("SELECT event_id AS text FROM email_logs WHERE notification_id = '{friends}'");
    assert_eq!(hooks.lines(&matched).await, ["4"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_whose_calls_have_one_key_speak_for_each_other() {
    let hooks = Hooks::open().await;
    let account = |name: &str| {
        format!(
            "[[providers]]\nname = \"{name}\"\nkind = \"sendgrid\"\nchannel = \"email\"\napi_key = \"SG.2\"\n\
             [providers.config]\nbase_url = \"http://127.0.0.1:1\"\nfrom = \"hi@example.com\"\n\
             event_public_key = \"{}\"\n",
            hooks.sendgrid.public().unwrap()
        )
    };
    hooks.stage.apply(&(account("twin") + &account("renamed")));
    let gone = "UPDATE provider_configs SET deleted_at = now(), is_active = false WHERE provider_name = 'renamed'
                RETURNING provider_name AS text";
    assert_eq!(hooks.lines(gone).await, ["renamed"]);
    let _engine = hooks.stage.start().await;
    for (id, by) in [("1", "twin"), ("2", "renamed")] {
        let sent = hooks.sent(by, "").await;
        assert_eq!(hooks.tell(&[event("bounce", id, of(sent))]).await, 204);
    }
    assert_eq!(
        hooks.kept().await,
        [
            "1 bounce id - ana@example.com",
            "2 bounce id - ana@example.com"
        ]
    );
    assert_eq!(
        hooks.suppressed().await,
        ["email ana@example.com hard_bounce - t 1"]
    );
    // What it tells is of the account that was asked.
    let asked = UNKNOWN.replace("mail", "twin");
    let lost = format!(
        "status = 'pending', reason = 'retry', sent_at = NULL, due_at = now() + interval '1 day', attempts = '[{asked}]'"
    );
    let lost = hooks.sent("twin", &lost).await;
    assert_eq!(hooks.tell(&[event("processed", "3", of(lost))]).await, 204);
    let settled = format!(
        "SELECT concat_ws(' ', status, provider, attempts -> -1 ->> 'provider') AS text FROM notifications
         WHERE id = '{lost}'"
    );
    assert_eq!(hooks.lines(&settled).await, ["sent twin twin"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_texts_number_is_known_however_the_provider_writes_it() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("texts", "provider_message_id = 'SM1'").await;
    let query = format!("?notification_id={sent}");
    let told = async |sid: &str, status: &str, to: &str, error: &str| {
        let form = [
            ("MessageSid", sid),
            ("MessageStatus", status),
            ("To", to),
            ("ErrorCode", error),
        ];
        assert_eq!(hooks.call(&query, &form).await, 204);
    };
    // Its own id says that it is this text, though the provider has another form of the number.
    told("SM1", "delivered", "+4915112345699", "").await;
    told("SM1", "sent", "whatsapp:+4915112345678", "").await;
    told("SM2", "sent", "+49 151 1234-5678", "").await;
    told("SM3", "undelivered", "+4915112345699", "21610").await;
    assert_eq!(
        hooks.kept().await,
        [
            "SM1:delivered delivered id - +4915112345678",
            "SM1:sent processed id - +4915112345678",
            "SM2:sent processed id - +4915112345678",
            "SM3:undelivered undelivered - other_address -",
        ]
    );
    assert!(hooks.suppressed().await.is_empty());
}

/// Whose it is, is known once its outcome is stored.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_tells_of_what_another_has_in_hand_waits_and_is_not_heard() {
    let hooks = Hooks::open().await;
    let _engine = hooks.stage.start().await;
    let in_hand = "status = 'pending', sent_at = NULL, provider = NULL, recipient = NULL,
                   due_at = now() + interval '1 day', owner = (SELECT max(run_id) FROM engine_nodes)";
    let sent = hooks.sent("mail", in_hand).await;
    assert_eq!(
        hooks
            .tell_as("other", &[event("bounce", "1", of(sent))])
            .await,
        204
    );
    assert_eq!(hooks.tell(&[event("delivered", "2", of(sent))]).await, 204);
    assert!(hooks.suppressed().await.is_empty());
    let settle = format!(
        "UPDATE notifications SET owner = NULL, status = 'sent', sent_at = now(), provider = 'mail', due_at = NULL,
             recipient = 'ana@example.com'
         WHERE id = '{sent}' RETURNING 'settled' AS text"
    );
    assert_eq!(hooks.lines(&settle).await, ["settled"]);
    let judged = [
        "1 bounce - other_account -",
        "2 delivered id - ana@example.com",
    ];
    let mut owner = hooks.stage.database.owner().await;
    let path = "SET search_path TO notification_schema";
    owner.batch_execute(path).await.unwrap();
    let seen = async {
        let waiting = "SELECT count(*)::text AS text FROM email_logs
                       WHERE tenant_id IS NULL AND notification_id IS NOT NULL";
        while crate::database::lines(&mut owner, waiting).await != ["0"] {}
    };
    tokio::time::timeout(PATIENCE, seen).await.unwrap();
    assert_eq!(hooks.kept().await, judged);
    assert!(hooks.suppressed().await.is_empty());
}
