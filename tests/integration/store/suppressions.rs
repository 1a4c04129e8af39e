//! How long, and for whom, what a provider's answer taught holds.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT, Suppression, SuppressionReason, address};
use herald::store::settle::{DeadAddress, Settlement};
use herald::store::{Database, suppressions};
use uuid::Uuid;

use super::fixtures::cancelled;
use super::settle::{reserved, settle};
use crate::database::{TestDatabase, lines};

const ADDRESS: &str = "+4915112345678";

async fn learn(
    pool: &Database,
    outcome: &Settlement,
    reason: SuppressionReason,
    account: Option<Uuid>,
) {
    let dead = DeadAddress::Suppress {
        channel: Channel::Sms,
        address: ADDRESS.to_owned(),
        reason,
        account,
    };
    let outcome = Settlement {
        dead_addresses: vec![dead.clone(), dead],
        ..outcome.clone()
    };
    settle(pool, &[&outcome]).await.unwrap();
}

async fn is_suppressed(pool: &Database) -> bool {
    let connection = pool.get().await.unwrap();
    let asked = [(DEFAULT_TENANT, Channel::Sms, ADDRESS.to_owned(), None)];
    let found = suppressions::among(&connection, &asked).await.unwrap();
    !found.known.is_empty()
}

async fn execute(pool: &Database, sql: &str) {
    let mut connection = pool.get().await.unwrap();
    connection.batch_execute(sql).await.unwrap();
}

const A_WEEK_LATER: &str = "UPDATE suppressions SET ends_at = ends_at - interval '8 days'";
const A_MONTH_LATER: &str = "UPDATE suppressions SET ends_at = ends_at - interval '31 days'";

#[tokio::test]
async fn a_first_bounce_ends_and_a_second_does_not() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    let bounce = SuppressionReason::HardBounce;
    learn(&pool, &outcome, bounce, None).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await, "a week has gone by");
    learn(&pool, &outcome, bounce, None).await;
    execute(&pool, A_MONTH_LATER).await;
    assert!(is_suppressed(&pool).await, "said again after that");
}

#[tokio::test]
async fn a_stop_holds_for_every_account_of_the_channel_for_a_month() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    let (one, other) = (Uuid::now_v7(), Uuid::now_v7());
    for (id, name) in [(one, "one"), (other, "other")] {
        let sql = format!(
            "INSERT INTO provider_configs
                 (id, provider_name, kind, channel, is_active, timeout_seconds, priority, weight)
             VALUES ('{id}', '{name}', 'twilio', 'sms', true, 30, 0, 1)"
        );
        execute(&pool, &sql).await;
    }
    let stop = SuppressionReason::Stop;
    learn(&pool, &outcome, stop, Some(one)).await;
    assert!(
        is_suppressed(&pool).await,
        "the other number keeps quiet, too"
    );
    let bounce = SuppressionReason::HardBounce;
    learn(&pool, &outcome, bounce, None).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await, "a bounce does not shorten it");
    learn(&pool, &outcome, stop, Some(other)).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await, "a START is not heard of");
}

#[tokio::test]
async fn a_stop_said_while_a_bounce_is_believed_holds_for_its_month() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let outcome = cancelled(&reserved(&pool, 1).await[0]);
    learn(&pool, &outcome, SuppressionReason::HardBounce, None).await;
    let stop = SuppressionReason::Stop;
    learn(&pool, &outcome, stop, Some(Uuid::now_v7())).await;
    execute(&pool, A_WEEK_LATER).await;
    assert!(is_suppressed(&pool).await);
    execute(&pool, A_MONTH_LATER).await;
    assert!(!is_suppressed(&pool).await);
}

/// Writes an entry as an operator does in `psql`; what stands there then.
async fn by_hand(
    c: &mut AsyncPgConnection,
    channel: Channel,
    address: &str,
) -> Result<String, String> {
    let write = format!(
        "DELETE FROM notification_schema.suppressions;
         INSERT INTO notification_schema.suppressions (tenant_id, channel, address, reason)
         VALUES ('{DEFAULT_TENANT}', '{channel}', '{address}', 'manual')"
    );
    c.batch_execute(&write)
        .await
        .map_err(|error| error.to_string())?;
    let stored = "SELECT address AS text FROM notification_schema.suppressions";
    Ok(lines(c, stored).await.remove(0))
}

