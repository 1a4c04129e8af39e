//! Claims: whose a key is, however late a statement comes, and what they remember of runs that died.

use std::time::Duration;

use diesel_async::{AsyncPgConnection, SimpleAsyncConnection};
use herald::domain::{Channel, ContentHash, DEFAULT_TENANT, KeyHash, Reason, Status};
use herald::runtime::clock;
use herald::store::claims::{
    self, Claim, ClaimOwner, ClaimRequest, Claimant, FoundClaim, ReleasedClaim, TakenOver,
};
use herald::store::lease::RunId;
use herald::store::retention::KeyWalk;
use herald::store::settle::{self, Origin, Settlement};
use herald::store::takes::TakeId;
use herald::store::{Database, cancel};
use uuid::Uuid;

use super::fixtures::{cancelled, people, reservation};
use super::lease::registered;
use super::takes::late_by;
use crate::database::{TestDatabase, lines};

const SAID: ContentHash = ContentHash([1; 32]);
const WINDOW: Duration = Duration::from_secs(60);
const KEY: KeyHash = KeyHash([7; 32]);
/// An id of the first hour of all.
const OLD: Uuid = Uuid::from_u128(0x0000_0000_1000_7000_8000_0000_0000_0001);
const RUN: RunId = RunId(900);
const HEIR: RunId = RunId(901);
const NEXT: RunId = RunId(902);

fn request(key: KeyHash) -> ClaimRequest {
    ClaimRequest {
        key,
        content: SAID,
        notification_id: Uuid::now_v7(),
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    }
}

fn claimant(run: RunId) -> Claimant {
    Claimant {
        run: Some(run),
        worker: 0,
        now: clock::now(),
    }
}

/// The claim of [`OLD`] under this take.
fn released(take: TakeId) -> ReleasedClaim {
    ReleasedClaim {
        key: KEY,
        take,
        notification_id: OLD,
        tenant_id: DEFAULT_TENANT,
        channel: Channel::Email,
    }
}

async fn claim(pool: &Database, take: TakeId, requests: &[ClaimRequest]) {
    let claims = claims::claim(pool, claimant(take.run()), take, WINDOW, requests).await;
    let claims = claims.unwrap();
    assert!(requests.iter().all(|one| claims[&one.key] == Claim::New));
}

async fn claim_owner(pool: &Database, key: KeyHash) -> ClaimOwner {
    claims::find(pool, &[key]).await.unwrap()[&key]
}

/// Takes a key over from whoever holds it now.
async fn take_over(pool: &Database, key: KeyHash, run: RunId, number: u32) -> Option<TakenOver> {
    let found: FoundClaim = (key, SAID, claim_owner(pool, key).await);
    take_over_found(pool, found, TakeId::of(run, number)).await
}

async fn take_over_found(pool: &Database, found: FoundClaim, take: TakeId) -> Option<TakenOver> {
    let taken = claims::take_over(pool, take, WINDOW, &[found]).await;
    taken.unwrap().remove(&found.0)
}

/// Owner and take of the claim.
async fn state(c: &mut AsyncPgConnection) -> Vec<String> {
    let state = "SELECT concat_ws(' ', coalesce(owner::text, 'nobody'), take) AS text
        FROM notification_schema.notification_deduplication";
    lines(c, state).await
}

#[tokio::test]
async fn only_runs_that_died_with_a_message_in_hand_count_against_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let mut runs = vec![];
    for name in ["died", "died too", "ended", "heir"] {
        runs.push(registered(&pool, name).await.1.run);
    }
    let [died, too, ended, heir] = runs[..] else {
        panic!("{runs:?}")
    };
    // In good order while its lease lasts, or by another once it is over.
    let end = "UPDATE engine_nodes SET ended_at = now() WHERE node_name = 'ended';
               UPDATE engine_nodes SET ended_at = now(), lives_until = now()
               WHERE node_name LIKE 'died%'";
    c.batch_execute(end).await.unwrap();
    assert_eq!(claims::crashes(&pool, KEY).await, Ok(None));
    claim(&pool, TakeId::of(died, 1), &[request(KEY)]).await;
    // Who follows, and what it counts then.
    for (heir, crashes) in [(too, 1), (too, 1), (ended, 2), (heir, 2)] {
        assert!(take_over(&pool, KEY, heir, 1).await.is_some());
        assert_eq!(claims::crashes(&pool, KEY).await, Ok(Some(crashes)));
    }
    let given = [(KEY, TakeId::of(heir, 1))];
    claims::give_back(&pool, &given).await.all_done().unwrap();
    assert!(take_over(&pool, KEY, heir, 2).await.is_some());
    let crashes = claims::crashes(&pool, KEY).await;
    assert_eq!(crashes, Ok(Some(2)), "it was given back");
}

