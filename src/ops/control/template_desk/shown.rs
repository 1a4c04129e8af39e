//! Templates as they are shown.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::Channel;
use crate::ops::publishing::PublishedTemplate;
use crate::store::WriteChange;
use crate::store::templates::TemplateFields;
use crate::store::templates::desk::{TemplateDraft, TemplateVersion};
use crate::store::templates::listing::ListedTemplate;

/// A template in a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ListedTemplate)]
pub struct ListedTemplateLine {
    /// What messages call it by.
    #[schema(example = "order-shipped")]
    pub name: String,
    /// Its channel.
    #[schema(example = "email")]
    pub channel: String,
    /// Its language.
    #[schema(example = "de")]
    pub locale: String,
    /// The version that is used; null before the first is published.
    pub version: Option<i32>,
    /// Whether there is a draft.
    pub has_draft: bool,
}

/// The templates of a name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Templates)]
pub struct ShownTemplates {
    /// What messages call them by.
    #[schema(example = "order-shipped")]
    pub name: String,
    /// One for each channel and language.
    pub templates: Vec<LocalTemplate>,
}

/// A template for one channel, in one language.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Template)]
pub struct LocalTemplate {
    /// Its channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// Its language.
    #[schema(example = "de")]
    pub locale: String,
    /// The version that is used.
    pub published: Option<ShownTemplateVersion>,
    /// What is to become the next one.
    pub draft: Option<ShownTemplateDraft>,
}

/// What a template says.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplateTexts)]
pub struct ShownTexts {
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: String,
    /// HTML of an e-mail.
    pub html: Option<String>,
    /// Variables that a message gives; one with a question mark behind it may be left out.
    pub variables: Vec<String>,
    /// The templates that it includes.
    pub includes: Vec<String>,
}

/// A version of a template: it never changes.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplateVersion)]
pub struct ShownTemplateVersion {
    /// Its channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// Its language.
    pub locale: String,
    /// Counts up from 1; no number is used twice.
    pub version: i32,
    /// Whether it is the one that is used.
    pub is_active: bool,
    /// What it says, as it was written.
    pub texts: ShownTexts,
    /// When it was published.
    pub published_at: Timestamp,
    /// The id of the API key that did it; null is the command line.
    pub published_by: Option<String>,
}

/// What is to become the next version of a template.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplateDraft)]
pub struct ShownTemplateDraft {
    /// What it says, as it was written.
    pub texts: ShownTexts,
    /// When it was saved last.
    pub saved_at: Timestamp,
    /// The id of the API key that saved it.
    pub saved_by: String,
}

/// A template that was published.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplatePublication)]
pub struct ShownPublication {
    /// What messages call it by.
    pub name: String,
    /// Its channel.
    #[schema(value_type = String, example = "email")]
    pub channel: Channel,
    /// Its language.
    pub locale: String,
    /// The version that is used now.
    pub version: i32,
    /// Whether that is a new one.
    pub is_new: bool,
}

/// A template that includes another one.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = TemplateUser)]
pub struct ShownTemplateUser {
    /// What messages call it by.
    pub name: String,
    /// Its channel.
    pub channel: String,
    /// Its language.
    pub locale: String,
    /// Whether its draft does; else the version that is used.
    pub is_draft: bool,
}

impl ShownTemplates {
    pub(super) fn new(name: &str, versions: &[TemplateVersion], drafts: &[TemplateDraft]) -> Self {
        let key = |fields: &TemplateFields| (fields.channel, fields.locale.clone());
        let of_versions = versions.iter().map(|it| key(&it.fields));
        let mut keys: Vec<_> = of_versions
            .chain(drafts.iter().map(|it| key(&it.fields)))
            .collect();
        keys.sort();
        keys.dedup();
        let template = |(channel, locale): (Channel, String)| {
            let is_it =
                |fields: &TemplateFields| fields.channel == channel && fields.locale == locale;
            let published = versions.iter().find(|it| is_it(&it.fields));
            let draft = drafts.iter().find(|it| is_it(&it.fields));
            LocalTemplate {
                channel,
                published: published.map(ShownTemplateVersion::from),
                draft: draft.map(ShownTemplateDraft::from),
                locale,
            }
        };
        Self {
            name: name.to_owned(),
            templates: keys.into_iter().map(template).collect(),
        }
    }
}

fn texts(fields: TemplateFields, includes: &[String]) -> ShownTexts {
    ShownTexts {
        subject: fields.subject,
        title: fields.title,
        body: fields.body,
        html: fields.html,
        variables: fields.variables,
        includes: includes.to_vec(),
    }
}

impl From<&TemplateVersion> for ShownTemplateVersion {
    fn from(version: &TemplateVersion) -> Self {
        Self {
            channel: version.fields.channel,
            locale: version.fields.locale.clone(),
            version: version.version,
            is_active: version.is_active,
            texts: texts(version.as_written(), &version.includes),
            published_at: version.published_at,
            published_by: version.published_by.clone(),
        }
    }
}

impl From<&TemplateDraft> for ShownTemplateDraft {
    fn from(draft: &TemplateDraft) -> Self {
        Self {
            texts: texts(draft.fields.clone(), &draft.includes),
            saved_at: draft.saved_at,
            saved_by: draft.saved_by.clone(),
        }
    }
}

impl From<ListedTemplate> for ListedTemplateLine {
    fn from(listed: ListedTemplate) -> Self {
        Self {
            name: listed.name,
            channel: listed.message_type,
            locale: listed.locale,
            version: listed.version,
            has_draft: listed.has_draft,
        }
    }
}

impl From<PublishedTemplate> for ShownPublication {
    fn from(published: PublishedTemplate) -> Self {
        Self {
            name: published.name,
            channel: published.channel,
            locale: published.locale,
            version: published.version,
            is_new: published.change != WriteChange::Unchanged,
        }
    }
}

impl ShownTemplateUser {
    pub(super) fn published(version: &TemplateVersion) -> Self {
        Self {
            name: version.fields.name.clone(),
            channel: version.fields.channel.to_string(),
            locale: version.fields.locale.clone(),
            is_draft: false,
        }
    }

    pub(super) fn draft((name, channel, locale): (String, String, String)) -> Self {
        Self {
            name,
            channel,
            locale,
            is_draft: true,
        }
    }
}
