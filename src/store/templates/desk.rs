//! Templates as their tenants look at, save and publish them.

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use diesel::sql_types::{Bool, Nullable, Text, Uuid as SqlUuid};
use diesel_async::{AsyncPgConnection, RunQueryDsl};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{TemplateFields, TemplateRow, stored_template};
use crate::domain::Channel;
use crate::store::StoreError;
use crate::store::schema::notification_schema::{notification_templates, template_drafts};
use crate::store::time::from_database;

/// Texts as they were written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenTexts {
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: String,
    /// HTML of an e-mail.
    pub html: Option<String>,
}

/// A version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateVersion {
    /// Its own id.
    pub id: Uuid,
    /// Counts up from 1.
    pub version: i32,
    /// What is rendered: every include is replaced.
    pub fields: TemplateFields,
    /// As it was written, where that differs.
    pub written: Option<WrittenTexts>,
    /// The templates that it includes.
    pub includes: Vec<String>,
    /// Whether it is the one that is used.
    pub is_active: bool,
    /// When it was published.
    pub published_at: Timestamp,
    /// The id of the API key that did it; `None` is the command line.
    pub published_by: Option<String>,
}

/// What is to become the next version of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateDraft {
    /// What it says, as it was written.
    pub fields: TemplateFields,
    /// The templates that it includes.
    pub includes: Vec<String>,
    /// The id of the API key that saved it.
    pub saved_by: String,
    /// When it was saved last.
    pub saved_at: Timestamp,
}

/// Which templates: those of a tenant that have a name, of one channel and language or of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateOf {
    /// The tenant.
    pub tenant_id: Uuid,
    /// The name.
    pub name: String,
    /// The channel.
    pub channel: Option<Channel>,
    /// The language.
    pub locale: Option<String>,
}

impl TemplateVersion {
    /// As it was written.
    #[must_use]
    pub fn as_written(&self) -> TemplateFields {
        let mut fields = self.fields.clone();
        if let Some(written) = &self.written {
            fields.subject.clone_from(&written.subject);
            fields.title.clone_from(&written.title);
            fields.body.clone_from(&written.body);
            fields.html.clone_from(&written.html);
        }
        fields
    }
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = notification_templates)]
struct PublishedRow {
    written: Option<serde_json::Value>,
    includes: Vec<Option<String>>,
    is_active: bool,
    deleted_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    published_by: Option<String>,
}

#[derive(Queryable, Selectable, Insertable, AsChangeset)]
#[diesel(table_name = template_drafts, treat_none_as_null = true)]
struct DraftRow {
    tenant_id: Uuid,
    name: String,
    message_type: String,
    locale: String,
    subject: Option<String>,
    title: Option<String>,
    body: String,
    html: Option<String>,
    variables: serde_json::Value,
    includes: Vec<Option<String>>,
    saved_by: String,
}

/// The versions of templates: those that are used, or all at most so many of those before an id, the newest
/// first.
///
/// # Errors
/// The database is out of reach.
pub async fn versions(
    connection: &mut AsyncPgConnection,
    of: &TemplateOf,
    which: WhichVersions,
) -> Result<Vec<TemplateVersion>, StoreError> {
    use notification_templates as t;
    let mut found = t::table
        .filter(t::tenant_id.eq(of.tenant_id))
        .filter(t::name.eq(&of.name))
        .order(t::id.desc())
        .select((TemplateRow::as_select(), PublishedRow::as_select()))
        .into_boxed();
    if let Some(channel) = of.channel {
        found = found.filter(t::message_type.eq(channel.as_str()));
    }
    if let Some(locale) = &of.locale {
        found = found.filter(t::locale.eq(locale));
    }
    found = match which {
        WhichVersions::Active => found.filter(t::is_active.and(t::deleted_at.is_null())),
        WhichVersions::Numbered(version) => found.filter(t::version.eq(version)),
        WhichVersions::Before(before, most) => {
            let most = i64::try_from(most).unwrap_or(i64::MAX);
            let found = found.limit(most);
            match before {
                Some(before) => found.filter(t::id.lt(before)),
                None => found,
            }
        }
    };
    let rows: Vec<(TemplateRow, PublishedRow)> = found.load(connection).await?;
    Ok(rows.into_iter().filter_map(version).collect())
}

