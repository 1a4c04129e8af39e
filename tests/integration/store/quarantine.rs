//! What PostgreSQL refuses: for a row's own data it is kept whole, for any other reason it waits.

use diesel_async::SimpleAsyncConnection;
use herald::domain::{ContentHash, Reason, Status};
use herald::runtime::clock;
use herald::store::audit::DoneBy;
use herald::store::claims::{self, ClaimRequest, Claimant};
use herald::store::lease::RunId;
use herald::store::observed::Duty;
use herald::store::quarantine::{self, OutcomeReplay, QuarantineFilter, Quarantined};
use herald::store::retention;
use herald::store::settle::{self, Origin, Settlement};
use herald::store::takes::TakeId;
use herald::store::{Database, StoreError};
use jiff::SignedDuration;

use super::fixtures::{cancelled, counter, people, reservation};
use crate::database::{TestDatabase, lines};

const RUN: RunId = RunId(1);
const SAID: ContentHash = ContentHash([1; 32]);
const ROWS: &str = "SELECT status AS text FROM notification_schema.notifications ORDER BY id";
const EVENTS: &str = "SELECT event_type || ' ' || is_resolved AS text
    FROM notification_schema.admin_system_events ORDER BY id";

/// Outcomes that wait for a time, with something to say.
async fn put_off(pool: &Database, count: usize) -> Vec<Settlement> {
    let people = people(&mut pool.get().await.unwrap(), 1).await;
    let counters = [counter(herald::domain::preference::Scope::All, 10)];
    (0..count)
        .map(|number| Settlement {
            status: Status::Pending,
            reason: Some(Reason::Retry),
            due_at: Some(clock::now() + SignedDuration::from_hours(1)),
            refund: false,
            error_message: Some(format!("number {number}")),
            ..cancelled(&reservation(people[0], &counters))
        })
        .collect()
}

async fn kept(pool: &Database) -> Vec<Quarantined> {
    quarantine::list(pool, &QuarantineFilter::default(), 100)
        .await
        .unwrap()
}

#[tokio::test]
async fn a_row_that_is_refused_for_its_data_is_kept_whole_and_its_neighbours_are_stored() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let check = "ALTER TABLE notification_schema.notifications
        ADD CONSTRAINT by_hand CHECK (error_message <> 'number 3')";
    owner.batch_execute(check).await.unwrap();
    let batch = put_off(&pool, 7).await;
    let refused = batch[3].notification.id;
    let refs: Vec<&Settlement> = batch.iter().collect();
    let settled = settle::settle(&pool, &refs, clock::instant())
        .await
        .unwrap();
    assert_eq!((settled.stored(), settled.left()), (6, None));
    assert!(settled.is_quarantined(refused) && !settled.is_stored(refused));
    assert!(batch.iter().all(|one| settled.proof(one).is_some()));

    let kept = kept(&pool).await;
    assert_eq!(kept.len(), 1);
    assert_eq!(
        (kept[0].notification_id, kept[0].sqlstate.as_str()),
        (refused, "23514")
    );
    assert!(kept[0].message.contains("by_hand"), "{}", kept[0].message);
    let whole: Settlement = serde_json::from_slice(&kept[0].settlement).unwrap();
    assert_eq!(whole, batch[3]);
    assert_eq!(
        lines(&mut owner, EVENTS).await,
        ["outcomes_quarantined false"]
    );

    // Refused again, it stays; with the cause mended it is stored as it would have been.
    let again = quarantine::replay(&pool, &kept[0], &DoneBy::command_line()).await;
    assert!(
        matches!(again, Err(StoreError::CheckViolation { .. })),
        "{again:?}"
    );
    assert_eq!(quarantine::count(&pool).await, Ok(1));
    let mend = "ALTER TABLE notification_schema.notifications DROP CONSTRAINT by_hand";
    owner.batch_execute(mend).await.unwrap();
    assert_eq!(
        quarantine::replay(&pool, &kept[0], &DoneBy::command_line()).await,
        Ok(OutcomeReplay::Stored)
    );
    assert_eq!(
        quarantine::replay(&pool, &kept[0], &DoneBy::command_line()).await,
        Ok(OutcomeReplay::Gone)
    );
    assert_eq!(lines(&mut owner, ROWS).await, ["pending"; 7]);
    assert_eq!(
        lines(&mut owner, EVENTS).await,
        ["outcomes_quarantined true"]
    );
    assert_eq!(quarantine::count(&pool).await, Ok(0));
}

