//! Dead letters: found by what they are, replayed once each.

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, DEFAULT_TENANT, Reason};
use herald::ops::replay::{self, Order, ReplayFate, ReplayedLetter, Skip};
use herald::runtime::clock;
use herald::store::dead_letters::{self, DeadLetter, LetterFilter};
use uuid::Uuid;

use crate::database::{TestDatabase, lines};

const ORDER: Order = Order {
    rate: 10,
    most: usize::MAX,
    dry_run: false,
    by: None,
};

/// A failed notification with its dead letter, `age` hours old.
async fn fail(c: &mut AsyncPgConnection, channel: &str, reason: &str, age: u32) -> Uuid {
    let id = Uuid::now_v7();
    let insert = format!(
        "INSERT INTO notification_schema.users (id, tenant_id, email, phone)
         VALUES ('{id}', '{DEFAULT_TENANT}', '{id}@example.com', '+491511' || {age});
         INSERT INTO notification_schema.notifications
             (id, tenant_id, user_id, idempotency_key, message_type, priority, status, reason,
              provider, payload, attempt_count, failed_at, error_message)
         VALUES ('{id}', '{DEFAULT_TENANT}', '{id}', repeat('{key}', 2), '{channel}', 'normal',
                 'failed', '{reason}', 'main', '{{\"content\": {{\"body\": \"hi\"}}}}', 6, now(),
                 'no luck');
         INSERT INTO notification_schema.notification_dlq
             (tenant_id, notification_id, failure_reason, moved_to_dlq_at)
         VALUES ('{DEFAULT_TENANT}', '{id}', '{reason}', now() - interval '{age} hours')",
        key = id.simple(),
    );
    c.batch_execute(&insert).await.unwrap();
    id
}

fn ids(letters: &[DeadLetter]) -> Vec<Uuid> {
    letters
        .iter()
        .map(|letter| letter.notification_id)
        .collect()
}

fn fates(replayed: &[ReplayedLetter]) -> Vec<(Uuid, &'static str)> {
    let fate = |replayed: &ReplayedLetter| match &replayed.fate {
        ReplayFate::Due(_) => "due",
        ReplayFate::Skipped(skip) => skip.as_str(),
    };
    let one = |replayed: &ReplayedLetter| (replayed.letter.notification_id, fate(replayed));
    replayed.iter().map(one).collect()
}

#[tokio::test]
async fn dead_letters_are_filtered_newest_first_a_page_at_a_time() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let old = fail(&mut c, "email", "no_address", 3).await;
    let sms = fail(&mut c, "sms", "retries_exhausted", 2).await;
    let new = fail(&mut c, "email", "retries_exhausted", 1).await;
    let nobody: [Uuid; 0] = [];
    let found = async |filter: LetterFilter| {
        ids(&dead_letters::list(&pool, &filter, None, 9).await.unwrap())
    };
    assert_eq!(found(LetterFilter::default()).await, [new, sms, old]);
    let by = |change: fn(&mut LetterFilter)| {
        let mut filter = LetterFilter::default();
        change(&mut filter);
        filter
    };
    assert_eq!(found(by(|f| f.channel = Some(Channel::Sms))).await, [sms]);
    assert_eq!(
        found(by(|f| f.reason = Some(Reason::NoAddress))).await,
        [old]
    );
    assert_eq!(
        found(by(|f| f.provider = Some("main".into()))).await.len(),
        3
    );
    assert_eq!(
        found(by(|f| f.provider = Some("other".into()))).await,
        nobody
    );
    assert_eq!(found(by(|f| f.tenant_id = Some(Uuid::nil()))).await, nobody);
    assert_eq!(found(by(|f| f.resolved = Some(true))).await, nobody);
    let one = LetterFilter {
        id: Some(sms),
        ..LetterFilter::default()
    };
    assert_eq!(found(one).await, [sms]);
    let now = clock::now();
    let (since, until) = (
        now - jiff::SignedDuration::from_mins(150),
        now - jiff::SignedDuration::from_mins(90),
    );
    let between = LetterFilter {
        since: Some(since),
        until: Some(until),
        ..LetterFilter::default()
    };
    assert_eq!(found(between).await, [sms]);
    let all = LetterFilter::default();
    let first = dead_letters::list(&pool, &all, None, 2).await.unwrap();
    let after = first.last().map(DeadLetter::place);
    let rest = dead_letters::list(&pool, &all, after, 2).await.unwrap();
    assert_eq!((ids(&first), ids(&rest)), (vec![new, sms], vec![old]));
    assert_eq!(dead_letters::count(&pool, &all).await, Ok(3));
}

