//! What a name looks like that is compared with another: one spelling for each, made at every door, so that an
//! opt-out of a category is not missed by a blank that nobody sees.

use unicode_normalization::UnicodeNormalization as _;

use super::address::is_hidden;

/// Why a text is no name. Holds no part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct BadName(&'static str);

/// The one spelling of a name: composed (NFC). Case counts.
///
/// # Errors
/// The text looks like another name: it has a blank at an end, or holds what nobody sees.
pub fn canonical(text: &str) -> Result<String, BadName> {
    if text.trim() != text {
        return Err(BadName("has white space at an end: leave it out"));
    }
    let is_odd = |c: char| is_hidden(c) || (c.is_whitespace() && c != ' ');
    if text.chars().any(is_odd) {
        let words =
            "holds an invisible character, or a blank other than the usual one: leave it out";
        return Err(BadName(words));
    }
    Ok(composed(text))
}

/// The one spelling of a name that was stored by other means than ours, or before there was one.
#[must_use]
pub fn spelt(text: String) -> String {
    match canonical(&text) {
        Ok(name) => name,
        Err(_) => {
            let plain = text.chars().filter(|c| !is_hidden(*c));
            let plain = plain.map(|c| if c.is_whitespace() { ' ' } else { c });
            composed(plain.collect::<String>().trim())
        }
    }
}

fn composed(text: &str) -> String {
    // ASCII has one composition only.
    match text.is_ascii() {
        true => text.to_owned(),
        false => text.nfc().collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_looks_like_another_name_is_none_and_is_read_as_that_one() {
        for odd in [
            "news ",
            " news",
            "ne\u{200b}ws",
            "news\u{a0}",
            "\u{feff}news",
            "news\t",
        ] {
            assert!(canonical(odd).is_err(), "{odd:?}");
            assert_eq!(spelt(odd.to_owned()), "news", "{odd:?}");
        }
        assert!(canonical("two\u{a0}words").is_err());
        assert_eq!(spelt("two\u{a0}words".to_owned()), "two words");
        assert_eq!(canonical("two words"), Ok("two words".to_owned()));
    }

    #[test]
    fn a_name_is_composed_and_keeps_its_case() {
        assert_eq!(canonical("A\u{308}nderungen"), Ok("Änderungen".to_owned()));
        assert_eq!(canonical("News"), Ok("News".to_owned()));
    }

    proptest! {
        #[test]
        fn one_spelling_is_its_own(text in any::<String>()) {
            if let Ok(name) = canonical(&text) {
                prop_assert_eq!(canonical(&name), Ok(name.clone()));
                prop_assert_eq!(spelt(text), name);
            }
        }
    }
}
