//! All templates, compiled.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::error::{ErrorKind, PartError, TemplateError};
use super::locale::{self, LocaleChoice, TemplateLocale};
use super::names;
use super::sandbox::{self, Limits};
use super::source::{Part, TemplateKey, TemplateSource};
use super::values;
use crate::domain::{Channel, Content};

mod entry;
mod preview;

use entry::TemplateEntry;
pub use preview::TemplatePreview;

/// What a workflow gives every template: none needs to declare it.
const OF_WORKFLOWS: [&str; 4] = ["event", "data", "recipient", "digest"];

/// Compiled templates, found by tenant, channel, name and language.
///
/// Immutable: a change makes a new one, which shares with it all that did not change. A template that
/// does not compile is kept with its error, so that it fails alone.
#[derive(Clone)]
pub struct Library {
    /// Without templates; each has a copy of its own, which shares everything but its text.
    environment: Environment<'static>,
    limits: Limits,
    tenants: HashMap<Uuid, Arc<Names>>,
}

/// The templates of a tenant.
type Names = HashMap<(Channel, String), Languages>;

/// What language a message should be in, as far as anybody has said.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocaleHints<'a> {
    /// The person's.
    pub recipient: Option<&'a str>,
    /// Their tenant's.
    pub tenant: Option<&'a str>,
}

/// How the variables of a template agree with what it declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variables {
    /// Used and not declared, in alphabetical order: a message without them fails.
    pub undeclared: Vec<String>,
    /// Declared and not used, as they were declared: a message is asked for them in vain.
    pub unused: Vec<String>,
}

/// A template rendered for one message.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendered {
    /// The text.
    pub content: Content,
    /// The version of the template that made it.
    pub version: i32,
}

/// The languages of one template: names and entries in the same order.
#[derive(Clone, Default)]
struct Languages {
    locales: Vec<TemplateLocale>,
    entries: Vec<Arc<TemplateEntry>>,
}

impl Library {
    /// Compiles templates. Of several with the same tenant, channel, name and language the one
    /// with the highest version counts.
    #[must_use]
    pub fn compile(sources: &[TemplateSource], limits: Limits) -> Self {
        let empty = Self {
            environment: sandbox::environment(limits),
            limits,
            tenants: HashMap::new(),
        };
        empty.changed(&[], sources)
    }

    /// This library without some templates, and with others: only those are compiled.
    #[must_use]
    pub fn changed(&self, gone: &[TemplateKey], added: &[TemplateSource]) -> Self {
        let mut changed = self.clone();
        for key in gone {
            if let Some(names) = changed.tenants.get_mut(&key.tenant_id) {
                let names = Arc::make_mut(names);
                let of = (key.channel, key.name.clone());
                if let Some(languages) = names.get_mut(&of)
                    && languages.remove(&key.locale)
                {
                    names.remove(&of);
                }
            }
        }
        for source in added {
            let entry = Arc::new(TemplateEntry::new(&changed.environment, source));
            let names = changed.tenants.entry(source.tenant_id).or_default();
            Arc::make_mut(names)
                .entry((source.channel, source.name.clone()))
                .or_default()
                .insert(&source.locale, entry);
        }
        changed.tenants.retain(|_, names| !names.is_empty());
        changed
    }

    /// Fills a template with a message's variables, and with the `link` by which the person unsubscribes.
    ///
    /// # Errors
    /// There is no such template, it does not compile, a variable is missing, a limit is passed.
    pub fn render(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        read: LocaleHints<'_>,
        variables: &Map<String, Json>,
        link: Option<&str>,
    ) -> Result<Rendered, TemplateError> {
        let (found, entry, _) = self
            .find(tenant_id, channel, name, read)
            .ok_or_else(|| unknown(channel, name))?;
        let fail = |part: Option<Part>, error: PartError| TemplateError {
            kind: error.kind,
            template: name.to_owned(),
            channel,
            locale: Some(found.to_owned()),
            part,
            line: error.line,
            message: error.message,
        };
        let filled = entry.fill(variables, link, self.limits);
        let content = filled.map_err(|(part, error)| fail(part, error))?;
        Ok(Rendered {
            content,
            version: entry.version,
        })
    }

    /// Whether a message may call this template.
    #[must_use]
    pub fn has(&self, tenant_id: Uuid, channel: Channel, name: &str) -> bool {
        self.find(tenant_id, channel, name, LocaleHints::default())
            .is_some()
    }

