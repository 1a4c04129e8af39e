//! What somebody typed into a form, and what is wrong with it: the page shows both beside each field.

use std::collections::BTreeMap;
use std::str::FromStr;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use uuid::Uuid;

use super::sent_form::SentForm;

/// Longest text of a field of one line, in characters.
const LONGEST: usize = 255;

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
            let exact = text.parse::<Timestamp>().ok();
            let civil = || text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
            exact
                .or_else(|| civil().map(|it| it.timestamp()))
                .ok_or_else(why)
        })
    }
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
