//! Templates, as the HTTP API may see and change them.

mod preview;
mod shown;

use std::collections::HashSet;

use serde_json::{Value, json};
use uuid::Uuid;

pub use preview::{AskedPreview, ShownPreview};
pub use shown::{
    ListedTemplateLine, LocalTemplate, ShownPublication, ShownTemplateUser, ShownTemplateVersion,
    ShownTemplates, ShownTexts,
};

use super::desk::{Desk, DeskError};
use crate::ops::publishing::{self, PublishedTemplate, TemplateMistake};
use crate::store::audit::{self, AuditChanges, AuditEntry, DoneBy};
use crate::store::templates::desk::{self, TemplateOf, TemplateVersion, WhichVersions};
use crate::store::templates::{TemplateFields, listing};
use crate::store::workflows::references;
use crate::store::{Database, PgConnection, StoreError, WriteChange};
use crate::templates::Limits;

/// Why something could not be done with a template.
#[derive(Debug, thiserror::Error)]
pub enum TemplateDeskError {
    /// Not for a reason of the template's.
    #[error(transparent)]
    Desk(#[from] DeskError),
    /// It is wrong: every mistake.
    #[error("the template is wrong")]
    Mistakes(Vec<TemplateMistake>),
    /// Several templates have the name: a channel and a language choose one.
    #[error("several templates have this name: say `channel` and `locale`")]
    Several,
}

/// Saves, publishes and shows templates. Clones share it.
#[derive(Debug, Clone)]
pub struct TemplateDesk {
    /// Does the work.
    pub desk: Desk,
    /// What one rendering may cost.
    pub limits: Limits,
}

impl TemplateDesk {
    /// At most so many templates of a tenant, by name, channel and language, of those behind one.
    ///
    /// # Errors
    /// The database is out of reach.
    pub async fn page(
        &self,
        tenant_id: Uuid,
        after: (String, String, String),
        most: usize,
    ) -> Result<Vec<ListedTemplateLine>, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let (name, channel, locale) = &after;
            let listed = listing::page(&mut connection, tenant_id, (name, channel, locale), most);
            let listed = listed.await?.into_iter();
            Ok(listed.map(ListedTemplateLine::from).collect())
        };
        self.desk.with("list templates", work).await
    }

    /// The templates of a name, each with the version that is used and its draft.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn get(&self, of: TemplateOf) -> Result<ShownTemplates, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            shown_templates(&mut connection, &of).await
        };
        self.desk.with("get a template", work).await
    }

    /// Saves a draft, in place of the one before it.
    ///
    /// # Errors
    /// It is wrong, or there is no such tenant; or the database is out of reach.
    pub async fn save(
        &self,
        fields: TemplateFields,
        by: DoneBy,
    ) -> Result<LocalTemplate, TemplateDeskError> {
        let work = async move |database: Database| {
            let saved = database.transaction(async |connection| {
                let made = match publishing::made_whole(connection, &fields).await? {
                    Ok(made) => made,
                    Err(mistakes) => return Ok(Err(TemplateDeskError::Mistakes(mistakes))),
                };
                let of = exactly(&fields);
                let before = desk::drafts(connection, &of).await?;
                let before = before.first().map(|draft| audited(&draft.fields));
                desk::save(connection, &fields, &made.includes, by.actor()).await?;
                let changes = match before {
                    Some(before) => AuditChanges::between(before, audited(&fields)),
                    None => AuditChanges::made(audited(&fields)),
                };
                note(connection, &of, &by, "save", changes).await?;
                let mut shown = match shown_templates(connection, &of).await {
                    Ok(shown) => shown.templates,
                    Err(error) => return Ok(Err(error)),
                };
                Ok(shown.pop().ok_or(DeskError::NotFound("template").into()))
            });
            saved.await?
        };
        self.desk.with("save a template", work).await
    }

    /// Publishes the drafts of a name, or an older version of one template of it anew.
    ///
    /// # Errors
    /// There is none, or what would be published is wrong; or the database is out of reach.
    pub async fn publish(
        &self,
        of: TemplateOf,
        version: Option<i32>,
        by: DoneBy,
    ) -> Result<Vec<ShownPublication>, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut refused = None;
            let published = database.transaction(async |connection| {
                // Of two who publish at once, the later one publishes what is saved by then.
                desk::take_turn(connection, of.tenant_id).await?;
                let chosen = match chosen(connection, &of, version).await {
                    Ok(chosen) => chosen,
                    Err(error) => {
                        refused = Some(error);
                        return Err(StoreError::NotFound);
                    }
                };
                let mut all = vec![];
                for fields in chosen {
                    let by_key = Some(by.actor());
                    match publishing::publish(connection, &fields, by_key, &HashSet::new()).await? {
                        Ok(published) => all.extend(published),
                        Err(mistakes) => {
                            refused = Some(TemplateDeskError::Mistakes(mistakes));
                            return Err(StoreError::NotFound);
                        }
                    }
                }
                for one in all.iter().filter(|it| it.change != WriteChange::Unchanged) {
                    note_published(connection, of.tenant_id, one, &by).await?;
                }
                Ok(all)
            });
            match (published.await, refused) {
                (Ok(published), _) => {
                    Ok(published.into_iter().map(ShownPublication::from).collect())
                }
                (Err(_), Some(refused)) => Err(refused),
                (Err(error), None) => Err(error.into()),
            }
        };
        self.desk.with("publish a template", work).await
    }

    /// At most so many versions, the newest first, of those before an id.
    ///
    /// # Errors
    /// There never was such a template, nor a draft of one; or the database is out of reach.
    pub async fn versions(
        &self,
        of: TemplateOf,
        before: Option<Uuid>,
        most: usize,
    ) -> Result<Vec<(Uuid, ShownTemplateVersion)>, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let which = WhichVersions::Before(before, most);
            let found = desk::versions(&mut connection, &of, which).await?;
            if found.is_empty() && before.is_none() {
                // A draft that was never published has none.
                shown_templates(&mut connection, &of).await?;
            }
            let shown = found
                .iter()
                .map(|it| (it.id, ShownTemplateVersion::from(it)));
            Ok(shown.collect())
        };
        self.desk.with("list versions of a template", work).await
    }

    /// One version.
    ///
    /// # Errors
    /// There is none, or several; or the database is out of reach.
    pub async fn version(
        &self,
        of: TemplateOf,
        number: i32,
    ) -> Result<ShownTemplateVersion, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let found = numbered(&mut connection, &of, number).await?;
            Ok(ShownTemplateVersion::from(&found))
        };
        self.desk.with("get a version of a template", work).await
    }

    /// The templates and drafts that include one of a name.
    ///
    /// # Errors
    /// There is none; or the database is out of reach.
    pub async fn used_by(
        &self,
        of: TemplateOf,
    ) -> Result<Vec<ShownTemplateUser>, TemplateDeskError> {
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            shown_templates(&mut connection, &of).await?;
            users(&mut connection, &of).await
        };
        self.desk.with("list the users of a template", work).await
    }

    /// Removes templates with their drafts; their versions stay to be read.
    ///
    /// # Errors
    /// There is none, or another template includes it; or the database is out of reach.
    pub async fn delete(&self, of: TemplateOf, by: DoneBy) -> Result<(), TemplateDeskError> {
        let work = async move |database: Database| {
            let deleted = database.transaction(async |connection| {
                desk::take_turn(connection, of.tenant_id).await?;
                let shown = match shown_templates(connection, &of).await {
                    Ok(shown) => shown,
                    Err(error) => return Ok(Err(error)),
                };
                let users = match users(connection, &of).await {
                    Ok(users) => users,
                    Err(error) => return Ok(Err(error)),
                };
                if let Some(user) = users.first() {
                    return Ok(Err(in_use(user)));
                }
                let channel = of.channel.map(|channel| channel.as_str());
                let whose = (of.tenant_id, of.name.as_str());
                let parts = (channel, of.locale.as_deref());
                if let Some(workflow) = references::only_sender(connection, whose, parts).await? {
                    let words =
                        format!("the workflow `{workflow}` sends it: change or retire it first");
                    return Ok(Err(DeskError::Conflict("in_use", words).into()));
                }
                desk::delete(connection, &of).await?;
                let changes = AuditChanges::gone(json!(shown));
                note(connection, &of, &by, "delete", changes).await?;
                Ok(Ok(()))
            });
            deleted.await?
        };
        self.desk.with("delete a template", work).await
    }
}

