//! What a message would be made of, and what it lacks.

use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::super::error::TemplateError;
use super::super::locale::LocaleChoice;
use super::{Library, LocaleHints, unknown};
use crate::domain::person_link::EXAMPLE_URL;
use crate::domain::{Channel, Content};

/// What a message would be made of.
#[derive(Debug, Clone, PartialEq)]
pub struct TemplatePreview {
    /// The language of the template that was chosen.
    pub locale: String,
    /// Why it was.
    pub because: LocaleChoice,
    /// Its version.
    pub version: i32,
    /// Every variable that is missing.
    pub missing: Vec<String>,
    /// The text, or why there is none.
    pub content: Result<Content, TemplateError>,
}

impl Library {
    /// Fills a template, and says which it was, why, and every variable that is missing.
    ///
    /// # Errors
    /// There is no such template.
    pub fn preview(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        read: LocaleHints<'_>,
        variables: &Map<String, Json>,
    ) -> Result<TemplatePreview, TemplateError> {
        let found = self.find(tenant_id, channel, name, read);
        let (locale, entry, because) = found.ok_or_else(|| unknown(channel, name))?;
        let link = Some(EXAMPLE_URL);
        let content = self.render(tenant_id, channel, name, read, variables, link);
        Ok(TemplatePreview {
            locale: locale.to_owned(),
            because,
            version: entry.version,
            missing: entry.missing(variables),
            content: content.map(|rendered| rendered.content),
        })
    }
}
