//! `[[templates]]`

use uuid::Uuid;

use super::fields::Fields;
use crate::domain::Channel;

/// The channels, for messages.
pub(super) const CHANNELS: &str = "email, sms, push, in_app, chat";

/// A template for one channel and language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
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
    /// Variables that a message must give.
    pub variables: Vec<String>,
}

pub(super) fn read(fields: &mut Fields) -> Option<Template> {
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
    Some(Template {
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

/// A language with or without a region.
pub(super) fn locale(fields: &mut Fields) -> Option<String> {
    let locale = fields.line("locale", 35)?;
    let is_part = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    if !locale.split(['-', '_']).all(is_part) {
        return fields.refuse_with("locale", "is not a language", "for example de, pt-BR");
    }
    Some(locale)
}

fn variables(fields: &mut Fields) -> Vec<String> {
    let names = fields.texts("variables");
    for name in &names {
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !starts || !name.chars().all(plain) {
            let shown: String = name.chars().take(64).collect();
            let problem = format!("\"{shown}\" is not the name of a variable");
            let allowed = "letters, digits and _, not starting with a digit";
            fields.report_with("variables", problem, allowed);
        }
    }
    names
}
