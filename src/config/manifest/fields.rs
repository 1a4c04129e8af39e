//! The keys of one entry, read by type.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use uuid::Uuid;

use super::{Mistake, SettingOrigin};
use crate::config::document::{Node, Table, Value};
use crate::domain::DEFAULT_TENANT;
use crate::domain::field::{self, Misfit};
use crate::domain::nearest::nearest;

/// Reads the keys of one entry and collects what is wrong with them.
pub(super) struct EntryFields {
    path: PathBuf,
    origin: SettingOrigin,
    label: String,
    table: Table,
    known: Vec<&'static str>,
    /// Whether somebody else says which keys there are.
    is_open: bool,
    /// Keys whose pointer led nowhere: reported already.
    broken: Vec<String>,
    mistakes: Vec<Mistake>,
}

impl EntryFields {
    pub(super) fn new(path: &Path, origin: SettingOrigin, label: String, table: Table) -> Self {
        Self {
            broken: Vec::new(),
            path: path.to_owned(),
            origin,
            label,
            table,
            known: Vec::new(),
            is_open: false,
            mistakes: Vec::new(),
        }
    }

    /// The same fields, of which some have been reported already and count as absent.
    pub(super) fn without(self, broken: Vec<String>) -> Self {
        Self { broken, ..self }
    }

    /// What was wrong, unknown keys included.
    pub(super) fn finish(mut self) -> Vec<Mistake> {
        if self.is_open {
            return self.mistakes;
        }
        let unknown: Vec<String> = self
            .table
            .keys()
            .filter(|key| !self.known.contains(&key.as_str()))
            .cloned()
            .collect();
        for key in unknown {
            let hint = nearest(&key, self.known.iter().copied())
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let allowed = self.known.join(", ");
            self.report_with(&key, format!("is not known{hint}"), allowed);
        }
        self.mistakes
    }

    /// The value of a key, which is known from now on.
    pub(super) fn get(&mut self, key: &'static str) -> Option<Node> {
        if !self.known.contains(&key) {
            self.known.push(key);
        }
        if self.broken.iter().any(|broken| broken == key) {
            return None;
        }
        self.table.get(key).cloned()
    }

    /// The whole entry, of which somebody else says what is known.
    pub(super) fn rest(&mut self) -> &Table {
        self.is_open = true;
        &self.table
    }

    /// Whether the entry has a key, right or wrong.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// A text on one line, of at most so many characters.
    pub(super) fn line(&mut self, key: &'static str, most: usize) -> Option<String> {
        self.fit(key, |text| field::line(text, most))
    }

    /// A name that others are compared with, in its one spelling.
    pub(super) fn comparable(&mut self, key: &'static str, most: usize) -> Option<String> {
        self.fit(key, |text| field::comparable(text, most))
    }

