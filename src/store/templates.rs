//! Templates: a name, a channel and a language have versions, of which one is used.

pub mod desk;
pub mod listing;
mod publish;

pub use publish::{Publication, publish, upsert};

use diesel::prelude::*;
use diesel::sql_types::{Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use uuid::Uuid;

use super::StoreError;
use super::change::word;
use super::fingerprint::{Fingerprint, Polled};
use super::schema::notification_schema::notification_templates;
use crate::domain::Channel;

/// A stored template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTemplate {
    /// The version's own id.
    pub id: Uuid,
    /// Counts up from 1.
    pub version: i32,
    /// What it is and says.
    pub fields: TemplateFields,
    /// What of it cannot be read, if so; that counts as empty in `fields`.
    pub trouble: Option<String>,
}

/// A version that is in use, as it was changed last.
#[derive(Debug, Clone, PartialEq, Eq, Hash, QueryableByName)]
pub struct Active {
    /// The version's own id.
    #[diesel(sql_type = SqlUuid)]
    pub id: Uuid,
    /// Another one after each change of the row.
    #[diesel(sql_type = Text)]
    pub changed: String,
}

/// What a template is and says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateFields {
    /// The tenant.
    pub tenant_id: Uuid,
    /// What publishers name.
    pub name: String,
    /// The channel that it is for.
    pub channel: Channel,
    /// Its language.
    pub locale: String,
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: String,
    /// HTML of an e-mail.
    pub html: Option<String>,
    /// Names of the variables that it needs.
    pub variables: Vec<String>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = notification_templates)]
struct TemplateRow {
    id: Uuid,
    tenant_id: Uuid,
    name: String,
    message_type: String,
    locale: String,
    version: i32,
    subject: Option<String>,
    title: Option<String>,
    body: String,
    html: Option<String>,
    variables: serde_json::Value,
}

/// The active version of every template of every tenant. A moment may be beyond what programs can
/// hold, so that it is read as text.
///
/// # Errors
/// The database is out of reach.
pub async fn active(connection: &mut AsyncPgConnection) -> Result<Vec<Active>, StoreError> {
    let active = diesel::sql_query(
        "SELECT id, updated_at::text AS changed FROM notification_templates \
         WHERE is_active AND deleted_at IS NULL",
    );
    Ok(active.load(connection).await?)
}

/// These versions, as far as they are still there. One for a channel that this version of Herald does
/// not know is left out.
///
/// # Errors
/// The database is out of reach.
pub async fn load(
    connection: &mut AsyncPgConnection,
    ids: &[Uuid],
) -> Result<Vec<StoredTemplate>, StoreError> {
    let rows: Vec<TemplateRow> = notification_templates::table
        .filter(notification_templates::id.eq_any(ids))
        .select(TemplateRow::as_select())
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(stored_template).collect())
}

/// Whether any template has one of these names, whosever it is.
///
/// # Errors
/// The database is out of reach.
pub async fn has_any(
    connection: &mut AsyncPgConnection,
    names: &[String],
) -> Result<bool, StoreError> {
    use notification_templates::{deleted_at, id, is_active, name};
    let found: Option<Uuid> = notification_templates::table
        .filter(name.eq_any(names))
        .filter(is_active.and(deleted_at.is_null()))
        .select(id)
        .first(connection)
        .await
        .optional()?;
    Ok(found.is_some())
}

/// Whether [`active`] would find something else.
///
/// # Errors
/// The database is out of reach.
pub async fn fingerprint(connection: &mut AsyncPgConnection) -> Result<Fingerprint, StoreError> {
    Polled::Templates.fingerprint(connection).await
}

fn stored_template(row: TemplateRow) -> Option<StoredTemplate> {
    let (tenant_id, template) = (row.tenant_id, &row.name);
    let channel = word(&row.message_type)
        .inspect_err(|error| {
            tracing::error!(%tenant_id, template, %error, "a template has an unknown channel and is ignored");
        })
        .ok()?;
    let (variables, trouble) = match serde_json::from_value(row.variables) {
        Ok(variables) => (variables, None),
        Err(error) => {
            tracing::error!(%tenant_id, template, %error, "a template's variables cannot be read; notifications that use it fail");
            (
                vec![],
                Some(format!("its variables are not a list of names: {error}")),
            )
        }
    };
    Some(StoredTemplate {
        id: row.id,
        version: row.version,
        fields: TemplateFields {
            tenant_id: row.tenant_id,
            channel,
            name: row.name,
            locale: row.locale,
            subject: row.subject,
            title: row.title,
            body: row.body,
            html: row.html,
            variables,
        },
        trouble,
    })
}
