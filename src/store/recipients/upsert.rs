//! A person as a publisher or an operator describes them.

use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel::{OptionalExtension, QueryableByName};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::load;
use crate::domain::Recipient;
use crate::store::StoreError;
use crate::store::change::{UpsertAnswer, WriteChange};

/// What is known of a person; what is absent stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RecipientFields {
    /// E-mail address.
    pub email: Option<String>,
    /// Unique name within the tenant.
    pub username: Option<String>,
    /// Phone number, E.164.
    pub phone: Option<String>,
    /// IANA time zone name, checked before it comes here.
    pub timezone: Option<String>,
    /// Language.
    pub locale: Option<String>,
    /// What people call them.
    pub name: Option<String>,
    /// Their id in another system, unique within the tenant.
    pub external_id: Option<String>,
}

impl RecipientFields {
    /// Whether these fields say of the person's addresses, zone or language something that is not
    /// known yet. When not, [`upsert`] and its row lock can be spared.
    #[must_use]
    pub fn differ_from(&self, known: &Recipient) -> bool {
        let differs =
            |said: &Option<String>, known: &Option<String>| said.is_some() && said != known;
        differs(&self.email, &known.email)
            || differs(&self.username, &known.username)
            || differs(&self.phone, &known.phone)
            || differs(&self.timezone, &known.timezone)
            || differs(&self.locale, &known.locale)
    }
}

/// Why a person cannot be what is said of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipientConflict {
    /// The address belongs to another user of the tenant.
    #[error("the e-mail address belongs to another user")]
    Email,
    /// The name belongs to another user of the tenant.
    #[error("the username belongs to another user")]
    Username,
    /// The external id belongs to another user of the tenant.
    #[error("the external id belongs to another user")]
    ExternalId,
    /// The user's id belongs to another tenant.
    #[error("the user belongs to another tenant")]
    OtherTenant,
    /// There is no such tenant.
    #[error("the tenant is not known")]
    UnknownTenant,
}

/// Why an upsert failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UpsertError {
    /// The description cannot be accepted.
    #[error(transparent)]
    Conflict(#[from] RecipientConflict),
    /// The database's trouble.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Creates a person or adds what is said, as of now; one who was deleted is there again.
///
/// A conflict ends the transaction around it: a caller with more to do gives it a savepoint.
///
/// # Errors
/// A conflict with another user or tenant, or the database's trouble.
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
    fields: &RecipientFields,
) -> Result<(Recipient, WriteChange), UpsertError> {
    let change = write(connection, tenant_id, user_id, fields)
        .await
        .map_err(explain)?;
    let person = (tenant_id, user_id);
    load(connection, &[person])
        .await?
        .take(&person)?
        .map(|recipient| (recipient, change))
        // The row is there, and it is not this tenant's.
        .ok_or(UpsertError::Conflict(RecipientConflict::OtherTenant))
}

async fn write(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
    fields: &RecipientFields,
) -> Result<WriteChange, StoreError> {
    let written: Option<UpsertAnswer> = diesel::sql_query(
        "WITH back AS (DELETE FROM deleted_users WHERE id = $1) \
         INSERT INTO users AS u \
             (id, tenant_id, email, username, phone, timezone, locale, name, external_id, \
              recipient_as_of) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, now()) \
         ON CONFLICT (id) DO UPDATE SET \
             email = COALESCE(EXCLUDED.email, u.email), \
             username = COALESCE(EXCLUDED.username, u.username), \
             phone = COALESCE(EXCLUDED.phone, u.phone), \
             timezone = COALESCE(EXCLUDED.timezone, u.timezone), \
             locale = COALESCE(EXCLUDED.locale, u.locale), \
             name = COALESCE(EXCLUDED.name, u.name), \
             external_id = COALESCE(EXCLUDED.external_id, u.external_id), \
             recipient_as_of = EXCLUDED.recipient_as_of, deleted_at = NULL \
         WHERE u.tenant_id = EXCLUDED.tenant_id AND (u.deleted_at IS NOT NULL OR \
             (COALESCE(EXCLUDED.email, u.email), COALESCE(EXCLUDED.username, u.username), \
              COALESCE(EXCLUDED.phone, u.phone), COALESCE(EXCLUDED.timezone, u.timezone), \
              COALESCE(EXCLUDED.locale, u.locale), COALESCE(EXCLUDED.name, u.name), \
              COALESCE(EXCLUDED.external_id, u.external_id)) IS DISTINCT FROM \
             (u.email, u.username, u.phone, u.timezone, u.locale, u.name, u.external_id)) \
         RETURNING (xmax = 0) AS created",
    )
    .bind::<SqlUuid, _>(user_id)
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<Nullable<Text>, _>(&fields.email)
    .bind::<Nullable<Text>, _>(&fields.username)
    .bind::<Nullable<Text>, _>(&fields.phone)
    .bind::<Nullable<Text>, _>(&fields.timezone)
    .bind::<Nullable<Text>, _>(&fields.locale)
    .bind::<Nullable<Text>, _>(&fields.name)
    .bind::<Nullable<Text>, _>(&fields.external_id)
    .get_result(connection)
    .await
    .optional()?;
    if written.is_none() {
        confirm(connection, tenant_id, user_id).await?;
    }
    Ok(UpsertAnswer::change(written.as_ref()))
}

/// What was known already is said now, too: no message from before changes it.
async fn confirm(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    user_id: Uuid,
) -> Result<(), StoreError> {
    diesel::sql_query(
        "UPDATE users SET recipient_as_of = now() \
         WHERE id = $1 AND tenant_id = $2 AND deleted_at IS NULL",
    )
    .bind::<SqlUuid, _>(user_id)
    .bind::<SqlUuid, _>(tenant_id)
    .execute(connection)
    .await?;
    Ok(())
}

/// Whether an e-mail address or a username, where there are any, belongs to another user of the tenant.
///
/// # Errors
/// The database is out of reach.
pub async fn conflict(
    connection: &mut AsyncPgConnection,
    (tenant_id, user_id): (Uuid, Uuid),
    (email, username): (Option<&str>, Option<&str>),
) -> Result<Option<RecipientConflict>, StoreError> {
    let found: Option<ConflictRow> = diesel::sql_query(
        "SELECT coalesce(lower(email) = lower($3), false) AS by_email FROM users \
         WHERE tenant_id = $1 AND id <> $2 AND deleted_at IS NULL \
             AND (lower(email) = lower($3) OR username = $4) \
         ORDER BY by_email DESC LIMIT 1",
    )
    .bind::<SqlUuid, _>(tenant_id)
    .bind::<SqlUuid, _>(user_id)
    .bind::<Nullable<Text>, _>(email)
    .bind::<Nullable<Text>, _>(username)
    .get_result(connection)
    .await
    .optional()?;
    Ok(found.map(|found| match found.by_email {
        true => RecipientConflict::Email,
        false => RecipientConflict::Username,
    }))
}

#[derive(QueryableByName)]
struct ConflictRow {
    #[diesel(sql_type = Bool)]
    by_email: bool,
}

pub(super) fn explain(error: StoreError) -> UpsertError {
    let constraint = match &error {
        StoreError::UniqueViolation { constraint } | StoreError::ForeignKey { constraint } => {
            constraint.as_str()
        }
        _ => "",
    };
    match constraint {
        "users_email_key" => RecipientConflict::Email.into(),
        "users_username_key" => RecipientConflict::Username.into(),
        "users_external_id_key" => RecipientConflict::ExternalId.into(),
        "users_tenant_id_fkey" => RecipientConflict::UnknownTenant.into(),
        _ => error.into(),
    }
}
