//! The request rate of an account over all nodes: tokens, leased in small chunks by the database's
//! clock.
//!
//! No node is counted and none has a share of its own: whoever has work asks, and the row of the
//! account orders those who ask.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use diesel::sql_types::{BigInt, Integer, Nullable, Timestamptz, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use super::statement::statement;
use super::time::from_database;
use super::{Database, StoreError};

statement!(
    /// The clock is read once the row is locked: tokens are granted in the order of their moments. What no
    /// grant can have written, nor a provider asked for, is of a clock that was set back since, or of a server
    /// whose place a standby took: it is written anew, or it would hold for as long as the clock is behind.
    Question(
        burst: i64 => BigInt,
        interval: i64 => BigInt,
        tokens: i64 => BigInt,
        longest_pause: i64 => BigInt,
        provider: Uuid => SqlUuid,
    ) -> (BigInt, BigInt, BigInt) =
    "WITH asked AS ( \
         SELECT ?::bigint AS burst, ?::bigint AS step, ?::bigint AS tokens, ?::bigint AS longest_pause), \
     locked AS MATERIALIZED ( \
         SELECT provider_id, tat, paused_until FROM provider_rates \
         WHERE provider_id = ? FOR UPDATE), \
     timed AS MATERIALIZED ( \
         SELECT provider_id, clock_timestamp() AS at, tat, paused_until FROM locked), \
     bounded AS MATERIALIZED ( \
         SELECT provider_id, at, least(tat, at + burst * step * interval '1 microsecond') AS tat, \
             least(paused_until, at + longest_pause * interval '1 microsecond') AS paused_until \
         FROM timed, asked), \
     state AS MATERIALIZED ( \
         SELECT provider_id, greatest(tat, at) AS base, paused_until, \
             (extract(epoch FROM greatest(tat, at) - at) * 1000000)::bigint AS ahead, \
             (extract(epoch FROM greatest(paused_until, at) - at) * 1000000)::bigint AS paused \
         FROM bounded), \
     judged AS MATERIALIZED ( \
         SELECT provider_id, base, paused_until, step, paused, \
             CASE WHEN paused > 0 THEN 0 \
                  ELSE least(greatest(burst * step - ahead, 0) / step, tokens) END AS granted, \
             greatest(ahead - (burst - 1) * step, 0) AS retry \
         FROM state, asked), \
     moved AS ( \
         UPDATE provider_rates r SET tat = j.base + j.granted * j.step * interval '1 microsecond', \
             paused_until = j.paused_until \
         FROM judged j WHERE r.provider_id = j.provider_id \
             AND (j.granted > 0 OR r.tat > j.base OR r.paused_until > j.paused_until)) \
     SELECT granted, retry, paused FROM judged"
);

statement!(
    Make(provider: Uuid => SqlUuid) -> Integer =
    "INSERT INTO provider_rates (provider_id) VALUES (?) ON CONFLICT DO NOTHING RETURNING 1"
);

statement!(
    Pause(provider: Uuid => SqlUuid, micros: i64 => BigInt) -> Integer =
    "INSERT INTO provider_rates AS r (provider_id, paused_until) \
     VALUES (?, clock_timestamp() + ? * interval '1 microsecond') \
     ON CONFLICT (provider_id) DO UPDATE SET paused_until = excluded.paused_until \
     WHERE r.paused_until < excluded.paused_until \
     RETURNING 1"
);

statement!(
    Standing() -> (SqlUuid, Nullable<Timestamptz>, Nullable<Timestamptz>) =
    "SELECT provider_id, CASE WHEN paused_until > now() THEN paused_until END, \
         CASE WHEN tat > now() THEN tat END \
     FROM provider_rates WHERE paused_until > now() OR tat > now()"
);

/// Longest that a provider's answer may have everybody wait: no client of ours understands a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// A question for tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenRequest {
    /// The account.
    pub provider_id: Uuid,
    /// Time between two tokens, in whole microseconds.
    pub interval: Duration,
    /// Tokens that may come at once.
    pub burst: u32,
    /// How many are wanted.
    pub tokens: u32,
}

/// What was granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Lease {
    /// So many requests may go.
    pub granted: u32,
    /// When none was granted: how soon there will be one.
    pub retry_in: Option<Duration>,
    /// How long the provider has asked everybody to wait, if it has; nothing is granted then.
    pub paused_for: Option<Duration>,
}

/// Leases up to as many tokens as asked for.
///
/// # Errors
/// The database is out of reach, or the account is gone.
pub async fn lease(database: &Database, ask: TokenRequest) -> Result<Lease, StoreError> {
    let mut connection = database.get().await?;
    // The second round finds the row, whoever made it.
    for _ in 0..2 {
        let answer: Option<(i64, i64, i64)> = question(ask)
            .get_results(&mut *connection)
            .await?
            .into_iter()
            .next();
        if let Some((granted, retry, paused)) = answer {
            return Ok(Lease::of(granted, retry, paused));
        }
        let make = Make {
            provider: ask.provider_id,
        };
        let _: Vec<i32> = make.get_results(&mut *connection).await?;
    }
    Err(StoreError::NotFound)
}

/// Nobody is granted a token for this long; a pause that ends later already stays as it is.
///
/// # Errors
/// The database is out of reach, or the account is gone.
pub async fn pause(
    database: &Database,
    provider_id: Uuid,
    wait: Duration,
) -> Result<(), StoreError> {
    let pause = Pause {
        provider: provider_id,
        micros: micros(wait.min(LONGEST_PAUSE)),
    };
    let _: Vec<i32> = pause.get_results(&mut *database.get().await?).await?;
    Ok(())
}

/// How the rate of an account stands; nothing is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AccountRateStanding {
    /// Until when its provider has asked everybody to wait.
    pub paused_until: Option<Timestamp>,
    /// The moment for which the last token was leased.
    pub leased_until: Option<Timestamp>,
}

/// How the rates of accounts stand that anybody waits for.
///
/// # Errors
/// The database is out of reach.
pub async fn standing(
    connection: &mut AsyncPgConnection,
) -> Result<HashMap<Uuid, AccountRateStanding>, StoreError> {
    type Row = (Uuid, Option<DateTime<Utc>>, Option<DateTime<Utc>>);
    let rows: Vec<Row> = Standing {}.get_results(connection).await?;
    let standing = |(provider_id, paused, leased): Row| {
        let standing = AccountRateStanding {
            paused_until: paused.map(from_database),
            leased_until: leased.map(from_database),
        };
        (provider_id, standing)
    };
    Ok(rows.into_iter().map(standing).collect())
}

impl Lease {
    fn of(granted: i64, retry: i64, paused: i64) -> Self {
        let wait = |micros: i64| Duration::from_micros(micros.unsigned_abs());
        Self {
            granted: u32::try_from(granted).unwrap_or(0),
            // A wait of nothing is a question that is lost by a hair: not at once again.
            retry_in: (granted == 0).then(|| wait(retry.max(1_000))),
            paused_for: (paused > 0).then(|| wait(paused)),
        }
    }
}

fn question(ask: TokenRequest) -> Question {
    Question {
        burst: ask.burst.max(1).into(),
        interval: micros(ask.interval).max(1),
        tokens: ask.tokens.into(),
        longest_pause: micros(LONGEST_PAUSE),
        provider: ask.provider_id,
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}
