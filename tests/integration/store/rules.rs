//! What a tenant says for all its people: declared in a file, read as rules.

use std::path::Path;

use diesel_async::SimpleAsyncConnection;
use herald::app::apply;
use herald::config::Sources;
use herald::config::manifest::{Manifest, ManifestChecks};
use herald::domain::preference::{Scope, Setting};
use herald::domain::{Channel, DEFAULT_TENANT, OnUnknown, OverCap, Zone};
use herald::store::seal::Sealer;
use herald::store::{Database, Sifted, WriteChange, recipients, rules};
use jiff::civil::time;
use uuid::{Uuid, uuid};

use crate::database::TestDatabase;

const ANA: Uuid = uuid!("0190c1a0-0000-7000-8000-000000000001");
const SHOP: Uuid = uuid!("0190c1a0-0000-7000-8000-0000000000aa");

const FILE: &str = r#"
[[tenants]]
id = "0190c1a0-0000-7000-8000-0000000000aa"
name = "shop"
locale = "pt-BR"

[[users]]
id = "0190c1a0-0000-7000-8000-000000000001"

[[categories]]
name = "news"
over_cap = "defer"
[[categories]]
name = "alerts"
may_disable = false
on_unknown = "fail_over"

[[preferences]]
channel = "all"
quiet_hours_start = "22:00"
quiet_hours_end = "07:00"
timezone = "Europe/Berlin"
[[preferences]]
channel = "sms"
category = "news"
frequency_cap = 2
[[preferences]]
tenant_id = "0190c1a0-0000-7000-8000-0000000000aa"
category = "news"
enabled = false

[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "all"
frequency_cap = 3
[[preferences]]
user_id = "0190c1a0-0000-7000-8000-000000000001"
channel = "push"
category = "news"
enabled = false
"#;

async fn write(database: &Database, file: &str) -> Result<Vec<WriteChange>, String> {
    let (path, sources) = (Path::new("rules.toml"), Sources::default());
    let manifest = Manifest::parse(path, file, &sources, &ManifestChecks::default()).unwrap();
    let sealer = Sealer::new(&[[1; 32]]).unwrap();
    let applied = apply::apply(database, &sealer, &manifest, |_| {}).await;
    let changes = |applied: Vec<apply::ApplyResult>| applied.iter().map(|one| one.change).collect();
    applied.map(changes).map_err(|error| error.to_string())
}

#[tokio::test]
async fn a_file_declares_defaults_for_all_people_of_a_tenant() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let created = write(&pool, FILE).await.unwrap();
    assert!(created.iter().all(|change| *change == WriteChange::Created));
    let again = write(&pool, FILE).await.unwrap();
    assert!(again.iter().all(|change| *change == WriteChange::Unchanged));
    let other = FILE.replace("frequency_cap = 2", "frequency_cap = 4");
    let changed = write(&pool, &other).await.unwrap();
    let updated = changed
        .iter()
        .filter(|change| **change == WriteChange::Updated);
    assert_eq!(updated.count(), 1);

    let c = pool.get().await.unwrap();
    let all = rules::of(&c, &[SHOP, DEFAULT_TENANT, Uuid::nil()]).await;
    let all = all.unwrap().known;
    assert_eq!(all.len(), 2, "one has none");
    let shop = rules::of(&c, &[SHOP]).await.unwrap();
    assert_eq!(shop.known, [(SHOP, all[&SHOP].clone())].into());
    let ours = &all[&DEFAULT_TENANT];
    let (news, alerts) = (ours.category("news"), ours.category("alerts"));
    assert_eq!(news.unwrap().over_cap, OverCap::Defer);
    assert_eq!(news.unwrap().on_unknown, None);
    assert_eq!(alerts.unwrap().on_unknown, Some(OnUnknown::FailOver));
    let wish = |scope: Scope| ours.defaults.iter().find(|wish| wish.scope == scope);
    let everything = wish(Scope::All).unwrap();
    let quiet = everything.quiet_hours.as_ref().value().unwrap();
    assert_eq!(
        (quiet.start, quiet.end),
        (time(22, 0, 0, 0), time(7, 0, 0, 0))
    );
    assert_eq!(everything.zone, Some(Zone::named("Europe/Berlin")));
    assert_eq!(all[&SHOP].locale.as_deref(), Some("pt-BR"));
    assert_eq!(ours.locale, None);
    let news_by_sms = Scope::ChannelCategory(Channel::Sms, "news".to_owned());
    assert_eq!(wish(news_by_sms).unwrap().frequency_cap, Setting::Value(4));
    assert_eq!(ours.defaults.len(), 2, "a person's wishes are their own");
    assert_eq!(all[&SHOP].defaults.len(), 1);
    assert_eq!(all[&SHOP].defaults[0].enabled, Some(false));

    let people = recipients::load(&c, &[(DEFAULT_TENANT, ANA)]).await;
    let mut scopes: Vec<Scope> = people.unwrap().known[&(DEFAULT_TENANT, ANA)]
        .preferences
        .iter()
        .map(|wish| wish.scope.clone())
        .collect();
    scopes.sort();
    let news_by_push = Scope::ChannelCategory(Channel::Push, "news".to_owned());
    assert_eq!(
        scopes,
        [Scope::All, news_by_push],
        "and the tenant's are not theirs"
    );
}

#[tokio::test]
async fn defaults_of_a_tenant_that_does_not_exist_are_a_mistake() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let orphan = "[[preferences]]\nchannel = 'all'\n\
                  tenant_id = '0190c1a0-0000-7000-8000-0000000000aa'\n";
    let error = write(&pool, orphan).await.unwrap_err();
    assert!(error.contains("its tenant does not exist"), "{error}");
    let c = pool.get().await.unwrap();
    let rules = rules::of(&c, &[DEFAULT_TENANT]).await.unwrap();
    assert_eq!(rules, Sifted::default());
}

#[tokio::test]
async fn a_category_that_is_not_understood_counts_as_not_said_and_hides_no_other() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    write(&pool, FILE).await.unwrap();
    let mut owner = database.owner().await;
    let newer = "SET search_path TO notification_schema;
        ALTER TABLE categories DROP CONSTRAINT categories_over_cap_check;
        UPDATE categories SET over_cap = 'ask a manager' WHERE name = 'news'";
    owner.batch_execute(newer).await.unwrap();
    let c = pool.get().await.unwrap();
    let rules = rules::of(&c, &[DEFAULT_TENANT]).await.unwrap();
    let ours = &rules.known[&DEFAULT_TENANT];
    assert_eq!(ours.category("news").unwrap().over_cap, OverCap::Cancel);
    let alerts = ours.category("alerts").unwrap();
    assert_eq!(alerts.on_unknown, Some(OnUnknown::FailOver));
    assert_eq!(ours.defaults.len(), 2);
}
