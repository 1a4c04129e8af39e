//! The settings as given, layer over layer, each with the place it was given in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::document::{self, Node, Table, Value};
use super::mistake::{Mistake, SettingOrigin};
use super::schema::{Schema, is_secret, join, variable_of};
use super::sources::Sources;

/// With this, a variable sets a setting.
const PREFIX: &str = "HERALD__";

/// A value and where it was given.
#[derive(Debug, Clone)]
pub(super) struct SettingEntry {
    pub(super) origin: SettingOrigin,
    pub(super) value: Value,
}

/// Every setting by path; later layers have replaced earlier ones.
pub(super) struct Tree {
    schema: Schema,
    entries: BTreeMap<String, SettingEntry>,
    mistakes: Vec<Mistake>,
}

impl Tree {
    /// Defaults, then the profile's (or the given) file, then the environment.
    pub(super) fn of(sources: &Sources) -> (BTreeMap<String, SettingEntry>, Vec<Mistake>) {
        let schema = Schema::compiled_in();
        let defaults = schema.defaults().map(|(path, node)| {
            let (origin, value) = (SettingOrigin::Default, node.value.clone());
            (path.to_owned(), SettingEntry { origin, value })
        });
        let mut tree = Self {
            entries: defaults.collect(),
            schema,
            mistakes: Vec::new(),
        };
        match overlay_path(sources) {
            Ok(Some(path)) => tree.add_file(sources, &path),
            Ok(None) => {}
            Err(mistake) => tree.mistakes.push(mistake),
        }
        for (name, value) in &sources.environment {
            match name.strip_prefix(PREFIX) {
                Some(rest) => tree.add_variable(name, rest, value),
                None => tree.look_for_misspelt(name),
            }
        }
        for name in &sources.unreadable {
            if name.starts_with(PREFIX) {
                let origin = of_variable(name);
                tree.mistakes
                    .push(Mistake::plain(origin, "", "is not UTF-8"));
            }
        }
        (tree.entries, tree.mistakes)
    }

    fn add_file(&mut self, sources: &Sources, path: &Path) {
        let at = |line| SettingOrigin::File {
            path: path.to_owned(),
            line,
        };
        let parsed = match sources.read(path) {
            Ok(text) => document::parse(&text),
            Err(problem) => return self.mistakes.push(Mistake::plain(at(0), "", problem)),
        };
        match parsed {
            Ok(table) => self.add_table(&at, "", table),
            Err(mistakes) => self.mistakes.extend(
                mistakes
                    .into_iter()
                    .map(|mistake| Mistake::plain(at(mistake.line), "", mistake.problem)),
            ),
        }
    }

    fn add_table(&mut self, at: &dyn Fn(usize) -> SettingOrigin, section: &str, table: Table) {
        for (key, Node { line, value }) in table {
            let path = join(section, &key);
            match value {
                value if self.schema.is_setting(&path) => {
                    let origin = at(line);
                    self.entries.insert(path, SettingEntry { origin, value });
                }
                Value::Table(inner) if self.schema.is_section(&path) => {
                    self.add_table(at, &path, inner);
                }
                _ => self.refuse(at(line), path),
            }
        }
    }

    /// `HERALD__SECTION__KEY`, and `HERALD__SECTION__KEY_FILE` for a secret.
    fn add_variable(&mut self, name: &str, rest: &str, value: &str) {
        let path = path_of(rest);
        let origin = of_variable(name);
        let secret = path.strip_suffix("_file").filter(|path| is_secret(path));
        if let Some(path) = secret {
            let value = Value::Table(pointer("file", value));
            self.set_by_variable(path.to_owned(), SettingEntry { origin, value });
        } else if self.schema.is_setting(&path) {
            let value = Value::Text(value.to_owned());
            self.set_by_variable(path, SettingEntry { origin, value });
        } else {
            self.refuse(origin, path);
        }
    }

    /// A variable that is none of ours, but would be with the right beginning.
    fn look_for_misspelt(&mut self, name: &str) {
        let upper = name.to_uppercase();
        let Some(rest) = upper.strip_prefix("HERALD_") else {
            return;
        };
        let path = path_of(rest.trim_start_matches('_'));
        let setting = path.strip_suffix("_file").filter(|path| is_secret(path));
        // Single underscores are left alone: others (Kubernetes, for a service `herald`) set such.
        if rest.contains("__") && self.schema.is_setting(setting.unwrap_or(&path)) {
            let problem = "is not read: a setting's variable begins with HERALD__, in capitals";
            let mistake = Mistake::new(of_variable(name), "", problem, variable_of(&path));
            self.mistakes.push(mistake);
        }
    }

    fn set_by_variable(&mut self, path: String, entry: SettingEntry) {
        let origin = entry.origin.clone();
        let before = self.entries.insert(path.clone(), entry);
        if let Some(SettingEntry {
            origin: other @ SettingOrigin::Environment { .. },
            ..
        }) = before
        {
            let problem = format!("is given by the {other} too");
            self.mistakes
                .push(Mistake::new(origin, path, problem, "one of them"));
        }
    }

    fn refuse(&mut self, origin: SettingOrigin, path: String) {
        let (problem, allowed) = if self.schema.is_section(&path) {
            let problem = "is a section, not a setting".to_owned();
            (problem, self.schema.allowed_in(&path).join(", "))
        } else {
            self.schema.explain_unknown(&path)
        };
        self.mistakes
            .push(Mistake::new(origin, path, problem, allowed));
    }
}

/// `SECTION__KEY` as `section.key`.
fn path_of(variable: &str) -> String {
    variable.to_lowercase().replace("__", ".")
}

fn of_variable(name: &str) -> SettingOrigin {
    SettingOrigin::Environment {
        name: name.to_owned(),
    }
}

/// The file that overlays the defaults, if there is one.
fn overlay_path(sources: &Sources) -> Result<Option<PathBuf>, Mistake> {
    if let Some(file) = &sources.config_file {
        return Ok(Some(file.clone()));
    }
    let Some(profile) = sources.profile() else {
        return Ok(None);
    };
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if profile.chars().all(is_plain) {
        return Ok(Some(PathBuf::from(format!("config/{profile}.toml"))));
    }
    let origin = of_variable("HERALD_PROFILE");
    let problem = "is not the name of a profile";
    let allowed = "letters, digits, - and _, naming config/<profile>.toml";
    Err(Mistake::new(origin, "", problem, allowed))
}

fn pointer(kind: &str, target: &str) -> Table {
    let value = Value::Text(target.to_owned());
    Table::from([(kind.to_owned(), Node { line: 0, value })])
}
