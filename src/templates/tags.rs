//! The tags of a template, found as the template engine finds them.

use std::ops::Range;

/// A `{{ }}` or a `{% %}`, without its delimiters.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Tag {
    /// The line it starts on, from 1.
    pub(super) line: usize,
    /// Whether it is a `{% %}`.
    pub(super) is_statement: bool,
    /// What stands in it, with every text in quotes left out.
    pub(super) code: String,
    /// Where it stands, with its delimiters.
    pub(super) range: Range<usize>,
}

impl Tag {
    /// The statement's name; nothing for a `{{ }}`.
    pub(super) fn word(&self) -> &str {
        let end = self
            .code
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let word = self.code.get(..end.unwrap_or(self.code.len()));
        word.filter(|_| self.is_statement).unwrap_or_default()
    }
}

/// Every tag outside comments and raw blocks.
pub(super) fn tags(source: &str) -> impl Iterator<Item = Tag> {
    let mut rest = source;
    let (mut counted, mut line) = (0, 1);
    std::iter::from_fn(move || {
        loop {
            let opened = rest.get(next_start(rest)?..)?;
            let (delimiter, inside) = opened.split_at_checked(2)?;
            if delimiter == "{#" {
                rest = inside.split_once("#}")?.1;
                continue;
            }
            let is_statement = delimiter == "{%";
            let (code, after) = code_until(inside, if is_statement { "%}" } else { "}}" });
            rest = after;
            let code = without_control(&code);
            if is_statement && code == "raw" {
                rest = after_raw(after);
                continue;
            }
            let before = source.len() - opened.len();
            line += source.get(counted..before)?.matches('\n').count();
            counted = before;
            return Some(Tag {
                line,
                is_statement,
                code: code.to_owned(),
                range: before..source.len() - rest.len(),
            });
        }
    })
}

/// The code without the marks for white space around the tag: one at either end.
fn without_control(code: &str) -> &str {
    let code = code.strip_prefix(['-', '+']).unwrap_or(code);
    code.strip_suffix(['-', '+']).unwrap_or(code).trim()
}

/// Where the next tag or comment opens.
fn next_start(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let opens = |pair: &[u8]| matches!(pair, [b'{', b'{' | b'%' | b'#']);
    bytes.windows(2).position(opens)
}

/// What stands before the end of a tag, and what follows it. The end counts outside quotes and
/// brackets only.
fn code_until<'a>(text: &'a str, end: &str) -> (String, &'a str) {
    let mut code = String::new();
    let mut quote = None;
    let mut depth = 0_i32;
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        let here = text.get(at..).unwrap_or_default();
        match (quote, c) {
            (Some(_), '\\') => drop(characters.next()),
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, _) if depth == 0 && here.starts_with(end) => {
                return (code, here.get(end.len()..).unwrap_or_default());
            }
            (None, _) => {
                match c {
                    '(' | '[' | '{' => depth += 1,
                    ')' | ']' | '}' => depth -= 1,
                    _ => {}
                }
                code.push(c);
            }
        }
    }
    (code, "")
}

/// What follows the end of a raw block.
fn after_raw(text: &str) -> &str {
    for (at, _) in text.match_indices("{%") {
        let inside = text.get(at + 2..).unwrap_or_default();
        let word = inside.trim_start_matches(['-', '+', ' ', '\t', '\r', '\n']);
        if word.starts_with("endraw") {
            return inside.split_once("%}").map_or("", |(_, after)| after);
        }
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(source: &str) -> Vec<(usize, String)> {
        tags(source).map(|tag| (tag.line, tag.code)).collect()
    }

    #[test]
    fn tags_are_found_with_their_lines() {
        let source = "a {{ x }}\n{%- if y -%}\n{ z }{% endif %}";
        let expected = [(1, "x"), (2, "if y"), (3, "endif")];
        let expected: Vec<_> = expected.map(|(line, code)| (line, code.to_owned())).into();
        assert_eq!(found(source), expected);
    }

    #[test]
    fn quotes_brackets_comments_and_raw_blocks_do_not_confuse() {
        let codes = |source| {
            found(source)
                .into_iter()
                .map(|(_, code)| code)
                .collect::<Vec<_>>()
        };
        assert_eq!(codes("{{----x}}{{ -x }}"), ["---x", "-x"]);
        assert_eq!(codes("{{ '}}' ~ \"\\\"}}\" ~ x }}"), ["~  ~ x"]);
        assert_eq!(codes("{{ {'a': {'b': x}} ~ y }}"), ["{: {: x}} ~ y"]);
        assert_eq!(codes("{# {{ \" #}{{ x }}"), ["x"]);
        assert_eq!(codes("{% raw %}{{ \" {% endraw %}{{ x }}"), ["x"]);
        assert_eq!(codes("{{ unclosed"), ["unclosed"]);
        assert_eq!(codes("{% set x = '%}' ~ x %}"), ["set x =  ~ x"]);
    }
}
