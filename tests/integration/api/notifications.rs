//! `/v1/notifications`, looked at: one, lists in pages, what it says; by its tenant alone.

use diesel_async::SimpleAsyncConnection;
use herald::runtime::clock;
use serde_json::{Value, json};
use uuid::Uuid;

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use crate::stage::Stage;

const PATH: &str = "/v1/notifications";
const ANA: &str = "0190c1a0-0000-7000-8000-000000000001";

/// The id of a notification so many minutes ago.
fn id(minutes_ago: u64, number: u16) -> Uuid {
    let now = clock::now().as_millisecond().unsigned_abs();
    let at = u128::from(now - minutes_ago * 60_000);
    Uuid::from_u128(at << 80 | 0x7000_8000_u128 << 48 | u128::from(number))
}

/// Rows as the engine would have left them.
async fn store(stage: &Stage, rows: &[(Uuid, &str, &str)]) {
    let mut owner = stage.database.owner().await;
    let mut text = format!(
        "SET search_path TO notification_schema;
         INSERT INTO users (id, tenant_id) VALUES ('{ANA}', '{SHOP}') ON CONFLICT DO NOTHING;"
    );
    for (id, tenant, columns) in rows {
        let row = format!(
            "INSERT INTO notifications (id, tenant_id, idempotency_key, message_type, priority, payload, created_at)
             VALUES ('{id}', '{tenant}', repeat('0', 64), 'email', 'normal',
                     '{{\"content\": {{\"subject\": \"Hi\", \"body\": \"Hello\", \"data\": {{\"n\": 1.10}}}}}}',
                     to_timestamp({} / 1000.0));",
            id.as_u128() >> 80
        );
        text.push_str(&row);
        if !columns.is_empty() {
            text.push_str(&format!(
                "UPDATE notifications SET {columns} WHERE id = '{id}';"
            ));
        }
    }
    owner.batch_execute(&text).await.unwrap();
}

fn ids(page: &Value) -> Vec<Uuid> {
    let data = page["data"].as_array().unwrap().iter();
    data.map(|it| it["id"].as_str().unwrap().parse().unwrap())
        .collect()
}