fn in_use(user: &ShownTemplateUser) -> TemplateDeskError {
    let words = format!(
        "the template `{}` for {} in `{}` includes it, and perhaps others: see `used-by`",
        user.name, user.channel, user.locale
    );
    DeskError::Conflict("in_use", words).into()
}

/// What is to be published: the drafts, or an older version.
async fn chosen(
    connection: &mut PgConnection,
    of: &TemplateOf,
    version: Option<i32>,
) -> Result<Vec<TemplateFields>, TemplateDeskError> {
    if let Some(version) = version {
        return Ok(vec![numbered(connection, of, version).await?.as_written()]);
    }
    let drafts = desk::drafts(connection, of).await?;
    match drafts.is_empty() {
        true => Err(DeskError::NotFound("draft").into()),
        false => Ok(drafts.into_iter().map(|draft| draft.fields).collect()),
    }
}

async fn numbered(
    connection: &mut PgConnection,
    of: &TemplateOf,
    number: i32,
) -> Result<TemplateVersion, TemplateDeskError> {
    let mut found = desk::versions(connection, of, WhichVersions::Numbered(number)).await?;
    match (found.pop(), found.is_empty()) {
        (Some(version), true) => Ok(version),
        (None, _) => Err(DeskError::NotFound("version").into()),
        (Some(_), false) => Err(TemplateDeskError::Several),
    }
}