/// Which versions of templates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WhichVersions {
    /// Those that are used.
    Active,
    /// Those of a number.
    Numbered(i32),
    /// Those that are older than one, at most so many.
    Before(Option<Uuid>, usize),
}

/// The versions in use of a tenant's templates for a channel that have one of these names.
///
/// # Errors
/// The database is out of reach.
pub async fn named(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    channel: Channel,
    names: &[String],
) -> Result<Vec<TemplateVersion>, StoreError> {
    use notification_templates as t;
    let rows: Vec<(TemplateRow, PublishedRow)> = t::table
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::message_type.eq(channel.as_str()))
        .filter(t::is_active.and(t::deleted_at.is_null()))
        .filter(t::name.eq_any(names))
        .order((t::name, t::locale))
        .select((TemplateRow::as_select(), PublishedRow::as_select()))
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(version).collect())
}

/// The versions in use of a tenant's templates for a channel that include one of these names.
///
/// # Errors
/// The database is out of reach.
pub async fn that_include(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    channel: Channel,
    names: &[String],
) -> Result<Vec<TemplateVersion>, StoreError> {
    use notification_templates as t;
    let rows: Vec<(TemplateRow, PublishedRow)> = t::table
        .filter(t::tenant_id.eq(tenant_id))
        .filter(t::message_type.eq(channel.as_str()))
        .filter(t::is_active.and(t::deleted_at.is_null()))
        .filter(t::includes.overlaps_with(names))
        // By this the index is found.
        .filter(diesel::dsl::sql::<Bool>("includes <> '{}'"))
        .order((t::name, t::locale))
        .select((TemplateRow::as_select(), PublishedRow::as_select()))
        .load(connection)
        .await?;
    Ok(rows.into_iter().filter_map(version).collect())
}

/// The drafts of templates.
///
/// # Errors
/// The database is out of reach.
pub async fn drafts(
    connection: &mut AsyncPgConnection,
    of: &TemplateOf,
) -> Result<Vec<TemplateDraft>, StoreError> {
    use template_drafts as d;
    let mut found = d::table
        .filter(d::tenant_id.eq(of.tenant_id))
        .filter(d::name.eq(&of.name))
        .order((d::message_type, d::locale))
        .select((DraftRow::as_select(), d::saved_at))
        .into_boxed();
    if let Some(channel) = of.channel {
        found = found.filter(d::message_type.eq(channel.as_str()));
    }
    if let Some(locale) = &of.locale {
        found = found.filter(d::locale.eq(locale));
    }
    let rows: Vec<(DraftRow, DateTime<Utc>)> = found.load(connection).await?;
    Ok(rows.into_iter().filter_map(draft).collect())
}

/// Drafts of a tenant that include a template: their names, channels and languages.
///
/// # Errors
/// The database is out of reach.
pub async fn drafts_that_include(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
    name: &str,
) -> Result<Vec<(String, String, String)>, StoreError> {
    use template_drafts as d;
    Ok(d::table
        .filter(d::tenant_id.eq(tenant_id))
        .filter(d::includes.contains(vec![name.to_owned()]))
        .order((d::name, d::message_type, d::locale))
        .select((d::name, d::message_type, d::locale))
        .load(connection)
        .await?)
}

