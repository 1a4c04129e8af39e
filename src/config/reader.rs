//! Typed reading of settings: type, range and unit are checked where a setting is used.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::SecretString;

use super::document::{Table, Value};
use super::duration;
use super::mistake::{Mistake, SettingOrigin};
use super::sources::Sources;
use super::tree::SettingEntry;

/// Reads settings and collects what is wrong with them.
///
/// After a mistake a stand-in is returned, so that reading goes on and finds the next one; the
/// settings are thrown away in the end.
pub(super) struct Reader<'a> {
    entries: &'a BTreeMap<String, SettingEntry>,
    sources: &'a Sources,
    mistakes: Vec<Mistake>,
}

impl<'a> Reader<'a> {
    pub(super) const fn new(
        entries: &'a BTreeMap<String, SettingEntry>,
        sources: &'a Sources,
        mistakes: Vec<Mistake>,
    ) -> Self {
        Self {
            entries,
            sources,
            mistakes,
        }
    }

    /// Everything found wrong so far.
    pub(super) fn into_mistakes(self) -> Vec<Mistake> {
        self.mistakes
    }

    /// What the process sees.
    pub(super) const fn sources(&self) -> &'a Sources {
        self.sources
    }

    /// Whether the setting is given, by the defaults or later.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str) -> bool {
        let flag = match self.value(key) {
            Value::Flag(flag) => Some(*flag),
            Value::Text(text) if self.is_variable(key) => text.trim().parse().ok(),
            _ => None,
        };
        match flag {
            Some(flag) => flag,
            None => self.wrong_type(key, "true or false", "true, false".to_owned()),
        }
    }

    /// A whole number of something.
    pub(super) fn integer<T: TryFrom<i64> + Default>(
        &mut self,
        key: &str,
        range: RangeInclusive<i64>,
        unit: &str,
    ) -> T {
        let allowed = format!("{} to {} ({unit})", range.start(), range.end());
        let number = match self.value(key) {
            Value::Integer(number) => Some(*number),
            Value::Text(text) if self.is_variable(key) => text.trim().parse().ok(),
            _ => None,
        };
        let Some(number) = number else {
            return self.wrong_type(key, "a whole number", allowed);
        };
        match T::try_from(number) {
            Ok(value) if range.contains(&number) => value,
            _ => self.refuse(key, format!("{number} is out of range"), allowed),
        }
    }

    /// A number that may have a fraction.
    pub(super) fn fraction(&mut self, key: &str, range: RangeInclusive<f64>) -> f64 {
        let allowed = format!("{} to {}", range.start(), range.end());
        let number = match self.value(key) {
            Value::Float(number) => Some(*number),
            Value::Integer(number) => i32::try_from(*number).ok().map(f64::from),
            Value::Text(text) if self.is_variable(key) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(number) if range.contains(&number) => number,
            Some(number) => self.refuse(key, format!("{number} is out of range"), allowed),
            None => self.wrong_type(key, "a number", allowed),
        }
    }

    /// A duration with its unit.
    pub(super) fn duration(&mut self, key: &str, range: RangeInclusive<Duration>) -> Duration {
        let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
        let allowed = format!("\"{least}\" to \"{most}\"");
        let Value::Text(text) = self.value(key) else {
            return self.wrong_type(key, "a duration", format!("{}, {allowed}", duration::FORM));
        };
        match duration::parse(text) {
            Some(duration) if range.contains(&duration) => duration,
            Some(_) => self.refuse(key, format!("\"{text}\" is out of range"), allowed),
            None => {
                let allowed = format!("{}, {allowed}", duration::FORM);
                self.refuse(key, format!("\"{text}\" is not a duration"), allowed)
            }
        }
    }

    /// A text that may be empty.
    pub(super) fn text(&mut self, key: &str) -> String {
        match self.value(key) {
            Value::Text(text) => text.trim().to_owned(),
            _ => self.wrong_type(key, "a text", "a text in quotes".to_owned()),
        }
    }

    /// The path of a file; `None` when it is empty.
    pub(super) fn path(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.text(key);
        (!path.is_empty()).then(|| self.sources.directory.join(path))
    }

    /// A text that another type can be made of.
    pub(super) fn parsed<T: Default>(
        &mut self,
        key: &str,
        allowed: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> T {
        let Value::Text(text) = self.value(key) else {
            return self.wrong_type(key, "a text", allowed.to_owned());
        };
        match parse(text.trim()) {
            Some(value) => value,
            None => self.refuse(key, format!("\"{text}\" is not right"), allowed.to_owned()),
        }
    }

    /// A list of words; in a variable they are separated by commas.
    pub(super) fn words(&mut self, key: &str) -> Vec<String> {
        let allowed = "a list of texts, for example [\"a\", \"b\"]".to_owned();
        match self.value(key) {
            Value::Text(text) if self.is_variable(key) => split(text),
            Value::List(items) => {
                let word = |value: &Value| match value {
                    Value::Text(text) => Some(text.clone()),
                    _ => None,
                };
                let words = items.iter().map(|item| word(&item.value)).collect();
                match words {
                    Some(words) => words,
                    None => self.wrong_type(key, "a list of texts", allowed),
                }
            }
            _ => self.wrong_type(key, "a list of texts", allowed),
        }
    }

    /// A secret, given itself or by a pointer to a file or a variable; empty when it is not given.
    pub(super) fn secret(&mut self, key: &str) -> SecretString {
        let value = self.value(key);
        self.opened(key, value)
            .map_or_else(SecretString::default, SecretString::from)
    }

    /// Several secrets: a list, or a text with commas or line breaks between them.
    pub(super) fn secrets(&mut self, key: &str) -> Vec<SecretString> {
        let opened: Vec<String> = match self.value(key) {
            Value::List(items) => items
                .iter()
                .filter_map(|item| self.opened(key, &item.value))
                .collect(),
            value => self.opened(key, value).into_iter().collect(),
        };
        opened
            .iter()
            .flat_map(|text| split(text))
            .map(SecretString::from)
            .collect()
    }

    /// Records a mistake; returns a stand-in.
    pub(super) fn refuse<T: Default>(
        &mut self,
        key: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> T {
        let mistake = Mistake::new(self.origin(key), key, problem, allowed);
        self.mistakes.push(mistake);
        T::default()
    }

    fn opened(&mut self, key: &str, value: &Value) -> Option<String> {
        let sources = self.sources;
        let opened = match value {
            Value::Text(text) => Ok(text.clone()),
            Value::Table(table) => match open(sources, table) {
                Ok(text) if text.trim().is_empty() => Err(format!("{} is empty", target(table))),
                opened => opened,
            },
            _ => Err("is neither a text nor a pointer".to_owned()),
        };
        match opened {
            Ok(text) => Some(text.trim().to_owned()),
            Err(problem) => {
                let allowed = "the secret in quotes, { file = \"PATH\" }, { env = \"NAME\" }";
                self.refuse(key, problem, allowed)
            }
        }
    }

    /// Not for secrets: shows a text that was given.
    fn wrong_type<T: Default>(&mut self, key: &str, expected: &str, allowed: String) -> T {
        let found = match self.value(key) {
            Value::Text(text) => format!("\"{text}\""),
            other => other.kind().to_owned(),
        };
        self.refuse(key, format!("expected {expected}, found {found}"), allowed)
    }

    fn value(&self, key: &str) -> &'a Value {
        const MISSING: &Value = &Value::Flag(false);
        self.entries.get(key).map_or(MISSING, |entry| &entry.value)
    }

    fn origin(&self, key: &str) -> SettingOrigin {
        let entry = self.entries.get(key);
        entry.map_or(SettingOrigin::Default, |entry| entry.origin.clone())
    }

    fn is_variable(&self, key: &str) -> bool {
        matches!(self.origin(key), SettingOrigin::Environment { .. })
    }
}

/// Follows `{ file = "PATH" }` or `{ env = "NAME" }`.
pub(super) fn open(sources: &Sources, pointer: &Table) -> Result<String, String> {
    let mut entries = pointer.iter();
    match (entries.next(), entries.next()) {
        (Some((kind, node)), None) => match (kind.as_str(), &node.value) {
            ("file", Value::Text(path)) => sources.read(Path::new(path)),
            ("env", Value::Text(name)) => sources.variable(name),
            _ => Err("is a table that points nowhere".to_owned()),
        },
        _ => Err("is a table that points nowhere".to_owned()),
    }
}

/// What a pointer points at, for messages.
fn target(pointer: &Table) -> String {
    let words = pointer.iter().find_map(|(kind, node)| match &node.value {
        Value::Text(name) if kind == "file" => Some(format!("the file {name}")),
        Value::Text(name) => Some(format!("the environment variable {name}")),
        _ => None,
    });
    words.unwrap_or_default()
}

fn split(text: &str) -> Vec<String> {
    text.split([',', '\n'])
        .map(str::trim)
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect()
}
