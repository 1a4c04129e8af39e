//! A language tag (BCP 47), and those that may stand for it, in order: the look-up of RFC 4647.

use icu_locale::subtags::Variants;
use icu_locale::{LanguageIdentifier, Locale, LocaleCanonicalizer, LocaleExpander};

/// A language, with script and region as far as they are said, in the form of today: `iw` is `he`.
/// What follows a singleton (`-u-`, `-x-`) says nothing about the language and is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Language(LanguageIdentifier);

impl Language {
    /// Reads a tag, in upper or lower case, with hyphens or underscores; of `de_DE.UTF-8@euro`, as
    /// POSIX writes it, what comes before the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let tag = text.split(['.', '@']).next().unwrap_or(text);
        let mut locale = Locale::try_from_str(&tag.replace('_', "-")).ok()?;
        LocaleCanonicalizer::new_common().canonicalize(&mut locale);
        (!locale.id.language.is_unknown()).then_some(Self(locale.id))
    }

    /// The languages that may stand for this one, the nearest first and itself the very first: always
    /// one subtag less. Between a region and the language stands the script that is likely there, so
    /// that `zh-TW` is looked for in `zh-Hant` before `zh`.
    pub fn fallbacks(&self) -> impl Iterator<Item = Self> {
        let mut tags = without_variants(&self.0);
        let LanguageIdentifier {
            language,
            script,
            region,
            ..
        } = self.0;
        let tag = |script, region| LanguageIdentifier {
            language,
            script,
            region,
            variants: Variants::new(),
        };
        let likely = |tag: &LanguageIdentifier| maximized(tag).script;
        if region.is_some() {
            let here = likely(&tag(None, region));
            let script = script.or(here);
            tags.push(tag(script, region));
            if script == here {
                tags.push(tag(None, region));
            }
        }
        let usual = likely(&tag(None, None));
        if let Some(script) = script.or_else(|| likely(&tag(None, region))) {
            tags.push(tag(Some(script), None));
            // A script that is not the usual one is often said by a region, where it is the usual one.
            let there = tag(None, maximized(&tag(Some(script), None)).region);
            if Some(script) != usual && likely(&there) == Some(script) {
                tags.push(there);
            }
        }
        tags.push(tag(None, None));
        tags.extend(written_alike(&self.0));
        tags.into_iter().map(Self)
    }

    /// Whether both are written in the same language, whatever the region.
    #[must_use]
    pub fn is_kin(&self, other: &Self) -> bool {
        self.0.language == other.0.language
    }

    /// Whether both are written in the same script, as far as it is said or likely.
    #[must_use]
    pub fn shares_script(&self, other: &Self) -> bool {
        maximized(&self.0).script == maximized(&other.0).script
    }
}

/// In the one spelling: `de-DE`, `zh-Hant-TW`.
impl std::fmt::Display for Language {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A tag and what it is with fewer variants.
fn without_variants(tag: &LanguageIdentifier) -> Vec<LanguageIdentifier> {
    let mut variants: Vec<_> = tag.variants.iter().copied().collect();
    let mut tags = vec![tag.clone()];
    while variants.pop().is_some() {
        tags.push(LanguageIdentifier {
            variants: Variants::from_vec_unchecked(variants.clone()),
            ..tag.clone()
        });
    }
    tags
}

/// With the likely script and region where they are not said (CLDR, likely subtags).
fn maximized(tag: &LanguageIdentifier) -> LanguageIdentifier {
    let mut tag = LanguageIdentifier {
        variants: Variants::new(),
        ..tag.clone()
    };
    LocaleExpander::new_common().maximize(&mut tag);
    tag
}

/// Norwegian: `no` and Bokmål, `nb`, are one for readers, and Nynorsk is near (CLDR, parent locales).
fn written_alike(tag: &LanguageIdentifier) -> Vec<LanguageIdentifier> {
    let kin: &[&str] = match tag.language.as_str() {
        "no" => &["nb"],
        "nb" | "nn" => &["no"],
        _ => &[],
    };
    kin.iter()
        .filter_map(|tag| LanguageIdentifier::try_from_str(tag).ok())
        .collect()
}

/// Whether a tag is one that people can be written to in, as it stands.
#[must_use]
pub fn is_tag(text: &str) -> bool {
    let tag = Locale::try_from_str(&text.replace('_', "-"));
    tag.is_ok_and(|tag| !tag.id.language.is_unknown())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fallbacks(tag: &str) -> Vec<String> {
        let mut tags: Vec<_> = Language::parse(tag)
            .unwrap()
            .fallbacks()
            .map(|tag| tag.0.to_string())
            .collect();
        tags.dedup();
        tags
    }

    #[test]
    fn a_tag_falls_back_by_its_subtags_and_its_likely_script() {
        for (tag, expected) in [
            ("de", "de de-Latn de"),
            ("de_at", "de-AT de-Latn-AT de-AT de-Latn de"),
            ("zh-Hant-TW", "zh-Hant-TW zh-TW zh-Hant zh-TW zh"),
            ("ZH_hant_tw", "zh-Hant-TW zh-TW zh-Hant zh-TW zh"),
            ("zh-TW", "zh-TW zh-Hant-TW zh-TW zh-Hant zh-TW zh"),
            ("zh-CN", "zh-CN zh-Hans-CN zh-CN zh-Hans zh"),
            ("zh-HK", "zh-HK zh-Hant-HK zh-HK zh-Hant zh-TW zh"),
            ("sr-Latn", "sr-Latn sr"),
            ("sr-ME", "sr-ME sr-Latn-ME sr-ME sr-Latn sr"),
        ] {
            let expected: Vec<_> = expected.split(' ').collect();
            assert_eq!(fallbacks(tag), expected, "{tag}");
        }
    }

    #[test]
    fn singletons_and_variants_are_dropped_from_the_end() {
        assert_eq!(fallbacks("zh-Hant-CN-x-private1")[0], "zh-Hant-CN");
        assert_eq!(fallbacks("de-DE-u-co-phonebk")[0], "de-DE");
        let variants = fallbacks("sl-IT-biske-rozaj");
        assert_eq!(variants.last().unwrap(), "sl");
        assert!(variants.contains(&"sl-IT".to_owned()), "{variants:?}");
        assert_eq!(fallbacks("de_DE.UTF-8@euro")[0], "de-DE");
    }

    #[test]
    fn old_codes_are_the_new_ones_and_what_is_no_tag_is_none() {
        assert_eq!(Language::parse("iw-IL"), Language::parse("he-IL"));
        for text in ["", "-", "C", "x", "und", "deutsch!", "de-", "d\u{e9}", "a1"] {
            assert_eq!(Language::parse(text), None, "{text}");
        }
    }

    #[test]
    fn invalid_language_tag_is_told_apart() {
        for good in [
            "de",
            "pt_BR",
            "zh-Hant-TW",
            "es-419",
            "sl-rozaj",
            "de-u-co-phonebk",
        ] {
            assert!(is_tag(good), "{good}");
        }
        for bad in [
            "",
            "d",
            "english",
            "und",
            "de--AT",
            "de-AT-",
            "de AT",
            "123",
            "de_DE.UTF-8",
        ] {
            assert!(!is_tag(bad), "{bad}");
        }
    }
}
