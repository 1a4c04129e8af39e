//! A template as it is stored: text that has not been compiled.

use uuid::Uuid;

use crate::domain::Channel;

/// Which template, in which language.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TemplateKey {
    /// The tenant it belongs to.
    pub tenant_id: Uuid,
    /// The channel it is written for.
    pub channel: Channel,
    /// Its name.
    pub name: String,
    /// Its language.
    pub locale: String,
}

/// One version of a template, for one channel and language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateSource {
    /// The tenant it belongs to.
    pub tenant_id: Uuid,
    /// Its name; a message calls it by this.
    pub name: String,
    /// The channel it is written for.
    pub channel: Channel,
    /// Its language, for example `de` or `pt-BR`.
    pub locale: String,
    /// Which version of it this is.
    pub version: i32,
    /// Subject of an e-mail.
    pub subject: Option<String>,
    /// Title of a push or in-app message.
    pub title: Option<String>,
    /// Plain text.
    pub body: Option<String>,
    /// HTML of an e-mail; variables are escaped in it.
    pub html: Option<String>,
    /// Variables that a message gives; `name?` may be left out.
    pub variables: Vec<String>,
    /// What of it cannot be read, if so: then it cannot be rendered.
    pub trouble: Option<String>,
}

impl TemplateSource {
    /// Which template it is, in which language.
    #[must_use]
    pub fn key(&self) -> TemplateKey {
        TemplateKey {
            tenant_id: self.tenant_id,
            channel: self.channel,
            name: self.name.clone(),
            locale: self.locale.clone(),
        }
    }
}

/// A variable as a template declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Declared<'a> {
    pub(super) name: &'a str,
    /// Whether a message may leave it out.
    pub(super) is_optional: bool,
}

/// A part of a message that is rendered for itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Part {
    /// Subject of an e-mail; one line.
    Subject,
    /// Title of a push or in-app message; one line.
    Title,
    /// Plain text.
    Body,
    /// HTML.
    Html,
}

impl Part {
    /// Every part.
    pub const ALL: [Self; 4] = [Self::Subject, Self::Title, Self::Body, Self::Html];

    /// The name that the part has in a declarative file and in the contract.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Title => "title",
            Self::Body => "body",
            Self::Html => "html",
        }
    }

    /// Whether it must stay on one line.
    pub(super) const fn is_one_line(self) -> bool {
        matches!(self, Self::Subject | Self::Title)
    }

    /// The suffix that decides how what variables hold is escaped: it is text, wherever it stands.
    /// Only what `|safe` marks is markup.
    pub(super) const fn suffix(self, channel: Channel) -> &'static str {
        match (self, channel) {
            (Self::Html, _) => "html",
            (_, Channel::Chat) => "mrkdwn",
            _ => "txt",
        }
    }
}

impl TemplateSource {
    /// The variables that it declares.
    pub(super) fn declared(&self) -> impl Iterator<Item = Declared<'_>> {
        self.variables.iter().map(|written| {
            let bare = written.strip_suffix('?');
            Declared {
                name: bare.unwrap_or(written),
                is_optional: bare.is_some(),
            }
        })
    }

    /// The text of a part.
    #[must_use]
    pub fn part(&self, part: Part) -> Option<&str> {
        match part {
            Part::Subject => self.subject.as_deref(),
            Part::Title => self.title.as_deref(),
            Part::Body => self.body.as_deref(),
            Part::Html => self.html.as_deref(),
        }
    }
}
