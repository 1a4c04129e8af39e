//! PostgreSQL lives and refuses outcomes: nothing is acknowledged without its row.

use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep};

use super::Spec;
use super::database::nothing_moves;
use crate::chaos::finding::Finding;
use crate::chaos::round::Round;

const TABLE: &str = "notification_schema.notifications";
const ROLE: &str = "herald_notifications";
/// The event that tells of it while it lasts.
const EVENT: &str = "SELECT count(*) FROM notification_schema.admin_system_events
    WHERE event_type = 'outcomes_not_stored' AND NOT is_resolved";
/// What may not become of a notification meanwhile: failed, emptied, set aside.
const SPOILT: &str = "SELECT (SELECT count(*) FROM notification_schema.notifications
        WHERE payload = '{}' OR status = 'failed')
    + (SELECT count(*) FROM notification_schema.notification_quarantine)";
const LOOK_EVERY: Duration = Duration::from_millis(100);
const PATIENCE: Duration = Duration::from_secs(30);

/// How a refusal begins, how it ends, and what `/readyz` says meanwhile.
struct Refusal {
    begin: String,
    end: String,
    says: &'static str,
}

/// Nothing is sent again: both engines live, and keep what they could not store.
pub(super) async fn outcomes(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    round.repeats_nothing();
    for (refusal, from, to) in refusals() {
        round.moment(from, to).await;
        alter(&round, &refusal.begin).await?;
        let outage = Duration::from_secs(round.scale.choose(3, 15));
        nothing_moves(&mut round, outage).await?;
        both_say(&mut round, refusal.says).await?;
        events(&mut round, "none of them tells", |open| open > 0).await?;
        alter(&round, &refusal.end).await?;
        round.load.go_on();
        round.recovers(Instant::now()).await;
        events(&mut round, "it is still told of", |open| open == 0).await?;
    }
    let spoilt = round.environment.database.count(SPOILT).await?;
    round.finding.must(spoilt == 0, || {
        format!("{spoilt} rows failed, were set aside, or have lost their contents")
    });
    round.finding.note(
        "grants taken away and given back; triggers with SQLSTATE 58030, 53100 and P0001 in German; \
         a column with another name",
    );
    round.finish().await
}

fn refusals() -> [(Refusal, f64, f64); 5] {
    let grants = Refusal {
        begin: format!("REVOKE INSERT, UPDATE ON {TABLE} FROM {ROLE}"),
        end: format!("GRANT INSERT, UPDATE ON {TABLE} TO {ROLE}"),
        says: "42501",
    };
    // A trigger that raises, whatever is to be stored.
    let raising = |state, says| Refusal {
        begin: format!(
            "CREATE FUNCTION public.refuses() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                RAISE EXCEPTION 'konnte Block 7 nicht schreiben' USING ERRCODE = '{state}';
            END $$;
            CREATE TRIGGER refuses BEFORE INSERT OR UPDATE ON {TABLE}
                FOR EACH ROW EXECUTE FUNCTION public.refuses()"
        ),
        end: "DROP FUNCTION public.refuses CASCADE".to_owned(),
        says,
    };
    let (from, to) = ("error_message", "what_went_wrong");
    let renamed = Refusal {
        begin: format!("ALTER TABLE {TABLE} RENAME COLUMN {from} TO {to}"),
        end: format!("ALTER TABLE {TABLE} RENAME COLUMN {to} TO {from}"),
        says: "42703",
    };
    [
        (grants, 0.1, 0.2),
        (raising("58030", "58030"), 0.25, 0.4),
        (raising("53100", "disk is full"), 0.45, 0.6),
        (raising("P0001", "a trigger or function"), 0.65, 0.8),
        (renamed, 0.85, 0.95),
    ]
}

/// Changes a table that is in use: the statement may be the victim of a deadlock, and is repeated then.
async fn alter(round: &Round<'_>, statement: &str) -> Result<()> {
    loop {
        match round.environment.database.ask(statement).await {
            Err(error) if format!("{error:#}").contains("deadlock detected") => {}
            altered => return altered.map(drop),
        }
    }
}

/// While outcomes cannot be stored, neither engine is ready, and each says why.
async fn both_say(round: &mut Round<'_>, why: &str) -> Result<()> {
    let mut wrong = Vec::new();
    for engine in round.engines() {
        let said = engine.trouble_of("settling").await?;
        if !said.as_deref().is_some_and(|said| said.contains(why)) {
            wrong.push(format!("{} says {said:?}, not {why:?}", engine.name()));
        }
        if engine.is_ready().await {
            wrong.push(format!("{} is ready", engine.name()));
        }
    }
    round.finding.must(wrong.is_empty(), || {
        format!("while no outcome could be stored: {wrong:?}")
    });
    Ok(())
}

/// Waits until as many events are open as should be.
async fn events(
    round: &mut Round<'_>,
    otherwise: &str,
    wanted: impl Fn(u64) -> bool,
) -> Result<()> {
    let deadline = Instant::now() + PATIENCE;
    let mut open = round.environment.database.count(EVENT).await?;
    while !wanted(open) && Instant::now() < deadline {
        sleep(LOOK_EVERY).await;
        open = round.environment.database.count(EVENT).await?;
    }
    round.finding.must(wanted(open), || {
        format!("{open} events are open: {otherwise}")
    });
    Ok(())
}
