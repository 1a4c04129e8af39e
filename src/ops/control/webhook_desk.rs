//! Webhooks, as the HTTP API may see and change them.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::{Desk, DeskError};
use super::webhook_replays::{self, StoredReplay};
use crate::domain::webhook::test_body;
use crate::domain::{AddressGuard, WebhookDeliveryStanding, WebhookSecret};
use crate::runtime::clock;
use crate::store::audit::{self, AuditChanges, DoneBy};
use crate::store::jobs;
use crate::store::seal::Sealer;
use crate::store::webhooks::desk::{self, WebhookFields, WebhookWriteError};
use crate::store::webhooks::history::{self, StoredDelivery};
use crate::store::webhooks::replays::{self, ReplayWindow};
use crate::store::webhooks::{StoredWebhook, standing};
use crate::store::{Database, PgConnection, StoreError};

/// Whose webhook: a tenant's, or any without one; and its id.
pub type WebhookOf = (Option<Uuid>, Uuid);

/// Why something could not be done with a webhook.
#[derive(Debug, thiserror::Error)]
pub enum WebhookDeskError {
    /// Not for a reason of the webhook's.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// Nothing is sent to it.
    #[error("the webhook is disabled: set `is_active` first")]
    Disabled,
    /// Another webhook of the tenant has the name.
    #[error("another webhook of the tenant has this name")]
    NameTaken,
    /// Its secret cannot be opened.
    #[error("the webhook's secret cannot be opened: delete the webhook, and make it anew")]
    Secret,
}

/// What a replay would send, or will.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlannedReplay {
    /// The job; `None` when it was only counted.
    pub id: Option<Uuid>,
    /// How many.
    pub planned: u64,
}

/// Makes, changes and removes webhooks. Clones share it.
#[derive(Debug, Clone)]
pub struct WebhookDesk {
    /// Does the work.
    pub desk: Desk,
    /// Seals secrets.
    pub sealer: Sealer,
    /// Which addresses may be reached.
    pub guard: AddressGuard,
}

impl WebhookDesk {
    /// A new secret.
    #[must_use]
    pub fn secret() -> WebhookSecret {
        let mut random = [0; 24];
        rand::fill(&mut random);
        WebhookSecret::new(random)
    }