#[tokio::test]
async fn quarantined_outcome_is_no_new_message_and_is_not_taken() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let mut outcome = put_off(&pool, 1).await.remove(0);
    let settled = settle::settle(&pool, &[&outcome], clock::instant())
        .await
        .unwrap();
    assert!(settled.is_stored(outcome.notification.id));
    // The scheduler took it, and what became of it is refused.
    let taken = "UPDATE notification_schema.notifications SET owner = 1, waits_for = 'any', take = 1, due_at = now()";
    owner.batch_execute(taken).await.unwrap();
    outcome.origin = Origin::Database(TakeId(1));
    outcome.provider_response = Some("no \0 may be stored".to_owned());
    let settled = settle::settle(&pool, &[&outcome], clock::instant())
        .await
        .unwrap();
    assert!(settled.is_quarantined(outcome.notification.id));
    let waiting = "SELECT concat_ws(' ', status, owner, due_at, waits_for) AS text
        FROM notification_schema.notifications";
    assert_eq!(lines(&mut owner, waiting).await, ["pending"]);

    let claimant = Claimant {
        run: None,
        worker: 0,
        now: clock::now(),
    };
    let request = ClaimRequest {
        key: outcome.notification.key,
        content: SAID,
        notification_id: outcome.notification.id,
        tenant_id: outcome.notification.tenant_id,
        channel: outcome.notification.lane.channel,
    };
    let window = std::time::Duration::from_secs(60);
    let take = TakeId::of(RunId(2), 1);
    claims::claim(&pool, claimant, take, window, &[request])
        .await
        .unwrap();
    owner
        .batch_execute("DELETE FROM notification_schema.notifications")
        .await
        .unwrap();
    let found = claims::find(&pool, &[request.key]).await.unwrap();
    assert!(found[&request.key].is_stored(), "{found:?}");

    let entry = kept(&pool).await.remove(0);
    assert_eq!(
        quarantine::resolve(&pool, &entry, &DoneBy::command_line()).await,
        Ok(true)
    );
    assert_eq!(
        quarantine::resolve(&pool, &entry, &DoneBy::command_line()).await,
        Ok(false)
    );
    assert_eq!(
        lines(&mut owner, EVENTS).await,
        ["outcomes_quarantined true"]
    );
}

#[tokio::test]
async fn outcome_refused_for_another_reason_waits_without_a_proof() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let batch = put_off(&pool, 20).await;
    let refs: Vec<&Settlement> = batch.iter().collect();
    let raising = |state: &str| {
        format!(
            "CREATE FUNCTION public.raise() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION USING ERRCODE = '{state}', MESSAGE = 'es geht nicht'; END $$;
             CREATE TRIGGER raise BEFORE INSERT ON notification_schema.notifications
                 FOR EACH ROW EXECUTE FUNCTION public.raise()"
        )
    };
    let lower = "DROP FUNCTION public.raise() CASCADE".to_owned();
    let table = "notification_schema.notifications";
    let role = "herald_notifications";
    for (trouble, mended, code, also_without_rows) in [
        (
            format!("REVOKE INSERT, UPDATE ON {table} FROM {role}"),
            format!("GRANT INSERT, UPDATE ON {table} TO {role}"),
            "42501",
            true,
        ),
        (
            format!("ALTER TABLE {table} RENAME COLUMN metadata TO meta"),
            format!("ALTER TABLE {table} RENAME COLUMN meta TO metadata"),
            "42703",
            true,
        ),
        (raising("58030"), lower.clone(), "58030", false),
        (raising("53100"), lower.clone(), "53100", false),
        (raising("P0001"), lower, "P0001", false),
    ] {
        owner.batch_execute(&trouble).await.unwrap();
        for _ in 0..3 {
            let refused = settle::settle(&pool, &refs, clock::instant())
                .await
                .unwrap_err();
            assert_eq!(refused.code().as_str(), code, "{refused}");
        }
        assert!(pool.standing(Duty::Settling).failing.is_some());
        let tried = pool.try_out(Duty::Settling, RUN).await;
        assert_eq!(tried.is_err(), also_without_rows, "{code}: {tried:?}");
        assert_eq!(quarantine::count(&pool).await, Ok(0), "{code}");
        owner.batch_execute(&mended).await.unwrap();
        pool.try_out(Duty::Settling, RUN).await.unwrap();
    }
    let settled = settle::settle(&pool, &refs, clock::instant())
        .await
        .unwrap();
    assert_eq!((settled.stored(), settled.left()), (20, None));
    assert_eq!(pool.standing(Duty::Settling).failing, None);
}

