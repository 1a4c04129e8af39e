//! What is said of templates: every mistake at once.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::api::fields::SentFields;
use crate::api::page::Query;
use crate::domain::{Channel, Language, language, template_rules};
use crate::ops::control::{
    AskedPreview, ShownPublication, ShownTemplateUser, TemplateFields, TemplateOf,
};

/// Longest name.
const NAME_CHARS: usize = 100;
/// Longest tag of a language.
pub(super) const LOCALE_CHARS: usize = 35;
/// The language where nobody says which.
const ENGLISH: &str = "en";

/// A draft.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `draft` reads")]
pub(super) struct AskedTexts {
    /// The channel; here or in the query.
    #[schema(example = "email")]
    channel: Option<String>,
    /// The language; here or in the query, `en` without it.
    #[schema(max_length = 35, example = "de")]
    locale: Option<String>,
    /// Subject of an e-mail, which needs one.
    #[schema(example = "For {{ name }}")]
    subject: Option<String>,
    /// Title of a push or in-app message.
    title: Option<String>,
    /// Plain text.
    #[schema(example = "Hello {{ name }}")]
    body: String,
    /// HTML of an e-mail; variables are escaped in it.
    html: Option<String>,
    /// Variables that a message gives; one with a question mark behind it may be left out.
    #[schema(example = json!(["name"]))]
    variables: Option<Vec<String>>,
}

/// What is to be published.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `publication` reads")]
pub(super) struct NewPublication {
    /// Of this channel only.
    channel: Option<String>,
    /// In this language only.
    locale: Option<String>,
    /// An older version, in place of the draft.
    #[schema(minimum = 1)]
    version: Option<i32>,
}

/// What is to be looked at.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `preview` reads")]
pub(super) struct NewPreview {
    /// The channel; needed when the name has several.
    channel: Option<String>,
    /// What the person reads.
    #[schema(example = "de-AT")]
    locale: Option<String>,
    /// Drafts, where there are any.
    draft: Option<bool>,
    /// This version, in place of the one that is used.
    #[schema(minimum = 1)]
    version: Option<i32>,
    /// What the message gives.
    #[schema(value_type = Option<Object>)]
    variables: Option<BTreeMap<String, String>>,
}

/// The versions that are used now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PublishedTemplates {
    /// Those that were asked for, and those that include them.
    pub(super) published: Vec<ShownPublication>,
}

/// The templates that include another one.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TemplateUsers {
    /// Published ones, and drafts.
    pub(super) templates: Vec<ShownTemplateUser>,
}

/// Which templates the query chooses.
pub(super) fn chosen(query: &mut Query, tenant_id: Uuid, name: String) -> TemplateOf {
    TemplateOf {
        tenant_id,
        name,
        channel: query.text("channel", channel),
        locale: query.text("locale", locale),
    }
}

/// A draft, if what it needs is said.
pub(super) fn draft(sent: &mut SentFields, of: TemplateOf) -> Option<TemplateFields> {
    let of = narrowed(sent, of);
    let channel = sent.required("channel", of.channel);
    let name = named(sent, of.name);
    let (subject, title) = (sent.text("subject", text), sent.text("title", text));
    let body = sent.text("body", text);
    let body = sent.required("body", body);
    let html = sent.text("html", text);
    let variables = sent.texts("variables", |name| Ok(name.to_owned()));
    let variables = variables.unwrap_or_default();
    for (index, bad) in template_rules::bad_variables(&variables) {
        let words = match bad.allowed {
            Some(allowed) => format!("{}; allowed: {allowed}", bad.problem),
            None => bad.problem,
        };
        sent.wrong(&["variables", &index.to_string()], "invalid", words);
    }
    if channel == Some(Channel::Email) && subject.is_none() && !sent.has_wrong(&["subject"]) {
        let why = "a mail without a subject is refused by every provider";
        sent.wrong(&["subject"], "required", why);
    }
    let parts = [("subject", &subject), ("title", &title), ("html", &html)];
    let there = parts.into_iter().filter(|(_, text)| text.is_some());
    let there: Vec<&'static str> = there.map(|(part, _)| part).collect();
    for part in channel.map_or_else(Vec::new, |it| template_rules::lost_parts(it, &there)) {
        sent.wrong(
            &[part],
            "invalid",
            "the channel does not carry it: nobody would read it",
        );
    }
    Some(TemplateFields {
        tenant_id: of.tenant_id,
        name: name?,
        channel: channel?,
        locale: of.locale.unwrap_or_else(|| ENGLISH.to_owned()),
        subject,
        title,
        body: body?,
        html,
        variables,
    })
}

/// What is to be published.
pub(super) fn publication(sent: &mut SentFields, of: TemplateOf) -> (TemplateOf, Option<i32>) {
    let of = narrowed(sent, of);
    (of, number(sent))
}

/// What is to be looked at.
pub(super) fn preview(sent: &mut SentFields, of: TemplateOf) -> AskedPreview {
    let channel = sent.text("channel", channel).or(of.channel);
    let read = sent.text("locale", locale);
    AskedPreview {
        of: TemplateOf { channel, ..of },
        locale: read,
        draft: sent.flag("draft").unwrap_or(false),
        version: number(sent),
        variables: sent.object("variables").unwrap_or_default(),
    }
}

/// What the body adds to the query.
fn narrowed(sent: &mut SentFields, of: TemplateOf) -> TemplateOf {
    let said = sent.text("channel", channel);
    let in_query = of.channel;
    if said.is_some() && in_query.is_some() && said != in_query {
        sent.wrong(&["channel"], "invalid", "the query says another channel");
    }
    let language = sent.text("locale", locale);
    if language.is_some() && of.locale.is_some() && language != of.locale {
        sent.wrong(&["locale"], "invalid", "the query says another language");
    }
    TemplateOf {
        channel: said.or(in_query),
        locale: language.or(of.locale),
        ..of
    }
}

fn number(sent: &mut SentFields) -> Option<i32> {
    let number = sent.integer("version", 1..=i64::from(i32::MAX));
    number.and_then(|number| number.try_into().ok())
}

fn named(sent: &mut SentFields, name: String) -> Option<String> {
    let length = name.chars().count();
    let good = (1..=NAME_CHARS).contains(&length) && !name.chars().any(char::is_control);
    if !good {
        let why = format!("the name in the path: 1 to {NAME_CHARS} characters on one line");
        sent.wrong(&["name"], "invalid", why);
    }
    good.then_some(name)
}

fn text(text: &str) -> Result<String, String> {
    match text.is_empty() || text.contains('\0') {
        true => Err("a text that is not empty and holds no NUL".to_owned()),
        false => Ok(text.to_owned()),
    }
}

fn channel(word: &str) -> Result<Channel, String> {
    word.parse::<Channel>().map_err(|error| error.to_string())
}

/// A language in its one spelling.
fn locale(tag: &str) -> Result<String, String> {
    let known = tag.chars().count() <= LOCALE_CHARS && language::is_tag(tag);
    let language = known.then(|| Language::parse(tag)).flatten();
    let language = language.ok_or("a language, for example de, pt-BR, zh-Hant")?;
    Ok(language.to_string())
}
