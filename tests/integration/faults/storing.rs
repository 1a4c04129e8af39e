//! PostgreSQL refuses for a while what must be stored, or goes silent: nothing is acknowledged without
//! its row, and the node says what ails it.

use std::time::Duration;

use loadtest::client;
use loadtest::proxy::Proxy;
use loadtest::publisher::Published;
use tokio::time::timeout;

use super::scene::{Scene, mix, unhurried};
use crate::stage::PATIENCE;

const TABLE: &str = "notification_schema.notifications";
/// How long after the network has lost all connections everything must be settled.
const AFTER_SILENCE: Duration = Duration::from_secs(30);

/// What ails the database for a while, how it is mended, and what `/readyz` says meanwhile.
struct Trouble {
    begin: String,
    end: String,
    says: &'static str,
}

fn raising(state: &str, says: &'static str) -> Trouble {
    Trouble {
        begin: format!(
            "CREATE FUNCTION public.raise() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION USING ERRCODE = '{state}',
                     MESSAGE = 'konnte Block 7 nicht schreiben'; END $$;
             CREATE TRIGGER raise BEFORE INSERT OR UPDATE ON {TABLE}
                 FOR EACH ROW EXECUTE FUNCTION public.raise()"
        ),
        end: "DROP FUNCTION public.raise() CASCADE".to_owned(),
        says,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_right_is_missing_nothing_is_acknowledged_and_afterwards_all_is_stored_once() {
    nothing_is_lost_in(Trouble {
        begin: format!("REVOKE INSERT, UPDATE ON {TABLE} FROM herald_notifications"),
        end: format!("GRANT INSERT, UPDATE ON {TABLE} TO herald_notifications"),
        says: "42501",
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_servers_storage_fails_nothing_is_acknowledged_in_any_language() {
    nothing_is_lost_in(raising("58030", "58030")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_the_disk_is_full_nothing_is_acknowledged_in_any_language() {
    nothing_is_lost_in(raising("53100", "disk is full")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_trigger_refuses_everything_nothing_is_acknowledged() {
    nothing_is_lost_in(raising("P0001", "a trigger or function")).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_column_has_another_name_nothing_is_acknowledged() {
    nothing_is_lost_in(Trouble {
        begin: format!("ALTER TABLE {TABLE} RENAME COLUMN error_message TO what_went_wrong"),
        end: format!("ALTER TABLE {TABLE} RENAME COLUMN what_went_wrong TO error_message"),
        says: "42703",
    })
    .await;
}

async fn nothing_is_lost_in(trouble: Trouble) {
    let mut scene = Scene::with(unhurried()).await;
    let engine = scene.stage.start().await;
    let load = scene.load(mix(), 1_000, 400.0).await;
    scene.accepted(100).await;
    scene.outcomes.alter(&trouble.begin).await;
    let down = scene.not_ready("settling").await;
    assert!(down.contains(trouble.says), "{down}");
    let event = "SELECT count(*) FROM admin_system_events
        WHERE event_type = 'outcomes_not_stored' AND NOT is_resolved";
    scene.outcomes.until_count(event, 1).await;
    let published = load.published().await;
    scene.outcomes.alter(&trouble.end).await;
    scene.nothing_is_lost(&published.expected).await;
    scene.nothing_is_sent_twice().await;
    timeout(PATIENCE, engine.health.ready()).await.unwrap();
    scene.outcomes.until_count(event, 0).await;
    let quarantined = "SELECT count(*) FROM notification_quarantine";
    assert_eq!(scene.outcomes.count(quarantined).await, 0);
    let contents = "SELECT count(*) FROM notifications WHERE payload = '{}'";
    assert_eq!(scene.outcomes.count(contents).await, 0);
    assert!(engine.stop().await.drained);
    scene.the_lanes_are_empty().await;
}

impl Scene {
    /// Waits until the engine is not ready for a part, and says why.
    async fn not_ready(&self, part: &str) -> String {
        let url = self.stage.url("/readyz");
        let looked = async {
            loop {
                let answer = client::get(&url).await.unwrap();
                let body: serde_json::Value = serde_json::from_slice(&answer.body).unwrap();
                let why = body["parts"][part].as_str().unwrap_or("ok").to_owned();
                if why != "ok" {
                    assert_eq!(answer.status, 503);
                    return why;
                }
            }
        };
        timeout(PATIENCE, looked).await.unwrap()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn after_all_connections_to_the_database_went_silent_it_flows_again_within_half_a_minute() {
    let mut scene = Scene::with(unhurried()).await;
    let proxy = Proxy::before(scene.stage.database.url()).await.unwrap();
    let through = proxy.url(scene.stage.database.url());
    scene.stage.set("HERALD__DATABASE__URL", through);
    let engine = scene.stage.start().await;
    let published: Published = scene.load(mix(), 1_500, 0.0).await.published().await;
    scene.accepted(200).await;
    proxy.swallow();
    let settled = "SELECT count(*) FROM notifications WHERE status = 'sent'";
    let all = scene.outcomes.until_count(settled, 1_500);
    let in_time = timeout(AFTER_SILENCE, all).await.is_ok();
    assert!(in_time, "{:?}", engine.health.parts());
    scene.nothing_is_lost(&published.expected).await;
    assert!(engine.stop().await.drained);
}
