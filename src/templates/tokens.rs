//! The words and marks of a tag.

/// A piece of a tag's code; texts in quotes are not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Token<'a> {
    /// A name, a keyword or a number.
    Word(&'a str),
    /// One character of an operator or a bracket.
    Mark(char),
}

impl<'a> Token<'a> {
    /// The word, if it is one.
    pub(super) const fn word(self) -> Option<&'a str> {
        match self {
            Self::Word(word) => Some(word),
            Self::Mark(_) => None,
        }
    }
}

/// Every token of a tag's code.
pub(super) fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut found = vec![];
    let mut rest = code.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let end = match is_word(first) {
            true => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            false => first.len_utf8(),
        };
        let (token, after) = rest.split_at(end);
        found.push(match is_word(first) {
            true => Token::Word(token),
            false => Token::Mark(first),
        });
        rest = after.trim_start();
    }
    found
}

/// What stands between commas, outside of brackets.
pub(super) fn parts<'a>(tokens: &'a [Token<'a>]) -> impl Iterator<Item = &'a [Token<'a>]> {
    let mut open = 0_usize;
    tokens.split(move |token| {
        match token {
            Token::Mark('(' | '[' | '{') => open += 1,
            Token::Mark(')' | ']' | '}') => open = open.saturating_sub(1),
            _ => {}
        }
        open == 0 && *token == Token::Mark(',')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_marks_are_told_apart() {
        let found = tokens(" a.b|upper != -12 ");
        let words: Vec<_> = found.iter().filter_map(|token| token.word()).collect();
        assert_eq!(words, ["a", "b", "upper", "12"]);
        let marks = found.iter().filter(|token| token.word().is_none());
        assert_eq!(marks.count(), 5);
    }
}
