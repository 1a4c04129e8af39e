//! Accepting under the id of a claim that nobody works on: one row, whoever was quicker.

use std::time::Duration;

use diesel_async::AsyncPgConnection;
use herald::domain::{Channel, ContentHash, DEFAULT_TENANT, KeyHash, Notification, Reason, Status};
use herald::runtime::clock;
use herald::store::Database;
use herald::store::accept::{self, Acceptable, Accepting};
use herald::store::claims::{self, ClaimRequest, Claimant};
use herald::store::lease::RunId;
use herald::store::settle::{self, Settlement};
use herald::store::takes::TakeId;

use super::fixtures::{cancelled, people, reservation, sent};
use crate::database::{TestDatabase, lines};

const SAID: ContentHash = ContentHash([1; 32]);
const WINDOW: Duration = Duration::from_secs(60);
const RUN: RunId = RunId(1);
const HEIR: RunId = RunId(901);

fn claimant(run: RunId) -> Claimant {
    Claimant {
        run: Some(run),
        worker: 0,
        now: clock::now(),
    }
}

/// Claims what the settlement is of, as its run did.
async fn claim(pool: &Database, settlement: &Settlement) {
    let (notification, take) = (&settlement.notification, settlement.origin.take());
    let request = ClaimRequest {
        key: notification.key,
        content: SAID,
        notification_id: notification.id,
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    };
    let requests = [request];
    let claims = claims::claim(pool, claimant(RUN), take, WINDOW, &requests);
    claims.await.unwrap();
}

/// Takes the claim over, whatever was found, and answers the take.
async fn adopt(pool: &Database, key: KeyHash, number: u32) -> TakeId {
    let (found, take) = (
        claims::find(pool, &[key]).await.unwrap()[&key],
        TakeId::of(HEIR, number),
    );
    let over = claims::take_over(pool, take, WINDOW, &[(key, SAID, found)]).await;
    assert_eq!(over.unwrap().len(), 1);
    take
}

async fn accept(pool: &Database, of: &Notification, adopts: TakeId, take: TakeId) -> Accepting {
    let acceptable = Acceptable {
        request_id: None,
        notification: of,
        content: SAID,
        take: Some(take),
        adopts: Some(adopts),
        said: None,
    };
    let became = accept::accept(pool, claimant(HEIR), WINDOW, &[acceptable]).await;
    became.unwrap().remove(&of.id).unwrap()
}

async fn books(c: &mut AsyncPgConnection) -> Vec<String> {
    let books = "SELECT concat_ws(' ', sum(consumed), sum(accepted_api)) AS text
        FROM notification_schema.intake";
    lines(c, books).await
}

async fn rows(c: &mut AsyncPgConnection) -> Vec<String> {
    let rows = "SELECT concat_ws(' ', status, owner, take) AS text
        FROM notification_schema.notifications";
    lines(c, rows).await
}

#[tokio::test]
async fn what_a_dead_run_decides_late_of_an_adopted_message_is_not_stored() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let waits = Settlement {
        status: Status::Pending,
        reason: Some(Reason::QuietHours),
        due_at: Some(clock::now()),
        ..cancelled(&reservation(person, &[]))
    };
    claim(&pool, &waits).await;
    let adopts = adopt(&pool, waits.notification.key, 1).await;
    let take = TakeId::of(HEIR, 2);
    let accepted = accept(&pool, &waits.notification, adopts, take).await;
    assert_eq!(accepted, Accepting::New);
    let settled = settle::settle(&pool, &[&waits], clock::instant()).await;
    assert_eq!(settled.unwrap().stored(), 0);
    assert_eq!(rows(&mut c).await, [format!("pending 901 {}", take.0)]);
    assert_eq!(
        books(&mut c).await,
        ["1 0"],
        "it was counted when it was claimed"
    );
}

#[tokio::test]
async fn what_was_stored_a_moment_before_is_not_accepted_again() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let outcome = sent(&reservation(person, &[]));
    let notification = outcome.notification.clone();
    claim(&pool, &outcome).await;
    let settled = settle::settle(&pool, &[&outcome], clock::instant()).await;
    assert_eq!(settled.unwrap().stored(), 1);
    let adopts = adopt(&pool, notification.key, 1).await;
    match accept(&pool, &notification, adopts, TakeId::of(HEIR, 2)).await {
        Accepting::Taken(owner) => assert!(owner.is_stored()),
        other => panic!("{other:?}"),
    }
    assert_eq!(rows(&mut c).await, ["sent"]);
}

#[tokio::test]
async fn a_claim_that_was_taken_again_is_not_accepted_over() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let notification = cancelled(&reservation(person, &[]));
    claim(&pool, &notification).await;
    let notification = notification.notification;
    let adopts = adopt(&pool, notification.key, 1).await;
    // Its delivery came again, and this run works on it.
    adopt(&pool, notification.key, 2).await;
    match accept(&pool, &notification, adopts, TakeId::of(HEIR, 3)).await {
        Accepting::Taken(owner) => assert!(!owner.is_stored()),
        other => panic!("{other:?}"),
    }
    assert!(rows(&mut c).await.is_empty());
    // Asked again after a lost answer, one that was accepted is so once.
    let last = adopt(&pool, notification.key, 4).await;
    let take = TakeId::of(HEIR, 5);
    assert_eq!(
        accept(&pool, &notification, last, take).await,
        Accepting::New
    );
    match accept(&pool, &notification, last, take).await {
        Accepting::Taken(owner) => assert!(owner.is_stored()),
        other => panic!("{other:?}"),
    }
}