#[tokio::test]
async fn a_claim_remembers_the_run_that_died_with_it_when_the_heir_gives_it_back() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    claim(&pool, TakeId::of(RUN, 1), &[request(KEY)]).await;
    let before = claim_owner(&pool, KEY).await;

    let died = |run| Some(TakenOver { died: Some(run) });
    // Given back by whoever lived: nothing was sent.
    let again = take_over(&pool, KEY, RUN, 2).await;
    assert_eq!(again, Some(TakenOver { died: None }));
    let late = take_over_found(&pool, (KEY, SAID, before), TakeId::of(HEIR, 1)).await;
    assert_eq!(late, None, "the same owner, and another take");
    assert_eq!(take_over(&pool, KEY, HEIR, 1).await, died(RUN));
    assert_eq!(
        take_over(&pool, KEY, HEIR, 2).await,
        died(RUN),
        "a lost answer"
    );
    let given = [(KEY, TakeId::of(HEIR, 2))];
    claims::give_back(&pool, &given).await.all_done().unwrap();
    assert_eq!(claim_owner(&pool, KEY).await.owner, None);
    assert_eq!(take_over(&pool, KEY, NEXT, 1).await, died(RUN));
    assert_eq!(take_over(&pool, KEY, HEIR, 3).await, died(NEXT));
}

#[tokio::test]
async fn many_claims_are_taken_over_together_each_by_the_first_who_comes() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let keys: Vec<KeyHash> = (0..=255).map(|n| KeyHash([n; 32])).collect();
    let requests: Vec<ClaimRequest> = keys.iter().copied().map(request).collect();
    claim(&pool, TakeId::of(RUN, 1), &requests).await;
    let claim_owners = claims::find(&pool, &keys).await.unwrap();
    let found: Vec<FoundClaim> = claim_owners
        .iter()
        .map(|(key, it)| (*key, SAID, *it))
        .collect();
    let take = |run, number| claims::take_over(&pool, TakeId::of(run, number), WINDOW, &found);
    let (one, two) = tokio::join!(take(HEIR, 1), take(NEXT, 1));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one.len() + two.len(), keys.len());
    assert!(one.keys().all(|key| !two.contains_key(key)));
}

/// While a statement waits for the lock of the claim, its run takes the claim again.
async fn overtaken<T>(
    database: &TestDatabase,
    late: impl Future<Output = Result<T, herald::store::StoreError>>,
) -> T {
    let table = "notification_schema.notification_deduplication";
    let lock = format!("SELECT FROM {table} FOR UPDATE");
    let (run, take) = (RUN.0, TakeId::of(RUN, 2).0);
    let again = format!("UPDATE {table} SET owner = {run}, take = {take}");
    late_by(database, &lock, &again, late).await
}

#[tokio::test]
async fn late_release_does_not_change_a_claim_that_was_taken_again() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let first = TakeId::of(RUN, 1);
    let second = [format!("{} {}", RUN.0, TakeId::of(RUN, 2).0)];
    claim(&pool, first, &[request(KEY)]).await;
    let given = [(KEY, first)];
    let reset = format!(
        "UPDATE notification_schema.notification_deduplication SET take = {}",
        first.0
    );
    let late = async { claims::give_back(&pool, &given).await.all_done() };
    overtaken(&database, late).await;
    assert_eq!(state(&mut c).await, second, "given back");

    c.batch_execute(&reset).await.unwrap();
    let removed = [released(first)];
    overtaken(&database, claims::release(&pool, claimant(RUN), &removed)).await;
    assert_eq!(state(&mut c).await, second, "removed");

    c.batch_execute(&reset).await.unwrap();
    let found = [(KEY, SAID, claim_owner(&pool, KEY).await)];
    let late = claims::take_over(&pool, TakeId::of(HEIR, 1), WINDOW, &found);
    assert!(overtaken(&database, late).await.is_empty());
    assert_eq!(state(&mut c).await, second, "taken over");
}

