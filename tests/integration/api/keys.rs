//! API keys: made on the command line, verified by hash, and closed within a second.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use diesel_async::SimpleAsyncConnection;
use herald::cache::ApiKeyCache;
use herald::cache::api_keys::KeyRefusal;
use herald::domain::{ApiAction, ApiKey, ApiResource};
use herald::runtime::Tasks;
use serde_json::Value;
use tokio::runtime::Handle;

use super::{made, said};
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn refused(stage: &Stage, arguments: &[&str]) -> (Option<i32>, String) {
    let output = stage.herald(arguments).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code(), words)
}

async fn cache(stage: &Stage) -> ApiKeyCache {
    let tasks = Tasks::new(Handle::current());
    ApiKeyCache::new(stage.database.pool().await, tasks)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_shown_once_and_its_secret_is_stored_nowhere() {
    let stage = Stage::with_lanes("email.normal").await;
    let (id, key) = made(&stage, &["--scopes", "publisher,users:read"]);
    let (_, again) = made(&stage, &["--scopes", "admin", "--expires", "1d"]);
    assert_ne!(key.expose(), again.expose());
    let listed = said(&stage, &["--json", "keys", "list"]);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    let first = &listed["data"][1];
    assert_eq!(first["id"], id.as_str());
    assert_eq!(
        first["scopes"],
        serde_json::json!(["notifications:read", "notifications:write", "users:read"])
    );
    let (secret, mut owner) = (
        key.expose().rsplit('_').next().unwrap(),
        stage.database.owner().await,
    );
    assert!(!listed.to_string().contains(secret));
    let stored = "SELECT row_to_json(k)::text AS text FROM notification_schema.api_keys k
                  UNION ALL SELECT row_to_json(a)::text FROM notification_schema.audit_logs a";
    let stored = lines(&mut owner, stored).await;
    assert_eq!(stored.len(), 4, "two keys, and who made them");
    assert!(stored.iter().all(|row| !row.contains(secret)), "{stored:?}");
    assert!(stored.iter().any(|row| row.contains(&key.hash())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_be_made_is_refused_with_what_is_wrong() {
    let stage = Stage::with_lanes("email.normal").await;
    let create = ["keys", "create", "--name", "shop", "--scopes"];
    let with = |more: &[&str]| refused(&stage, &[&create[..], more].concat());
    let (code, words) = with(&["users:fly"]);
    assert!(
        code == Some(2) && words.contains("`users:fly` is no scope"),
        "{words}"
    );
    let (code, words) = with(&["admin", "--network", "10.0.0.0/40"]);
    assert!(
        code == Some(2) && words.contains("is no network"),
        "{words}"
    );
    let nobody = "0190c1a0-0000-7000-8000-00000000dead";
    let (code, words) = with(&["admin", "--tenant", nobody]);
    assert!(
        code == Some(1) && words.contains("there is no tenant"),
        "{words}"
    );
    let (code, words) = refused(&stage, &["keys", "revoke", nobody]);
    assert!(
        code == Some(1) && words.contains("there is no API key"),
        "{words}"
    );
    let (code, words) = refused(&stage, &["keys", "rotate", nobody]);
    assert!(
        code == Some(1) && words.contains("there is no API key"),
        "{words}"
    );
    assert_eq!(
        said(&stage, &["--json", "keys", "list"])["data"],
        Value::Array(vec![])
    );
}

/// Nobody listens here: what was read is believed for less than a second.
#[tokio::test]
async fn a_revoked_key_opens_nothing_a_second_later_where_no_notices_come() {
    let stage = Stage::with_lanes("email.normal").await;
    let (id, key) = made(&stage, &["--scopes", "users:read"]);
    let cache = cache(&stage).await;
    let caller = cache.verify(&key, HERE).await.unwrap();
    assert_eq!(
        (caller.key_id.to_string(), caller.tenant_id),
        (id.clone(), None)
    );
    assert!(caller.scopes.allow(ApiResource::Users, ApiAction::Read));
    assert!(!caller.scopes.allow(ApiResource::Users, ApiAction::Write));
    said(&stage, &["--json", "keys", "revoke", &id]);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    assert_eq!(cache.verify(&key, HERE).await, Err(KeyRefusal::Revoked));
    let other = ApiKey::rotated(key.prefix(), [0; 24]);
    assert_eq!(cache.verify(&other, HERE).await, Err(KeyRefusal::Unknown));
}

#[tokio::test]
async fn what_is_known_of_a_key_is_forgotten_when_a_notice_comes() {
    let stage = Stage::with_lanes("email.normal").await;
    let (id, key) = made(&stage, &["--scopes", "users:read"]);
    let cache = cache(&stage).await;
    cache.verify(&key, HERE).await.unwrap();
    said(&stage, &["--json", "keys", "revoke", &id]);
    cache.forget();
    assert_eq!(cache.verify(&key, HERE).await, Err(KeyRefusal::Revoked));
}

#[tokio::test]
async fn a_rotated_key_opens_with_both_secrets_for_the_overlap() {
    let stage = Stage::with_lanes("email.normal").await;
    let (id, old) = made(&stage, &["--scopes", "users:read"]);
    let rotate = |overlap| {
        let rotated = said(
            &stage,
            &["--json", "keys", "rotate", &id, "--overlap", overlap],
        );
        let key: ApiKey = rotated["key"].as_str().unwrap().parse().unwrap();
        assert_eq!(
            (rotated["id"].as_str(), key.prefix()),
            (Some(id.as_str()), old.prefix())
        );
        key
    };
    let cache = cache(&stage).await;
    let new = rotate("1h");
    cache.verify(&new, HERE).await.unwrap();
    cache.verify(&old, HERE).await.unwrap();
    let newest = rotate("0s");
    cache.forget();
    cache.verify(&newest, HERE).await.unwrap();
    assert_eq!(cache.verify(&new, HERE).await, Err(KeyRefusal::Expired));
    assert_eq!(cache.verify(&old, HERE).await, Err(KeyRefusal::Unknown));
}

#[tokio::test]
async fn a_key_opens_only_from_its_networks() {
    let stage = Stage::with_lanes("email.normal").await;
    let (_, key) = made(
        &stage,
        &[
            "--scopes",
            "admin",
            "--network",
            "127.0.0.0/8",
            "--network",
            "::1",
        ],
    );
    let cache = cache(&stage).await;
    cache.verify(&key, HERE).await.unwrap();
    cache
        .verify(&key, "::ffff:127.0.0.9".parse().unwrap())
        .await
        .unwrap();
    let elsewhere = cache.verify(&key, "10.0.0.1".parse().unwrap()).await;
    assert_eq!(elsewhere, Err(KeyRefusal::Elsewhere));
}

#[tokio::test]
async fn the_use_of_a_key_is_written_once_a_minute() {
    let stage = Stage::with_lanes("email.normal").await;
    let (_, key) = made(&stage, &["--scopes", "admin"]);
    let (cache, mut owner) = (cache(&stage).await, stage.database.owner().await);
    // Each write of the row is a line here.
    let count = "CREATE TABLE writes (at timestamptz);
        CREATE FUNCTION count_write() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS
        $$ BEGIN INSERT INTO public.writes VALUES (now()); RETURN NULL; END $$;
        CREATE TRIGGER count_write AFTER UPDATE ON notification_schema.api_keys
        FOR EACH ROW EXECUTE FUNCTION count_write();";
    owner.batch_execute(count).await.unwrap();
    let used = "SELECT last_used_at::text AS text FROM notification_schema.api_keys
                WHERE last_used_at IS NOT NULL";
    let noted = async {
        while lines(&mut owner, used).await.is_empty() {
            cache.verify(&key, HERE).await.unwrap();
        }
    };
    tokio::time::timeout(PATIENCE, noted).await.unwrap();
    for _ in 0..100 {
        cache.forget();
        cache.verify(&key, HERE).await.unwrap();
    }
    let writes = lines(&mut owner, "SELECT at::text AS text FROM writes").await;
    assert_eq!(writes.len(), 1);
}