    /// How many templates there are, languages counted apart.
    #[must_use]
    pub fn len(&self) -> usize {
        let languages = self.tenants.values().flat_map(|names| names.values());
        languages.map(|languages| languages.entries.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tenants.is_empty()
    }

    /// Compiles one template to see whether it can be: every part that cannot, with line and
    /// cause, or else how its variables agree with what it declares.
    ///
    /// # Errors
    /// One error for each part that does not compile, and for each filter, test and function that there
    /// is not.
    pub fn check(source: &TemplateSource) -> Result<Variables, Vec<TemplateError>> {
        let library = Self::default();
        let entry = TemplateEntry::new(&library.environment, source);
        let parts = || entry.parts.iter();
        let of_part = |part: &entry::CompiledPart| match &part.compiled {
            Err(error) => vec![error.clone()],
            Ok(_) => {
                let unknown = names::unknown(source.part(part.part).unwrap_or_default());
                let unknown = unknown.into_iter();
                unknown
                    .map(|(line, name)| PartError::unknown_name(line, name))
                    .collect()
            }
        };
        let describe = |part: &entry::CompiledPart| {
            let errors = of_part(part).into_iter();
            let part = part.part;
            errors.map(move |error| describe(source, part, error))
        };
        let errors: Vec<_> = parts().flat_map(describe).collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let names = parts().filter_map(|part| part.compiled.as_ref().ok());
        let used: BTreeSet<String> = names
            .filter_map(|name| entry.environment.get_template(name).ok())
            .flat_map(|template| template.undeclared_variables(false))
            .collect();
        let declared = || source.declared().map(|declared| declared.name);
        let unused = declared().filter(|name| !used.contains(*name));
        Ok(Variables {
            unused: unused.map(str::to_owned).collect(),
            undeclared: used
                .iter()
                .filter(|used| !declared().any(|name| name == *used) && !is_ours(&library, used))
                .cloned()
                .collect(),
        })
    }

    fn find(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        read: LocaleHints<'_>,
    ) -> Option<(&str, &TemplateEntry, LocaleChoice)> {
        let names = self.tenants.get(&tenant_id)?;
        let languages = names.get(&(channel, name.to_owned()))?;
        let (index, because) = locale::choose(&languages.locales, read.recipient, read.tenant)?;
        let found = languages.locales.get(index)?;
        Some((&found.tag, languages.entries.get(index)?.as_ref(), because))
    }
}

impl Languages {
    /// Takes a language out; whether none is left.
    fn remove(&mut self, locale: &str) -> bool {
        if let Some(index) = self.locales.iter().position(|known| known.tag == locale) {
            self.locales.remove(index);
            self.entries.remove(index);
        }
        self.entries.is_empty()
    }

    fn insert(&mut self, locale: &str, entry: Arc<TemplateEntry>) {
        let known = self.locales.iter().position(|known| known.tag == locale);
        match known.and_then(|index| self.entries.get_mut(index)) {
            Some(older) if older.version > entry.version => {}
            Some(older) => *older = entry,
            None => {
                self.locales.push(TemplateLocale::new(locale));
                self.entries.push(entry);
            }
        }
    }
}

impl Default for Library {
    fn default() -> Self {
        Self::compile(&[], Limits::default())
    }
}

impl fmt::Debug for Library {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Library")
            .field("templates", &self.len())
            .finish_non_exhaustive()
    }
}

fn unknown(channel: Channel, name: &str) -> TemplateError {
    TemplateError {
        kind: ErrorKind::Unknown,
        template: name.chars().take(255).collect(),
        channel,
        locale: None,
        part: None,
        line: None,
        message: "there is no such template".to_owned(),
    }
}

fn describe(source: &TemplateSource, part: Part, error: PartError) -> TemplateError {
    TemplateError {
        kind: error.kind,
        template: source.name.clone(),
        channel: source.channel,
        locale: Some(source.locale.clone()),
        part: Some(part),
        line: error.line,
        message: error.message,
    }
}

/// Whether a name stands for something without a message.
fn is_ours(library: &Library, name: &str) -> bool {
    let mut globals = library.environment.globals();
    name == values::LINK || OF_WORKFLOWS.contains(&name) || globals.any(|(known, _)| known == name)
}

#[cfg(test)]
mod tests;
