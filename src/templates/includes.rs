//! Templates within templates: `{% include "name" %}` stands for the same part of another template.
//!
//! An include is replaced by the text that it stands for before a version is compiled, so that a version is
//! whole: nothing that is published later changes it, and every bound on templates holds for all of it.

use std::ops::Range;

use super::tags::tags;

/// Most bytes of a text with all that it includes.
const MOST_BYTES: usize = 1_048_576;
/// Most includes that are replaced, those of included texts counted in.
const MOST_INCLUDES: usize = 1_000;
/// Most templates that may stand within each other.
const MOST_WITHIN: usize = 10;

/// An include in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Include {
    line: usize,
    range: Range<usize>,
    /// The name; `None` when it is not written as a name in quotes.
    name: Option<String>,
    /// Whether the white space before it, and behind it, is left out.
    trims: (bool, bool),
}

/// Why a text with includes cannot be made whole.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct IncludeError {
    /// The line of the include, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: String,
}

/// The names that a text includes, each once, in order.
#[must_use]
pub fn included(text: &str) -> Vec<String> {
    let mut names = vec![];
    for name in includes(text).into_iter().filter_map(|it| it.name) {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// A text with everything that it includes in its place. `own` is the name of its template; `find` knows the
/// texts of the others.
///
/// # Errors
/// Every include that stands for nothing, or for something that includes it in turn.
pub fn whole<'a>(
    own: &str,
    text: &str,
    find: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<String, Vec<IncludeError>> {
    let mut expansion = Expansion {
        within: vec![own.to_owned()],
        find,
        errors: vec![],
        left: MOST_INCLUDES,
    };
    let made = expansion.expand(text);
    match expansion.errors.is_empty() {
        true => Ok(made),
        false => Err(expansion.errors),
    }
}

/// A text that is being made whole.
struct Expansion<'f, 'a> {
    /// The templates that stand around the text.
    within: Vec<String>,
    find: &'f dyn Fn(&str) -> Option<&'a str>,
    errors: Vec<IncludeError>,
    /// Includes that may still be replaced.
    left: usize,
}

impl Expansion<'_, '_> {
    fn expand(&mut self, text: &str) -> String {
        let mut made = String::with_capacity(text.len());
        let mut from = 0;
        for include in includes(text) {
            made.push_str(text.get(from..include.range.start).unwrap_or_default());
            from = include.range.end;
            let (before, behind) = include.trims;
            if before {
                made.truncate(made.trim_end().len());
            }
            match self.replace(&include, made.len()) {
                Ok(found) => made.push_str(found.strip_suffix('\n').unwrap_or(&found)),
                Err(problem) => self.errors.push(IncludeError {
                    line: include.line,
                    problem,
                }),
            }
            if behind {
                let rest = text.get(from..).unwrap_or_default();
                from += rest.len() - rest.trim_start().len();
            }
        }
        made.push_str(text.get(from..).unwrap_or_default());
        made
    }

    /// The text that an include stands for, which follows so many bytes.
    fn replace(&mut self, include: &Include, before: usize) -> Result<String, String> {
        let many = || format!("includes more than {MOST_INCLUDES} texts, or {MOST_BYTES} bytes");
        self.left = self.left.checked_sub(1).ok_or_else(many)?;
        let (name, text) = inner(include, &self.within, self.find)?;
        let told = self.errors.len();
        self.within.push(name);
        let found = self.expand(text);
        self.within.pop();
        // The line is that of the text that was asked for.
        for error in self.errors.iter_mut().skip(told) {
            error.line = include.line;
        }
        match before + found.len() > MOST_BYTES {
            true => Err(many()),
            false => Ok(found),
        }
    }
}

/// What an include stands for.
fn inner<'a>(
    include: &Include,
    within: &[String],
    find: &dyn Fn(&str) -> Option<&'a str>,
) -> Result<(String, &'a str), String> {
    let name = include
        .name
        .as_ref()
        .ok_or("an include names a template in quotes: {% include \"footer\" %}")?;
    if within.contains(name) {
        let circle = within.join("` includes `");
        return Err(format!("`{circle}` includes `{name}`: a circle"));
    }
    if within.len() > MOST_WITHIN {
        return Err(format!(
            "puts more than {MOST_WITHIN} templates within each other"
        ));
    }
    let found = find(name).ok_or_else(|| {
        format!("there is no published template `{name}` with this part, for this channel")
    })?;
    Ok((name.clone(), found))
}

fn includes(text: &str) -> Vec<Include> {
    let found = tags(text).filter(|tag| tag.word() == "include");
    let include = |tag: super::tags::Tag| {
        let raw = text.get(tag.range.clone()).unwrap_or_default();
        let inside = raw.strip_prefix("{%").unwrap_or(raw);
        let inside = inside.strip_suffix("%}").unwrap_or(inside);
        let trims = (inside.starts_with('-'), inside.ends_with('-'));
        let code = inside.trim_matches(['-', '+']).trim();
        let named = code.strip_prefix("include").unwrap_or_default().trim();
        Include {
            line: tag.line,
            name: quoted(named).map(str::to_owned),
            range: tag.range,
            trims,
        }
    };
    found.map(include).collect()
}

/// A text in quotes, and nothing else.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let name = text.strip_prefix(quote)?.strip_suffix(quote)?;
    (!name.is_empty() && !name.contains([quote, '\\'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(name: &str) -> Option<&'static str> {
        match name {
            "footer" => Some("-- {{ shop }}\n"),
            "page" => Some("<{% include 'footer' %}>"),
            "circle" => Some("{% include \"order\" %}"),
            "broken" => Some("a\n\n{% include \"nothing\" %}"),
            "many" => Some("{% include 'empty' %}{% include 'empty' %}"),
            "empty" => Some(""),
            "large" => Some(Box::leak("x".repeat(600_000).into_boxed_str())),
            _ => None,
        }
    }

    fn made(text: &str) -> Result<String, Vec<(usize, String)>> {
        whole("order", text, &find).map_err(|errors| {
            let errors = errors.into_iter();
            errors.map(|error| (error.line, error.problem)).collect()
        })
    }

    #[test]
    fn an_include_is_the_text_that_it_stands_for() {
        assert_eq!(
            made("a\n{% include \"footer\" %}\nb").unwrap(),
            "a\n-- {{ shop }}\nb"
        );
        assert_eq!(
            made("a {%- include 'page' -%} b").unwrap(),
            "a<-- {{ shop }}>b"
        );
        let raw = "{% raw %}{% include \"x\" %}{% endraw %}{# {% include \"y\" %} #}";
        assert_eq!(made(raw).unwrap(), raw, "nothing is included there");
        let names =
            included("{% include 'b' %}{% include \"a\" %}{% include 'b' %}{% include x %}");
        assert_eq!(names, ["b", "a"]);
    }

    #[test]
    fn every_include_that_stands_for_nothing_or_for_itself_is_told() {
        let text = "{% include \"nothing\" %}\n{% include \"circle\" %}\n{% include name %}\n\
                    {% include 'order' %}{% include 'broken' %}";
        let errors = made(text).unwrap_err();
        let lines: Vec<usize> = errors.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 2, 3, 4, 4], "{errors:?}");
        assert!(
            errors[1]
                .1
                .contains("`order` includes `circle` includes `order`: a circle")
        );
        let large = made("{% include 'large' %}{% include 'large' %}").unwrap_err();
        assert!(large[0].1.contains("bytes"), "{large:?}");
        assert!(made(&"{% include 'many' %}".repeat(300)).is_ok());
        assert!(made(&"{% include 'many' %}".repeat(400)).is_err());
    }
}
