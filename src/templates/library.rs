//! All templates, compiled.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use minijinja::Environment;
use serde_json::{Map, Value as Json};
use uuid::Uuid;

use super::error::{ErrorKind, PartError, TemplateError};
use super::growth;
use super::locale;
use super::output::Output;
use super::sandbox::{self, Limits};
use super::source::{Part, TemplateSource};
use super::values;
use crate::domain::{Channel, Content};

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

/// Which template, in which language.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TemplateKey {
    /// The tenant it belongs to.
    pub tenant_id: Uuid,
    /// The channel it is written for.
    pub channel: Channel,
    /// Its name.
    pub name: String,
    /// Its language.
    pub locale: String,
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
    locales: Vec<String>,
    entries: Vec<Arc<Entry>>,
}

/// One template in one language.
struct Entry {
    environment: Environment<'static>,
    version: i32,
    variables: Vec<String>,
    parts: Vec<CompiledPart>,
    trouble: Option<String>,
}

struct CompiledPart {
    part: Part,
    /// Name within the engine, or why it does not compile.
    compiled: Result<String, PartError>,
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
            let entry = Arc::new(changed.entry(source));
            let names = changed.tenants.entry(source.tenant_id).or_default();
            Arc::make_mut(names)
                .entry((source.channel, source.name.clone()))
                .or_default()
                .insert(&source.locale, entry);
        }
        changed.tenants.retain(|_, names| !names.is_empty());
        changed
    }

    /// Fills a template with a message's variables.
    ///
    /// # Errors
    /// There is no such template, it does not compile, a variable is missing, a limit is passed.
    pub fn render(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        locale: Option<&str>,
        variables: &Map<String, Json>,
    ) -> Result<Rendered, TemplateError> {
        let (found, entry) = self
            .find(tenant_id, channel, name, locale)
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
        if let Some(trouble) = &entry.trouble {
            return Err(fail(None, PartError::unreadable(trouble)));
        }
        entry
            .demand_variables(variables)
            .map_err(|error| fail(None, error))?;
        let context = values::context(variables);
        let mut content = Content::default();
        for compiled in &entry.parts {
            let text = self
                .render_part(entry, compiled, &context)
                .map_err(|error| fail(Some(compiled.part), error))?;
            put(&mut content, compiled.part, text);
        }
        Ok(Rendered {
            content,
            version: entry.version,
        })
    }

    /// Whether a message may call this template.
    #[must_use]
    pub fn has(&self, tenant_id: Uuid, channel: Channel, name: &str) -> bool {
        self.find(tenant_id, channel, name, None).is_some()
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
    /// cause, or else the variables that it uses without declaring them, in alphabetical order.
    ///
    /// # Errors
    /// One error for each part that does not compile.
    pub fn check(source: &TemplateSource) -> Result<Vec<String>, Vec<TemplateError>> {
        let limits = Limits::default();
        let library = Self::compile(&[], limits);
        let entry = library.entry(source);
        let parts = || entry.parts.iter();
        let errors: Vec<_> = parts()
            .filter_map(|part| Some((part.part, part.compiled.as_ref().err()?)))
            .map(|(part, error)| describe(source, part, error.clone()))
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let names = parts().filter_map(|part| part.compiled.as_ref().ok());
        let mut undeclared: Vec<_> = names
            .filter_map(|name| entry.environment.get_template(name).ok())
            .flat_map(|template| template.undeclared_variables(false))
            .filter(|used| !source.variables.contains(used) && !is_global(&library, used))
            .collect();
        undeclared.sort_unstable();
        undeclared.dedup();
        Ok(undeclared)
    }

    fn entry(&self, source: &TemplateSource) -> Entry {
        let mut environment = self.environment.clone();
        let parts = Part::ALL
            .into_iter()
            .filter_map(|part| Some((part, source.part(part)?)))
            .map(|(part, text)| CompiledPart {
                part,
                compiled: compile_part(&mut environment, part, text),
            })
            .collect();
        Entry {
            environment,
            version: source.version,
            variables: source.variables.clone(),
            parts,
            trouble: source.trouble.clone(),
        }
    }

    fn find(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        locale: Option<&str>,
    ) -> Option<(&str, &Entry)> {
        let names = self.tenants.get(&tenant_id)?;
        let languages = names.get(&(channel, name.to_owned()))?;
        let index = locale::choose(&languages.locales, locale)?;
        let found = languages.locales.get(index)?;
        Some((found, languages.entries.get(index)?.as_ref()))
    }

    fn render_part(
        &self,
        entry: &Entry,
        part: &CompiledPart,
        context: &minijinja::Value,
    ) -> Result<String, PartError> {
        let name = part.compiled.as_ref().map_err(Clone::clone)?;
        let template = entry
            .environment
            .get_template(name)
            .map_err(|error| PartError::of_compiling(&error))?;
        let expected = template.source().len() * 2;
        let mut output = Output::new(self.limits.max_output_bytes, expected);
        let rendered = template.render_captured_to(context.clone(), &mut output);
        match rendered.map(drop) {
            Ok(()) if part.part.is_one_line() => Ok(on_one_line(output.into_text())),
            Ok(()) => Ok(output.into_text()),
            Err(_) if output.is_full() => Err(PartError {
                kind: ErrorKind::Limit,
                line: None,
                message: format!("makes more than {} bytes", self.limits.max_output_bytes),
            }),
            Err(error) => Err(PartError::of_rendering(&error, template.source())),
        }
    }
}

