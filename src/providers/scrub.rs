//! Takes the person's address out of what a provider said, before it is stored or logged.

/// What stands in its place.
const MASK: &str = "<address>";

/// The words without the address, whatever the case of its letters.
///
/// A leading `+` of a phone number is optional, since some answers repeat the digits only.
pub(crate) fn scrub(words: &str, address: &str) -> String {
    let needle = address.trim().trim_start_matches('+').to_ascii_lowercase();
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
            ("kept", "", "kept"),
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
