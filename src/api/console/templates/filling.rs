//! What a message would be made of, by which text, and what another text would make of it.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};
use serde_json::Value;

use super::diff::{DiffLine, compared};
use super::{refused, template};
use crate::api::console::answer::{ConsoleError, html};
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::TypedFields;
use crate::api::console::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, Channel, field};
use crate::ops::control::{
    AskedPreview, DeskError, Desks, ShownPreview, ShownTexts, TemplateDeskError, TemplateOf,
};

/// Largest number of a version.
const LAST: i32 = i32::MAX - 1;

/// What a message would say.
pub(super) struct FilledTexts {
    /// Which text it is, and why.
    pub(super) says: String,
    /// With what it is compared.
    pub(super) beside: Option<String>,
    pub(super) missing: Vec<String>,
    /// Why there is nothing.
    pub(super) errors: Vec<String>,
    pub(super) parts: Vec<TextPart>,
    /// What differs, for each part that does.
    pub(super) differs: Vec<PartDiff>,
}

/// A part of a text.
pub(super) struct TextPart {
    pub(super) name: &'static str,
    pub(super) text: String,
}

/// What differs in a part.
pub(super) struct PartDiff {
    pub(super) name: &'static str,
    pub(super) lines: Vec<DiffLine>,
}

/// Which text is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WhichText {
    InUse,
    Draft,
    Version(i32),
}

/// Fills a template as a form says.
pub(super) async fn fill(
    form: ProvenForm,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, mut typed } = form;
    visitor.needs(ApiResource::Templates, ApiAction::Read)?;
    let name = name.into_inner();
    let asked = asked(&visitor, &name, &mut typed);
    let mut page = template(&visitor, &desks, name, typed).await?;
    let Some((first, second)) = asked.filter(|_| !page.typed.is_wrong()) else {
        return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
    };
    match filled(&desks, first, second).await? {
        Ok(filled) => page.filled = Some(filled),
        Err((field, says)) => page.typed.wrong(field, says),
    }
    Ok(html(page.status(), &page))
}

/// What is to be looked at, and with what it is compared.
fn asked(
    visitor: &ConsoleVisitor,
    name: &str,
    typed: &mut TypedFields,
) -> Option<(AskedPreview, Option<AskedPreview>)> {
    let channel = typed.word::<Channel>("channel");
    let reads = typed.read("locale", |text| {
        field::locale(text).map_err(|unfit| unfit.to_string())
    });
    let variables = typed.read("variables", |text| match serde_json::from_str(text) {
        Ok(Value::Object(variables)) => Ok(variables),
        Ok(_) => Err("Write a JSON object, as {\"name\": \"Ana\"} is.".to_owned()),
        Err(error) => Err(format!("That is no JSON: {error}.")),
    });
    let first = typed.read("text", which).unwrap_or(WhichText::InUse);
    let second = typed.read("beside", which);
    let numbered = |it: &WhichText| matches!(it, WhichText::Version(_));
    if reads.is_none() && [Some(first), second].iter().flatten().any(numbered) {
        typed.wrong("locale", "A version is one of a language: say which.");
    }
    let preview = |which: WhichText| {
        let is_numbered = numbered(&which);
        AskedPreview {
            of: TemplateOf {
                tenant_id: visitor.own_tenant(),
                name: name.to_owned(),
                channel,
                locale: reads.clone().filter(|_| is_numbered),
            },
            locale: reads.clone(),
            draft: which == WhichText::Draft,
            version: match which {
                WhichText::Version(number) => Some(number),
                _ => None,
            },
            variables: variables.clone().unwrap_or_default(),
        }
    };
    (!typed.is_wrong()).then(|| (preview(first), second.map(preview)))
}

fn which(text: &str) -> Result<WhichText, String> {
    match text {
        "in use" => Ok(WhichText::InUse),
        "draft" => Ok(WhichText::Draft),
        text => {
            let number = text.parse::<i32>().ok();
            let number = number.filter(|number| (1..=LAST).contains(number));
            let why = || "Write the number of a version, or draft, or in use.".to_owned();
            number.map(WhichText::Version).ok_or_else(why)
        }
    }
}