fn compile_part(
    environment: &mut Environment<'static>,
    part: Part,
    text: &str,
) -> Result<String, PartError> {
    growth::check(text).map_err(|refusal| PartError {
        kind: ErrorKind::Syntax,
        line: Some(refusal.line),
        message: format!("does not compile: {}", refusal.problem),
    })?;
    let name = format!("{}.{}", part.as_str(), part.suffix());
    environment
        .add_template_owned(name.clone(), text.to_owned())
        .map(|()| name)
        .map_err(|error| PartError::of_compiling(&error))
}

impl Languages {
    /// Takes a language out; whether none is left.
    fn remove(&mut self, locale: &str) -> bool {
        if let Some(index) = self.locales.iter().position(|known| known == locale) {
            self.locales.remove(index);
            self.entries.remove(index);
        }
        self.entries.is_empty()
    }

    fn insert(&mut self, locale: &str, entry: Arc<Entry>) {
        let known = self.locales.iter().position(|known| known == locale);
        match known.and_then(|index| self.entries.get_mut(index)) {
            Some(older) if older.version > entry.version => {}
            Some(older) => *older = entry,
            None => {
                self.locales.push(locale.to_owned());
                self.entries.push(entry);
            }
        }
    }
}

impl Entry {
    fn demand_variables(&self, given: &Map<String, Json>) -> Result<(), PartError> {
        let missing: Vec<_> = self
            .variables
            .iter()
            .filter(|name| !given.contains_key(*name))
            .map(|name| format!("`{name}`"))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let noun = if missing.len() == 1 {
            "variable"
        } else {
            "variables"
        };
        Err(PartError {
            kind: ErrorKind::MissingVariables,
            line: None,
            message: format!("missing {noun}: {}", missing.join(", ")),
        })
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

fn is_global(library: &Library, name: &str) -> bool {
    library
        .environment
        .globals()
        .any(|(known, _)| known == name)
}

fn put(content: &mut Content, part: Part, text: String) {
    let place = match part {
        Part::Subject => &mut content.subject,
        Part::Title => &mut content.title,
        Part::Body => &mut content.body,
        Part::Html => &mut content.html,
    };
    *place = Some(text);
}

/// Line breaks and other control characters become spaces, a break with both only one.
fn on_one_line(text: String) -> String {
    if !text.contains(char::is_control) {
        return text;
    }
    let folded = text.replace("\r\n", "\n");
    folded.replace(char::is_control, " ").trim().to_owned()
}

#[cfg(test)]
mod tests;
