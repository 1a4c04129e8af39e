//! `[[templates]]`

use uuid::Uuid;

use super::ManifestFinding;
use super::fields::EntryFields;
use crate::domain::template_rules::{self, BadVariable};
use crate::domain::{Channel, field};

/// The channels, for messages.
pub(super) const CHANNELS: &str = "email, sms, push, in_app, chat";

/// A template for one channel and language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeclaredTemplate {
    /// The tenant.
    pub tenant_id: Uuid,
    /// What messages call it by.
    pub name: String,
    /// The channel it is written for: `message_type`.
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
    /// Variables that a message gives; one with a question mark behind it may be left out.
    pub variables: Vec<String>,
}

pub(super) fn read(fields: &mut EntryFields) -> Option<DeclaredTemplate> {
    fields.required("name", "a text");
    fields.required("message_type", CHANNELS);
    fields.required("body", "a text");
    let tenant_id = fields.tenant();
    let name = fields.line("name", 100);
    let channel = fields.word("message_type", CHANNELS);
    let locale = locale(fields).unwrap_or_else(|| "en".to_owned());
    let (subject, title) = (fields.text("subject"), fields.text("title"));
    let (body, html) = (fields.text("body"), fields.text("html"));
    let variables = variables(fields);
    if channel == Some(Channel::Email) {
        fields.required(
            "subject",
            "a text: a mail without one is refused by every provider",
        );
    }
    Some(DeclaredTemplate {
        tenant_id,
        name: name?,
        channel: channel?,
        locale,
        subject,
        title,
        body: body?,
        html,
        variables,
    })
}

impl DeclaredTemplate {
    /// Texts that its channel does not carry: nobody would ever read them.
    #[must_use]
    pub fn lost(&self) -> Vec<ManifestFinding> {
        let parts = [
            ("subject", &self.subject),
            ("title", &self.title),
            ("html", &self.html),
        ];
        let there = parts.into_iter().filter(|(_, text)| text.is_some());
        let there: Vec<&str> = there.map(|(part, _)| part).collect();
        template_rules::lost_parts(self.channel, &there)
            .into_iter()
            .map(|part| ManifestFinding {
                key: part.to_owned(),
                problem: format!("is not carried by {}: nobody would read it", self.channel),
            })
            .collect()
    }
}

/// A language, with script and region where they matter, in one spelling: `de_DE` and `de-DE` are one
/// template, and of two the one that was not corrected might be found.
pub(super) fn locale(fields: &mut EntryFields) -> Option<String> {
    fields.fit("locale", field::locale)
}

fn variables(fields: &mut EntryFields) -> Vec<String> {
    let names = fields.texts("variables");
    for (_, BadVariable { problem, allowed }) in template_rules::bad_variables(&names) {
        match allowed {
            Some(allowed) => fields.report_with("variables", problem, allowed),
            None => fields.report("variables", problem),
        }
    }
    names
}
