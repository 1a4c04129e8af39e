//! A guard against templates that make memory grow: what fuel and output limits do not see.
//!
//! Fuel counts steps, and one step may double a text; the output limit counts what is written, not
//! what is held. So the ways to hold much are closed before a template is compiled:
//! - macros, blocks and other templates are not compiled in at all, `namespace` is removed;
//! - captures (`{% set x %}...{% endset %}`, `{% filter %}`) and recursive loops are refused;
//! - joining (`~`, `+`, `*`) is bounded: every assignment multiplies what later ones may join, and
//!   the product may not pass [`MOST_GROWTH`]; and so is putting a value into a list several times, whose
//!   product may not pass [`MOST_COPIES`].
//!
//! What remains: a variable (a message has at most some hundred kilobytes) may grow by that factor
//! for the time of a rendering, and `*` may make a text of 100 MB, the engine's own limit.

use super::depth;
use super::tags::Tag;
use super::tokens::{Token, parts, tokens};

/// How many times its variables' size a template may hold at once.
const MOST_GROWTH: usize = 256;
/// What a `*` counts for: it repeats a text, up to the engine's own limit.
const REPETITION: usize = 16;
/// How many times a value may stand in what assignments put together. They share it, so that it takes no
/// memory; whoever prints or compares it walks through all of them.
const MOST_COPIES: usize = 4_096;

/// How much a part of a template may hold, so far.
#[derive(Debug)]
pub(super) struct Growth {
    /// What all assignments so far may have multiplied.
    kept: usize,
    /// The most that one expression joins.
    shown: usize,
    /// How many times one value may stand in another.
    copies: usize,
}

impl Default for Growth {
    fn default() -> Self {
        Self {
            kept: 1,
            shown: 1,
            copies: 1,
        }
    }
}

impl Growth {
    /// Counts a tag in.
    ///
    /// # Errors
    /// It could hold too much memory: in words.
    pub(super) fn add(&mut self, tag: &Tag) -> Result<(), &'static str> {
        let code = tag.code.as_str();
        if matches!(tag.word(), "set" | "for" | "with") {
            self.copies = self.copies.saturating_mul(copies(tag));
        }
        if self.copies > MOST_COPIES {
            return Err("puts values into lists and objects too many times");
        }
        match tag.word() {
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

/// How many times an assignment may put one value into another.
fn copies(tag: &Tag) -> usize {
    let tokens = tokens(&tag.code);
    // What a loop is over is taken apart again.
    let (harmless, start) = match tag.word() {
        "for" => (
            1,
            tokens.iter().position(|token| token.word() == Some("in")),
        ),
        _ => (0, Some(0)),
    };
    let assigned = tokens.get(start.unwrap_or(0) + 1..).unwrap_or_default();
    let mut product: usize = 1;
    for part in parts(assigned) {
        if depth::values(part) > harmless {
            product = product.saturating_mul(variables(part).max(1));
        }
    }
    product
}

/// How many variables an expression names.
fn variables(tokens: &[Token<'_>]) -> usize {
    let at = |index: Option<usize>| index.and_then(|index| tokens.get(index)).copied();
    let is_variable = |index: usize| {
        let before = at(index.checked_sub(1));
        let [after, then] = [1, 2].map(|ahead| at(index.checked_add(ahead)));
        let is_name = at(Some(index))
            .and_then(Token::word)
            .is_some_and(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
        // The name of a field, a filter, an argument or what is assigned to.
        let is_field = matches!(before, Some(Token::Mark('.' | '|')));
        let is_target = after == Some(Token::Mark('=')) && then != Some(Token::Mark('='));
        let is_called = after == Some(Token::Mark('('));
        is_name && !is_field && !is_target && !is_called && !depth::is_operator(at(Some(index)))
    };
    (0..tokens.len())
        .filter(|index| is_variable(*index))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::templates::tags::tags;

    fn check(source: &str) -> Result<(), usize> {
        let mut growth = Growth::default();
        tags(source).try_for_each(|tag| growth.add(&tag).map_err(|_| tag.line))
    }

    fn line_refused(source: &str) -> Option<usize> {
        check(source).err()
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

    #[test]
    fn what_is_put_into_a_list_again_and_again_is_refused() {
        for doubling in [
            "{% set x = [x, x] %}\n",
            "{% set x = {'a': x, 'b': x} %}\n",
            "{% set x = dict(a=x, b=x) %}\n",
            "{% set x = x|zip(x) %}\n",
            "{% set x = x|chain(x) %}\n",
            "{% for x in [[x, x]] %}\n",
        ] {
            assert_eq!(line_refused(&doubling.repeat(20)), Some(13), "{doubling}");
        }
        let with = vec!["a = [a, a]"; 20].join(", ");
        assert_eq!(line_refused(&format!("{{% with {with} %}}")), Some(1));
        for ordinary in [
            "{% set steps = [ordered, packed, shipped, delivered] %}",
            "{% for name, value in [('a', a), ('b', b)] %}{% endfor %}",
            "{% set names = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'] %}",
        ] {
            assert_eq!(line_refused(&ordinary.repeat(5)), None, "{ordinary}");
        }
    }
}
