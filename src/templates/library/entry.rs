//! One template in one language, compiled: what it wants of a message, and how it is filled.

use std::collections::BTreeSet;

use minijinja::{Environment, Value};
use serde_json::{Map, Value as Json};

use super::super::bounds;
use super::super::error::{ErrorKind, PartError};
use super::super::output::{Output, on_one_line};
use super::super::sandbox::{self, Limits};
use super::super::source::{Part, TemplateSource};
use super::super::values::{self, Rendering};
use crate::domain::{Channel, Content};

/// One template in one language.
pub(super) struct TemplateEntry {
    pub(super) environment: Environment<'static>,
    pub(super) version: i32,
    pub(super) parts: Vec<CompiledPart>,
    /// What of it cannot be read, if so.
    pub(super) trouble: Option<String>,
    /// Variables that a message must give.
    required: Vec<String>,
    /// Variables that it may leave out.
    optional: Vec<String>,
    /// What stands for one that was left out.
    absent: Value,
}

/// One part of it.
pub(super) struct CompiledPart {
    pub(super) part: Part,
    /// Name within the engine, or why it does not compile.
    pub(super) compiled: Result<String, PartError>,
}

impl TemplateEntry {
    pub(super) fn new(environment: &Environment<'static>, source: &TemplateSource) -> Self {
        let mut environment = environment.clone();
        let parts = Part::ALL
            .into_iter()
            .filter_map(|part| Some((part, source.part(part)?)))
            .map(|(part, text)| CompiledPart {
                part,
                compiled: compile_part(&mut environment, source.channel, part, text),
            })
            .collect();
        // The link is never asked of a message.
        let declared = source.declared().filter(|it| it.name != values::LINK);
        let (optional, required): (Vec<_>, Vec<_>) =
            declared.partition(|declared| declared.is_optional);
        let names = |declared: Vec<super::super::source::Declared<'_>>| {
            let names = declared.into_iter();
            names.map(|declared| declared.name.to_owned()).collect()
        };
        Self {
            absent: sandbox::absent(&environment),
            environment,
            version: source.version,
            parts,
            trouble: source.trouble.clone(),
            required: names(required),
            optional: names(optional),
        }
    }

    /// Fills every part with a message's variables, and the link.
    ///
    /// # Errors
    /// A variable is missing, a part does not compile or fails: which, if it is one.
    pub(super) fn fill(
        &self,
        variables: &Map<String, Json>,
        link: Option<&str>,
        limits: Limits,
    ) -> Result<Content, (Option<Part>, PartError)> {
        if let Some(trouble) = &self.trouble {
            return Err((None, PartError::unreadable(trouble)));
        }
        self.demand(variables).map_err(|error| (None, error))?;
        let rendering = Rendering::new(variables, limits.fuel);
        let known = (&self.optional[..], link);
        let context = values::context(variables, known, &self.absent, &rendering);
        let mut content = Content::default();
        for part in &self.parts {
            let text = self.fill_part(part, &context, limits.max_output_bytes);
            let text = match rendering.work.is_used_up() {
                true => Err(PartError::too_much_work()),
                false => text,
            };
            let text = text.map_err(|error| (Some(part.part), error))?;
            put(&mut content, part.part, text);
        }
        Ok(content)
    }

    /// Every variable that is missing for it: those that it demands, and those that it uses and does not
    /// declare.
    pub(super) fn missing(&self, given: &Map<String, Json>) -> Vec<String> {
        let is_missing = |name: &String| {
            !given.contains_key(name)
                && name != values::LINK
                && !self.optional.contains(name)
                && !self.environment.globals().any(|(known, _)| known == name)
        };
        let names = self.parts.iter().filter_map(|it| it.compiled.as_ref().ok());
        let used = names
            .filter_map(|name| self.environment.get_template(name).ok())
            .flat_map(|template| template.undeclared_variables(false));
        let all = self.required.iter().cloned().chain(used);
        let missing: BTreeSet<String> = all.filter(is_missing).collect();
        missing.into_iter().collect()
    }

    fn demand(&self, given: &Map<String, Json>) -> Result<(), PartError> {
        let missing: Vec<_> = self
            .required
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

    fn fill_part(
        &self,
        part: &CompiledPart,
        context: &Value,
        most_bytes: usize,
    ) -> Result<String, PartError> {
        let name = part.compiled.as_ref().map_err(Clone::clone)?;
        let template = self
            .environment
            .get_template(name)
            .map_err(|error| PartError::of_compiling(&error))?;
        let expected = template.source().len() * 2;
        let mut output = Output::new(most_bytes, expected);
        let rendered = template.render_captured_to(context.clone(), &mut output);
        match rendered.map(drop) {
            Ok(()) if part.part.is_one_line() => Ok(on_one_line(output.into_text())),
            Ok(()) => Ok(output.into_text()),
            Err(_) if output.is_full() => Err(PartError {
                kind: ErrorKind::Limit,
                line: None,
                message: format!("makes more than {most_bytes} bytes"),
            }),
            Err(error) => Err(PartError::of_rendering(&error, template.source())),
        }
    }
}

fn compile_part(
    environment: &mut Environment<'static>,
    channel: Channel,
    part: Part,
    text: &str,
) -> Result<String, PartError> {
    bounds::check(text).map_err(|refusal| PartError {
        kind: ErrorKind::Syntax,
        line: Some(refusal.line),
        message: format!("does not compile: {}", refusal.problem),
    })?;
    let name = format!("{}.{}", part.as_str(), part.suffix(channel));
    environment
        .add_template_owned(name.clone(), text.to_owned())
        .map(|()| name)
        .map_err(|error| PartError::of_compiling(&error))
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
