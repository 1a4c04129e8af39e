//! What an apply with a label has made goes when its files have it no longer, and nothing else does.

use std::path::Path;

use herald::app::apply::{self, ApplyError, ApplyMode, Pruning};
use herald::config::Sources;
use herald::config::manifest::{Manifest, ManifestChecks};
use herald::domain::category::OverCap;
use herald::domain::{Category, DEFAULT_TENANT};
use herald::store::seal::Sealer;
use herald::store::{Database, categories, topics};
use uuid::{Uuid, uuid};

use crate::database::{TestDatabase, lines};

const SHOP: Uuid = uuid!("0190c1a0-0000-7000-8000-0000000000aa");
const BEN: &str = "0190c1a0-0000-7000-8000-000000000002";

const ANA: &str = r#"
[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"
"#;

/// One of everything. The topic `older` is there already.
const ALL: &str = r#"
[[users]]
id = "0190c1a0-0000-7000-8000-000000000002"

[[tenants]]
id = "0190c1a0-0000-7000-8000-0000000000aa"
name = "shop"

[[categories]]
name = "news"

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "all"
enabled = false

[[templates]]
name = "footer"
message_type = "sms"
body = "Bye"
[[templates]]
name = "page"
message_type = "sms"
body = "Hello {% include 'footer' %}"

[[providers]]
name = "mail"
kind = "sendgrid"
channel = "email"
api_key = "SG.hunter2"
[providers.config]
from = "hello@example.com"

[[webhooks]]
name = "desk"
url = "https://hooks.example.com/"
secret = "whsec_aHVudGVyMmh1bnRlcjJodW50ZXIyaHVudGVyMg=="
events = ["notification.sent"]

[[workflows]]
name = "told"
on = "order.*"
recipients = ["data.user_id"]
[[workflows.steps]]
send = { channel = "sms", template = "page", category = "news" }

[[token_keys]]
kid = "shared"
algorithm = "HS256"
secret = "hunter2hunter2hunter2hunter2hunter2"

[[suppressions]]
channel = "email"
address = "gone@example.com"

[[topics]]
name = "news"
[[topics]]
name = "older"
"#;

async fn pruned(
    database: &Database,
    (label, file): (&str, &str),
    mode: ApplyMode,
    allows_empty: bool,
) -> Result<Vec<String>, ApplyError> {
    let (path, sources) = (Path::new("all.toml"), Sources::default());
    let manifest = Manifest::parse(path, file, &sources, &ManifestChecks::default()).unwrap();
    let sealer = Sealer::new(&[[1; 32]]).unwrap();
    let pruning = Pruning {
        label: label.parse().unwrap(),
        allows_empty,
    };
    let some = Some(&pruning);
    let done = apply::apply_and_prune(database, &sealer, &manifest, some, mode, |_| {}).await?;
    let says = done.pruned.iter().map(ToString::to_string);
    Ok(says.collect())
}

#[tokio::test]
async fn what_a_label_made_goes_with_its_entry_and_nobody_elses_does() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let mut connection = pool.get().await.unwrap();
    topics::ensure(&mut connection, DEFAULT_TENANT, "older")
        .await
        .unwrap();
    let everything = format!("{ANA}{ALL}");
    let nothing: &[String] = &[];
    let keep = ApplyMode::Keep;
    let first = pruned(&pool, ("a", &everything), keep, false).await;
    assert_eq!(first.unwrap(), nothing);
    let again = pruned(&pool, ("a", &everything), keep, false).await;
    assert_eq!(again.unwrap(), nothing, "a repetition removes nothing");
    let shared = "[[topics]]\nname = \"news\"\n";
    let second = pruned(&pool, ("b", shared), keep, false).await;
    assert_eq!(second.unwrap(), nothing, "of label a nothing is removed");
    let own = Category {
        tenant_id: SHOP,
        name: "own".to_owned(),
        may_disable: true,
        over_cap: OverCap::Cancel,
        on_unknown: None,
    };
    categories::upsert(&mut connection, &own).await.unwrap();
    drop(connection);

    let suppression = "SELECT id::text AS text FROM notification_schema.suppressions";
    let suppression = lines(&mut owner, suppression).await;
    let left = [
        "kept topics \"news\": another label has it, too".to_owned(),
        format!("removed suppressions \"{}\"", suppression[0]),
        "retired token_keys \"shared\"".to_owned(),
        "retired workflows \"told\"".to_owned(),
        "removed webhooks \"desk\"".to_owned(),
        "removed providers \"mail\"".to_owned(),
        "retired templates \"page\"".to_owned(),
        "retired templates \"footer\"".to_owned(),
        "removed preferences \"0190c1a0-0000-7000-8000-000000000001\"".to_owned(),
        format!("retired users \"{BEN}\""),
        "removed categories \"news\"".to_owned(),
        "kept tenants \"shop\": in use: 1 categories".to_owned(),
    ];
    let tried = pruned(&pool, ("a", ANA), ApplyMode::Try, false).await;
    assert_eq!(tried.unwrap(), left);
    let there =
        "SELECT count(*)::text AS text FROM notification_schema.users WHERE deleted_at IS NULL";
    assert_eq!(lines(&mut owner, there).await, ["2"], "that was a dry run");
    let done = pruned(&pool, ("a", ANA), keep, false).await;
    assert_eq!(done.unwrap(), left);
    assert_eq!(lines(&mut owner, there).await, ["1"]);
    let topics = "SELECT name::text AS text FROM notification_schema.topics WHERE deleted_at IS NULL ORDER BY 1";
    assert_eq!(lines(&mut owner, topics).await, ["news", "older"]);
    let sealed = "SELECT count(*)::text AS text FROM notification_schema.provider_configs
                  WHERE is_active OR api_key IS NOT NULL";
    assert_eq!(lines(&mut owner, sealed).await, ["0"]);
    let again = pruned(&pool, ("a", ANA), keep, false).await;
    assert_eq!(
        again.unwrap(),
        [left[11].clone()],
        "what is needed goes later"
    );

    let empty = pruned(&pool, ("b", ""), keep, false).await;
    let said = empty.unwrap_err().to_string();
    assert!(
        said.contains("`--prune b`") && said.contains("--allow-empty"),
        "{said}"
    );
    let gone = pruned(&pool, ("b", ""), keep, true).await;
    assert_eq!(gone.unwrap(), ["removed topics \"news\""]);

    let trail = "SELECT action || ' ' || resource_type AS text FROM notification_schema.audit_logs
                 WHERE actor = 'command line' AND changes -> 'old' IS NOT NULL OR action = 'revoke'
                 ORDER BY 1";
    let wanted = [
        "delete category",
        "delete provider",
        "delete suppression",
        "delete template",
        "delete template",
        "delete topic",
        "delete user",
        "delete webhook",
        "prefer user",
        "revoke token_key",
        "update workflow",
    ];
    assert_eq!(lines(&mut owner, trail).await, wanted);
}

