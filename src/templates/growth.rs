//! A guard against templates that make memory grow: what fuel and output limits do not see.
//!
//! Fuel counts steps, and one step may double a text; the output limit counts what is written, not
//! what is held. So the ways to hold much are closed before a template is compiled:
//! - macros, blocks and other templates are not compiled in at all, `namespace` is removed;
//! - captures (`{% set x %}...{% endset %}`, `{% filter %}`) and recursive loops are refused;
//! - joining (`~`, `+`, `*`) is bounded: every assignment multiplies what later ones may join, and
//!   the product may not pass [`MOST_GROWTH`].
//!
//! What remains: a variable (a message has at most some hundred kilobytes) may grow by that factor
//! for the time of a rendering, and `*` may make a text of 100 MB, the engine's own limit.

use super::tags::{Tag, tags};

/// How many times its variables' size a template may hold at once.
const MOST_GROWTH: usize = 256;
/// What a `*` counts for: it repeats a text, up to the engine's own limit.
const REPETITION: usize = 16;

/// Why a template is refused, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TemplateRefusal {
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

/// Refuses what could hold much memory.
pub(super) fn check(source: &str) -> Result<(), TemplateRefusal> {
    let mut growth = Growth { kept: 1, shown: 1 };
    for tag in tags(source) {
        let line = tag.line;
        let verdict = growth.add(&tag);
        verdict.map_err(|problem| TemplateRefusal { line, problem })?;
    }
    Ok(())
}

struct Growth {
    /// What all assignments so far may have multiplied.
    kept: usize,
    /// The most that one expression joins.
    shown: usize,
}

impl Growth {
    fn add(&mut self, tag: &Tag) -> Result<(), &'static str> {
        let code = tag.code.trim_matches(['-', '+', ' ', '\t', '\r', '\n']);
        let word_end = code.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let word = code.get(..word_end.unwrap_or(code.len()));
        match word.filter(|_| tag.is_statement).unwrap_or_default() {
            "filter" => return Err("filter blocks are not supported; use {{ value|filter }}"),
            "set" if is_capture(code) => {
                return Err("`set` without a value is not supported; use {% set x = value %}");
            }
            "for" if code.split_whitespace().any(|word| word == "recursive") => {
                return Err("recursive loops are not supported");
            }
            "set" | "for" => self.keep(factor(code)),
            // Each of its assignments may use the one before.
            "with" => code.split(',').for_each(|part| self.keep(factor(part))),
            _ => self.shown = self.shown.max(factor(code)),
        }
        if self.kept.saturating_mul(self.shown) > MOST_GROWTH {
            return Err("joins too much text (`~`, `+`, `*`) in assignments and expressions");
        }
        Ok(())
    }

    fn keep(&mut self, factor: usize) {
        self.kept = self.kept.saturating_mul(factor);
    }
}

/// `{% set x %}` or `{% set x|filter %}` instead of `{% set x = ... %}`.
fn is_capture(code: &str) -> bool {
    let (target, _) = code.split_once('=').unwrap_or(("|", ""));
    target.contains('|')
}

/// How many times the largest of its values an expression may hold.
fn factor(code: &str) -> usize {
    let joins = code.matches(['~', '+']).count();
    let repetition = if code.contains('*') { REPETITION } else { 1 };
    (1 + joins).saturating_mul(repetition)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line_refused(source: &str) -> Option<usize> {
        check(source).err().map(|refusal| refusal.line)
    }

    #[test]
    fn ordinary_templates_pass() {
        for source in [
            "",
            "Hello {{ name }}, {{ a ~ ' ' ~ b }} { not a tag }",
            "{% set full = first ~ ' ' ~ last %}{{ full }} {{ price * quantity + shipping }}",
            "{%- for item in items -%}{{ loop.index + 1 }}. {{ item }}{%- endfor -%}",
            "{% if a + b > c %}x{% elif a == 1 %}y{% endif %}",
            "{% set total = price * quantity %}{{ total|round(2) }} {# {% filter #}",
            "{{ '~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~~' }}{% raw %}{% filter x %}{% endraw %}",
        ] {
            assert_eq!(check(source), Ok(()), "{source}");
        }
    }

    #[test]
    fn doubling_is_refused_on_the_line_that_goes_too_far() {
        assert_eq!(line_refused(&"{% set a = x ~ x %}\n".repeat(40)), Some(9));
        assert_eq!(
            line_refused(&"{% for a in [a ~ a] %}\n".repeat(40)),
            Some(9)
        );
        let with = vec!["a = a ~ a"; 40].join(", ");
        assert_eq!(
            line_refused(&format!("{{% with {with} %}}{{% endwith %}}")),
            Some(1)
        );
        let long = vec!["x"; 400].join("~");
        assert_eq!(line_refused(&format!("{{{{ {long} }}}}")), Some(1));
        let hidden = "{% set a = '%}' ~ x ~ x %}\n".repeat(40);
        assert_eq!(line_refused(&hidden), Some(6));
    }

    #[test]
    fn captures_and_recursion_are_refused() {
        assert_eq!(
            line_refused("one\n{%- set a %}{{ x }}{{ x }}{% endset %}"),
            Some(2)
        );
        assert_eq!(
            line_refused("{%set a|join(d='=')%}{{ x }}{% endset %}"),
            Some(1)
        );
        assert_eq!(
            line_refused("{% set a | join(d=x) %}{{ x }}{% endset %}"),
            Some(1)
        );
        assert_eq!(line_refused("{% filter upper %}x{% endfilter %}"), Some(1));
        let recursive = "{% for x in xs recursive %}{{ loop([x ~ x]) }}{% endfor %}";
        assert_eq!(line_refused(recursive), Some(1));
    }
}