    /// At most so many webhooks of a tenant, the newest first, that were made before another one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Option<Uuid>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredWebhook>, WebhookDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(desk::page(&mut connection, tenant_id, before, most).await?)
        };
        self.desk.with("list webhooks", work).await
    }

    /// A webhook.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, of: WebhookOf) -> Result<StoredWebhook, WebhookDeskError> {
        let work = async move |database: Database| found(&mut *database.get().await?, of).await;
        self.desk.with("get a webhook", work).await
    }

    /// Makes a webhook; answers its id.
    ///
    /// # Errors
    /// There is no such tenant, or the name is taken; or the database is out of reach.
    pub async fn make(
        &self,
        tenant_id: Uuid,
        fields: WebhookFields,
        secret: WebhookSecret,
        by: DoneBy,
    ) -> Result<Uuid, WebhookDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let made = database.transaction(async |connection| {
                let made = desk::create(connection, &sealer, tenant_id, &fields, &secret).await;
                let id = match made {
                    Ok(id) => id,
                    Err(error) => return Ok(Err(error.into())),
                };
                let changes = AuditChanges::made(said(&fields));
                note(connection, (tenant_id, id), &by, "create", changes).await?;
                Ok(Ok(id))
            });
            made.await?
        };
        self.desk.with("make a webhook", work).await
    }

    /// Changes a webhook: `change` makes of what it is what it is to be.
    ///
    /// # Errors
    /// There is none, or the name is taken; or the database is out of reach.
    pub async fn change(
        &self,
        of: WebhookOf,
        change: impl FnOnce(WebhookFields) -> WebhookFields + Send + 'static,
        by: DoneBy,
    ) -> Result<StoredWebhook, WebhookDeskError> {
        let work = async move |database: Database| {
            let changed = database.transaction(async |connection| {
                let stored = match found(connection, of).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let were = WebhookFields::of(&stored);
                let fields = change(were.clone());
                desk::change(connection, &stored, &fields).await?;
                if fields.is_active && !stored.is_active {
                    standing::resolve(connection, stored.id).await?;
                }
                let changes = AuditChanges::between(said(&were), said(&fields));
                note(
                    connection,
                    (stored.tenant_id, stored.id),
                    &by,
                    "update",
                    changes,
                )
                .await?;
                Ok(found(connection, of).await)
            });
            changed.await?
        };
        self.desk.with("change a webhook", work).await
    }

    /// Removes a webhook.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn delete(&self, of: WebhookOf, by: DoneBy) -> Result<(), WebhookDeskError> {
        let work = async move |database: Database| {
            let deleted = database.transaction(async |connection| {
                let stored = match found(connection, of).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let (tenant_id, id) = (stored.tenant_id, stored.id);
                desk::delete(connection, tenant_id, id).await?;
                standing::resolve(connection, id).await?;
                let changes = AuditChanges::gone(said(&WebhookFields::of(&stored)));
                note(connection, (tenant_id, id), &by, "delete", changes).await?;
                Ok(Ok(()))
            });
            deleted.await?
        };
        self.desk.with("delete a webhook", work).await
    }

    /// Gives a webhook another secret; the one that it had signs beside it for `grace`. Says until when.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn rotate(
        &self,
        of: WebhookOf,
        secret: WebhookSecret,
        grace: Duration,
        by: DoneBy,
    ) -> Result<Timestamp, WebhookDeskError> {
        let sealer = self.sealer.clone();
        let work = async move |database: Database| {
            let rotated = database.transaction(async |connection| {
                let stored = match found(connection, of).await {
                    Ok(stored) => stored,
                    Err(error) => return Ok(Err(error)),
                };
                let until = desk::rotate(connection, &sealer, &stored, &secret, grace).await;
                let until = match until {
                    Ok(until) => until,
                    Err(error) => return Ok(Err(error.into())),
                };
                let changes = AuditChanges::made(json!({ "previous_secret_until": until }));
                note(
                    connection,
                    (stored.tenant_id, stored.id),
                    &by,
                    "rotate",
                    changes,
                )
                .await?;
                Ok(Ok(until))
            });
            rotated.await?
        };
        self.desk.with("rotate a webhook's secret", work).await
    }

    /// At most so many deliveries to a webhook, the newest first, that are older than another one.
    ///
    /// # Errors
    /// There is no such webhook; or the database is out of reach.
    pub async fn deliveries(
        &self,
        of: WebhookOf,
        standing: Option<WebhookDeliveryStanding>,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<StoredDelivery>, WebhookDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let webhook = found(&mut connection, of).await?;
            let whose = (webhook.tenant_id, webhook.id);
            Ok(history::page(&mut connection, whose, standing, before, most).await?)
        };
        self.desk.with("list webhook deliveries", work).await
    }

    /// At most so many deliveries that tell of a tenant's notification, the eldest first, each with its webhook.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn told_of(
        &self,
        notification: (Uuid, Uuid),
        most: usize,
    ) -> Result<Vec<(Uuid, StoredDelivery)>, DeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            Ok(history::of_notification(&mut connection, notification, most).await?)
        };
        self.desk.with("list what webhooks were told", work).await
    }

    /// Sends a webhook something to try it; answers the `webhook-id`.
    ///
    /// # Errors
    /// There is none, or it is disabled; or the database is out of reach.
    pub async fn test(&self, of: WebhookOf, by: DoneBy) -> Result<Uuid, WebhookDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let webhook = found(&mut connection, of).await?;
            let body = test_body(webhook.id, clock::now());
            let told = history::test(&mut connection, webhook.tenant_id, webhook.id, body).await?;
            let told = told.ok_or(WebhookDeskError::Disabled)?;
            let whose = (webhook.tenant_id, webhook.id);
            note(&mut connection, whose, &by, "test", AuditChanges::none()).await?;
            database.webhooks().tell([webhook.id]);
            Ok(told)
        };
        self.desk.with("try a webhook", work).await
    }

    /// Tells a webhook again what it was told in a span of time; or counts what that would be.
    ///
    /// # Errors
    /// There is none, or it is disabled; or the database is out of reach.
    pub async fn replay(
        &self,
        of: WebhookOf,
        window: ReplayWindow,
        only_counts: bool,
        by: DoneBy,
    ) -> Result<PlannedReplay, WebhookDeskError> {
        let work = async move |database: Database| {
            let ordered = database.transaction(async |connection| {
                let webhook = match found(connection, of).await {
                    Ok(webhook) => webhook,
                    Err(error) => return Ok(Err(error)),
                };
                let (tenant_id, id) = (webhook.tenant_id, webhook.id);
                if only_counts {
                    let planned = replays::count(connection, tenant_id, id, window).await?;
                    return Ok(Ok(PlannedReplay { id: None, planned }));
                }
                if !webhook.is_active {
                    return Ok(Err(WebhookDeskError::Disabled));
                }
                let (replay, planned) =
                    webhook_replays::order(connection, (tenant_id, id), window).await?;
                let changes = AuditChanges::made(json!({ "replay": replay, "planned": planned }));
                note(connection, (tenant_id, id), &by, "replay", changes).await?;
                let id = Some(replay);
                Ok(Ok(PlannedReplay { id, planned }))
            });
            ordered.await?
        };
        self.desk.with("replay a webhook", work).await
    }

    /// How far a replay has come.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn progress(
        &self,
        of: WebhookOf,
        replay: Uuid,
    ) -> Result<StoredReplay, WebhookDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let webhook = found(&mut connection, of).await?;
            let (tenant_id, id) = (webhook.tenant_id, webhook.id);
            let found = jobs::find(&mut connection, Some(tenant_id), replay).await?;
            let found = found.and_then(|job| StoredReplay::of(&job, id));
            Ok(found.ok_or(DeskError::NotFound("replay"))?)
        };
        self.desk.with("get a replay", work).await
    }
}

/// What the audit trail keeps of a webhook.
fn said(fields: &WebhookFields) -> Value {
    json!({
        "name": fields.name,
        "url": fields.url,
        "events": fields.filter.events.words(),
        "channels": fields.filter.channels,
        "categories": fields.filter.categories,
        "is_active": fields.is_active,
        "retry_count": fields.retry_count,
        "timeout_seconds": fields.timeout.as_secs(),
    })
}

async fn note(
    connection: &mut PgConnection,
    whose: (Uuid, Uuid),
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    audit::record_of(connection, by, "webhook", whose, action, changes).await
}

async fn found(
    connection: &mut PgConnection,
    (tenant_id, id): WebhookOf,
) -> Result<StoredWebhook, WebhookDeskError> {
    let found = desk::find(connection, tenant_id, id).await?;
    Ok(found.ok_or(DeskError::NotFound("webhook"))?)
}

impl From<StoreError> for WebhookDeskError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::UniqueViolation { .. } => Self::NameTaken,
            error => Self::Desk(error.into()),
        }
    }
}

impl From<WebhookWriteError> for WebhookDeskError {
    fn from(error: WebhookWriteError) -> Self {
        match error {
            WebhookWriteError::Seal(_) => Self::Secret,
            WebhookWriteError::Store(error) => error.into(),
        }
    }
}
