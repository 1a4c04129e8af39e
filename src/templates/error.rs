//! Why a template could not be rendered.

use std::fmt;

use crate::domain::Channel;

use super::source::Part;

/// What kind of failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    /// There is no template of this name for tenant and channel.
    Unknown,
    /// The template does not compile.
    Syntax,
    /// Declared variables are missing from the message.
    MissingVariables,
    /// The template uses a variable, or a field of one, that the message does not have.
    Undefined,
    /// Rendering took too many steps or made too many bytes.
    Limit,
    /// A value does not fit what the template does with it.
    Failed,
}

/// A failure, in words for the person who wrote the template or the message.
///
/// It names templates, places and variables; it never shows the value of a variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TemplateError {
    /// What kind of failure it is.
    pub kind: ErrorKind,
    /// The template's name.
    pub template: String,
    /// The channel it was wanted for.
    pub channel: Channel,
    /// The language of the template, when one was found.
    pub locale: Option<String>,
    /// The part that failed.
    pub part: Option<Part>,
    /// The line of that part, from 1.
    pub line: Option<usize>,
    /// What went wrong.
    pub message: String,
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "template `{}` for {}", self.template, self.channel)?;
        if let Some(locale) = &self.locale {
            write!(f, " in `{locale}`")?;
        }
        if let Some(part) = self.part {
            write!(f, ", {}", part.as_str())?;
        }
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A failure of one part, before the template's name is known to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PartError {
    pub(super) kind: ErrorKind,
    pub(super) line: Option<usize>,
    pub(super) message: String,
}

impl PartError {
    /// Its row cannot be read.
    pub(super) fn unreadable(trouble: &str) -> Self {
        Self {
            kind: ErrorKind::Syntax,
            line: None,
            message: format!("cannot be read: {trouble}"),
        }
    }

    /// It calls something that there is not: that is found out before a message is.
    pub(super) const fn unknown_name(line: usize, message: String) -> Self {
        Self {
            kind: ErrorKind::Syntax,
            line: Some(line),
            message,
        }
    }

    /// It walks through lists, objects and texts for too long.
    pub(super) fn too_much_work() -> Self {
        Self {
            kind: ErrorKind::Limit,
            line: None,
            message:
                "walks through too many items of lists and objects, or too much text, again and \
                      again"
                    .to_owned(),
        }
    }

    /// A failure to compile: everything in it is the author's own text.
    pub(super) fn of_compiling(error: &minijinja::Error) -> Self {
        let cause = error
            .detail()
            .map_or_else(|| error.kind().to_string(), ToOwned::to_owned);
        Self {
            kind: ErrorKind::Syntax,
            line: error.line(),
            message: format!("does not compile: {cause}"),
        }
    }

    /// A failure to render. The engine's own detail may hold values, so that the words here are
    /// built from the kind of failure and from the template's text.
    pub(super) fn of_rendering(error: &minijinja::Error, source: &str) -> Self {
        use minijinja::ErrorKind as Engine;
        let undefined = error.detail().and_then(undefined_expression);
        let at = expression(error, source);
        let (kind, message) = match (error.kind(), undefined) {
            (_, Some(name)) => (ErrorKind::Undefined, format!("`{name}` is missing")),
            (Engine::UndefinedError, None) => (
                ErrorKind::Undefined,
                format!("a variable in `{at}` is missing"),
            ),
            (Engine::OutOfFuel, _) => (ErrorKind::Limit, "takes too many steps".to_owned()),
            (kind, _) if kind == Engine::InvalidOperation && is_too_large(error) => {
                (ErrorKind::Limit, format!("`{at}` makes too many bytes"))
            }
            (kind, _) => (ErrorKind::Failed, format!("`{at}`: {kind}")),
        };
        let line = error.line();
        Self {
            kind,
            line,
            message,
        }
    }
}

/// What our own filters say when a result would be too large.
pub(super) const TOO_LARGE: &str = "the result is too large";

fn is_too_large(error: &minijinja::Error) -> bool {
    error.detail().is_some_and(|detail| {
        detail.ends_with(TOO_LARGE) || detail == "repeated string is too large"
    })
}

/// The expression in "`order.id` is undefined": the engine rebuilds it from the template.
fn undefined_expression(detail: &str) -> Option<&str> {
    let (before, _) = detail.rsplit_once("` is undefined")?;
    before.rsplit_once('`').map(|(_, expression)| expression)
}

/// The text of the expression that failed, cut to what fits a log line.
fn expression(error: &minijinja::Error, source: &str) -> String {
    let text = error.range().and_then(|range| source.get(range));
    let one_line = text.unwrap_or("template").split_whitespace();
    let mut shown = one_line.collect::<Vec<_>>().join(" ");
    if let Some((end, _)) = shown.char_indices().nth(80) {
        shown.truncate(end);
        shown.push('…');
    }
    shown
}
