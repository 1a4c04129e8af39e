//! What a message would be made of.

use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{TemplateDesk, TemplateDeskError, numbered};
use crate::domain::{Channel, Content, carriage};
use crate::ops::control::DeskError;
use crate::ops::publishing::{made_whole, source};
use crate::runtime::stack;
use crate::store::templates::desk::{self, TemplateOf, WhichVersions};
use crate::store::{Database, PgConnection, StoreError};
use crate::templates::{Library, LocaleChoice, LocaleHints, TemplatePreview, TemplateSource};

/// What is to be looked at.
#[derive(Debug, Clone)]
pub struct AskedPreview {
    /// The templates; their language is chosen by what the person reads.
    pub of: TemplateOf,
    /// What the person reads.
    pub locale: Option<String>,
    /// Drafts in place of the versions that are used, where there are any.
    pub draft: bool,
    /// This version, in place of those that are used.
    pub version: Option<i32>,
    /// What the message gives.
    pub variables: Map<String, Value>,
}

/// What a message would be made of.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplatePreview)]
pub struct ShownPreview {
    /// The channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// The language that was chosen.
    #[schema(example = "de")]
    pub locale: String,
    /// Why it was.
    pub because: String,
    /// The version that it is; null is the draft.
    pub version: Option<i32>,
    /// Every variable that is missing.
    pub missing: Vec<String>,
    /// Why there is no content.
    pub error: Option<String>,
    /// What would be sent.
    pub content: Option<PreviewedContent>,
}

/// What would be sent.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = RenderedContent)]
pub struct PreviewedContent {
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: Option<String>,
    /// HTML of an e-mail.
    pub html: Option<String>,
}

/// The version that a draft counts as: more than any.
const DRAFT: i32 = i32::MAX;

impl TemplateDesk {
    /// Fills a template, and says which it was and why, and every variable that is missing.
    ///
    /// # Errors
    /// There is none, or the channel is not clear, or the draft is wrong by now; or the database is out of
    /// reach.
    pub async fn preview(&self, asked: AskedPreview) -> Result<ShownPreview, TemplateDeskError> {
        let limits = self.limits;
        let work = async move |database: Database| {
            let mut connection = database.get().await?;
            let tenant = desk::tenant_locale(&mut connection, asked.of.tenant_id).await?;
            let sources = sources(&mut connection, &asked).await?;
            drop(connection);
            let channel = channel(&sources)?;
            let read = asked.locale.clone();
            let filled = tokio::task::spawn_blocking(move || {
                stack::on_large(move || {
                    let library = Library::compile(&sources, limits);
                    let hints = LocaleHints {
                        recipient: asked.locale.as_deref(),
                        tenant: tenant.as_deref(),
                    };
                    let of = &asked.of;
                    library.preview(of.tenant_id, channel, &of.name, hints, &asked.variables)
                })
            });
            let panicked = |error| StoreError::Other(format!("a preview panicked: {error}"));
            let filled = filled.await.map_err(panicked)?;
            let filled = filled.map_err(|_| DeskError::NotFound("template"))?;
            Ok(shown(channel, read.as_deref(), filled))
        };
        self.desk.with("preview a template", work).await
    }
}

/// The texts to choose from.
async fn sources(
    connection: &mut PgConnection,
    asked: &AskedPreview,
) -> Result<Vec<TemplateSource>, TemplateDeskError> {
    if let Some(number) = asked.version {
        let version = numbered(connection, &asked.of, number).await?;
        return Ok(vec![source(&version.fields, version.version)]);
    }
    let versions = desk::versions(connection, &asked.of, WhichVersions::Active).await?;
    let versions = versions.iter().map(|it| source(&it.fields, it.version));
    let mut sources: Vec<TemplateSource> = versions.collect();
    if asked.draft {
        for draft in desk::drafts(connection, &asked.of).await? {
            let made = made_whole(connection, &draft.fields).await?;
            let made = made.map_err(TemplateDeskError::Mistakes)?;
            sources.push(source(&made.fields, DRAFT));
        }
    }
    match sources.is_empty() {
        true => Err(DeskError::NotFound("template").into()),
        false => Ok(sources),
    }
}

/// The one channel of some texts.
fn channel(sources: &[TemplateSource]) -> Result<Channel, TemplateDeskError> {
    let mut channels = sources.iter().map(|source| source.channel);
    let first = channels.next().ok_or(DeskError::NotFound("template"))?;
    match channels.all(|channel| channel == first) {
        true => Ok(first),
        false => Err(TemplateDeskError::Several),
    }
}

fn shown(channel: Channel, read: Option<&str>, filled: TemplatePreview) -> ShownPreview {
    let locale = &filled.locale;
    let because = match (filled.because, read) {
        (LocaleChoice::Recipient, Some(read)) if read == locale => {
            format!("the person reads `{read}`")
        }
        (LocaleChoice::Recipient, read) => format!(
            "the person reads `{}`, and `{locale}` is what there is of it",
            read.unwrap_or_default()
        ),
        (LocaleChoice::Tenant, _) => "it is the tenant's language".to_owned(),
        (LocaleChoice::English, _) => {
            "there is none in the person's language, nor in the tenant's: English".to_owned()
        }
        (LocaleChoice::Near, _) => {
            "it is the language of another region that is nearest".to_owned()
        }
        (LocaleChoice::First, _) => {
            "it is the first in the alphabet: there is nothing nearer".to_owned()
        }
    };
    let fits = |content: Content| match carriage::check(channel, &content) {
        Ok(()) => Ok(content),
        Err(unfit) => Err(unfit.to_string()),
    };
    let content = filled
        .content
        .map_err(|error| error.to_string())
        .and_then(fits);
    let (content, error) = match content {
        Ok(content) => (Some(content), None),
        Err(error) => (None, Some(error)),
    };
    ShownPreview {
        channel,
        because,
        version: Some(filled.version).filter(|version| *version != DRAFT),
        missing: filled.missing,
        error,
        content: content.map(|content| PreviewedContent {
            subject: content.subject,
            title: content.title,
            body: content.body,
            html: content.html,
        }),
        locale: filled.locale,
    }
}