#[tokio::test]
async fn resolved_dead_letter_stays_as_it_is() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    fail(&mut c, "email", "no_address", 2).await;
    let new = fail(&mut c, "email", "no_address", 1).await;
    let all = LetterFilter::default();
    assert_eq!(
        dead_letters::resolve(&pool, &all, Some(new), 1).await,
        Ok(1)
    );
    let resolved = LetterFilter {
        resolved: Some(true),
        ..LetterFilter::default()
    };
    let letters = dead_letters::list(&pool, &resolved, None, 9).await.unwrap();
    assert_eq!(ids(&letters), [new], "the newest first");
    assert_eq!(letters[0].resolved_by, Some(new));
    assert_eq!(dead_letters::resolve(&pool, &all, None, 9).await, Ok(1));
    assert_eq!(dead_letters::resolve(&pool, &all, None, 9).await, Ok(0));
    let again = dead_letters::list(&pool, &resolved, None, 9).await.unwrap();
    assert_eq!(again[0], letters[0]);
}

#[tokio::test]
async fn two_who_replay_at_once_replay_each_once() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    for age in 1..=30 {
        fail(&mut c, "email", "retries_exhausted", age).await;
    }
    let unresolved = LetterFilter {
        resolved: Some(false),
        ..LetterFilter::default()
    };
    let replay = || replay::replay(&pool, &unresolved, &ORDER, |_| {});
    let (one, other) = tokio::join!(replay(), replay());
    let (one, other) = (one.unwrap(), other.unwrap());
    let due =
        |replayed: &[ReplayedLetter]| fates(replayed).iter().filter(|(_, f)| *f == "due").count();
    assert_eq!(due(&one) + due(&other), 30);
    let rows = "SELECT concat_ws(' ', n.status, n.reason, n.attempt_count, n.failed_at IS NULL,
                jsonb_array_length(n.attempts), n.attempts -> 0 ->> 'step',
                n.attempts -> 0 ->> 'failed', n.attempts -> 0 ->> 'detail', d.resolved) AS text
        FROM notification_schema.notifications n
        JOIN notification_schema.notification_dlq d ON d.notification_id = n.id GROUP BY 1";
    assert_eq!(
        lines(&mut c, rows).await,
        ["pending retry 0 t 1 replayed retries_exhausted no luck t"]
    );
    let spread =
        "SELECT (max(due_at) - min(due_at))::text AS text FROM notification_schema.notifications";
    let spread = lines(&mut c, spread).await;
    assert!(spread[0].starts_with("00:00:02"), "{spread:?}");
}

#[tokio::test]
async fn a_letter_of_which_somebody_else_was_first_is_left_alone() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    fail(&mut c, "email", "retries_exhausted", 1).await;
    let letters = dead_letters::list(&pool, &LetterFilter::default(), None, 9)
        .await
        .unwrap();
    let seen = [dead_letters::LetterReplay {
        letter: &letters[0],
        failed: Reason::RetriesExhausted,
        due_at: clock::now(),
    }];
    // It was replayed by somebody else, and has failed anew.
    let anew = "UPDATE notification_schema.notification_dlq SET moved_to_dlq_at = now()";
    c.batch_execute(anew).await.unwrap();
    let replayed = dead_letters::replay(&pool, &seen, None, clock::now())
        .await
        .unwrap();
    assert!(replayed.is_empty());
}

