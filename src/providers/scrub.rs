//! Takes the person's address out of what a provider said, before it is stored or logged.

use crate::domain::address::with_unicode_domain;

/// What stands in its place.
const MASK: &str = "<address>";

/// The words without the address, whatever the case of its letters, with its domain in ASCII or as
/// people write it, with or without what people put between digits; and without any other address: mail
/// goes on to others, of whom the sender knows nothing.
pub(crate) fn scrub(words: &str, address: &str) -> String {
    scrub_others(&scrub_one(words, address))
}

/// The words without whatever looks like an address, or like a number in E.164.
pub(crate) fn scrub_others(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while !rest.is_empty() {
        let end = rest.find(is_between).unwrap_or(rest.len());
        let (token, after) = rest.split_at(end);
        out.push_str(if is_address(token) { MASK } else { token });
        let next = after.find(|c: char| !is_between(c)).unwrap_or(after.len());
        let (between, after) = after.split_at(next);
        out.push_str(between);
        rest = after;
    }
    out
}

/// What stands between words.
fn is_between(c: char) -> bool {
    c.is_whitespace() || "<>()[]{},;:\"'|=".contains(c)
}

fn is_address(token: &str) -> bool {
    let around = token.split_once('@').or_else(|| token.split_once("%40"));
    let is_mail = around.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty());
    let digits = token.trim_end_matches(['.', '!', '?']).strip_prefix('+');
    is_mail
        || digits.is_some_and(|it| {
            (8..=15).contains(&it.len()) && it.bytes().all(|byte| byte.is_ascii_digit())
        })
}

fn scrub_one(words: &str, address: &str) -> String {
    let address = address.trim();
    let mut words = mask(words, address);
    if let Some(unicode) = with_unicode_domain(address) {
        words = mask(&words, &unicode);
    }
    match address.strip_prefix('+') {
        Some(digits) => mask_number(&words, digits.as_bytes()),
        None => words,
    }
}

/// Masks a number wherever its digits follow each other, with at most blanks, dashes, dots, slashes
/// and brackets between them.
fn mask_number(words: &str, digits: &[u8]) -> String {
    let mut out = String::with_capacity(words.len());
    let mut rest = words;
    while let Some(first) = rest.chars().next() {
        let (_, after_first) = rest.split_at(first.len_utf8());
        if let Some(after) = after_number(rest, digits) {
            if out.ends_with('+') {
                out.pop();
            }
            out.push_str(MASK);
            rest = after;
        } else {
            out.push(first);
            rest = after_first;
        }
    }
    out
}

/// What follows the number, if the text begins with it.
fn after_number<'a>(text: &'a str, digits: &[u8]) -> Option<&'a str> {
    let mut wanted = digits.iter();
    let mut next = *wanted.next()?;
    let mut is_first = true;
    for (at, byte) in text.bytes().enumerate() {
        if byte == next {
            match wanted.next() {
                Some(digit) => next = *digit,
                None => return text.get(at + 1..),
            }
        } else if is_first || !b" -./()".contains(&byte) {
            return None;
        }
        is_first = false;
    }
    None
}

/// Masks a text, whatever the case of its letters; a `+` before it goes, too.
fn mask(words: &str, text: &str) -> String {
    let needle = text.trim_start_matches('+').to_ascii_lowercase();
    if needle.is_empty() {
        return words.to_owned();
    }
    // ASCII lower-casing keeps byte positions, so that a hit in `haystack` is one in `words`.
    let haystack = words.to_ascii_lowercase();
    let mut out = String::with_capacity(words.len());
    let mut from = 0;
    for (at, _) in haystack.match_indices(&needle) {
        let before = words.get(from..at).unwrap_or_default();
        out.push_str(before.strip_suffix('+').unwrap_or(before));
        out.push_str(MASK);
        from = at + needle.len();
    }
    out.push_str(words.get(from..).unwrap_or_default());
    out
}

/// A provider's id for a message, if it is one that can be stored and searched for: PostgreSQL
/// holds no NUL, and an endless id is no id.
pub(crate) fn message_id(id: &str) -> Option<String> {
    let id = id.trim();
    let usable = !id.is_empty() && id.len() <= 255 && !id.chars().any(char::is_control);
    usable.then(|| id.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_address_never_stays() {
        for (words, address, expected) in [
            (
                "no such user Ana@Example.com here",
                "ana@example.com",
                "no such user <address> here",
            ),
            (
                "The 'To' number +491511234 is bad (491511234)",
                "+491511234",
                "The 'To' number <address> is bad (<address>)",
            ),
            ("nothing here", "ana@example.com", "nothing here"),
            (
                "To: +49 (151) 1234-5678 unknown",
                "+4915112345678",
                "To: <address> unknown",
            ),
            (
                "<ana@exämple.org> and ana@xn--exmple-cua.org",
                "ana@xn--exmple-cua.org",
                "<<address>> and <address>",
            ),
            (
                "+49 151 99 is another",
                "+4915112345678",
                "+49 151 99 is another",
            ),
            ("kept", "", "kept"),
            (
                "550 5.1.1 <secret.home@private.example>: no such user, mailto:x@y.z.",
                "ana@example.com",
                "550 5.1.1 <<address>>: no such user, mailto:<address>",
            ),
            (
                "from +4915199887766. at 12:00 with a+b, @home and 5.1.1",
                "+491511234",
                "from <address> at 12:00 with a+b, @home and 5.1.1",
            ),
            ("é+ü@x.de", "ü@x.de", "é<address>"),
        ] {
            assert_eq!(scrub(words, address), expected);
        }
    }

    #[test]
    fn an_id_that_cannot_be_stored_is_none() {
        assert_eq!(message_id(" abc "), Some("abc".to_owned()));
        for bad in ["", "a\0b", "a\nb", &"x".repeat(256)] {
            assert_eq!(message_id(bad), None);
        }
    }

    proptest! {
        #[test]
        fn no_words_leak_the_address(before in ".*", after in ".*", address in "[a-z]{1,8}@[a-z]{1,8}\\.de") {
            let words = format!("{before}{}{after}", address.to_ascii_uppercase());
            prop_assert!(!scrub(&words, &address).to_ascii_lowercase().contains(&address));
        }
    }
}
