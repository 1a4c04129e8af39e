//! The desks: each shows what it is about, and changes it by the desk of the API, with a line in the audit log.

use diesel_async::SimpleAsyncConnection;
use serde_json::json;

use super::browser::{Browser, header};
use crate::api::door::{SHOP, ask_as, key, stage};
use crate::database::lines;
use crate::stage::{ANA, Stage, envelope_with};

/// Who did what to what, the eldest first, without signing in.
async fn audited(stage: &Stage) -> Vec<String> {
    let query =
        "SELECT a.action || ' ' || a.resource_type AS text FROM notification_schema.audit_logs a
         JOIN notification_schema.api_keys k ON k.id::text = a.actor
         WHERE a.resource_type <> 'console' ORDER BY a.created_at";
    lines(&mut stage.database.owner().await, query).await
}

/// The first link in a page that begins so.
fn link<'a>(page: &'a str, beginning: &str) -> &'a str {
    let found = page.split("href=\"").find(|it| it.starts_with(beginning));
    let found = found.unwrap_or_else(|| panic!("no link to {beginning}: {page}"));
    found.split('"').next().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn rejected_messages_are_read_without_taking_them_out_and_published_again() {
    let stage = stage().await;
    let operator = key(&stage, "operator", None);
    let sees = key(&stage, "operator,contents:read", None);
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    let unknown = envelope_with(
        "email",
        json!({ "user_id": ANA, "idempotency_key": "mended" }),
    );
    publisher.publish(&unknown).await;
    publisher.publish_raw(b"no json \xff", "email.normal").await;
    let browser = Browser::signed_in(&stage, &operator).await;
    let path = "/console/rejected";
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while !browser.page(path).await.contains("Rejected messages (2)") {}
    });
    waited.await.unwrap();
    // They are there however often somebody looks.
    let page = browser.page(path).await;
    assert!(
        page.contains("unknown_user") && page.contains("malformed_json"),
        "{page}"
    );
    let rows: Vec<&str> = page.split("<tr>").collect();
    let row = rows
        .iter()
        .find(|row| row.contains("unknown_user"))
        .unwrap();
    let one = link(row, "/console/rejected/").to_owned();
    let page = browser.page(&one).await;
    assert!(
        page.contains("email.normal") && page.contains("masked"),
        "{page}"
    );
    assert!(!page.contains(ANA), "what it says is masked: {page}");
    let reveal = format!("{one}/reveal");
    assert_eq!(browser.post(&reveal, &[]).await.status, 403);
    let seeing = Browser::signed_in(&stage, &sees).await;
    let shown = seeing.post(&reveal, &[]).await;
    assert!(
        shown.status == 200 && shown.text().contains(ANA),
        "{}",
        shown.text()
    );
    // Still unknown: it comes back. Then somebody mends it, and it is a notification.
    let replay = format!("{one}/replay");
    let replayed = browser.post(&replay, &[]).await;
    assert_eq!(
        header(&replayed, "location"),
        "/console/rejected?done=replayed"
    );
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while browser.get(&one).await.status != 200 {}
    });
    waited.await.unwrap();
    stage.apply(&crate::stage::ana());
    assert_eq!(browser.post(&replay, &[]).await.status, 303);
    let mut outcomes = stage.outcomes().await;
    outcomes
        .until_count("SELECT count(*) FROM notifications", 1)
        .await;
    assert_eq!(browser.get(&one).await.status, 404);
    assert!(browser.page(path).await.contains("Rejected messages (1)"));
    let deeds = [
        "show rejected_message",
        "replay rejected_message",
        "replay rejected_message",
    ];
    assert_eq!(audited(&stage).await, deeds);
    // Of a tenant's key nothing of it is seen.
    let shop = Browser::signed_in(&stage, &key(&stage, "admin", Some(SHOP))).await;
    for path in [path, &one] {
        assert_eq!(shop.get(path).await.status, 403);
    }
    assert!(!shop.page("/console").await.contains("/console/rejected"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_template_is_shown_with_its_versions_filled_by_language_and_compared() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let viewer = key(&stage, "viewer", Some(SHOP));
    let _engine = stage.start().await;
    let path = "/v1/templates/order";
    for (locale, subject, body) in [
        ("en", "Order {{ order }}", "Hello\nit is sent"),
        ("de", "Bestellung {{ order }}", "Hallo"),
        ("en", "Order {{ order }}", "Hello\nit is on its way"),
    ] {
        let texts = json!({
            "channel": "email", "locale": locale, "subject": subject, "body": body,
            "variables": ["order"],
        });
        let saved = ask_as(&stage, &admin, "PUT", path, &texts.to_string()).await;
        assert!(saved.status < 300, "{}", saved.text());
        let publish = format!("{path}/publish");
        let published = ask_as(&stage, &admin, "POST", &publish, "{}").await;
        assert_eq!(published.status, 200, "{}", published.text());
    }
    let browser = Browser::signed_in(&stage, &viewer).await;
    let list = browser.page("/console/templates").await;
    let one = "/console/templates/order";
    assert!(link(&list, one).starts_with(one), "{list}");
    let page = browser.page(one).await;
    assert!(page.contains("<summary>email, de: version 1"), "{page}");
    assert!(
        page.contains("it is on its way") && page.contains("in use</span>"),
        "{page}"
    );
    let fill = async |fields: &[(&str, &str)]| {
        let answer = browser.post(one, fields).await;
        (answer.status, answer.text())
    };
    let variables = ("variables", "{\"order\": \"A-17\"}");
    let (status, page) = fill(&[("locale", "de-AT"), variables]).await;
    assert_eq!(status, 200, "{page}");
    assert!(
        page.contains("<pre>Bestellung A-17</pre>") && page.contains("version 1 in de"),
        "{page}"
    );
    let versions = [
        ("channel", "email"),
        ("locale", "en"),
        ("text", "1"),
        ("beside", "2"),
        variables,
    ];
    let (status, page) = fill(&versions).await;
    assert_eq!(status, 200, "{page}");
    assert!(page.contains("<span class=\"gone\">- it is sent"), "{page}");
    assert!(
        page.contains("<span class=\"new\">+ it is on its way"),
        "{page}"
    );
    assert!(page.contains("<span class=\"same\">  Hello"), "{page}");
    assert!(
        !page.contains("<h4>Subject</h4>"),
        "it is the same in both: {page}"
    );
    let (status, page) = fill(&[("locale", "en"), ("text", "1")]).await;
    assert!(status == 200 && page.contains("Missing: order"), "{page}");
    let (status, page) = fill(&[("text", "9"), ("locale", "en"), ("variables", "[1]")]).await;
    assert!(
        status == 422 && page.contains("Write a JSON object"),
        "{page}"
    );
    let (status, page) = fill(&[("text", "9"), ("locale", "en"), ("beside", "x")]).await;
    assert!(
        status == 422 && page.contains("Write the number of a version"),
        "{page}"
    );
    let (status, page) = fill(&[("text", "9"), ("locale", "en")]).await;
    assert!(
        status == 422 && page.contains("There is no such version"),
        "{page}"
    );
    assert_eq!(browser.get("/console/templates/nobodys").await.status, 404);
    let after = "/console/templates?after=a%1Fb";
    assert_eq!(browser.get(after).await.status, 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_wants_is_shown_and_changed_by_the_rules_of_the_api() {
    let stage = stage().await;
    stage.apply(&format!(
        "[[categories]]\nname = \"legal\"\nmay_disable = false\ntenant_id = \"{SHOP}\"\n\
         [[categories]]\nname = \"news\"\ntenant_id = \"{SHOP}\"\n"
    ));
    let mut owner = stage.database.owner().await;
    owner
        .batch_execute(&format!(
            "INSERT INTO notification_schema.users (id, tenant_id, email, username, name, timezone)
             VALUES ('{ANA}', '{SHOP}', 'ana@example.com', 'ana', 'Ana', 'Europe/Berlin')"
        ))
        .await
        .unwrap();
    let viewer = key(&stage, "viewer", Some(SHOP));
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let path = format!("/console/people/{ANA}");
    let watcher = Browser::signed_in(&stage, &viewer).await;
    let page = watcher.page(&path).await;
    assert!(
        page.contains("a•••@example.com") && !page.contains("ana@example.com"),
        "{page}"
    );
    assert!(
        !page.contains("/switch\"") && page.contains("required</span>"),
        "{page}"
    );
    for deed in ["switch", "prefer", "reveal"] {
        let refused = watcher
            .post(&format!("{path}/{deed}"), &[("channel", "email")])
            .await;
        assert_eq!(refused.status, 403, "{deed}");
    }
    let browser = Browser::signed_in(&stage, &admin).await;
    let post = async |deed: &str, fields: &[(&str, &str)]| {
        let answer = browser.post(&format!("{path}/{deed}"), fields).await;
        (answer.status, answer.text())
    };
    let shown = post("reveal", &[]).await;
    assert!(
        shown.0 == 200 && shown.1.contains("ana@example.com"),
        "{}",
        shown.1
    );
    let off = [
        ("channel", "email"),
        ("category", "news"),
        ("enabled", "no"),
    ];
    assert_eq!(post("switch", &off).await.0, 303);
    let page = browser.page(&format!("{path}?done=preferred")).await;
    assert!(
        page.contains("What they want is stored") && page.contains("Switch on news"),
        "{page}"
    );
    let legal = [
        ("channel", "email"),
        ("category", "legal"),
        ("enabled", "no"),
    ];
    let (status, page) = post("switch", &legal).await;
    assert!(
        status == 409 && page.contains("the category is required"),
        "{page}"
    );
    let quiet = [
        ("channel", "email"),
        ("quiet_hours_start", "22:00"),
        ("quiet_hours_end", "07:00"),
        ("quiet_hours_days", "mon, tue"),
        ("frequency_cap", "3"),
    ];
    assert_eq!(post("prefer", &quiet).await.0, 303);
    let page = browser.page(&path).await;
    assert!(
        page.contains("22:00 to 07:00, mon, tue, Europe/Berlin"),
        "{page}"
    );
    let wrong = [
        ("channel", "pigeon"),
        ("frequency_cap", "often"),
        ("quiet_hours_start", "25:00"),
        ("timezone", "Mars/Base"),
    ];
    let (status, page) = post("prefer", &wrong).await;
    assert_eq!(status, 422);
    for field in ["channel", "frequency_cap", "quiet_hours_start", "timezone"] {
        assert!(
            page.contains(&format!("id=\"f-{field}-mistake\"")),
            "{field}: {page}"
        );
    }
    assert!(
        page.contains("value=\"Mars/Base\""),
        "what was typed stays: {page}"
    );
    let deeds = audited(&stage).await;
    assert_eq!(deeds.first().map(String::as_str), Some("show user"));
    assert_eq!(
        deeds.iter().filter(|it| *it == "prefer user").count(),
        2,
        "{deeds:?}"
    );
    assert_eq!(browser.get("/console/people/7").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_tried_switched_and_told_again() {
    let mut stage = stage().await;
    stage.set("HERALD__WEBHOOKS__ALLOWED_NETWORKS", "127.0.0.0/8");
    let receiver = loadtest::receiver::Receiver::start(0).unwrap();
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let body = json!({ "url": receiver.url(), "events": ["*"], "name": "desk" });
    let made = ask_as(&stage, &admin, "POST", "/v1/webhooks", &body.to_string()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let made: serde_json::Value = serde_json::from_slice(&made.body).unwrap();
    receiver.trust(made["secret"].as_str().unwrap());
    let id = made["id"].as_str().unwrap();
    let path = format!("/console/webhooks/{id}");
    let mut owner = stage.database.owner().await;
    // What failed an hour ago: its id is of that time.
    let an_hour_ago = herald::runtime::clock::now().as_millisecond() - 3_600_000;
    let failed = uuid::Uuid::from_u128(
        u128::from(an_hour_ago.unsigned_abs()) << 80 | 0x7000_8000_u128 << 48 | 7,
    );
    owner
        .batch_execute(&format!(
            "INSERT INTO notification_schema.webhook_deliveries (id, tenant_id, webhook_id, event_type, payload,
                 response_status, response_body, attempt_count, created_at, last_attempt_at)
             VALUES ('{failed}', '{SHOP}', '{id}', 'notification.failed', '{{}}',
                 503, 'no room today', 11, now() - interval '1 hour', now() - interval '1 hour')"
        ))
        .await
        .unwrap();
    let browser = Browser::signed_in(&stage, &admin).await;
    assert!(browser.page("/console/webhooks").await.contains(&path));
    let page = browser.page(&path).await;
    assert!(
        page.contains("no room today") && page.contains("503"),
        "{page}"
    );
    let none = browser.page(&format!("{path}?standing=delivered")).await;
    assert!(!none.contains("no room today"), "{none}");
    let post = async |deed: &str, fields: &[(&str, &str)]| {
        let answer = browser.post(&format!("{path}/{deed}"), fields).await;
        (
            answer.status,
            header(&answer, "location").to_owned(),
            answer.text(),
        )
    };
    assert_eq!(
        post("disable", &[]).await.1,
        format!("{path}?done=disabled")
    );
    let (status, _, page) = post("test", &[]).await;
    assert!(
        status == 409 && page.contains("switch it on first"),
        "{page}"
    );
    let since = ("replay_since", "2026-01-01T00:00");
    assert_eq!(post("replay", &[since, ("does", "replay")]).await.0, 409);
    assert_eq!(post("enable", &[]).await.1, format!("{path}?done=enabled"));
    let wrong = [("replay_since", "never"), ("does", "count")];
    let (status, _, page) = post("replay", &wrong).await;
    assert!(
        status == 422 && page.contains("f-replay_since-mistake"),
        "{page}"
    );
    assert_eq!(post("replay", &[("does", "count")]).await.0, 422);
    let (status, _, page) = post("replay", &[since, ("does", "count")]).await;
    assert!(
        status == 200 && page.contains("<strong>1</strong> would be sent"),
        "{page}"
    );
    let (status, to, _) = post("replay", &[since, ("does", "replay")]).await;
    assert!(
        status == 303 && to.starts_with(&format!("{path}/replays/")),
        "{to}"
    );
    let page = browser.page(&to).await;
    assert!(
        page.contains("<progress id=\"progress\" max=\"1\""),
        "{page}"
    );
    assert!(
        !browser
            .page(&to.replace("/console/", "/console/live/"))
            .await
            .contains("<html")
    );
    assert_eq!(post("test", &[]).await.1, format!("{path}?done=tried"));
    // Both arrive: what was tried, and what was told again.
    let arrived = format!("{path}?standing=delivered");
    let waited = tokio::time::timeout(crate::database::PATIENCE, async {
        while browser
            .page(&arrived)
            .await
            .matches("notification.failed")
            .count()
            < 1
        {}
    });
    waited.await.unwrap();
    let deeds = [
        "create webhook",
        "update webhook",
        "update webhook",
        "replay webhook",
        "test webhook",
    ];
    assert_eq!(audited(&stage).await, deeds);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_suppressed_limits_changed_and_jobs_listed() {
    let stage = stage().await;
    let sendgrid = stage.simulator(loadtest::simulator::Provider::SendGrid);
    stage.apply(&crate::stage::account_named(&sendgrid, "mail main", 5));
    let admin = key(&stage, "admin", None);
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &admin).await;
    let suppressions = "/console/suppressions";
    let added = [
        ("channel", "email"),
        ("address", " Ana@Example.com"),
        ("category", "news"),
    ];
    let answer = browser.post(suppressions, &added).await;
    assert_eq!(
        header(&answer, "location"),
        "/console/suppressions?done=suppressed"
    );
    let wrong = [
        ("channel", "email"),
        ("address", "nobody"),
        ("reason", "hate"),
        ("expires_at", "2020-01-01T00:00"),
    ];
    let answer = browser.post(suppressions, &wrong).await;
    assert_eq!(answer.status, 422);
    for field in ["address", "reason", "expires_at"] {
        assert!(
            answer.text().contains(&format!("id=\"f-{field}-mistake\"")),
            "{field}"
        );
    }
    let find = [
        ("find_channel", "email"),
        ("find_address", "ana@EXAMPLE.com"),
    ];
    let found = browser
        .post("/console/suppressions/find", &find)
        .await
        .text();
    assert!(
        found.contains("a•••@example.com") && found.contains("news"),
        "{found}"
    );
    let nobody = [
        ("find_channel", "email"),
        ("find_address", "ben@example.com"),
    ];
    let found = browser
        .post("/console/suppressions/find", &nobody)
        .await
        .text();
    assert!(!found.contains("a•••@example.com"), "{found}");
    let lift = found_lift(&browser.page(suppressions).await);
    assert_eq!(
        browser.post(&lift, &[]).await.status,
        400,
        "without a reason"
    );
    assert_eq!(
        browser
            .post(&lift, &[("why", "she asked for it")])
            .await
            .status,
        303
    );

    let account = "/console/accounts/mail%20main";
    let page = browser.page(account).await;
    assert!(
        page.contains("name=\"rate_limit\" value=\"none\""),
        "{page}"
    );
    let change = format!("{account}/change");
    let wrong = [
        ("rate_limit", "0"),
        ("weight", "many"),
        ("timeout_seconds", "301"),
        ("is_active", "perhaps"),
    ];
    let answer = browser.post(&change, &wrong).await;
    assert_eq!(answer.status, 422);
    for (field, typed) in wrong {
        let page = answer.text();
        assert!(
            page.contains(&format!("id=\"f-{field}-mistake\"")),
            "{field}: {page}"
        );
        assert!(
            page.contains(&format!("value=\"{typed}\"")),
            "{field}: {page}"
        );
    }
    let right = [
        ("rate_limit", "600"),
        ("priority", "-3"),
        ("weight", "2"),
        ("is_active", "no"),
    ];
    let answer = browser.post(&change, &right).await;
    assert_eq!(
        header(&answer, "location"),
        format!("{account}?done=changed")
    );
    let page = browser.page(account).await;
    assert!(
        page.contains("600 a minute over all nodes") && page.contains("<dd>off</dd>"),
        "{page}"
    );
    assert_eq!(
        browser
            .post(&change, &[("rate_limit", "none")])
            .await
            .status,
        303
    );
    assert!(
        browser
            .page(account)
            .await
            .contains("name=\"rate_limit\" value=\"none\"")
    );
    assert!(
        browser
            .page(account)
            .await
            .contains("name=\"weight\" value=\"2\""),
        "it stays"
    );

    let order = [("does", "replay"), ("rate", "7")];
    let answer = browser.post("/console/dead-letters/replay", &order).await;
    let job = header(&answer, "location").to_owned();
    let jobs = browser.page("/console/jobs").await;
    assert_eq!(link(&jobs, "/console/jobs/"), job);
    assert_eq!(
        audited(&stage).await,
        [
            "create suppression",
            "delete suppression",
            "update provider",
            "update provider",
            "create job"
        ]
    );
}

/// Where the first form of the list goes that takes an address off it.
fn found_lift(page: &str) -> String {
    let form = page
        .split("action=\"")
        .find(|it| it.split('"').next().unwrap().ends_with("/lift"));
    form.unwrap().split('"').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantined_outcome_is_stored_once_the_cause_is_mended() {
    let (stage, _sendgrid, mut outcomes) = Stage::mailing().await;
    let by_hand =
        "ALTER TABLE notifications ADD CONSTRAINT by_hand CHECK (recipient <> 'ana@example.com')";
    outcomes.execute(by_hand).await;
    let operator = key(&stage, "operator", None);
    let viewer = key(&stage, "viewer", None);
    let _engine = stage.start().await;
    let publisher = stage.publisher().await;
    publisher.publish(&envelope_with("email", json!({}))).await;
    let open = "SELECT count(*) FROM notification_quarantine WHERE resolved_at IS NULL";
    outcomes.until_count(open, 1).await;
    let watcher = Browser::signed_in(&stage, &viewer).await;
    let page = watcher.page("/console/quarantine").await;
    assert!(
        page.contains("23514") && !page.contains("/replay\""),
        "{page}"
    );
    assert!(
        !page.contains("by_hand"),
        "PostgreSQL's words may hold addresses: {page}"
    );
    let browser = Browser::signed_in(&stage, &operator).await;
    let page = browser.page("/console/quarantine").await;
    let actions: Vec<&str> = page
        .split("action=\"")
        .map(|it| it.split('"').next().unwrap())
        .collect();
    let replay = *actions.iter().find(|it| it.ends_with("/replay")).unwrap();
    let resolve = *actions.iter().find(|it| it.ends_with("/resolve")).unwrap();
    assert_eq!(watcher.post(replay, &[]).await.status, 403);
    let refused = browser.post(replay, &[]).await;
    assert!(
        refused.status == 409 && refused.text().contains("refused again"),
        "{}",
        refused.text()
    );
    outcomes
        .execute("ALTER TABLE notifications DROP CONSTRAINT by_hand")
        .await;
    let stored = browser.post(replay, &[]).await;
    assert_eq!(
        header(&stored, "location"),
        "/console/quarantine?done=stored"
    );
    outcomes.only("sent", None).await;
    assert_eq!(
        browser.post(resolve, &[]).await.status,
        404,
        "it is dealt with"
    );
    assert_eq!(audited(&stage).await, ["replay quarantined_outcome"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_made_given_another_secret_and_shown_once() {
    let stage = stage().await;
    let scopes = "api-keys:read,api-keys:write,users:read";
    let maker = key(&stage, scopes, Some(SHOP));
    let mightier = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &maker).await;
    let shown = |page: &str| {
        let key = page.split("<pre id=\"key\">").nth(1)?;
        Some(key.split('<').next()?.to_owned())
    };
    let wrong = [("name", ""), ("scopes", "users:write"), ("rate_limit", "0")];
    let refused = browser.post("/console/keys", &wrong).await;
    let text = refused.text();
    assert_eq!(
        (refused.status, text.matches("role=\"alert\"").count()),
        (422, 3),
        "{text}"
    );
    let fields = [("name", "reader"), ("scopes", "users:read, api-keys:read")];
    let made = browser.post("/console/keys", &fields).await;
    assert_eq!(
        (made.status, header(&made, "cache-control")),
        (200, "no-store")
    );
    let first = shown(&made.text()).unwrap();
    let opens = async |key: &str| ask_as(&stage, key, "GET", "/v1/users", "").await.status;
    assert_eq!(opens(&first).await, 200);
    let list = browser.page("/console/keys").await;
    assert!(list.contains("reader") && !list.contains(&first), "{list}");
    let id = |prefix: &str| {
        format!(
            "SELECT id::text AS text FROM notification_schema.api_keys WHERE prefix = '{}'",
            prefix.split('_').nth(1).unwrap()
        )
    };
    let mut owner = stage.database.owner().await;
    let of_first = lines(&mut owner, &id(&first)).await.remove(0);
    let rotated = browser
        .post(&format!("/console/keys/{of_first}/rotate"), &[])
        .await;
    let second = shown(&rotated.text()).unwrap();
    assert_ne!(first, second);
    assert_eq!(
        (opens(&first).await, opens(&second).await),
        (200, 200),
        "the old one opens for a day"
    );
    let of_mightier = lines(&mut owner, &id(&mightier)).await.remove(0);
    let path = format!("/console/keys/{of_mightier}/rotate");
    assert_eq!(browser.post(&path, &[]).await.status, 409);
    // Without a time in which both open.
    let path = format!("/console/keys/{of_first}/rotate");
    let wrong = [("overlap_seconds", "9999999")];
    assert_eq!(browser.post(&path, &wrong).await.status, 422);
    let at_once = browser.post(&path, &[("overlap_seconds", "0")]).await;
    let third = shown(&at_once.text()).unwrap();
    assert!(at_once.text().contains("opens nothing any more"));
    assert_eq!((opens(&second).await, opens(&third).await), (401, 200));
    assert_eq!(
        audited(&stage).await,
        ["create api_key", "rotate api_key", "rotate api_key"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_the_api_says_of_a_key_may_be_changed_on_its_page() {
    let stage = stage().await;
    let maker = key(
        &stage,
        "api-keys:read,api-keys:write,users:read",
        Some(SHOP),
    );
    let mightier = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let browser = Browser::signed_in(&stage, &maker).await;
    let fields = [
        ("name", "reader"),
        ("scopes", "users:read"),
        ("networks", "127.0.0.1, 10.0.0.0/8"),
        ("rate_limit", "7"),
        ("expires_at", "2099-01-01T00:00"),
    ];
    browser.post("/console/keys", &fields).await;
    let mut owner = stage.database.owner().await;
    let of = |name: &str| {
        format!("SELECT id::text AS text FROM notification_schema.api_keys WHERE name = '{name}'")
    };
    let id = lines(&mut owner, &of("reader")).await.remove(0);
    let path = format!("/console/keys/{id}");
    let list = browser.page("/console/keys").await;
    assert!(list.contains(&format!("href=\"{path}\"")), "{list}");
    let page = browser.page(&path).await;
    for shown in [
        "value=\"reader\"",
        "127.0.0.1/32, 10.0.0.0/8",
        "7 requests a second",
        "value=\"2099-01-01T00:00:00Z\"",
    ] {
        assert!(page.contains(shown), "{shown}: {page}");
    }
    let deed = format!("{path}/change");
    let wrong = [
        ("name", ""),
        ("scopes", "users:write"),
        ("networks", "nowhere"),
        ("expires_at", "2020-01-01T00:00"),
    ];
    let refused = browser.post(&deed, &wrong).await;
    let text = refused.text();
    assert_eq!(
        (refused.status, text.matches("role=\"alert\"").count()),
        (422, 4),
        "{text}"
    );
    // What is left empty is nothing.
    let fields = [
        ("name", "renamed"),
        ("scopes", "users:read, api-keys:read"),
        ("networks", ""),
        ("rate_limit", ""),
        ("expires_at", ""),
    ];
    let changed = browser.post(&deed, &fields).await;
    assert_eq!(
        header(&changed, "location"),
        format!("{path}?done=key_changed")
    );
    let stored = "SELECT concat_ws(' ', name, scopes, networks, rate_limit, expires_at) AS text
                  FROM notification_schema.api_keys WHERE name = 'renamed'";
    assert_eq!(
        lines(&mut owner, stored).await,
        ["renamed [\"users:read\", \"api-keys:read\"] {}"]
    );
    let of_mightier = format!(
        "SELECT id::text AS text FROM notification_schema.api_keys WHERE prefix = '{}'",
        mightier.split('_').nth(1).unwrap()
    );
    let of_mightier = lines(&mut owner, &of_mightier).await.remove(0);
    let deed = format!("/console/keys/{of_mightier}/change");
    assert_eq!(browser.post(&deed, &fields).await.status, 409);
    assert_eq!(audited(&stage).await, ["create api_key", "update api_key"]);
    let revoke = browser.post(&format!("{path}/revoke"), &[]).await;
    assert_eq!(header(&revoke, "location"), "/console/keys?done=revoked");
    assert!(!browser.page(&path).await.contains("Change it"));
}
