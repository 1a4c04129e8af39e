//! The fields of an object that was sent: each is taken by its name, and all mistakes are told at once.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

use super::problem::{FieldError, Problem};

/// The fields that are left, and what was wrong with those that were taken.
#[derive(Debug, Default)]
pub(super) struct SentFields {
    left: Map<String, Value>,
    errors: Vec<FieldError>,
    /// Where the object stands in what was sent, escaped; empty for the whole.
    place: String,
}

impl SentFields {
    pub(super) fn of(object: Map<String, Value>) -> Self {
        Self {
            left: object,
            ..Self::default()
        }
    }

    /// What tells this from anything else that is sent to a path: the same for the same values, however they were spaced
    /// and ordered.
    pub(super) fn digest(&self, path: &str) -> Vec<u8> {
        let said = Value::Object(self.left.clone()).to_string();
        let mut hash = Sha256::new();
        hash.update(path);
        hash.update([0]);
        hash.update(said);
        hash.finalize().to_vec()
    }

    /// Whether a field is left that says something.
    pub(super) fn has(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(|value| !value.is_null())
    }

    /// A text that is read as something else: absent, `null`, or it.
    pub(super) fn said<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<Option<T>> {
        if self.left.get(name).is_some_and(Value::is_null) {
            self.left.remove(name);
            return Some(None);
        }
        self.text(name, read).map(Some)
    }

    /// A value of any kind that is read as something else, if it is there.
    pub(super) fn value<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&Value) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.take(name)?;
        read(&value)
            .map_err(|why| self.wrong(&[name], "invalid", why))
            .ok()
    }

    /// A list of objects, each read as something else; those that cannot be read are left out.
    pub(super) fn objects<T>(
        &mut self,
        name: &str,
        most: usize,
        read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.take(name)? else {
            self.wrong(&[name], "wrong_type", "a list of objects is expected");
            return None;
        };
        Some(self.each(&[name], items, most, read))
    }

    /// A list of values of any kind, of so many.
    pub(super) fn list(
        &mut self,
        name: &str,
        range: std::ops::RangeInclusive<usize>,
    ) -> Option<Vec<Value>> {
        match self.take(name)? {
            Value::Array(items) if range.contains(&items.len()) => return Some(items),
            Value::Array(_) => {
                let why = format!("{} to {} of them", range.start(), range.end());
                self.wrong(&[name], "too_many", why);
            }
            _ => self.wrong(&[name], "wrong_type", "a list is expected"),
        }
        None
    }

    /// The items of a list that stands there, as [`Self::objects`] reads them.
    pub(super) fn each<T>(
        &mut self,
        path: &[&str],
        items: Vec<Value>,
        most: usize,
        mut read: impl FnMut(&mut Self) -> Option<T>,
    ) -> Vec<T> {
        if items.len() > most {
            self.wrong(path, "too_many", format!("at most {most}"));
            return vec![];
        }
        let mut values = Vec::with_capacity(items.len());
        for (at, item) in items.into_iter().enumerate() {
            let place = at.to_string();
            let path = [path, &[place.as_str()]].concat();
            let Value::Object(left) = item else {
                self.wrong(&path, "wrong_type", "an object is expected");
                continue;
            };
            let mut inner = Self {
                left,
                place: format!("{}{}", self.place, escaped(&path)),
                errors: vec![],
            };
            values.extend(read(&mut inner));
            inner.refuse_unknown();
            self.errors.append(&mut inner.errors);
        }
        values
    }

    /// A field; `null` is an absent one.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name).filter(|value| !value.is_null())
    }

    /// A text that is read as something else, if it is there.
    pub(super) fn text<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        match self.take(name)? {
            Value::String(text) => match read(&text) {
                Ok(value) => return Some(value),
                Err(why) => self.wrong(&[name], "invalid", why),
            },
            _ => self.wrong(&[name], "wrong_type", "a text is expected"),
        }
        None
    }

    /// A whole number in a range.
    pub(super) fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.take(name)?;
        let number = value.as_i64().filter(|number| range.contains(number));
        if number.is_none() {
            let code = if value.is_number() {
                "invalid"
            } else {
                "wrong_type"
            };
            let why = format!("a whole number from {} to {}", range.start(), range.end());
            self.wrong(&[name], code, why);
        }
        number
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        if !value.is_boolean() {
            self.wrong(&[name], "wrong_type", "true or false is expected");
        }
        value.as_bool()
    }

    /// An object, whose fields are taken as these are.
    pub(super) fn within<T>(
        &mut self,
        name: &str,
        read: impl FnOnce(&mut Self) -> Option<T>,
    ) -> Option<T> {
        let Value::Object(left) = self.take(name)? else {
            self.wrong(&[name], "wrong_type", "an object is expected");
            return None;
        };
        let mut inner = Self {
            left,
            place: format!("{}{}", self.place, escaped(&[name])),
            errors: vec![],
        };
        let value = read(&mut inner);
        inner.refuse_unknown();
        self.errors.append(&mut inner.errors);
        value
    }

    /// A list of texts, each read as something else.
    pub(super) fn texts<T>(
        &mut self,
        name: &str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let Value::Array(items) = self.take(name)? else {
            self.wrong(&[name], "wrong_type", "a list of texts is expected");
            return None;
        };
        let mut values = Vec::with_capacity(items.len());
        for (at, item) in items.iter().enumerate() {
            let place = at.to_string();
            match item.as_str().map(&read) {
                Some(Ok(value)) => values.push(value),
                Some(Err(why)) => self.wrong(&[name, &place], "invalid", why),
                None => self.wrong(&[name, &place], "wrong_type", "a text is expected"),
            }
        }
        Some(values)
    }

    /// Whether a field is there and null, which takes away what it stands for.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.left.get(name).is_some_and(Value::is_null)
    }

    /// An object of any fields.
    pub(super) fn object(&mut self, name: &str) -> Option<Map<String, Value>> {
        match self.take(name)? {
            Value::Object(object) => Some(object),
            _ => {
                self.wrong(&[name], "wrong_type", "an object is expected");
                None
            }
        }
    }

    /// Whether something was wrong with one of these fields.
    pub(super) fn has_wrong(&self, names: &[&str]) -> bool {
        let of = |name: &&str| {
            let start = self.pointer(&[*name]);
            self.errors.iter().any(|error| error.pointer == start)
        };
        names.iter().any(of)
    }

    /// Notes that a field must be there, unless something was wrong with it already.
    pub(super) fn required<T>(&mut self, name: &str, value: Option<T>) -> Option<T> {
        let place = self.pointer(&[name]);
        let told = self.errors.iter().any(|error| {
            let rest = error.pointer.strip_prefix(&place);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        });
        if value.is_none() && !told {
            self.wrong(&[name], "required", "this field is required");
        }
        value
    }

    /// All fields that are left.
    pub(super) fn rest(&mut self) -> Map<String, Value> {
        std::mem::take(&mut self.left)
    }

    /// Notes mistakes that another reader of these fields has found.
    pub(super) fn note(&mut self, mistakes: impl IntoIterator<Item = FieldError>) {
        self.errors.extend(mistakes);
    }

    /// Notes a mistake.
    pub(super) fn wrong(&mut self, path: &[&str], code: &'static str, detail: impl Into<String>) {
        self.errors.push(FieldError {
            pointer: self.pointer(path),
            code,
            detail: detail.into(),
        });
    }

    /// What was wrong.
    pub(super) fn refused(self, code: &'static str) -> Problem {
        Problem::invalid(code, self.errors)
    }

    /// What was asked for, if nothing was wrong and nothing is left over.
    pub(super) fn finish<T>(mut self, value: Option<T>) -> Result<T, Problem> {
        self.refuse_unknown();
        match value {
            Some(value) if self.errors.is_empty() => Ok(value),
            _ => Err(Problem::invalid("invalid_body", self.errors)),
        }
    }

    fn refuse_unknown(&mut self) {
        for name in self.left.keys().cloned().collect::<Vec<_>>() {
            self.wrong(&[&name], "unknown_field", "there is no such field");
        }
    }

    /// A JSON pointer (RFC 6901) as a fragment.
    fn pointer(&self, path: &[&str]) -> String {
        format!("#{}{}", self.place, escaped(path))
    }
}