#[tokio::test]
async fn row_refused_for_another_reason_does_not_stop_its_neighbours() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    owner
        .batch_execute(
            "CREATE FUNCTION public.raise() RETURNS trigger LANGUAGE plpgsql AS $$
                 BEGIN RAISE EXCEPTION 'not this one'; END $$;
             CREATE TRIGGER raise BEFORE INSERT ON notification_schema.notifications
                 FOR EACH ROW WHEN (NEW.error_message = 'number 500')
                 EXECUTE FUNCTION public.raise()",
        )
        .await
        .unwrap();
    let batch = put_off(&pool, 512).await;
    let refs: Vec<&Settlement> = batch.iter().collect();
    let settled = settle::settle(&pool, &refs, clock::instant())
        .await
        .unwrap();
    assert_eq!(settled.stored(), 511);
    assert!(settled.is_left(batch[500].notification.id));
    assert!(settled.proof(&batch[500]).is_none());
    let (left, why) = settled.left().unwrap();
    assert_eq!((left, why.code().as_str()), (1, "P0001"));
    assert_eq!(quarantine::count(&pool).await, Ok(0));
}

#[tokio::test]
async fn outcome_that_quarantine_refuses_is_not_settled() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let revoke = "REVOKE INSERT ON notification_schema.notification_quarantine
        FROM herald_notifications";
    owner.batch_execute(revoke).await.unwrap();
    let mut batch = put_off(&pool, 3).await;
    batch[1].provider_response = Some("\0".to_owned());
    let refs: Vec<&Settlement> = batch.iter().collect();
    let settled = settle::settle(&pool, &refs, clock::instant())
        .await
        .unwrap();
    assert_eq!(settled.stored(), 2);
    assert!(settled.is_left(batch[1].notification.id));
    assert!(settled.proof(&batch[1]).is_none());
}

#[tokio::test]
async fn quarantine_of_a_recipient_is_erased_with_the_recipient() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut owner = database.owner().await;
    let mut outcome = put_off(&pool, 1).await.remove(0);
    outcome.provider_response = Some("no \0 may be stored".to_owned());
    let settled = settle::settle(&pool, &[&outcome], clock::instant()).await;
    assert!(settled.unwrap().is_quarantined(outcome.notification.id));
    let erase = format!(
        "DELETE FROM notification_schema.users WHERE id = '{}'",
        outcome.notification.user_id
    );
    owner.batch_execute(&erase).await.unwrap();
    assert_eq!(quarantine::count(&pool).await, Ok(0));
    retention::forget_quarantined(&pool).await.unwrap();
    assert_eq!(
        lines(&mut owner, EVENTS).await,
        ["outcomes_quarantined true"]
    );

    // Its outcome comes again, and neither with nor without the person can it be stored.
    let settled = settle::settle(&pool, &[&outcome], clock::instant()).await;
    assert!(settled.unwrap().is_quarantined(outcome.notification.id));
    let entry = kept(&pool).await.remove(0);
    let whole = String::from_utf8(entry.settlement).unwrap();
    assert!(!whole.contains("hello"), "{whole}");
    assert_eq!(entry.message, "");
}
