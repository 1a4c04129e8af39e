//! What somebody typed into a form, and what is wrong with it: the page shows both beside each field.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

use actix_web::http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;
use uuid::Uuid;

use super::sent_form::SentForm;
use crate::api::fields::SentFields;

/// Longest text of a field of one line, in characters.
const LONGEST: usize = 255;

/// What the API takes a field for.
#[derive(Debug, Clone, Copy)]
pub(super) enum FieldKind {
    /// A text.
    Text,
    /// A whole number; `none` is null.
    Number,
    /// A whole number; the word `none` stays a word.
    Cap,
    /// `yes` or `no`.
    Flag,
    /// Words, with commas or spaces between them.
    Words,
    /// A moment, as [`TypedFields::moment`] reads it.
    Moment,
}

/// The fields of a form, as they were typed.
#[derive(Debug, Clone, Default)]
pub(super) struct TypedFields {
    typed: SentForm,
    mistakes: BTreeMap<String, String>,
}

impl TypedFields {
    pub(super) fn of(typed: SentForm) -> Self {
        Self {
            typed,
            mistakes: BTreeMap::new(),
        }
    }

    /// What was typed.
    pub(super) fn value(&self, name: &str) -> &str {
        self.typed.text(name)
    }

    /// What is wrong with it.
    pub(super) fn mistake(&self, name: &str) -> Option<&str> {
        self.mistakes.get(name).map(String::as_str)
    }

    /// Whether anything is wrong.
    pub(super) fn is_wrong(&self) -> bool {
        !self.mistakes.is_empty()
    }

    /// What a page is answered with whose fields were read.
    pub(super) fn status(&self) -> StatusCode {
        match self.is_wrong() {
            true => StatusCode::UNPROCESSABLE_ENTITY,
            false => StatusCode::OK,
        }
    }

    /// Whether anything was typed into one of these.
    pub(super) fn has_any(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.typed.word(name).is_some())
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, name: &str, says: impl Into<String>) {
        self.mistakes.entry(name.to_owned()).or_insert(says.into());
    }

    /// A field that is read as something else, if anything was typed.
    pub(super) fn read<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = read(self.typed.word(name)?);
        value.map_err(|says| self.wrong(name, says)).ok()
    }

    /// A word of a closed list.
    pub(super) fn word<T>(&mut self, name: &str) -> Option<T>
    where
        T: FromStr,
        T::Err: ToString,
    {
        self.read(name, |text| {
            text.parse().map_err(|error: T::Err| error.to_string())
        })
    }

    /// A text of one line.
    pub(super) fn line(&mut self, name: &str) -> Option<String> {
        self.read(name, |text| {
            match text.chars().count() <= LONGEST && !text.contains(char::is_control) {
                true => Ok(text.to_owned()),
                false => Err(format!(
                    "Write at most {LONGEST} characters, none of which is a control character."
                )),
            }
        })
    }

    /// What the API reads from these fields, by its rules; its mistakes stand beside them.
    pub(super) fn as_api<T>(
        &mut self,
        fields: &[(&str, FieldKind)],
        read: impl FnOnce(&mut SentFields) -> Option<T>,
    ) -> Option<T> {
        let typed = fields.iter().filter_map(|(name, kind)| {
            let value = kind.value(self.typed.word(name)?);
            Some(((*name).to_owned(), value))
        });
        let mut sent = SentFields::of(typed.collect());
        let value = read(&mut sent);
        let refused = match sent.finish(value) {
            Ok(value) => return Some(value),
            Err(refused) => refused,
        };
        for error in refused.errors() {
            let name = error.pointer.split('/').nth(1).unwrap_or_default();
            self.wrong(name, error.detail.clone());
        }
        None
    }

    /// A field that the form did not have at all.
    pub(super) fn fill(&mut self, name: &str, value: impl Into<String>) {
        self.typed.fill(name, value.into());
    }

    /// A whole number within bounds.
    pub(super) fn whole<T>(&mut self, name: &str, bounds: RangeInclusive<T>) -> Option<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        self.read(name, |text| {
            let number = text.parse::<T>().ok();
            let number = number.filter(|number| bounds.contains(number));
            number.ok_or_else(|| format!("Write {} to {}.", bounds.start(), bounds.end()))
        })
    }

    /// A field that must be there: what is missing is a mistake.
    pub(super) fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        if self.typed.word(name).is_none() {
            self.wrong(name, "Write something here.");
        }
        value
    }

    /// An id.
    pub(super) fn id(&mut self, name: &str) -> Option<Uuid> {
        self.read(name, |text| {
            Uuid::parse_str(text).map_err(|_| "That is no id: write a UUID.".to_owned())
        })
    }

    /// A moment: as RFC 3339, or a date with a time in UTC, as browsers send it.
    pub(super) fn moment(&mut self, name: &str) -> Option<Timestamp> {
        self.read(name, |text| {
            let why = || "That is no time: write it as 2027-03-01T12:00, in UTC.".to_owned();
            moment(text).ok_or_else(why)
        })
    }
}

impl FieldKind {
    fn value(self, word: &str) -> Value {
        match (self, word) {
            (Self::Number, "none") => Value::Null,
            (Self::Number | Self::Cap, word) => word
                .parse::<i64>()
                .map_or_else(|_| word.into(), Value::from),
            (Self::Flag, "yes") => Value::Bool(true),
            (Self::Flag, "no") => Value::Bool(false),
            (Self::Words, word) => {
                let words = word.split([',', ' ']).filter(|word| !word.is_empty());
                words.map(Value::from).collect()
            }
            (Self::Moment, word) => {
                let moment = moment(word).map(|moment| moment.to_string());
                moment.map_or_else(|| word.into(), Value::from)
            }
            (Self::Text | Self::Flag, word) => word.into(),
        }
    }
}

/// A moment: as RFC 3339, or a date with a time in UTC, as browsers send it.
fn moment(text: &str) -> Option<Timestamp> {
    let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
    let exact = text.parse::<Timestamp>().ok();
    exact.or_else(|| civil().map(|it| it.timestamp()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(query: &[u8]) -> TypedFields {
        TypedFields::of(SentForm::read(query).unwrap())
    }

    #[test]
    fn what_was_typed_is_kept_beside_what_is_wrong_with_it() {
        let mut fields = typed(b"id=x&at=2027-03-01T12:00&to=never&name=+a+&long=");
        assert_eq!(fields.id("id"), None);
        assert_eq!(fields.value("id"), "x");
        assert!(fields.mistake("id").is_some() && fields.is_wrong());
        let noon: Timestamp = "2027-03-01T12:00:00Z".parse().unwrap();
        assert_eq!(
            (fields.moment("at"), fields.moment("to")),
            (Some(noon), None)
        );
        assert_eq!(fields.line("name").as_deref(), Some("a"));
        assert_eq!((fields.line("long"), fields.mistake("long")), (None, None));
        assert!(fields.has_any(&["long", "name"]) && !fields.has_any(&["long"]));
    }
}
