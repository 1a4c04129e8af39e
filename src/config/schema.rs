//! Which settings there are: those that the compiled-in defaults have.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{self, Node, Table, Value};
use super::renamed::present_name;
use crate::domain::Channel;
use crate::domain::nearest::nearest;

/// `config/default.toml`, which documents every setting.
pub const DEFAULTS: &str = include_str!("../../config/default.toml");

/// Settings whose value is a secret: never shown, and may be given as a file or a variable.
const SECRETS: [&str; 9] = [
    "database.url",
    "broker.url",
    "secrets.key",
    "retention.export.access_key_id",
    "retention.export.secret_access_key",
    "tickets.attachments.access_key_id",
    "tickets.attachments.secret_access_key",
    "tickets.mail.reply_keys",
    "tickets.mail.hook_secret",
];

/// The settings and sections that exist, by path (`section.key`).
pub(super) struct Schema {
    settings: BTreeMap<String, Node>,
    sections: BTreeSet<String>,
}

impl Schema {
    /// The schema that the compiled-in defaults make.
    pub(super) fn compiled_in() -> Self {
        let mut schema = Self {
            settings: BTreeMap::new(),
            sections: BTreeSet::new(),
        };
        // A test parses the defaults, so that the fallback is never taken.
        schema.add("", document::parse(DEFAULTS).unwrap_or_default());
        schema
    }

    fn add(&mut self, prefix: &str, table: Table) {
        for (key, node) in table {
            let path = join(prefix, &key);
            match node.value {
                Value::Table(inner) => {
                    self.sections.insert(path.clone());
                    self.add(&path, inner);
                }
                value => {
                    let line = node.line;
                    self.settings.insert(path, Node { line, value });
                }
            }
        }
    }

    /// Every setting with its default.
    pub(super) fn defaults(&self) -> impl Iterator<Item = (&str, &Node)> {
        self.settings
            .iter()
            .map(|(path, node)| (path.as_str(), node))
    }

    pub(super) fn is_section(&self, path: &str) -> bool {
        path.is_empty() || self.sections.contains(&canonical(path))
    }

    pub(super) fn is_setting(&self, path: &str) -> bool {
        self.settings.contains_key(&canonical(path))
    }

    /// What may stand in a section: its keys, and for the top the sections.
    pub(super) fn allowed_in(&self, section: &str) -> Vec<String> {
        let section_path = canonical(section);
        let children = self.settings.keys().chain(&self.sections);
        let mut allowed: BTreeSet<String> = children
            .filter_map(|path| child_of(path, &section_path))
            .map(str::to_owned)
            .collect();
        if section == "retry" {
            allowed.extend(Channel::ALL.iter().map(ToString::to_string));
        }
        allowed.into_iter().collect()
    }

    /// What an unknown path was probably meant to be, and what may stand in its place.
    pub(super) fn explain_unknown(&self, path: &str) -> (String, String) {
        let (section, key) = path.rsplit_once('.').unwrap_or(("", path));
        if !self.is_section(section) {
            return self.explain_unknown(section);
        }
        let allowed = self.allowed_in(section);
        if let Some(new) = present_name(&canonical(path)) {
            return (format!("is now called `{new}`"), new.to_owned());
        }
        let near = nearest(key, allowed.iter().map(String::as_str));
        let place = match section {
            "" => "a section".to_owned(),
            _ => format!("a setting of [{section}]"),
        };
        let hint = near.map_or_else(String::new, |near| format!(", but `{near}` is"));
        (format!("`{key}` is not {place}{hint}"), allowed.join(", "))
    }
}

/// Whether the setting's value is a secret.
pub(super) fn is_secret(path: &str) -> bool {
    SECRETS.contains(&path)
}

/// `section.key`, or `key` at the top.
pub(super) fn join(section: &str, key: &str) -> String {
    if section.is_empty() {
        key.to_owned()
    } else {
        format!("{section}.{key}")
    }
}

/// The environment variable that sets a path.
pub(super) fn variable_of(path: &str) -> String {
    format!("HERALD__{}", path.replace('.', "__").to_uppercase())
}

fn child_of<'a>(path: &'a str, section: &str) -> Option<&'a str> {
    let rest = match section {
        "" => path,
        _ => path.strip_prefix(section)?.strip_prefix('.')?,
    };
    (!rest.contains('.')).then_some(rest)
}

/// `retry.<channel>` has the keys of `retry.default`.
fn canonical(path: &str) -> String {
    let mut parts: Vec<&str> = path.split('.').collect();
    if let [first, second, ..] = parts.as_mut_slice()
        && *first == "retry"
        && second.parse::<Channel>().is_ok()
    {
        *second = "default";
    }
    parts.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_is_documented_in_the_lines_above_it() {
        let lines: Vec<&str> = DEFAULTS.lines().collect();
        let schema = Schema::compiled_in();
        assert!(schema.settings.len() > 40);
        for (path, node) in schema.defaults() {
            let above = lines[node.line - 2];
            assert!(above.starts_with("# "), "{path} has no comment above it");
            assert!(
                above.ends_with(['.', ':']) || above.contains(". "),
                "{path}: {above}"
            );
        }
    }

    #[test]
    fn the_defaults_are_toml() {
        assert!(document::parse(DEFAULTS).is_ok());
    }
}