#[tokio::test]
async fn what_is_written_by_hand_is_spelt_as_the_engine_spells_it_or_refused() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let spelt = [
        (Channel::Email, " IRIS@Example.ORG\u{a0}"),
        (Channel::Email, "u\u{308}mit@example.org"),
        (Channel::Email, "\u{dc}MIT@example.org"),
        (Channel::Email, "\"ines\"@example.net"),
        (Channel::Email, "\"i nes\"@example.net"),
        (Channel::Email, "a.b+c-d_e@x-y.xn--exmple-cua.org"),
        (Channel::Sms, "+49\u{a0}160\u{2011}1234568"),
        (Channel::Sms, "\u{200e}+49 (160) 1234.568\u{200f} "),
        (Channel::Push, " a:token_1\t"),
        (Channel::Chat, " C012345 "),
        (Channel::InApp, "0190C1A0-0000-7000-8000-000000000002"),
    ];
    for (channel, address) in spelt {
        let expected = address::canonical(channel, address).unwrap();
        let stored = by_hand(&mut owner, channel, address).await;
        assert_eq!(stored, Ok(expected), "{address}");
    }
    let refused = [
        (Channel::Email, "Zoe@ex\u{e4}mple.org"),
        (Channel::Email, "gus@EX\u{c4}MPLE.org"),
        (Channel::Email, "\u{141}ucja@example.org"),
        (Channel::Email, "<dora@example.org>"),
        (Channel::Email, "Dora <dora@example.org>"),
        (Channel::Email, "eve@example.org."),
        (Channel::Email, "eve@example"),
        (Channel::Email, "eve@10.0.0.1"),
        (Channel::Email, "a..b@example.org"),
        (Channel::Sms, "0049 160 1234568"),
        (Channel::Sms, "0160 1234568"),
        (Channel::Chat, "C 1"),
        (Channel::InApp, "ana"),
    ];
    for (channel, address) in refused {
        let error = by_hand(&mut owner, channel, address).await.unwrap_err();
        assert!(error.contains("would never match"), "{address}: {error}");
    }
}

/// The engine's own words are stored whatever SQL knows of them.
#[tokio::test]
async fn what_the_engine_spells_is_stored_as_it_spells_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let entry = Suppression {
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
        address: "\u{141}ucja@ex\u{e4}mple.org".to_owned(),
        reason: SuppressionReason::Manual,
        category: None,
    };
    suppressions::upsert(&mut c, &entry).await.unwrap();
    let stored = "SELECT address AS text FROM notification_schema.suppressions";
    let expected = "\u{142}ucja@xn--exmple-cua.org";
    assert_eq!(lines(&mut c, stored).await, [expected]);
}

#[tokio::test]
async fn what_stood_there_in_another_spelling_gets_its_one() {
    let database = TestDatabase::create().await;
    let mut owner = database.owner().await;
    let (up, down) = (
        include_str!("../../../migrations/2026-11-29-000801_list_by_hand/up.sql"),
        include_str!("../../../migrations/2026-11-29-000801_list_by_hand/down.sql"),
    );
    owner.batch_execute(down).await.unwrap();
    let stood = format!(
        "INSERT INTO notification_schema.suppressions (tenant_id, channel, address, reason, ends_at)
         SELECT '{DEFAULT_TENANT}', 'email', address, reason, ends_at FROM (VALUES
             (E'u\\u0308mit@example.org', 'manual', NULL),
             ('\"ines\"@example.org', 'manual', NULL),
             ('ines@example.org', 'hard_bounce', now() + interval '1 day'),
             ('zoe@ex\u{e4}mple.org', 'manual', NULL)) AS list (address, reason, ends_at)"
    );
    owner.batch_execute(&stood).await.unwrap();
    owner.batch_execute(up).await.unwrap();
    let stands = "SELECT concat_ws(' ', address, reason, ends_at) AS text
                  FROM notification_schema.suppressions ORDER BY address COLLATE \"C\"";
    let expected = [
        "ines@example.org manual",
        "zoe@ex\u{e4}mple.org manual",
        "\u{fc}mit@example.org manual",
    ];
    assert_eq!(lines(&mut owner, stands).await, expected);
    // What SQL cannot spell is found by who can.
    let unspelt = suppressions::unspelt(&database.pool().await).await;
    assert_eq!(unspelt.unwrap().map(|it| it.count), Some(1));
}

/// An address may be kept from one category alone.
#[tokio::test]
async fn an_entry_for_a_category_holds_for_its_messages_alone() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let mut entry = Suppression {
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Sms,
        address: ADDRESS.to_owned(),
        reason: SuppressionReason::Manual,
        category: Some("news".to_owned()),
    };
    suppressions::upsert(&mut c, &entry).await.unwrap();
    let of = |category: Option<&str>| {
        let category = category.map(str::to_owned);
        (DEFAULT_TENANT, Channel::Sms, ADDRESS.to_owned(), category)
    };
    let asked = [of(None), of(Some("news")), of(Some("orders"))];
    let found = suppressions::among(&c, &asked).await.unwrap();
    assert_eq!(found.known, [(of(Some("news")), ())].into());
    entry.category = None;
    suppressions::upsert(&mut c, &entry).await.unwrap();
    let found = suppressions::among(&c, &asked).await.unwrap();
    assert_eq!(found.known.len(), 3, "one for all stands beside it");
}