#[tokio::test]
async fn what_was_made_anew_by_somebody_else_is_theirs() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let everything = format!("{ANA}{ALL}");
    let keep = ApplyMode::Keep;
    pruned(&pool, ("a", &everything), keep, false)
        .await
        .unwrap();
    // Somebody removes a topic and a template and makes them again, publishes the workflow, and hears of an address.
    let by_others = "WITH gone AS (
             UPDATE notification_schema.topics SET deleted_at = now() WHERE name = 'news' RETURNING tenant_id
         ), page AS (
             UPDATE notification_schema.notification_templates SET is_active = false, deleted_at = now()
             WHERE name = 'page' RETURNING tenant_id
         ), flow AS (
             UPDATE notification_schema.workflows SET published_by = 'somebody' RETURNING 1
         )
         UPDATE notification_schema.suppressions SET event_id = gen_random_uuid() RETURNING 'one' AS text";
    lines(&mut owner, by_others).await;
    let anew = "WITH topic AS (
             INSERT INTO notification_schema.topics (tenant_id, name) SELECT id, 'news'
             FROM notification_schema.tenants WHERE name <> 'shop' RETURNING 1
         )
         INSERT INTO notification_schema.notification_templates (id, tenant_id, name, message_type, locale, version, body)
         SELECT gen_random_uuid(), tenant_id, name, message_type, locale, 2, 'Anew'
         FROM notification_schema.notification_templates WHERE name = 'page' RETURNING 'one' AS text";
    lines(&mut owner, anew).await;
    let left = [
        "removed topics \"older\"",
        "retired token_keys \"shared\"",
        "removed webhooks \"desk\"",
        "removed providers \"mail\"",
        "retired templates \"footer\"",
        "removed preferences \"0190c1a0-0000-7000-8000-000000000001\"",
        "retired users \"0190c1a0-0000-7000-8000-000000000002\"",
        "kept categories \"news\": in use: 1 workflows",
        "removed tenants \"shop\"",
    ];
    let done = pruned(&pool, ("a", ANA), keep, false).await;
    assert_eq!(done.unwrap(), left);
}