async fn shown_templates(
    connection: &mut PgConnection,
    of: &TemplateOf,
) -> Result<ShownTemplates, TemplateDeskError> {
    let versions = desk::versions(connection, of, WhichVersions::Active).await?;
    let drafts = desk::drafts(connection, of).await?;
    let shown = ShownTemplates::new(&of.name, &versions, &drafts);
    match shown.templates.is_empty() {
        true => Err(DeskError::NotFound("template").into()),
        false => Ok(shown),
    }
}

async fn users(
    connection: &mut PgConnection,
    of: &TemplateOf,
) -> Result<Vec<ShownTemplateUser>, TemplateDeskError> {
    let name = std::slice::from_ref(&of.name);
    let mut users = vec![];
    for channel in crate::domain::Channel::ALL {
        if of.channel.is_none_or(|asked| asked == *channel) {
            let found = desk::that_include(connection, of.tenant_id, *channel, name).await?;
            users.extend(found.iter().map(ShownTemplateUser::published));
        }
    }
    let drafts = desk::drafts_that_include(connection, of.tenant_id, &of.name).await?;
    let asked = of.channel.map(|channel| channel.as_str());
    let drafts = drafts
        .into_iter()
        .filter(|(_, channel, _)| asked.is_none_or(|asked| asked == channel));
    users.extend(drafts.map(ShownTemplateUser::draft));
    Ok(users)
}

/// The one template that fields are of.
fn exactly(fields: &TemplateFields) -> TemplateOf {
    TemplateOf {
        tenant_id: fields.tenant_id,
        name: fields.name.clone(),
        channel: Some(fields.channel),
        locale: Some(fields.locale.clone()),
    }
}

fn audited(fields: &TemplateFields) -> Value {
    json!({
        "channel": fields.channel,
        "locale": fields.locale,
        "subject": fields.subject,
        "title": fields.title,
        "body": fields.body,
        "html": fields.html,
        "variables": fields.variables,
    })
}

async fn note_published(
    connection: &mut PgConnection,
    tenant_id: Uuid,
    one: &PublishedTemplate,
    by: &DoneBy,
) -> Result<(), StoreError> {
    let of = TemplateOf {
        tenant_id,
        name: one.name.clone(),
        channel: Some(one.channel),
        locale: Some(one.locale.clone()),
    };
    let changes = AuditChanges::made(json!({
        "channel": one.channel,
        "locale": one.locale,
        "version": one.version,
    }));
    note(connection, &of, by, "publish", changes).await
}

async fn note(
    connection: &mut PgConnection,
    of: &TemplateOf,
    by: &DoneBy,
    action: &'static str,
    changes: AuditChanges,
) -> Result<(), StoreError> {
    let entry = AuditEntry {
        tenant_id: Some(of.tenant_id),
        action,
        resource: "template",
        resource_id: of.name.clone(),
        changes,
    };
    audit::record(connection, by, entry).await
}

impl From<StoreError> for TemplateDeskError {
    fn from(error: StoreError) -> Self {
        Self::Desk(error.into())
    }
}
