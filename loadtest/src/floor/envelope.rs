//! What the floor reads of a published envelope: borrowed from the message, nothing checked.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::error::FloorError;

/// The engine's default tenant, to which everything published here belongs.
pub(super) const TENANT: Uuid = Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001);

/// All that claiming needs.
#[derive(Deserialize)]
pub(super) struct Door<'a> {
    #[serde(borrow)]
    pub(super) channel: &'a str,
    #[serde(borrow)]
    idempotency_key: Cow<'a, str>,
}

impl<'a> Door<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, FloorError> {
        serde_json::from_slice(body).map_err(|error| FloorError::Message(error.to_string()))
    }

    /// SHA-256 of tenant and key, as the engine has it.
    pub(super) fn key(&self) -> [u8; 32] {
        let mut hasher = Sha256::new();
        hasher.update(TENANT.as_bytes());
        hasher.update(self.idempotency_key.as_bytes());
        hasher.finalize().into()
    }
}

/// All that posting and settling need.
#[derive(Deserialize)]
pub(super) struct Envelope<'a> {
    pub(super) user_id: Uuid,
    #[serde(borrow)]
    pub(super) channel: &'a str,
    #[serde(borrow)]
    pub(super) priority: &'a str,
    #[serde(borrow)]
    pub(super) category: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) template: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) content: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) to: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) source: Source<'a>,
}

#[derive(Deserialize)]
pub(super) struct Source<'a> {
    #[serde(borrow, rename = "type")]
    pub(super) kind: Cow<'a, str>,
    #[serde(borrow)]
    pub(super) id: Cow<'a, str>,
}

/// What a message says.
pub(super) struct Text<'a> {
    pub(super) head: Cow<'a, str>,
    pub(super) body: Cow<'a, str>,
}

#[derive(Deserialize)]
pub(super) struct Template<'a> {
    #[serde(borrow)]
    pub(super) name: Cow<'a, str>,
    #[serde(borrow)]
    variables: Variables<'a>,
}

#[derive(Deserialize)]
struct Variables<'a> {
    #[serde(borrow)]
    order: Cow<'a, str>,
    #[serde(borrow)]
    marker: Cow<'a, str>,
    #[serde(borrow)]
    note: Cow<'a, str>,
}

#[derive(Deserialize)]
struct Content<'a> {
    #[serde(borrow)]
    subject: Option<Cow<'a, str>>,
    #[serde(borrow)]
    title: Option<Cow<'a, str>>,
    #[serde(borrow)]
    body: Cow<'a, str>,
}

impl<'a> Envelope<'a> {
    pub(super) fn read(body: &'a [u8]) -> Result<Self, FloorError> {
        serde_json::from_slice(body).map_err(wrong)
    }

    /// What it says, and the name of the template that it names. Nothing is rendered: a template's
    /// marker and note stand for its text.
    pub(super) fn text(&self) -> Result<(Text<'a>, Option<Cow<'a, str>>), FloorError> {
        if let Some(template) = self.template {
            let template: Template<'a> = serde_json::from_str(template.get()).map_err(wrong)?;
            let variables = template.variables;
            let text = Text {
                head: variables.order,
                body: Cow::Owned(format!("{} {}", variables.marker, variables.note)),
            };
            return Ok((text, Some(template.name)));
        }
        let content = self.content.map_or("{}", RawValue::get);
        let content: Content<'a> = serde_json::from_str(content).map_err(wrong)?;
        let text = Text {
            head: content.subject.or(content.title).unwrap_or_default(),
            body: content.body,
        };
        Ok((text, None))
    }

    /// The `payload` column, in the engine's form.
    pub(super) fn payload(&self, out: &mut Vec<u8>) {
        let (name, value) = match (self.template, self.content) {
            (Some(template), _) => ("template", template.get()),
            (None, Some(content)) => ("content", content.get()),
            (None, None) => ("content", "{}"),
        };
        out.extend_from_slice(b"{\"");
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        out.extend_from_slice(value.as_bytes());
        if let Some(to) = &self.to {
            out.extend_from_slice(b",\"to\":");
            json(out, to);
        }
        out.push(b'}');
    }
}

/// Appends a JSON string.
pub(super) fn json(out: &mut Vec<u8>, text: &str) {
    // Writing a string to memory cannot fail.
    let _ = serde_json::to_writer(out, text);
}

fn wrong(error: serde_json::Error) -> FloorError {
    FloorError::Message(error.to_string())
}
