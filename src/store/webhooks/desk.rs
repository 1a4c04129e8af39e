//! Webhooks as their tenants make, change and remove them.

use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::{Bool, Float8};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde_json::json;
use uuid::Uuid;

use super::{
    PREVIOUS_SECRET, SECRET, StoredWebhook, WebhookRow, WebhookSealError, notification_webhooks,
    place,
};
use crate::domain::{Channel, WebhookDisabledReason, WebhookFilter, WebhookSecret};
use crate::store::seal::Sealer;
use crate::store::time::from_database;
use crate::store::{StoreError, WriteChange};

/// What a tenant says of a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookFields {
    /// By what `herald apply` knows it again.
    pub name: Option<String>,
    /// Where it is.
    pub url: String,
    /// What it wants to hear of.
    pub filter: WebhookFilter,
    /// Whether anything is sent to it.
    pub is_active: bool,
    /// Tries after the first.
    pub retry_count: u32,
    /// Longest wait for an answer, in whole seconds.
    pub timeout: Duration,
}

/// Why a webhook could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WebhookWriteError {
    /// Its secret cannot be sealed, or opened.
    #[error(transparent)]
    Seal(#[from] WebhookSealError),
    /// The database's trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<diesel::result::Error> for WebhookWriteError {
    fn from(error: diesel::result::Error) -> Self {
        Self::Store(error.into())
    }
}

/// The columns that fields fill.
#[derive(Insertable, AsChangeset)]
#[diesel(table_name = notification_webhooks, treat_none_as_null = true)]
struct WebhookColumns {
    name: Option<String>,
    url: String,
    events: serde_json::Value,
    channels: Vec<String>,
    categories: Vec<String>,
    is_active: bool,
    disabled_reason: Option<&'static str>,
    retry_count: i32,
    timeout_seconds: i32,
}

impl From<&WebhookFields> for WebhookColumns {
    fn from(fields: &WebhookFields) -> Self {
        let filter = &fields.filter;
        let channels = filter
            .channels
            .iter()
            .map(|channel| Channel::as_str(*channel));
        let owner = WebhookDisabledReason::Owner.as_str();
        Self {
            name: fields.name.clone(),
            url: fields.url.clone(),
            events: json!(filter.events.words()),
            channels: channels.map(str::to_owned).collect(),
            categories: filter.categories.clone(),
            is_active: fields.is_active,
            disabled_reason: (!fields.is_active).then_some(owner),
            retry_count: i32::try_from(fields.retry_count).unwrap_or(i32::MAX),
            timeout_seconds: i32::try_from(fields.timeout.as_secs()).unwrap_or(i32::MAX),
        }
    }
}

/// Makes a webhook; answers its id.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist, [`StoreError::UniqueViolation`] when another
/// webhook of the tenant has the name.
pub async fn create(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    tenant_id: Uuid,
    fields: &WebhookFields,
    secret: &WebhookSecret,
) -> Result<Uuid, WebhookWriteError> {
    use notification_webhooks as w;
    let id = Uuid::now_v7();
    let sealed = sealed(sealer, id, SECRET, secret)?;
    diesel::insert_into(w::table)
        .values((
            w::id.eq(id),
            w::tenant_id.eq(tenant_id),
            w::secret_key.eq(sealed),
            WebhookColumns::from(fields),
        ))
        .execute(connection)
        .await?;
    Ok(id)
}

