//! Publishing: what is said becomes the version that is used.

use diesel::prelude::*;
use diesel_async::{AsyncConnection, AsyncPgConnection, RunQueryDsl};
use serde_json::{Value, json};
use uuid::Uuid;

use super::desk::WrittenTexts;
use super::{TemplateFields, TemplateRow};
use crate::store::schema::notification_schema::notification_templates;
use crate::store::{StoreError, WriteChange};

/// What is to be published.
#[derive(Debug, Clone, Copy)]
pub struct Publication<'a> {
    /// What is rendered.
    pub fields: &'a TemplateFields,
    /// As it was written, where that differs.
    pub written: Option<&'a WrittenTexts>,
    /// The templates that it includes.
    pub includes: &'a [String],
    /// The id of the API key that does it; `None` is the command line.
    pub by: Option<&'a str>,
}

/// Makes this the active content, as [`publish`] does.
///
/// # Errors
/// As [`publish`].
pub async fn upsert(
    connection: &mut AsyncPgConnection,
    fields: &TemplateFields,
) -> Result<WriteChange, StoreError> {
    let publication = Publication {
        fields,
        written: None,
        includes: &[],
        by: None,
    };
    let (_, change) = publish(connection, &publication).await?;
    Ok(change)
}

/// Makes this the active content: changed content becomes a new version, and the one before it stays to be
/// read but is not used any more. Answers the number of the version that is used.
///
/// # Errors
/// [`StoreError::ForeignKey`] when the tenant does not exist; [`StoreError::UniqueViolation`] when
/// somebody else wrote the same template at the same moment.
pub async fn publish(
    connection: &mut AsyncPgConnection,
    publication: &Publication<'_>,
) -> Result<(i32, WriteChange), StoreError> {
    use notification_templates as t;
    let fields = publication.fields;
    connection
        .transaction(async |connection| {
            let versions = versions_of(connection, fields).await?;
            let newest = versions.iter().map(|(version, _)| *version).max();
            let active = versions.into_iter().find_map(|(_, active)| active);
            if let Some((row, written, includes)) = &active
                && row.says(fields)
                && *written == publication.written_value()
                && includes.iter().flatten().eq(publication.includes)
            {
                return Ok((row.version, WriteChange::Unchanged));
            }
            if let Some((active, ..)) = &active {
                diesel::update(t::table.find(active.id))
                    .set(t::is_active.eq(false))
                    .execute(connection)
                    .await?;
            }
            let version = newest.unwrap_or(0).saturating_add(1);
            diesel::insert_into(t::table)
                .values((
                    row(fields, version),
                    t::written.eq(publication.written_value()),
                    t::includes.eq(publication.includes),
                    t::published_by.eq(publication.by),
                ))
                .execute(connection)
                .await?;
            let change = newest.map_or(WriteChange::Created, |_| WriteChange::Updated);
            Ok((version, change))
        })
        .await
}

/// A version, whether it is active, and how it was written.
type NumberedRow = (TemplateRow, bool, Option<Value>, Vec<Option<String>>);

/// The active version, as it was written.
type ActiveRow = (TemplateRow, Option<Value>, Vec<Option<String>>);

/// Every version's number, and the row of the active one. Locks them all: two writers of the same
/// template take turns.
async fn versions_of(
    connection: &mut AsyncPgConnection,
    fields: &TemplateFields,
) -> Result<Vec<(i32, Option<ActiveRow>)>, StoreError> {
    use notification_templates as t;
    let rows: Vec<NumberedRow> = t::table
        .filter(t::tenant_id.eq(fields.tenant_id))
        .filter(t::name.eq(&fields.name))
        .filter(t::message_type.eq(fields.channel.as_str()))
        .filter(t::locale.eq(&fields.locale))
        .select((
            TemplateRow::as_select(),
            t::is_active.and(t::deleted_at.is_null()),
            t::written,
            t::includes,
        ))
        .for_update()
        .load(connection)
        .await?;
    let numbered = |(row, active, written, includes): NumberedRow| {
        (row.version, active.then_some((row, written, includes)))
    };
    Ok(rows.into_iter().map(numbered).collect())
}

impl Publication<'_> {
    fn written_value(&self) -> Option<Value> {
        self.written.map(|written| json!(written))
    }
}

impl TemplateRow {
    fn says(&self, fields: &TemplateFields) -> bool {
        self.subject == fields.subject
            && self.title == fields.title
            && self.body == fields.body
            && self.html == fields.html
            && self.variables == json!(fields.variables)
    }
}

fn row(fields: &TemplateFields, version: i32) -> TemplateRow {
    TemplateRow {
        id: Uuid::now_v7(),
        tenant_id: fields.tenant_id,
        name: fields.name.clone(),
        message_type: fields.channel.to_string(),
        locale: fields.locale.clone(),
        version,
        subject: fields.subject.clone(),
        title: fields.title.clone(),
        body: fields.body.clone(),
        html: fields.html.clone(),
        variables: json!(fields.variables),
    }
}
