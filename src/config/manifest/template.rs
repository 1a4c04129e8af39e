//! `[[templates]]`

use uuid::Uuid;

use super::ManifestFinding;
use super::fields::EntryFields;
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
        let (subject, title, html) = (&self.subject, &self.title, &self.html);
        let kept: &[&str] = match self.channel {
            Channel::Email => &["subject", "html"],
            // A subject is shown where there is no title.
            Channel::Push if title.is_none() => &["subject"],
            Channel::Push | Channel::Chat => &["title"],
            Channel::Sms => &[],
            Channel::InApp => &["subject", "title", "html"],
        };
        [("subject", subject), ("title", title), ("html", html)]
            .into_iter()
            .filter(|(part, text)| text.is_some() && !kept.contains(part))
            .map(|(part, _)| ManifestFinding {
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
    for (index, name) in names.iter().enumerate() {
        let name = name.strip_suffix('?').unwrap_or(name);
        let before = names.iter().take(index);
        if before
            .map(|name| name.trim_end_matches('?'))
            .any(|before| before == name)
        {
            fields.report("variables", format!("\"{name}\" stands twice"));
        }
        let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !starts || !name.chars().all(plain) {
            let shown: String = name.chars().take(64).collect();
            let problem = format!("\"{shown}\" is not the name of a variable");
            let allowed =
                "letters, digits and _, not starting with a digit; a ? behind it: may be left out";
            fields.report_with("variables", problem, allowed);
        }
    }
    names
}