/// A webhook of a tenant, or of any without one; held until the transaction around it ends.
///
/// # Errors
/// The database is out of reach.
pub async fn find(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    id: Uuid,
) -> Result<Option<StoredWebhook>, StoreError> {
    use notification_webhooks as w;
    let any_tenant = tenant_id.is_none().into_sql::<Bool>();
    let row: Option<WebhookRow> = w::table
        .filter(w::id.eq(id))
        .filter(any_tenant.or(w::tenant_id.eq(tenant_id.unwrap_or_default())))
        .filter(w::deleted_at.is_null())
        .select(WebhookRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    Ok(row.map(StoredWebhook::from))
}

/// At most so many webhooks of a tenant, the newest first, that were made before another one; of all tenants
/// without one.
///
/// # Errors
/// The database is out of reach.
pub async fn page(
    connection: &mut AsyncPgConnection,
    tenant_id: Option<Uuid>,
    before: Option<Uuid>,
    most: usize,
) -> Result<Vec<StoredWebhook>, StoreError> {
    use notification_webhooks as w;
    let mut webhooks = w::table
        .filter(w::deleted_at.is_null())
        .select(WebhookRow::as_select())
        .into_boxed();
    if let Some(tenant_id) = tenant_id {
        webhooks = webhooks.filter(w::tenant_id.eq(tenant_id));
    }
    if let Some(before) = before {
        webhooks = webhooks.filter(w::id.lt(before));
    }
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let webhooks = webhooks.order(w::id.desc()).limit(most);
    let rows: Vec<WebhookRow> = webhooks.load(connection).await?;
    Ok(rows.into_iter().map(StoredWebhook::from).collect())
}

/// Changes a webhook. One that is made active again has never failed; one that Herald disabled stays so for
/// Herald's reason until it is.
///
/// # Errors
/// [`StoreError::UniqueViolation`] when another webhook of the tenant has the name.
pub async fn change(
    connection: &mut AsyncPgConnection,
    stored: &StoredWebhook,
    fields: &WebhookFields,
) -> Result<(), StoreError> {
    use notification_webhooks as w;
    let mut columns = WebhookColumns::from(fields);
    if !fields.is_active && !stored.is_active {
        columns.disabled_reason = stored.disabled_reason.map(WebhookDisabledReason::as_str);
    }
    let changed = diesel::update(w::table.find(stored.id));
    if fields.is_active && !stored.is_active {
        let anew = (w::failing_since.eq(NEVER), w::last_failed_at.eq(NEVER));
        changed.set((columns, anew)).execute(connection).await?;
    } else {
        changed.set(columns).execute(connection).await?;
    }
    Ok(())
}

const NEVER: Option<chrono::DateTime<chrono::Utc>> = None;

/// Removes a webhook of a tenant; says whether there was one.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    id: Uuid,
) -> Result<bool, StoreError> {
    use notification_webhooks as w;
    let deleted = diesel::update(w::table.find(id))
        .filter(w::tenant_id.eq(tenant_id))
        .filter(w::deleted_at.is_null())
        .set((w::deleted_at.eq(diesel::dsl::now), w::is_active.eq(false)))
        .execute(connection)
        .await?;
    Ok(deleted > 0)
}

/// Gives a webhook another secret. The one that it had signs beside it for so long; one that it had before
/// that signs no longer. Says until when.
///
/// # Errors
/// The database's trouble; or the secret cannot be opened, and there is no time in which both sign.
pub async fn rotate(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    stored: &StoredWebhook,
    secret: &WebhookSecret,
    grace: Duration,
) -> Result<Timestamp, WebhookWriteError> {
    use notification_webhooks as w;
    let (old, _) = stored.secrets(sealer)?;
    let until =
        diesel::dsl::sql::<diesel::sql_types::Timestamptz>("now() + make_interval(secs => ")
            .bind::<Float8, _>(grace.as_secs_f64())
            .sql(")");
    let until: Option<chrono::DateTime<chrono::Utc>> = diesel::update(w::table.find(stored.id))
        .set((
            w::secret_key.eq(sealed(sealer, stored.id, SECRET, secret)?),
            w::previous_secret_key.eq(sealed(sealer, stored.id, PREVIOUS_SECRET, &old)?),
            w::previous_secret_until.eq(until.nullable()),
        ))
        .returning(w::previous_secret_until)
        .get_result(connection)
        .await?;
    Ok(until.map_or(stored.updated_at, from_database))
}

/// Writes a webhook that is known by its name; says what that changed.
///
/// # Errors
/// As [`create`].
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    sealer: &Sealer,
    tenant_id: Uuid,
    fields: &WebhookFields,
    secret: &WebhookSecret,
) -> Result<WriteChange, WebhookWriteError> {
    use notification_webhooks as w;
    let row: Option<WebhookRow> = w::table
        .filter(w::tenant_id.eq(tenant_id))
        .filter(w::name.eq(fields.name.as_deref()))
        .filter(w::deleted_at.is_null())
        .select(WebhookRow::as_select())
        .for_update()
        .first(connection)
        .await
        .optional()?;
    let Some(stored) = row.map(StoredWebhook::from) else {
        create(connection, sealer, tenant_id, fields, secret).await?;
        return Ok(WriteChange::Created);
    };
    let same_secret = stored
        .secrets(sealer)
        .is_ok_and(|(known, _)| known.expose() == secret.expose());
    if same_secret && stored.filter.is_ok() && WebhookFields::of(&stored) == *fields {
        return Ok(WriteChange::Unchanged);
    }
    change(connection, &stored, fields).await?;
    if !same_secret {
        let sealed = sealed(sealer, stored.id, SECRET, secret)?;
        diesel::update(w::table.find(stored.id))
            .set(w::secret_key.eq(sealed))
            .execute(connection)
            .await?;
    }
    Ok(WriteChange::Updated)
}

impl WebhookFields {
    /// What is stored; what cannot be read of it is empty.
    #[must_use]
    pub fn of(stored: &StoredWebhook) -> Self {
        Self {
            name: stored.name.clone(),
            url: stored.url.clone(),
            filter: stored.filter.clone().unwrap_or_default(),
            is_active: stored.is_active,
            retry_count: stored.retry_count,
            timeout: stored.timeout,
        }
    }
}

fn sealed(
    sealer: &Sealer,
    id: Uuid,
    column: &str,
    secret: &WebhookSecret,
) -> Result<Vec<u8>, WebhookSealError> {
    Ok(sealer.seal(place(id, column), secret.expose().as_bytes())?)
}