#[tokio::test]
async fn timely_release_gives_back_and_removes_the_claim() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let first = TakeId::of(RUN, 1);
    let old = ClaimRequest {
        notification_id: OLD,
        ..request(KEY)
    };
    claim(&pool, first, &[old]).await;
    claims::give_back(&pool, &[(KEY, first)])
        .await
        .all_done()
        .unwrap();
    assert_eq!(state(&mut c).await, [format!("nobody {}", first.0)]);
    assert!(take_over(&pool, KEY, RUN, 2).await.is_some());
    let counted = "SELECT concat_ws(' ', hour, sum(consumed)) AS text FROM notification_schema.intake GROUP BY hour";
    assert_eq!(lines(&mut c, counted).await, ["1970-01-01 00:00:00+00 1"]);
    let second = [released(TakeId::of(RUN, 2))];
    for _ in 0..2 {
        claims::release(&pool, claimant(RUN), &second)
            .await
            .unwrap();
        assert!(state(&mut c).await.is_empty());
        assert_eq!(
            lines(&mut c, counted).await,
            ["1970-01-01 00:00:00+00 0"],
            "it is counted with what becomes of it"
        );
    }
}

/// A message of this person that is to be tried again; whose it is, the caller says.
fn put_off(person: Uuid) -> Settlement {
    Settlement {
        status: Status::Pending,
        reason: Some(Reason::Retry),
        due_at: Some(clock::now()),
        refund: false,
        ..cancelled(&reservation(person, &[]))
    }
}

/// What a run has claimed, to be put off.
async fn claimed_and_put_off(pool: &Database) -> (Settlement, ClaimRequest) {
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let put_off = put_off(person);
    let request = ClaimRequest {
        notification_id: put_off.notification.id,
        ..request(put_off.notification.key)
    };
    claim(pool, TakeId::of(RUN, 1), &[request]).await;
    (put_off, request)
}

/// A run that has given its claim back and taken it again is asked what became of it under the first
/// take: it must not put off what it is working on.
#[tokio::test]
async fn only_the_take_that_holds_the_claim_puts_off() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let (mut put_off, request) = claimed_and_put_off(&pool).await;
    assert!(take_over(&pool, request.key, RUN, 2).await.is_some());
    for (take, stored) in [(TakeId::of(RUN, 1), 0), (TakeId::of(RUN, 2), 1)] {
        put_off.origin = Origin::Broker(take);
        let settled = settle::settle(&pool, &[&put_off], clock::instant()).await;
        let settled = settled.unwrap();
        assert_eq!(settled.stored(), stored);
        assert_eq!(settled.proof(&put_off).is_some(), stored == 1);
    }
}

/// As while nodes are upgraded one after the other.
#[tokio::test]
async fn a_claim_of_a_version_that_did_not_number_takes_is_its_runs() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let (mut put_off, request) = claimed_and_put_off(&pool).await;
    let mut c = database.owner().await;
    let unnumbered = "UPDATE notification_schema.notification_deduplication SET take = NULL";
    c.batch_execute(unnumbered).await.unwrap();
    for (run, stored) in [(HEIR, 0), (RUN, 1)] {
        put_off.origin = Origin::Broker(TakeId::unnumbered(run));
        let settled = settle::settle(&pool, &[&put_off], clock::instant()).await;
        assert_eq!(settled.unwrap().stored(), stored);
    }
    c.batch_execute("DELETE FROM notification_schema.notifications")
        .await
        .unwrap();
    assert!(take_over(&pool, request.key, HEIR, 1).await.is_some());
}

/// The window of every claim is over.
const LATE: &str = "UPDATE notification_schema.notification_deduplication
    SET expires_at = now() - interval '1 second'";

#[tokio::test]
async fn a_key_is_not_free_while_a_living_run_has_not_stored_what_it_stands_for() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let (mut leases, run) = registered(&pool, "one").await;
    let first = request(KEY);
    claim(&pool, TakeId::of(run.run, 1), &[first]).await;
    c.batch_execute(LATE).await.unwrap();
    assert_eq!(KeyWalk::default().forget_keys(&pool).await, Ok(0));
    let claimant = Claimant {
        run: None,
        worker: 0,
        now: clock::now(),
    };
    let again = [request(KEY)];
    let claim = || claims::claim(&pool, claimant, TakeId::of(NEXT, 1), WINDOW, &again);
    let found = claim().await.unwrap()[&KEY];
    assert!(matches!(found, Claim::Taken(it) if it.notification_id == first.notification_id));

    leases.end(&run).await.unwrap();
    assert_eq!(claim().await.unwrap()[&KEY], Claim::New);
    c.batch_execute(LATE).await.unwrap();
    assert_eq!(
        KeyWalk::default().forget_keys(&pool).await,
        Ok(1),
        "nobody knows that run"
    );
}

