//! Jobs: what is many in one act, as a row that any node works on, a part at a time.

pub mod going_on;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Array, BigInt, Bool, Bytea, Integer, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use super::dead_letters::LetterFilter;
use super::schema::notification_schema::jobs;
use super::time::from_database;
use super::webhooks::replays::WebhookReplay;
use super::{Database, StoreError, form};
use crate::domain::fan_out::FanOut;
use crate::domain::{ContentHash, JobKind, JobState, KeyHash, TimePlace};

/// What a job is to do, as it was meant when it was ordered.
#[derive(Debug, Clone, PartialEq)]
pub enum JobOrder {
    /// Sends these dead letters on their way again.
    DlqReplay(Box<LetterFilter>),
    /// Sends something to everybody who subscribes to a topic.
    FanOut(Box<FanOut>),
    /// Tells a webhook again what it was told.
    WebhookReplay(WebhookReplay),
}

impl JobOrder {
    /// What it does.
    #[must_use]
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::DlqReplay(_) => JobKind::DlqReplay,
            Self::FanOut(_) => JobKind::FanOut,
            Self::WebhookReplay(_) => JobKind::WebhookReplay,
        }
    }

    fn stored(&self) -> String {
        match self {
            Self::DlqReplay(filter) => form::order(filter),
            Self::FanOut(fan_out) => form::order(fan_out),
            Self::WebhookReplay(replay) => form::order(replay),
        }
    }

    fn read(kind: &str, stored: Value) -> Result<Self, String> {
        match kind.parse() {
            Ok(JobKind::DlqReplay) => form::read_order(stored).map(Self::DlqReplay),
            Ok(JobKind::FanOut) => form::read_order(stored).map(Self::FanOut),
            Ok(JobKind::WebhookReplay) => form::read_order(stored).map(Self::WebhookReplay),
            Err(_) => Err("its kind is not known".to_owned()),
        }
    }
}

/// Where a job has come to: the last thing that it looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobPlace {
    /// A dead letter.
    Letter(TimePlace),
    /// A person.
    Person(Uuid),
    /// What a webhook was told.
    Delivery(Uuid),
}

/// A job that is to be.
#[derive(Debug, Clone, Copy)]
pub struct NewJob<'a> {
    /// Whose; `None` is an operator's, over all tenants.
    pub tenant_id: Option<Uuid>,
    /// What it is to do.
    pub order: &'a JobOrder,
    /// Notifications that become due in a second; never 0.
    pub rate: u32,
    /// How many things it is to look at.
    pub planned: u64,
    /// What stands for the idempotency key of the request, and what that must say again.
    pub request: Option<(KeyHash, ContentHash)>,
}

/// What is many in one act, as a job.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredJob {
    /// Its id.
    pub id: Uuid,
    /// Whose; `None` is an operator's, over all tenants.
    pub tenant_id: Option<Uuid>,
    /// Where it stands.
    pub state: JobState,
    /// What it is to do.
    pub order: JobOrder,
    /// Notifications that become due in a second, or deliveries.
    pub rate: u32,
    /// How many there were when it was ordered.
    pub planned: u64,
    /// How many were looked at so far.
    pub done: u64,
    /// How many of them have each result.
    pub counts: BTreeMap<String, u64>,
    /// Where it has come to.
    pub place: Option<JobPlace>,
    /// When the next one becomes due.
    pub next_due: Option<Timestamp>,
    /// When it was ordered.
    pub created_at: Timestamp,
    /// When it went on last.
    pub updated_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = jobs)]
struct JobRow {
    id: Uuid,
    tenant_id: Option<Uuid>,
    kind: String,
    state: String,
    filter: Value,
    rate: i32,
    planned: i64,
    done: i64,
    counts: Value,
    place_at: Option<DateTime<Utc>>,
    place_id: Option<Uuid>,
    next_due: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    finished_at: Option<DateTime<Utc>>,
}

