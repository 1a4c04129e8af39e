//! A great many rows of one tenant wait in the database, and a few of another.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;

use super::Spec;
use crate::chaos::finding::Finding;
use crate::chaos::round::{PATIENCE, Round};
use crate::ledger::Ledger;
use crate::population::{Person, tenant};

/// One statement stores so many.
const CHUNK: u64 = 50_000;
/// One statement cancels so many.
const CALLED_OFF: u64 = 5_000;
/// So many of the other tenant.
const FEW: u64 = 10;
/// Until the few are due: time enough to store them.
const DUE_IN: Duration = Duration::from_secs(3);
/// Longest from their time until the last of the few is accepted.
const PUNCTUAL: Duration = Duration::from_secs(1);

/// The few go within a second of their time, though a crowd has been due for longer.
pub(super) async fn waits(spec: Spec<'_>) -> Result<Finding> {
    let mut round = spec.round().await?;
    let crowd = round.scale.choose(100_000, 1_000_000);
    let (many, few) = (Side::new(1)?, Side::new(2)?);
    for side in [&many, &few] {
        round.environment.database.ask(&side.settle()).await?;
    }
    for from in (0..crowd).step_by(usize::try_from(CHUNK)?) {
        let rows = many.rows(from, (from + CHUNK).min(crowd), Duration::ZERO);
        round.environment.database.ask(&rows).await?;
    }
    let due = Instant::now() + DUE_IN;
    let stored = round
        .environment
        .database
        .ask(&few.rows(0, FEW, DUE_IN))
        .await?;
    let ids: Result<Vec<Uuid>, _> = stored.iter().flatten().map(|id| id.parse()).collect();
    let ids = ids.context("ids of the few")?;
    sleep_until(due).await;
    let arrived = |ledger: &Ledger| ids.iter().all(|id| !ledger.entries_of(*id).is_empty());
    let all = round.environment.ledger.wait_until(PATIENCE, arrived).await;
    let took = due.elapsed();
    // Not before: to count a million keeps the server busy in the very second that is measured.
    let left = many.waiting(&round).await?;
    round
        .finding
        .must(left > 0, || "the crowd was gone before the few came".into());
    round.finding.must(all && took <= PUNCTUAL, || {
        format!("{FEW} of one tenant came {took:?} after their time, behind {left} of another")
    });
    round.finding.note(format!(
        "{FEW} came {:.2} s after their time, while {left} of another tenant's {crowd} were due",
        took.as_secs_f64()
    ));
    round.finding.recovered_in(took);
    // A round is not as long as it takes to send them all.
    while round.environment.database.count(&many.call_off()).await? > 0 {}
    round.recovers(Instant::now()).await;
    round.finish().await
}

/// A tenant with one person.
struct Side {
    tenant: Uuid,
    user: Uuid,
    number: u32,
}

impl Side {
    fn new(number: u32) -> Result<Self> {
        Ok(Self {
            tenant: tenant(number).context("a tenant")?,
            user: Person {
                number: 1_000_000 + number,
            }
            .id(),
            number,
        })
    }

    fn settle(&self) -> String {
        let Self {
            tenant,
            user,
            number,
        } = self;
        format!(
            "INSERT INTO notification_schema.tenants (id, name) VALUES ('{tenant}', 'crowd-{number}');
             INSERT INTO notification_schema.users (id, tenant_id, email)
             VALUES ('{user}', '{tenant}', 'crowd-{number}@example.com')"
        )
    }

    /// Stores notifications that are due after a while; answers with their ids.
    fn rows(&self, from: u64, to: u64, due_in: Duration) -> String {
        let Self {
            tenant,
            user,
            number,
        } = self;
        let (last, seconds) = (to.saturating_sub(1), due_in.as_secs_f64());
        // The ids are UUIDv7 of this moment: their months are the table's partitions.
        format!(
            "INSERT INTO notification_schema.notifications (id, tenant_id, user_id, idempotency_key,
                message_type, priority, status, reason, payload, send_at, due_at, source_type, source_id)
             SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint), 12, '0') || '7'
                        || substr(key, 1, 3) || 'b' || substr(key, 4, 15))::uuid,
                '{tenant}', '{user}', key || key, 'email', 'normal', 'pending', 'scheduled',
                jsonb_build_object('content', jsonb_build_object('subject', 'Number ' || n, 'body', 'x')),
                now() + interval '1 second' * {seconds}, now() + interval '1 second' * {seconds},
                'crowd', '{number}'
             FROM (SELECT n, md5('{number}-' || n) AS key FROM generate_series({from}, {last}) AS n) AS made
             RETURNING id::text"
        )
    }

    async fn waiting(&self, round: &Round<'_>) -> Result<u64> {
        let query = format!(
            "SELECT count(*) FROM notification_schema.notifications
             WHERE tenant_id = '{}' AND status = 'pending'",
            self.tenant
        );
        round.environment.database.count(&query).await
    }

    /// Cancels some of what waits, from the far end; answers with how many. At the near end it would lock,
    /// until its commit, also what an engine takes meanwhile.
    fn call_off(&self) -> String {
        format!(
            "WITH several AS (
                SELECT id FROM notification_schema.notifications
                WHERE message_type = 'email' AND priority = 'normal' AND tenant_id = '{}'
                  AND status = 'pending' AND owner IS NULL
                ORDER BY due_at DESC LIMIT {CALLED_OFF} FOR UPDATE SKIP LOCKED),
             gone AS (
                UPDATE notification_schema.notifications n
                SET status = 'cancelled', reason = 'cancelled_by_user', due_at = NULL
                FROM several WHERE n.id = several.id RETURNING 1)
             SELECT count(*)::text FROM gone",
            self.tenant
        )
    }
}