/// The parts of a pointer. Names that are long are cut: they are shown to people.
fn escaped(path: &[&str]) -> String {
    let parts = path.iter().map(|part| {
        let part: String = part.chars().take(64).collect();
        format!("/{}", part.replace('~', "~0").replace('/', "~1"))
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_mistakes_are_told_at_once_and_where_they_are() {
        let Value::Object(object) = json!({ "a": 1, "b": ["x", 2, "bad"], "d/~": true, "e": null })
        else {
            unreachable!()
        };
        let mut fields = SentFields::of(object);
        let ok = |text: &str| match text {
            "bad" => Err("no good".to_owned()),
            text => Ok(text.to_owned()),
        };
        let a = fields.text("a", ok);
        let a = fields.required("a", a);
        let b = fields.texts("b", ok);
        assert_eq!(b, Some(vec!["x".to_owned()]));
        let e = fields.text("e", ok);
        let e = fields.required("e", e);
        let errors: Vec<(String, &str)> = {
            let _ = fields.required("b", b);
            for name in fields.left.keys().cloned().collect::<Vec<_>>() {
                fields.wrong(&[&name], "unknown_field", "");
            }
            let errors = fields.errors.iter();
            errors.map(|it| (it.pointer.clone(), it.code)).collect()
        };
        let expected = [
            ("#/a", "wrong_type"),
            ("#/b/1", "wrong_type"),
            ("#/b/2", "invalid"),
            ("#/e", "required"),
            ("#/d~1~0", "unknown_field"),
        ];
        assert_eq!(
            errors,
            expected.map(|(pointer, code)| (pointer.to_owned(), code))
        );
        assert!(fields.finish(a.zip(e)).is_err());
    }

    /// A mistake at `#/ab` or `#/a~1b` says nothing of `#/a`; one at `#/a/0` does.
    #[test]
    fn a_missing_field_is_told_whatever_else_begins_with_its_name() {
        let Value::Object(object) = json!({ "ab": 1, "a/b": 2, "list": [3] }) else {
            unreachable!()
        };
        let mut fields = SentFields::of(object);
        let text = |text: &str| Ok::<_, String>(text.to_owned());
        let _ = (fields.text("ab", text), fields.text("a/b", text));
        let a = fields.text("a", text);
        let _ = fields.required("a", a);
        let _ = fields.texts("list", text);
        let _ = fields.required::<String>("list", None);
        let told = fields
            .errors
            .iter()
            .map(|it| (it.pointer.as_str(), it.code));
        let expected = [
            ("#/ab", "wrong_type"),
            ("#/a~1b", "wrong_type"),
            ("#/a", "required"),
            ("#/list/0", "wrong_type"),
        ];
        assert_eq!(told.collect::<Vec<_>>(), expected);
    }
}