    /// A text as every door reads it.
    pub(super) fn fit(
        &mut self,
        key: &'static str,
        read: impl FnOnce(&str) -> Result<String, Misfit>,
    ) -> Option<String> {
        let text = self.text(key)?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(Misfit {
                problem,
                allowed: Some(allowed),
            }) => self.refuse_with(key, problem, allowed),
            Err(unfit) => self.refuse(key, unfit.problem),
        }
    }

    /// A text of any length, but not empty and without NUL, which the database cannot hold.
    pub(super) fn text(&mut self, key: &'static str) -> Option<String> {
        let node = self.get(key)?;
        match node.value {
            Value::Text(text) if text.is_empty() => self.refuse(key, "is empty"),
            Value::Text(text) if text.contains('\0') => self.refuse(key, "holds a NUL character"),
            Value::Text(text) => Some(text),
            other => self.wrong_type(key, "a text", &other),
        }
    }

    /// A key that must be there: reports when it is not.
    pub(super) fn required(&mut self, key: &'static str, allowed: impl Into<String>) {
        if !self.table.contains_key(key) {
            self.report_with(key, "is required", allowed);
        }
    }

    /// A word of a vocabulary.
    pub(super) fn word<T: FromStr>(&mut self, key: &'static str, allowed: &str) -> Option<T> {
        let text = self.text(key)?;
        let Ok(word) = text.parse() else {
            let hint = nearest(&text, allowed.split(", "));
            let shown: String = text.chars().take(64).collect();
            let problem = match hint {
                Some(near) => format!("\"{shown}\" is not known, but \"{near}\" is"),
                None => format!("\"{shown}\" is not known"),
            };
            return self.refuse_with(key, problem, allowed);
        };
        Some(word)
    }

    /// An id.
    pub(super) fn uuid(&mut self, key: &'static str) -> Option<Uuid> {
        let text = self.text(key)?;
        let parsed = Uuid::parse_str(&text).ok();
        let allowed = "for example 0190c1a0-0000-7000-8000-000000000001";
        parsed.or_else(|| self.refuse_with(key, "is not a UUID", allowed))
    }

    /// The tenant that the entry belongs to.
    pub(super) fn tenant(&mut self) -> Uuid {
        self.uuid("tenant_id").unwrap_or(DEFAULT_TENANT)
    }

    /// A whole number of something.
    pub(super) fn integer<T: TryFrom<i64>>(
        &mut self,
        key: &'static str,
        range: RangeInclusive<i64>,
        unit: &str,
    ) -> Option<T> {
        let node = self.get(key)?;
        let allowed = format!("{} to {} ({unit})", range.start(), range.end());
        let Value::Integer(number) = node.value else {
            return self.wrong_type(key, "a whole number", &node.value);
        };
        let fits = T::try_from(number).ok().filter(|_| range.contains(&number));
        fits.or_else(|| self.refuse_with(key, format!("{number} is out of range"), allowed))
    }

    /// True or false; absent is true.
    pub(super) fn flag(&mut self, key: &'static str) -> bool {
        match self.get(key).map(|node| node.value) {
            None => true,
            Some(Value::Flag(flag)) => flag,
            Some(other) => self
                .wrong_type(key, "true or false", &other)
                .unwrap_or(true),
        }
    }

    /// A list of texts; absent is empty.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<String> {
        let text = |node: Node| match node.value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        match self.get(key).map(|node| node.value) {
            None => Vec::new(),
            Some(Value::List(items)) => {
                let texts: Option<Vec<_>> = items.into_iter().map(text).collect();
                texts
                    .or_else(|| self.refuse(key, "is not a list of texts"))
                    .unwrap_or_default()
            }
            Some(other) => self
                .wrong_type(key, "a list of texts", &other)
                .unwrap_or_default(),
        }
    }

    /// Records a mistake.
    pub(super) fn report(&mut self, key: &str, problem: impl Into<String>) {
        let mistake = Mistake::plain(self.place(key), self.name(key), problem);
        self.mistakes.push(mistake);
    }

    /// Records a mistake and what is allowed instead.
    pub(super) fn report_with(
        &mut self,
        key: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) {
        let mistake = Mistake::new(self.place(key), self.name(key), problem, allowed);
        self.mistakes.push(mistake);
    }

    /// Records a mistake; there is no value then.
    pub(super) fn refuse<T>(&mut self, key: &str, problem: impl Into<String>) -> Option<T> {
        self.report(key, problem);
        None
    }

    /// Records a mistake and what is allowed instead; there is no value then.
    pub(super) fn refuse_with<T>(
        &mut self,
        key: &str,
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Option<T> {
        self.report_with(key, problem, allowed);
        None
    }

    /// Records that a value is of another kind; never shows the value, for it may be a secret.
    pub(super) fn wrong_type<T>(&mut self, key: &str, wanted: &str, found: &Value) -> Option<T> {
        self.refuse(key, format!("expected {wanted}, found {}", found.kind()))
    }

    /// The entries of a list of tables under a key, read one after the other by the same rules.
    pub(super) fn inner(&mut self, key: &'static str, mut read: impl FnMut(&mut Self)) {
        let items = match self.get(key).map(|node| node.value) {
            None => return,
            Some(Value::List(items)) => items,
            Some(other) => {
                let problem = format!("expected a list of tables, found {}", other.kind());
                return self.report(key, problem);
            }
        };
        for (index, item) in items.into_iter().enumerate() {
            let label = format!("{}.{key}[{index}]", self.label);
            let origin = at(&self.path, item.line);
            if let Value::Table(table) = item.value {
                let mut inner = Self::new(&self.path, origin, label, table);
                read(&mut inner);
                self.mistakes.extend(inner.finish());
            } else {
                self.mistakes
                    .push(Mistake::plain(origin, label, "is not a table"));
            }
        }
    }

    fn place(&self, key: &str) -> SettingOrigin {
        match self.table.get(key) {
            Some(node) if node.line > 0 => at(&self.path, node.line),
            _ => self.origin.clone(),
        }
    }

    fn name(&self, key: &str) -> String {
        match key {
            "" => self.label.clone(),
            _ => format!("{}.{key}", self.label),
        }
    }
}

/// A place in a file.
pub(super) fn at(path: &Path, line: usize) -> SettingOrigin {
    SettingOrigin::File {
        path: path.to_owned(),
        line,
    }
}
