//! All templates, compiled.

use std::collections::HashMap;
use std::fmt;

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
/// Immutable: a change makes a new one, shared through an `Arc`. A template that does not compile
/// is kept with its error, so that it fails alone.
pub struct Library {
    environment: Environment<'static>,
    limits: Limits,
    names: HashMap<(Uuid, Channel), HashMap<String, Languages>>,
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
#[derive(Default)]
struct Languages {
    locales: Vec<String>,
    entries: Vec<Entry>,
}

/// One template in one language.
struct Entry {
    version: i32,
    variables: Vec<String>,
    parts: Vec<CompiledPart>,
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
        let mut library = Self {
            environment: sandbox::environment(limits),
            limits,
            names: HashMap::new(),
        };
        for (index, source) in sources.iter().enumerate() {
            library.add(index, source);
        }
        library
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
        entry
            .demand_variables(variables)
            .map_err(|error| fail(None, error))?;
        let context = values::context(variables);
        let mut content = Content::default();
        for compiled in &entry.parts {
            let text = self
                .render_part(compiled, &context)
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
        let languages = self.names.values().flat_map(HashMap::values);
        languages.map(|languages| languages.entries.len()).sum()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Compiles one template to see whether it can be: every part that cannot, with line and
    /// cause, or else the variables that it uses without declaring them, in alphabetical order.
    ///
    /// # Errors
    /// One error for each part that does not compile.
    pub fn check(source: &TemplateSource) -> Result<Vec<String>, Vec<TemplateError>> {
        let limits = Limits::default();
        let library = Self::compile(std::slice::from_ref(source), limits);
        let languages = library.names.values().flat_map(HashMap::values);
        let parts = || {
            languages
                .clone()
                .flat_map(|l| &l.entries)
                .flat_map(|e| &e.parts)
        };
        let errors: Vec<_> = parts()
            .filter_map(|part| Some((part.part, part.compiled.as_ref().err()?)))
            .map(|(part, error)| describe(source, part, error.clone()))
            .collect();
        if !errors.is_empty() {
            return Err(errors);
        }
        let names = parts().filter_map(|part| part.compiled.as_ref().ok());
        let mut undeclared: Vec<_> = names
            .filter_map(|name| library.environment.get_template(name).ok())
            .flat_map(|template| template.undeclared_variables(false))
            .filter(|used| !source.variables.contains(used) && !is_global(&library, used))
            .collect();
        undeclared.sort_unstable();
        undeclared.dedup();
        Ok(undeclared)
    }

    fn add(&mut self, index: usize, source: &TemplateSource) {
        let parts = Part::ALL
            .into_iter()
            .filter_map(|part| Some((part, source.part(part)?)))
            .map(|(part, text)| CompiledPart {
                part,
                compiled: self.compile_part(index, part, text),
            })
            .collect();
        let entry = Entry {
            version: source.version,
            variables: source.variables.clone(),
            parts,
        };
        self.names
            .entry((source.tenant_id, source.channel))
            .or_default()
            .entry(source.name.clone())
            .or_default()
            .insert(&source.locale, entry);
    }

    fn compile_part(&mut self, index: usize, part: Part, text: &str) -> Result<String, PartError> {
        growth::check(text).map_err(|refusal| PartError {
            kind: ErrorKind::Syntax,
            line: Some(refusal.line),
            message: format!("does not compile: {}", refusal.problem),
        })?;
        let name = format!("{index}.{}.{}", part.as_str(), part.suffix());
        self.environment
            .add_template_owned(name.clone(), text.to_owned())
            .map(|()| name)
            .map_err(|error| PartError::of_compiling(&error))
    }

    fn find(
        &self,
        tenant_id: Uuid,
        channel: Channel,
        name: &str,
        locale: Option<&str>,
    ) -> Option<(&str, &Entry)> {
        let languages = self.names.get(&(tenant_id, channel))?.get(name)?;
        let index = locale::choose(&languages.locales, locale)?;
        let found = languages.locales.get(index)?;
        Some((found, languages.entries.get(index)?))
    }

    fn render_part(
        &self,
        part: &CompiledPart,
        context: &minijinja::Value,
    ) -> Result<String, PartError> {
        let name = part.compiled.as_ref().map_err(Clone::clone)?;
        let template = self
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

impl Languages {
    fn insert(&mut self, locale: &str, entry: Entry) {
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