/// All pages of a list, and how many there were.
async fn pages(stage: &Stage, key: &str, query: &str) -> (Vec<Uuid>, usize) {
    let (mut all, mut after, mut count) = (vec![], String::new(), 0);
    loop {
        let page = ask_as(stage, key, "GET", &format!("{PATH}?{query}{after}"), "").await;
        assert_eq!(page.status, 200, "{query}");
        let page = json_of(&page);
        all.extend(ids(&page));
        count += 1;
        match page["next"].as_str() {
            Some(next) => after = format!("&after={next}"),
            None => return (all, count),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_notification_is_shown_with_its_timeline_and_what_it_says() {
    let stage = stage().await;
    let shop = key(&stage, "notifications:read", Some(SHOP));
    let other = key(&stage, "notifications:read", Some(OTHER));
    let operator = key(&stage, "viewer", None);
    let sent = id(5, 1);
    let attempts = json!([
        { "at": "2026-03-01T12:00:00Z", "step": "deferred", "reason": "quiet_hours", "until": "2026-03-01T13:00:00Z" },
        { "at": "2026-03-01T13:00:00Z", "step": "attempt", "provider": "main", "class": "accepted", "code": "202", "elapsed_ms": 12 },
        { "at": "2026-03-01T13:00:01Z", "step": "noticed" },
    ]);
    let columns = format!(
        "user_id = '{ANA}', status = 'sent', sent_at = now(), provider = 'main', recipient = 'ana@example.com',
         attempts = '{attempts}', metadata = '{{\"n\": 1.10}}', source_type = 'ticket', source_id = '7'"
    );
    let by_template = id(4, 2);
    let template = "payload = '{\"template\": {\"name\": \"hello\", \"variables\": {\"who\": \"Ana\"}}}', \
                    template_name = 'hello', template_version = 1, status = 'sent'";
    let gone = id(3, 3);
    let vanished = template.replace("template_version = 1", "template_version = 9");
    store(
        &stage,
        &[
            (sent, SHOP, &columns),
            (by_template, SHOP, template),
            (gone, SHOP, &vanished),
        ],
    )
    .await;
    stage.apply(&format!(
        "[[templates]]\ntenant_id = \"{SHOP}\"\nname = \"hello\"\nmessage_type = \"email\"\nsubject = \"Hi\"\n\
         body = \"Hello {{{{ who }}}}\"\nvariables = [\"who\"]\n"
    ));
    stage.apply(&format!(
        "[[templates]]\ntenant_id = \"{SHOP}\"\nname = \"hello\"\nmessage_type = \"email\"\nsubject = \"Hi\"\n\
         body = \"Changed {{{{ who }}}}\"\nvariables = [\"who\"]\n"
    ));
    let _engine = stage.start().await;
    let path = format!("{PATH}/{sent}");
    for key in [&shop, &operator] {
        let answer = ask_as(&stage, key, "GET", &path, "").await;
        assert_eq!(answer.status, 200);
        let shown = json_of(&answer);
        assert_eq!(shown["to"], "ana@example.com");
        assert_eq!(shown["source"], json!({ "type": "ticket", "id": "7" }));
        assert!(String::from_utf8_lossy(&answer.body).contains("\"metadata\":{\"n\": 1.10}"));
        let lines = shown["timeline"].as_array().unwrap();
        let events: Vec<&str> = lines
            .iter()
            .map(|it| it["event"].as_str().unwrap())
            .collect();
        assert_eq!(
            events,
            ["deferred", "attempt", "unknown", "accepted", "sent"],
            "{shown}"
        );
        assert_eq!(
            lines[1]["says"],
            "main was asked and accepted it after 12 ms."
        );
    }
    for (key, path) in [
        (&other, path.clone()),
        (&other, format!("{path}/content")),
        (&shop, format!("{PATH}/{}", Uuid::now_v7())),
        (&shop, format!("{PATH}/none")),
        (&shop, format!("{PATH}/{gone}/content")),
    ] {
        let answer = ask_as(&stage, key, "GET", &path, "").await;
        assert_eq!(told(&answer), is(404, "not_found"), "{path}");
    }
    let answer = ask_as(&stage, &shop, "GET", &format!("{path}/content"), "").await;
    let said = json_of(&answer);
    assert_eq!(
        (&said["source"], &said["content"]["body"]),
        (&json!("stored"), &json!("Hello"))
    );
    assert!(
        String::from_utf8_lossy(&answer.body).contains("{\"n\":1.10}"),
        "{said}"
    );
    let path = format!("{PATH}/{by_template}/content");
    let said = json_of(&ask_as(&stage, &shop, "GET", &path, "").await);
    assert_eq!(said["source"], "rendered");
    assert_eq!(
        said["template"],
        json!({ "name": "hello", "version": 1, "locale": "en" })
    );
    assert_eq!(said["content"]["body"], "Hello Ana", "as it was then");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rare_one_behind_many_of_a_person_is_on_the_first_page() {
    let stage = stage().await;
    let shop = key(&stage, "notifications:read", Some(SHOP));
    let ana = format!("user_id = '{ANA}'");
    let rare = format!("{ana}, status = 'failed', reason = 'no_address'");
    // More than the first look goes through.
    let many = (1..=600).map(|number| (id(number.into(), number), SHOP, ana.as_str()));
    let eldest = id(700, 700);
    let rows: Vec<_> = many.chain([(eldest, SHOP, rare.as_str())]).collect();
    store(&stage, &rows).await;
    let _engine = stage.start().await;
    let failed = format!("{PATH}?user_id={ANA}&status=failed&limit=2");
    let page = json_of(&ask_as(&stage, &shop, "GET", &failed, "").await);
    assert_eq!(ids(&page), [eldest]);
    let (all, _) = pages(&stage, &shop, &format!("user_id={ANA}&limit=200")).await;
    let stored: Vec<Uuid> = rows.iter().map(|(id, ..)| *id).collect();
    assert_eq!(all, stored, "newest first, none twice");
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_back_in_spans_and_keep_to_their_filters_and_tenant() {
    let stage = stage().await;
    let shop = key(&stage, "notifications:read", Some(SHOP));
    let other = key(&stage, "notifications:read", Some(OTHER));
    let operator = key(&stage, "viewer", None);
    let users = key(&stage, "users:read", None);
    let day = 24 * 60;
    let old = id(100 * day, 9);
    let mine: Vec<Uuid> = (1..=5).map(|number| id(number.into(), number)).collect();
    {
        let mut owner = stage.database.owner().await;
        let months =
            "SELECT notification_schema.ensure_partitions((now() - interval '5 months')::date, 5)";
        owner.batch_execute(months).await.unwrap();
    }
    let ana = format!("user_id = '{ANA}'");
    let mut rows: Vec<(Uuid, &str, &str)> =
        mine.iter().map(|id| (*id, SHOP, ana.as_str())).collect();
    let failed = id(10, 10);
    let others = id(2, 20);
    rows.extend([
        (old, SHOP, ana.as_str()),
        (
            failed,
            SHOP,
            "status = 'failed', reason = 'no_address', source_type = 'ticket', source_id = '7'",
        ),
        (others, OTHER, ""),
    ]);
    store(&stage, &rows).await;
    let _engine = stage.start().await;
    let of_ana = format!("user_id={ANA}&limit=2");
    let (all, count) = pages(&stage, &shop, &of_ana).await;
    assert_eq!(
        all,
        [mine.clone(), vec![old]].concat(),
        "newest first, none twice"
    );
    assert!(
        count >= 5,
        "the time between is looked at a part at a time: {count}"
    );
    let (all, count) = pages(&stage, &shop, "limit=200&since=2026-01-01T00:00:00Z").await;
    assert_eq!(all.len(), 7);
    assert!(count > 1);
    assert_eq!(pages(&stage, &operator, "limit=200").await.0.len(), 8);
    assert_eq!(pages(&stage, &other, "").await.0, [others]);
    let (none, _) = pages(&stage, &other, &format!("user_id={ANA}")).await;
    assert!(none.is_empty());
    for (query, expected) in [
        ("status=failed", vec![failed]),
        ("reason=no_address&channel=email", vec![failed]),
        ("source_type=ticket&source_id=7", vec![failed]),
        ("source_id=8", vec![]),
        ("provider=none", vec![]),
        ("category=none", vec![]),
        ("status=failed&channel=sms", vec![]),
    ] {
        assert_eq!(pages(&stage, &shop, query).await.0, expected, "{query}");
    }
    let page = json_of(&ask_as(&stage, &shop, "GET", &format!("{PATH}?{of_ana}"), "").await);
    let after = page["next"].as_str().unwrap();
    for (key, query, wrong) in [
        (&shop, format!("limit=2&after={after}"), 1),
        (&other, format!("{of_ana}&after={after}"), 1),
        (
            &shop,
            "status=lost&reason=x&channel=%00&provider=a%00b&user_id=1&since=x&limit=0&q=1"
                .to_owned(),
            8,
        ),
        (
            &shop,
            "since=2026-03-02T00:00:00Z&until=2026-03-01T00:00:00Z".to_owned(),
            1,
        ),
        (&shop, "status=sent&status=sent".to_owned(), 1),
    ] {
        let answer = ask_as(&stage, key, "GET", &format!("{PATH}?{query}"), "").await;
        assert_eq!(told(&answer), is(422, "invalid_query"), "{query}");
        assert_eq!(
            json_of(&answer)["errors"].as_array().unwrap().len(),
            wrong,
            "{query}"
        );
    }
    let answer = ask_as(&stage, &users, "GET", PATH, "").await;
    assert_eq!(told(&answer), is(403, "missing_scope"));
}