/// What comes of it; or which field is wrong, and why.
async fn filled(
    desks: &Desks,
    first: AskedPreview,
    second: Option<AskedPreview>,
) -> Result<Result<FilledTexts, (&'static str, String)>, ConsoleError> {
    let first = match said("text", desks.templates.preview(first).await)? {
        Ok(first) => first,
        Err(wrong) => return Ok(Err(wrong)),
    };
    let second = match second {
        Some(second) => match said("beside", desks.templates.preview(second).await)? {
            Ok(second) => Some(second),
            Err(wrong) => return Ok(Err(wrong)),
        },
        None => None,
    };
    Ok(Ok(FilledTexts::of(&first, second.as_ref())))
}

fn said(
    field: &'static str,
    preview: Result<ShownPreview, TemplateDeskError>,
) -> Result<Result<ShownPreview, (&'static str, String)>, ConsoleError> {
    match preview {
        Ok(preview) => Ok(Ok(preview)),
        Err(TemplateDeskError::Desk(DeskError::NotFound(what))) => {
            Ok(Err((field, format!("There is no such {what}."))))
        }
        Err(TemplateDeskError::Several) => {
            let says = "There are several of these: choose one channel.".to_owned();
            Ok(Err(("channel", says)))
        }
        Err(error) => Err(refused(error)),
    }
}

impl FilledTexts {
    fn of(first: &ShownPreview, second: Option<&ShownPreview>) -> Self {
        let both = [Some(first), second];
        let both = || both.iter().flatten();
        let mut missing: Vec<String> = both().flat_map(|it| it.missing.clone()).collect();
        missing.sort();
        missing.dedup();
        let parts = TextPart::of_preview(first);
        let differs = second.map(|second| differences(&parts, &TextPart::of_preview(second)));
        Self {
            says: name_of(first),
            beside: second.map(name_of),
            missing,
            errors: both().filter_map(|it| it.error.clone()).collect(),
            parts,
            differs: differs.unwrap_or_default(),
        }
    }
}

fn name_of(preview: &ShownPreview) -> String {
    let version = match preview.version {
        Some(version) => format!("version {version}"),
        None => "the draft".to_owned(),
    };
    format!(
        "{}, {version} in {}: {}",
        preview.channel, preview.locale, preview.because
    )
}

/// For each part that is not the same.
fn differences(first: &[TextPart], second: &[TextPart]) -> Vec<PartDiff> {
    let text = |parts: &[TextPart], name| {
        let found = parts.iter().find(|part| part.name == name);
        found.map_or_else(String::new, |part| part.text.clone())
    };
    let differ = NAMES.iter().filter_map(|name| {
        let (old, new) = (text(first, *name), text(second, *name));
        (old != new).then(|| PartDiff {
            name,
            lines: compared(&old, &new),
        })
    });
    differ.collect()
}

/// The parts of a text, in their order.
const NAMES: [&str; 4] = ["Subject", "Title", "Text", "HTML"];

impl TextPart {
    fn of_preview(preview: &ShownPreview) -> Vec<Self> {
        preview.content.as_ref().map_or_else(Vec::new, |it| {
            parts([&it.subject, &it.title, &it.body, &it.html])
        })
    }

    /// As it was written.
    pub(super) fn of_texts(texts: &ShownTexts) -> Vec<Self> {
        let body = Some(texts.body.clone());
        parts([&texts.subject, &texts.title, &body, &texts.html])
    }
}

fn parts(texts: [&Option<String>; 4]) -> Vec<TextPart> {
    let known = NAMES.into_iter().zip(texts);
    let known = known.filter_map(|(name, text)| {
        let text = text.clone()?;
        Some(TextPart { name, text })
    });
    known.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_chosen_by_its_number_or_by_a_word() {
        assert_eq!(which("3"), Ok(WhichText::Version(3)));
        assert_eq!(which("draft"), Ok(WhichText::Draft));
        for odd in ["0", "-1", "2147483647", "latest", "1.5"] {
            assert!(which(odd).is_err(), "{odd}");
        }
    }
}
