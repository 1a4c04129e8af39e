//! From files to entries: the tables there are, and pointers to files and variables resolved.

use std::path::Path;

use super::fields::{EntryFields, at};
use super::{
    ConfigError, DeclaredEntry, Manifest, ManifestChecks, Mistake, SettingOrigin, Sources,
    category, preference, provider, suppression, template, tenant, token_key, topic, user, webhook,
    workflow,
};
use crate::config::document::{self, Node, Table, Value};
use crate::config::reader;
use crate::domain::nearest::nearest;

/// The tables there are.
const TABLES: [&str; 11] = [
    "tenants",
    "categories",
    "users",
    "preferences",
    "templates",
    "providers",
    "suppressions",
    "topics",
    "webhooks",
    "workflows",
    "token_keys",
];

/// What has been read so far.
pub(super) struct ManifestReader<'a> {
    sources: &'a Sources,
    manifest: Manifest,
    mistakes: Vec<Mistake>,
}

impl<'a> ManifestReader<'a> {
    pub(super) fn new(sources: &'a Sources) -> Self {
        Self {
            sources,
            manifest: Manifest::default(),
            mistakes: Vec::new(),
        }
    }

    pub(super) fn refuse_file(&mut self, path: &Path, problem: String) {
        let origin = at(path, 0);
        self.mistakes.push(Mistake::plain(origin, "", problem));
    }

    pub(super) fn file(&mut self, path: &Path, text: &str) {
        match document::parse(text) {
            Ok(tables) => {
                for (name, node) in tables {
                    self.table(path, &name, node);
                }
            }
            Err(mistakes) => {
                for mistake in mistakes {
                    let origin = at(path, mistake.line);
                    self.mistakes
                        .push(Mistake::plain(origin, "", mistake.problem));
                }
            }
        }
    }

    pub(super) fn finish(mut self, checks: &ManifestChecks<'_>) -> Result<Manifest, ConfigError> {
        let found = self.manifest.check(checks);
        self.mistakes.extend(found);
        ConfigError::unless_none(self.mistakes)?;
        self.manifest.warnings = self.manifest.odd(checks);
        Ok(self.manifest)
    }

    fn table(&mut self, path: &Path, name: &str, node: Node) {
        let line = node.line;
        if !TABLES.contains(&name) {
            return self.mistakes.push(unknown_table(path, line, name));
        }
        let Value::List(entries) = node.value else {
            let problem = format!("is not a list of tables; write [[{name}]]");
            let mistake = Mistake::plain(at(path, line), name, problem);
            return self.mistakes.push(mistake);
        };
        for (index, entry) in entries.into_iter().enumerate() {
            self.entry(path, name, index, entry);
        }
    }

    fn entry(&mut self, path: &Path, table: &str, index: usize, node: Node) {
        let origin = at(path, node.line);
        let Value::Table(mut fields) = node.value else {
            let key = format!("{table}[{index}]");
            let problem = format!("is not a table; write [[{table}]]");
            return self.mistakes.push(Mistake::plain(origin, key, problem));
        };
        let label = label(table, index, &fields);
        let broken = self.resolve(path, &label, &mut fields);
        let is_whole = broken.is_empty();
        let mut fields =
            EntryFields::new(path, origin.clone(), label.clone(), fields).without(broken);
        let mut declared = Manifest::default();
        let list = &mut declared;
        match table {
            "tenants" => keep(&mut list.tenants, tenant::read(&mut fields), origin, label),
            "categories" => keep(
                &mut list.categories,
                category::read(&mut fields),
                origin,
                label,
            ),
            "users" => keep(&mut list.users, user::read(&mut fields), origin, label),
            "preferences" => {
                keep(
                    &mut list.preferences,
                    preference::read(&mut fields),
                    origin,
                    label,
                );
            }
            "templates" => keep(
                &mut list.templates,
                template::read(&mut fields),
                origin,
                label,
            ),
            "providers" => keep(
                &mut list.providers,
                provider::read(&mut fields),
                origin,
                label,
            ),
            "workflows" => keep(
                &mut list.workflows,
                workflow::read(&mut fields),
                origin,
                label,
            ),
            "topics" => keep(&mut list.topics, topic::read(&mut fields), origin, label),
            "webhooks" => keep(
                &mut list.webhooks,
                webhook::read(&mut fields),
                origin,
                label,
            ),
            "token_keys" => keep(
                &mut list.token_keys,
                token_key::read(&mut fields),
                origin,
                label,
            ),
            _ => keep(
                &mut list.suppressions,
                suppression::read(&mut fields),
                origin,
                label,
            ),
        }
        self.mistakes.extend(fields.finish());
        // An entry that lacks something would only be found wrong again by later checks.
        if is_whole {
            self.manifest.append(declared);
        }
    }

    /// Replaces every `{ env = "NAME" }` and `{ file = "PATH" }` by the text it points at; returns
    /// the keys in which one leads nowhere.
    fn resolve(&mut self, path: &Path, label: &str, table: &mut Table) -> Vec<String> {
        let mut broken = Vec::new();
        for (key, node) in table {
            let before = self.mistakes.len();
            self.resolve_value(path, &format!("{label}.{key}"), node);
            if self.mistakes.len() > before {
                broken.push(key.clone());
            }
        }
        broken
    }

    fn resolve_value(&mut self, path: &Path, key: &str, node: &mut Node) {
        match &mut node.value {
            Value::Table(table) if is_pointer(table) => match reader::open(self.sources, table) {
                Ok(text) => {
                    let text = text.trim_end_matches(['\n', '\r']).to_owned();
                    node.value = Value::Text(text);
                }
                Err(problem) => {
                    let mistake = Mistake::plain(at(path, node.line), key, problem);
                    self.mistakes.push(mistake);
                }
            },
            Value::Table(table) => {
                self.resolve(path, key, table);
            }
            Value::List(items) => {
                for item in items {
                    self.resolve_value(path, key, item);
                }
            }
            _ => {}
        }
    }
}

fn keep<T>(
    list: &mut Vec<DeclaredEntry<T>>,
    value: Option<T>,
    origin: SettingOrigin,
    label: String,
) {
    list.extend(value.map(|value| DeclaredEntry {
        origin,
        label,
        value,
    }));
}

fn is_pointer(table: &Table) -> bool {
    let mut keys = table.iter();
    let is_text = |node: &Node| matches!(node.value, Value::Text(_));
    match (keys.next(), keys.next()) {
        (Some((key, node)), None) => (key == "env" || key == "file") && is_text(node),
        _ => false,
    }
}

/// The table's name with what tells the entry from the others.
fn label(table: &str, index: usize, fields: &Table) -> String {
    let named = ["name", "id", "user_id", "address"].iter();
    let text = named
        .filter_map(|key| fields.get(*key))
        .find_map(|node| match &node.value {
            Value::Text(text) => Some(text.chars().take(64).collect::<String>()),
            _ => None,
        });
    match text {
        Some(text) => format!("{table} \"{text}\""),
        None => format!("{table}[{index}]"),
    }
}

fn unknown_table(path: &Path, line: usize, name: &str) -> Mistake {
    let hint =
        nearest(name, TABLES).map_or_else(String::new, |near| format!(", but [[{near}]] is"));
    let problem = format!("is not a table of these files{hint}");
    Mistake::new(at(path, line), name, problem, TABLES.join(", "))
}