/// Saves a draft, in place of the one before it.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist.
pub async fn save(
    connection: &mut AsyncPgConnection,
    fields: &TemplateFields,
    includes: &[String],
    by: &str,
) -> Result<(), StoreError> {
    use template_drafts as d;
    let row = DraftRow {
        tenant_id: fields.tenant_id,
        name: fields.name.clone(),
        message_type: fields.channel.to_string(),
        locale: fields.locale.clone(),
        subject: fields.subject.clone(),
        title: fields.title.clone(),
        body: fields.body.clone(),
        html: fields.html.clone(),
        variables: serde_json::json!(fields.variables),
        includes: includes.iter().cloned().map(Some).collect(),
        saved_by: by.to_owned(),
    };
    diesel::insert_into(d::table)
        .values(&row)
        .on_conflict((d::tenant_id, d::name, d::message_type, d::locale))
        .do_update()
        .set((&row, d::saved_at.eq(diesel::dsl::now)))
        .execute(connection)
        .await?;
    Ok(())
}

/// Removes templates with their drafts: their versions stay to be read, and are used no more.
///
/// # Errors
/// The database is out of reach.
pub async fn delete(connection: &mut AsyncPgConnection, of: &TemplateOf) -> Result<(), StoreError> {
    let channel = of.channel.map(Channel::as_str);
    for statement in [
        "UPDATE notification_templates SET is_active = false, deleted_at = now() \
         WHERE tenant_id = $1 AND name = $2 AND message_type = coalesce($3, message_type) \
         AND locale = coalesce($4, locale) AND is_active AND deleted_at IS NULL",
        "DELETE FROM template_drafts \
         WHERE tenant_id = $1 AND name = $2 AND message_type = coalesce($3, message_type) \
         AND locale = coalesce($4, locale)",
    ] {
        diesel::sql_query(statement)
            .bind::<SqlUuid, _>(of.tenant_id)
            .bind::<Text, _>(&of.name)
            .bind::<Nullable<Text>, _>(channel)
            .bind::<Nullable<Text>, _>(of.locale.as_deref())
            .execute(connection)
            .await?;
    }
    Ok(())
}

/// Lets those who publish templates of a tenant take turns, until the transaction ends.
///
/// # Errors
/// The database is out of reach, or somebody else takes long.
pub async fn take_turn(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<(), StoreError> {
    diesel::sql_query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
        .bind::<Text, _>(format!("herald templates {tenant_id}"))
        .execute(connection)
        .await?;
    Ok(())
}

fn version((row, published): (TemplateRow, PublishedRow)) -> Option<TemplateVersion> {
    let stored = stored_template(row)?;
    let written = published.written;
    Some(TemplateVersion {
        id: stored.id,
        version: stored.version,
        fields: stored.fields,
        written: written.and_then(|written| serde_json::from_value(written).ok()),
        includes: published.includes.into_iter().flatten().collect(),
        is_active: published.is_active && published.deleted_at.is_none(),
        published_at: from_database(published.created_at),
        published_by: published.published_by,
    })
}

fn draft((row, saved_at): (DraftRow, DateTime<Utc>)) -> Option<TemplateDraft> {
    Some(TemplateDraft {
        fields: TemplateFields {
            tenant_id: row.tenant_id,
            channel: row.message_type.parse().ok()?,
            name: row.name,
            locale: row.locale,
            subject: row.subject,
            title: row.title,
            body: row.body,
            html: row.html,
            variables: serde_json::from_value(row.variables).unwrap_or_default(),
        },
        includes: row.includes.into_iter().flatten().collect(),
        saved_by: row.saved_by,
        saved_at: from_database(saved_at),
    })
}

/// The language of a tenant, if it has one.
///
/// # Errors
/// The database is out of reach.
pub async fn tenant_locale(
    connection: &mut AsyncPgConnection,
    tenant_id: Uuid,
) -> Result<Option<String>, StoreError> {
    use crate::store::schema::notification_schema::tenants as t;
    let locale: Option<Option<String>> = t::table
        .find(tenant_id)
        .select(t::locale)
        .first(connection)
        .await
        .optional()?;
    Ok(locale.flatten())
}
