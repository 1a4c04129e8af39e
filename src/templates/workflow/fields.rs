//! The fields of one object of a definition, read by type; what is wrong is gathered.

use std::str::FromStr;
use std::time::Duration;

use serde_json::{Map, Value};

use super::mistake::WorkflowMistake;
use super::span;
use crate::domain::nearest::nearest;
use crate::templates::Expression;

/// Reads the fields of an object.
pub(super) struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
    mistakes: &'a mut Vec<WorkflowMistake>,
}

impl<'a> Fields<'a> {
    /// Of the object at a pointer.
    pub(super) const fn new(
        map: &'a Map<String, Value>,
        pointer: String,
        mistakes: &'a mut Vec<WorkflowMistake>,
    ) -> Self {
        Self {
            map,
            pointer,
            known: vec![],
            mistakes,
        }
    }

    /// Reports what nobody has asked for.
    pub(super) fn finish(self) {
        for key in self.map.keys() {
            if self.known.contains(&key.as_str()) {
                continue;
            }
            let shown: String = key.chars().take(64).collect();
            let hint = nearest(key, self.known.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let known = self.known.join(", ");
            self.mistakes.push(WorkflowMistake {
                pointer: format!("{}/{}", self.pointer, escaped(&shown)),
                code: "unknown_field",
                detail: format!("`{shown}` is not known{hint}; there are {known}"),
            });
        }
    }

    /// Where a field is.
    pub(super) fn at(&self, key: &str) -> String {
        match key {
            "" => self.pointer.clone(),
            _ => format!("{}/{key}", self.pointer),
        }
    }

    /// Notes what is wrong with a field.
    pub(super) fn wrong(&mut self, key: &str, code: &'static str, detail: impl Into<String>) {
        self.mistakes.push(WorkflowMistake {
            pointer: self.at(key),
            code,
            detail: detail.into(),
        });
    }

    /// Notes what is wrong elsewhere.
    pub(super) fn mistakes(&mut self) -> &mut Vec<WorkflowMistake> {
        self.mistakes
    }

    /// A field that is known from now on; null is as good as nothing.
    pub(super) fn get(&mut self, key: &'static str) -> Option<&'a Value> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        self.map.get(key).filter(|value| !value.is_null())
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some_and(|value| !value.is_null())
    }

    /// Notes it if a field is not there.
    pub(super) fn required(&mut self, key: &'static str, words: &str) {
        if self.get(key).is_none() {
            self.wrong(key, "required", format!("is required: {words}"));
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        match self.get(key)? {
            Value::String(text) if text.is_empty() => self.refuse(key, "invalid", "is empty"),
            Value::String(text) => Some(text),
            other => self.wrong_type(key, "a text", other),
        }
    }

    /// A name on one line.
    pub(super) fn name(&mut self, key: &'static str, most: usize) -> Option<String> {
        let text = self.text(key)?;
        match crate::domain::field::comparable(text, most) {
            Ok(name) => Some(name),
            Err(unfit) => self.refuse(key, "invalid", unfit.to_string()),
        }
    }

    /// A word of a vocabulary.
    pub(super) fn word<T: FromStr>(&mut self, key: &'static str, allowed: &str) -> Option<T> {
        let text = self.text(key)?;
        match text.parse() {
            Ok(word) => Some(word),
            Err(_) => self.refuse(key, "invalid", format!("is none of: {allowed}")),
        }
    }

    /// An expression.
    pub(super) fn expression(&mut self, key: &'static str) -> Option<Expression> {
        let text = self.text(key)?;
        match Expression::compile(text) {
            Ok(expression) => Some(expression),
            Err(problem) => self.refuse(key, "invalid", problem),
        }
    }

    /// A span of time within bounds.
    pub(super) fn span(
        &mut self,
        key: &'static str,
        (least, most): (Duration, Duration),
    ) -> Option<Duration> {
        let text = self.text(key)?;
        match span::parse(text) {
            None => self.refuse(
                key,
                "invalid",
                format!("is no span of time: write {}", span::FORM),
            ),
            Some(span) if (least..=most).contains(&span) => Some(span),
            Some(_) => {
                let (least, most) = (span::show(least), span::show(most));
                self.refuse(key, "invalid", format!("is not between {least} and {most}"))
            }
        }
    }

    /// A whole number within bounds.
    pub(super) fn number(&mut self, key: &'static str, least: u32, most: u32) -> Option<u32> {
        let value = self.get(key)?;
        if !value.is_number() {
            return self.wrong_type(key, "a whole number", value);
        }
        let number = value.as_u64().and_then(|number| u32::try_from(number).ok());
        match number.filter(|number| (least..=most).contains(number)) {
            Some(number) => Some(number),
            None => self.refuse(
                key,
                "invalid",
                format!("is not a whole number from {least} to {most}"),
            ),
        }
    }

    /// True or false; absent is false.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        match self.get(key) {
            None => false,
            Some(Value::Bool(flag)) => *flag,
            Some(other) => self
                .wrong_type(key, "true or false", other)
                .unwrap_or(false),
        }
    }

    /// An object, read by its own rules.
    pub(super) fn object<T>(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
    ) -> Option<T> {
        match self.get(key)? {
            Value::Object(map) => {
                let pointer = self.at(key);
                within(map, pointer, self.mistakes, read)
            }
            other => self.wrong_type(key, "a table", other),
        }
    }

    /// The items of a list, with their pointers.
    pub(super) fn list(&mut self, key: &'static str) -> Vec<(String, &'a Value)> {
        match self.get(key) {
            None => vec![],
            Some(Value::Array(items)) => {
                let place = self.at(key);
                let items = items.iter().enumerate();
                items
                    .map(|(index, item)| (format!("{place}/{index}"), item))
                    .collect()
            }
            Some(other) => self.wrong_type(key, "a list", other).unwrap_or_default(),
        }
    }

    pub(super) fn refuse<T>(
        &mut self,
        key: &str,
        code: &'static str,
        detail: impl Into<String>,
    ) -> Option<T> {
        self.wrong(key, code, detail);
        None
    }

    fn wrong_type<T>(&mut self, key: &str, wanted: &str, found: &Value) -> Option<T> {
        let found = kind(found);
        self.refuse(
            key,
            "wrong_type",
            format!("is {found}, and should be {wanted}"),
        )
    }
}

/// Reads an object by its own rules, and reports what these do not know.
pub(super) fn within<T>(
    map: &Map<String, Value>,
    pointer: String,
    mistakes: &mut Vec<WorkflowMistake>,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::new(map, pointer, mistakes);
    let value = read(&mut fields);
    fields.finish();
    value
}

/// What a value is, with its article.
pub(super) const fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a table",
    }
}

fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}