impl JobRow {
    fn job(self) -> Result<StoredJob, StoreError> {
        let unread = |what: &str| StoreError::Corrupt(format!("the {what} of job {}", self.id));
        let count = |count: i64| u64::try_from(count).unwrap_or(0);
        let place = self.place_id.map(|id| match self.place_at {
            Some(at) => JobPlace::Letter(TimePlace {
                at: from_database(at),
                id,
            }),
            None if self.kind == JobKind::WebhookReplay.as_str() => JobPlace::Delivery(id),
            None => JobPlace::Person(id),
        });
        Ok(StoredJob {
            id: self.id,
            tenant_id: self.tenant_id,
            state: self.state.parse().map_err(|_| unread("state"))?,
            order: JobOrder::read(&self.kind, self.filter).map_err(|_| unread("order"))?,
            rate: u32::try_from(self.rate).unwrap_or(1),
            planned: count(self.planned),
            done: count(self.done),
            counts: serde_json::from_value(self.counts).map_err(|_| unread("counts"))?,
            place,
            next_due: self.next_due.map(from_database),
            created_at: from_database(self.created_at),
            updated_at: from_database(self.updated_at),
            finished_at: self.finished_at.map(from_database),
        })
    }
}

/// Orders a job; answers its id, or `None` if the tenant has one with this key.
///
/// # Errors
/// The database is out of reach.
pub async fn order(
    connection: &mut AsyncPgConnection,
    job: &NewJob<'_>,
) -> Result<Option<Uuid>, StoreError> {
    let id = Uuid::now_v7();
    let (key, content) = job.request.unzip();
    let ordered = diesel::sql_query(
        "INSERT INTO jobs (id, tenant_id, kind, filter, rate, planned, request_key, request_content)
         VALUES ($1, $2, $3, $4::jsonb, $5, $6, $7, $8)
         ON CONFLICT (tenant_id, request_key) WHERE request_key IS NOT NULL DO NOTHING",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Nullable<SqlUuid>, _>(job.tenant_id)
    .bind::<Text, _>(job.order.kind().as_str())
    .bind::<Text, _>(job.order.stored())
    .bind::<Integer, _>(i32::try_from(job.rate).unwrap_or(i32::MAX))
    .bind::<BigInt, _>(i64::try_from(job.planned).unwrap_or(i64::MAX))
    .bind::<Nullable<Bytea>, _>(key.map(|key| key.0.to_vec()))
    .bind::<Nullable<Bytea>, _>(content.map(|content| content.0.to_vec()))
    .execute(connection)
    .await?;
    Ok((ordered > 0).then_some(id))
}

/// A job of a tenant; of any, without one.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredJob>, StoreError> {
    let mut jobs = jobs::table
        .filter(jobs::id.eq(id))
        .select(JobRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        jobs = jobs.filter(jobs::tenant_id.eq(tenant_id));
    }
    let row: Option<JobRow> = jobs.first(connection).await.optional()?;
    row.map(JobRow::job).transpose()
}

/// At most so many jobs of a tenant, of all without one, and a kind, the newest first, that were ordered before another.
/// One that cannot be read is left out.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    (tenant_id, kind): (Option<Uuid>, JobKind),
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredJob>, StoreError> {
    let mut page = jobs::table
        .filter(jobs::kind.eq(kind.as_str()))
        .select(JobRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        page = page.filter(jobs::tenant_id.eq(tenant_id));
    }
    if let Some(before) = before {
        page = page.filter(jobs::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let rows: Vec<JobRow> = page
        .order(jobs::id.desc())
        .limit(most)
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(|row| row.job().ok()).collect())
}

/// Has a job that is open stand elsewhere. Says whether it was open.
///
/// # Errors
/// The database is out of reach.
pub async fn turn(
    connection: &mut AsyncPgConnection,
    id: Uuid,
    to: JobState,
) -> Result<bool, StoreError> {
    let open = JobState::ALL.iter().filter(|state| state.is_open());
    let open: Vec<&str> = open.map(|state| state.as_str()).collect();
    let turned = diesel::sql_query(
        "UPDATE jobs SET state = $2, finished_at = CASE WHEN $3 THEN now() END
         WHERE id = $1 AND state = ANY($4)",
    )
    .bind::<SqlUuid, _>(id)
    .bind::<Text, _>(to.as_str())
    .bind::<Bool, _>(!to.is_open())
    .bind::<Array<Text>, _>(open)
    .execute(connection)
    .await?;
    Ok(turned > 0)
}

/// Removes jobs that ended a month ago, with their results; returns how many.
///
/// # Errors
/// The database is out of reach; what is left is removed the next time.
pub async fn forget(database: &Database) -> Result<u64, StoreError> {
    let old = diesel::sql_query("DELETE FROM jobs WHERE finished_at < now() - interval '30 days'");
    let gone = old.execute(&mut *database.get().await?).await?;
    Ok(u64::try_from(gone).unwrap_or(0))
}
