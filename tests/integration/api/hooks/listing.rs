//! Events, looked at by operators.

use super::Hooks;
use crate::api::door::{ask_as, json_of};
use diesel_async::SimpleAsyncConnection;

/// What is rare is found behind many others, a page at a time, and no page looks at them all.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_rare_is_found_behind_many_others_and_each_page_looks_at_a_part() {
    let hooks = Hooks::open().await;
    let reader = hooks.key("provider-events:read", None);
    let mut owner = hooks.stage.database.owner().await;
    let fill = "SET search_path TO notification_schema;
        INSERT INTO email_logs (id, message_type, provider, event, event_id, occurred_at)
        SELECT lpad(to_hex(n), 32, '0')::uuid, 'email', 'mail', CASE n WHEN 1 THEN 'complaint' ELSE 'delivered' END,
               n::text, now()
        FROM generate_series(1, 20002) AS n";
    owner.batch_execute(fill).await.unwrap();
    let _engine = hooks.stage.start().await;
    let page = async |after: &str| {
        let path = format!("/v1/provider-events?event=complaint{after}");
        json_of(&ask_as(&hooks.stage, &reader, "GET", &path, "").await)
    };
    let first = page("").await;
    assert_eq!(first["data"], serde_json::json!([]));
    let next = first["next"].as_str().unwrap();
    let second = page(&format!("&after={next}")).await;
    assert_eq!(second["data"][0]["event_id"], "1");
    assert_eq!(second["next"], serde_json::Value::Null);
}