#[tokio::test]
async fn dead_letter_that_would_be_cancelled_is_skipped_with_a_reason() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let mut letters = vec![];
    for age in 1..=6 {
        letters.push(fail(&mut c, "email", "retries_exhausted", age).await);
    }
    let [fine, expired, off, suppressed, deleted, sent] = letters[..] else {
        panic!("{letters:?}")
    };
    c.batch_execute(&format!(
        "SET search_path TO notification_schema;
         UPDATE notifications SET expires_at = now() WHERE id = '{expired}';
         INSERT INTO notification_preferences (tenant_id, user_id, channel, enabled)
             VALUES ('{DEFAULT_TENANT}', '{off}', 'email', false);
         INSERT INTO suppressions (id, tenant_id, channel, address, reason)
             VALUES ('{suppressed}', '{DEFAULT_TENANT}', 'email', '{suppressed}@example.com', 'manual');
         UPDATE users SET deleted_at = now() WHERE id = '{deleted}';
         UPDATE notifications SET status = 'sent', reason = NULL WHERE id = '{sent}'"
    ))
    .await
    .unwrap();
    let wanted = [
        (fine, "due"),
        (expired, "expired"),
        (off, "channel_disabled"),
        (suppressed, "suppressed"),
        (deleted, "user_gone"),
        (sent, "not_failed"),
    ];
    let plan = Order {
        dry_run: true,
        ..ORDER
    };
    let all = LetterFilter::default();
    let planned = replay::replay(&pool, &all, &plan, |_| {}).await.unwrap();
    assert_eq!(fates(&planned), wanted);
    let unresolved = LetterFilter {
        resolved: Some(false),
        ..LetterFilter::default()
    };
    assert_eq!(dead_letters::count(&pool, &unresolved).await, Ok(6));
    let done = replay::replay(&pool, &all, &ORDER, |_| {}).await.unwrap();
    assert_eq!(fates(&done), wanted);
    assert_eq!(dead_letters::count(&pool, &unresolved).await, Ok(5));
    assert_eq!(
        done[1].fate,
        ReplayFate::Skipped(Skip::Unwanted(Reason::Expired))
    );
}

#[tokio::test]
async fn dead_letter_of_a_newer_version_is_shown_and_not_replayed() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let plain = fail(&mut c, "email", "retries_exhausted", 1).await;
    let word = fail(&mut c, "email", "retries_exhausted", 2).await;
    let field = fail(&mut c, "email", "retries_exhausted", 3).await;
    let step = fail(&mut c, "email", "retries_exhausted", 4).await;
    let newer = fail(&mut c, "email", "retries_exhausted", 5).await;
    c.batch_execute(&format!(
        "SET search_path TO notification_schema;
         ALTER TABLE notification_dlq DROP CONSTRAINT notification_dlq_failure_reason_check;
         UPDATE notification_dlq SET failure_reason = 'full_moon' WHERE notification_id = '{word}';
         UPDATE notifications SET format = 30000 WHERE id = '{newer}';
         UPDATE notifications SET payload = payload || '{{\"card\": 1}}' WHERE id = '{field}';
         UPDATE notifications SET attempts = '[{{\"step\": \"noticed\", \"at\": \"2026-03-01T12:00:00Z\"}},
             {{\"step\": \"deferred\", \"reason\": \"retry\", \"until\": \"2026-03-01T12:00:00Z\",
               \"at\": \"2026-03-01T12:00:00Z\"}}]' WHERE id = '{step}'"
    ))
    .await
    .unwrap();
    let all = LetterFilter::default();
    let letters = dead_letters::list(&pool, &all, None, 9).await.unwrap();
    assert_eq!(ids(&letters), [plain, word, field, step, newer]);
    assert_eq!(letters[1].reason_word(), "full_moon");
    assert_eq!(letters[3].history.len(), 1, "what can be read is shown");
    let stored = "SELECT payload::text || attempts AS text FROM notification_schema.notifications
                  WHERE status = 'failed' ORDER BY id";
    let before = lines(&mut c, stored).await;
    let done = replay::replay(&pool, &all, &ORDER, |_| {}).await.unwrap();
    assert_eq!(
        fates(&done),
        [
            (plain, "due"),
            (word, "unreadable"),
            (field, "unreadable"),
            (step, "unreadable"),
            (newer, "unreadable")
        ]
    );
    let unresolved = LetterFilter {
        resolved: Some(false),
        ..LetterFilter::default()
    };
    assert_eq!(dead_letters::count(&pool, &unresolved).await, Ok(4));
    assert_eq!(
        lines(&mut c, stored).await,
        before[1..],
        "they stay as they are"
    );
}
