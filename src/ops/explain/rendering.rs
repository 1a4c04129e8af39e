//! What would be sent: the text as it was given, or a template, filled.

use serde::Serialize;
use utoipa::ToSchema;

use super::Explainer;
use crate::domain::text_message::{Segments, segments};
use crate::domain::{Body, Channel, Content, Notification, Recipient, TenantRules, carriage};
use crate::runtime::stack;
use crate::templates::{LocaleChoice, LocaleHints};

/// What would be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct ExplainedContent {
    /// The template that it is made of; `None` is text that the message brings.
    pub template: Option<ExplainedTemplate>,
    /// The text; why there is none.
    pub content: Result<Content, String>,
    /// What a text message would be cut into.
    pub segments: Option<Segments>,
}

/// The template that a notification would be made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ExplainedTemplate {
    /// Its name.
    pub name: String,
    /// The version that is used now.
    pub version: i32,
    /// The language that was chosen.
    pub locale: String,
    /// Why it was.
    pub because: &'static str,
    /// Every variable that is missing.
    pub missing: Vec<String>,
}

impl Explainer {
    pub(super) fn content(
        &self,
        notification: &Notification,
        recipient: &Recipient,
        rules: &TenantRules,
    ) -> ExplainedContent {
        let channel = notification.lane.channel;
        let (template, content) = match &notification.payload.body {
            Body::Content(content) => (None, Ok(content.clone())),
            Body::Template(call) => {
                let (library, tenant) = (self.templates.library(), notification.tenant_id);
                let reader = LocaleHints {
                    recipient: recipient.locale.as_deref(),
                    tenant: rules.locale.as_deref(),
                };
                let filled = stack::on_large(|| {
                    library.preview(tenant, channel, &call.name, reader, &call.variables)
                });
                match filled {
                    Err(error) => (None, Err(error.to_string())),
                    Ok(filled) => {
                        let content = filled.content.map_err(|error| error.to_string());
                        let template = ExplainedTemplate {
                            name: call.name.clone(),
                            version: filled.version,
                            locale: filled.locale,
                            because: because(filled.because),
                            missing: filled.missing,
                        };
                        (Some(template), content)
                    }
                }
            }
        };
        let content = content.and_then(|content| match carriage::check(channel, &content) {
            Ok(()) => Ok(content),
            Err(unfit) => Err(unfit.to_string()),
        });
        ExplainedContent {
            segments: segments_of(channel, &content),
            template,
            content,
        }
    }
}

const fn because(choice: LocaleChoice) -> &'static str {
    match choice {
        LocaleChoice::Recipient => "the person reads it",
        LocaleChoice::Tenant => "it is the tenant's language",
        LocaleChoice::English => "there is none in the person's language, nor in the tenant's",
        LocaleChoice::Near => "it is the language of another region that is nearest",
        LocaleChoice::First => "it is the first in the alphabet: there is nothing nearer",
    }
}

fn segments_of(channel: Channel, content: &Result<Content, String>) -> Option<Segments> {
    let content = content.as_ref().ok().filter(|_| channel == Channel::Sms)?;
    Some(segments(carriage::sms_text(content)?))
}
