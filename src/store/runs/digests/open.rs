//! Digests that are open, looked at.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use uuid::Uuid;

use crate::store::schema::notification_schema::digests;
use crate::store::{StoreError, time};

/// A digest that gathers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenDigest {
    /// The workflow's name.
    pub workflow: String,
    /// The person.
    pub user_id: Uuid,
    /// What it is about.
    pub key: String,
    /// How many have joined it.
    pub came: i32,
    /// When it was opened.
    pub opened_at: Timestamp,
    /// When it closes.
    pub closes_at: Timestamp,
}

type OpenColumns = (String, Uuid, String, i32, DateTime<Utc>, DateTime<Utc>);

/// A tenant's open digests, those that close first first; at most so many.
///
/// # Errors
/// The database is out of reach.
pub async fn open(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    most: usize,
) -> Result<Vec<OpenDigest>, StoreError> {
    use digests as d;
    let rows: Vec<OpenColumns> = d::table
        .filter(d::tenant_id.eq(tenant_id).and(d::closed_at.is_null()))
        .order(d::closes_at)
        .limit(i64::try_from(most).unwrap_or(i64::MAX))
        .select((
            d::workflow,
            d::user_id,
            d::key,
            d::came,
            d::opened_at,
            d::closes_at,
        ))
        .load(connection)
        .await?;
    let open = |(workflow, user_id, key, came, opened_at, closes_at): OpenColumns| OpenDigest {
        workflow,
        user_id,
        key,
        came,
        opened_at: time::from_database(opened_at),
        closes_at: time::from_database(closes_at),
    };
    Ok(rows.into_iter().map(open).collect())
}