#[tokio::test]
async fn a_key_is_not_free_while_what_it_stands_for_is_in_quarantine() {
    let database = TestDatabase::create().await;
    let (pool, mut c) = (database.pool().await, database.owner().await);
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let mut refused = cancelled(&reservation(person, &[]));
    refused.refund = false;
    refused.error_message = Some("no \0 may be stored".to_owned());
    let key = refused.notification.key;
    let request = ClaimRequest {
        notification_id: refused.notification.id,
        ..request(key)
    };
    let take = TakeId::of(RUN, 1);
    claim(&pool, take, &[request]).await;
    refused.origin = Origin::Broker(take);
    let settled = settle::settle(&pool, &[&refused], clock::instant()).await;
    assert!(settled.unwrap().is_quarantined(refused.notification.id));
    c.batch_execute(LATE).await.unwrap();
    assert_eq!(KeyWalk::default().forget_keys(&pool).await, Ok(0));
    assert!(claim_owner(&pool, key).await.is_stored());
}

/// A run that was frozen, taken for dead and thawed: its heir sends what it says has failed.
#[tokio::test]
async fn of_what_is_anothers_by_now_only_an_acceptance_is_stored() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let person = people(&mut pool.get().await.unwrap(), 1).await[0];
    let frozen = TakeId::of(RUN, 1);
    let outcome = |status, reason| Settlement {
        status,
        reason,
        refund: false,
        origin: Origin::Broker(frozen),
        ..cancelled(&reservation(person, &[]))
    };
    let outcomes = [
        outcome(Status::Failed, Some(Reason::RetriesExhausted)),
        outcome(Status::Cancelled, Some(Reason::Expired)),
        outcome(Status::Sent, None),
    ];
    for one in &outcomes {
        let request = ClaimRequest {
            notification_id: one.notification.id,
            ..request(one.notification.key)
        };
        claim(&pool, frozen, &[request]).await;
        assert!(take_over(&pool, request.key, HEIR, 1).await.is_some());
    }
    let settled = settle::settle(&pool, &outcomes.each_ref(), clock::instant()).await;
    let settled = settled.unwrap();
    let [failed, cancelled, sent] = outcomes.each_ref().map(|one| settled.proof(one).is_some());
    assert_eq!((failed, cancelled, sent), (false, false, true));
    assert_eq!(settled.stored(), 1);

    let heirs = Settlement {
        origin: Origin::Broker(TakeId::of(HEIR, 1)),
        status: Status::Sent,
        reason: None,
        ..outcomes[0].clone()
    };
    let settled = settle::settle(&pool, &[&heirs], clock::instant()).await;
    assert!(settled.unwrap().is_stored(heirs.notification.id));
    let letters = "SELECT count(*)::text AS text FROM notification_schema.notification_dlq";
    assert_eq!(lines(&mut database.owner().await, letters).await, ["0"]);
}

async fn found_by_key(c: &mut AsyncPgConnection) -> Vec<cancel::ClaimMeant> {
    let shared = KEY.0[..KeyHash::SHARED].try_into().unwrap();
    cancel::by_key(c, shared).await.unwrap()
}

/// Whoever wants to cancel it by its key is told that it is under way, and not that there is none.
#[tokio::test]
async fn a_key_that_is_claimed_is_found_before_it_has_a_row_and_until_nothing_comes_of_it() {
    let database = TestDatabase::create().await;
    let pool = database.pool().await;
    let mut c = pool.get().await.unwrap();
    let run = registered(&pool, "one").await.1.run;
    assert!(found_by_key(&mut c).await.is_empty());
    let (asked, take) = (request(KEY), TakeId::of(run, 1));
    claim(&pool, take, &[asked]).await;
    let held = found_by_key(&mut c).await;
    let wanted = cancel::ClaimMeant {
        key: KEY,
        id: asked.notification_id,
        channel: Some(Channel::Email),
        is_over: false,
        whom: None,
    };
    assert_eq!(held, std::slice::from_ref(&wanted));
    // RabbitMQ has it back, and its window ends meanwhile: whoever comes next may take it over, or begin anew.
    let given = [(KEY, take)];
    claims::give_back(&pool, &given).await.all_done().unwrap();
    assert_eq!(found_by_key(&mut c).await, [wanted]);
    let over = "UPDATE notification_deduplication SET expires_at = now()";
    c.batch_execute(over).await.unwrap();
    assert!(found_by_key(&mut c).await[0].is_over);
}
