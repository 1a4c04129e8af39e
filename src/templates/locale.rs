//! Which language a person gets when the template is not written in theirs.

use crate::domain::Language;

/// A language that a template is written in.
#[derive(Debug, Clone)]
pub(super) struct TemplateLocale {
    /// As it was declared.
    pub(super) tag: String,
    /// What that means; `None` is known by its spelling only.
    language: Option<Language>,
}

impl TemplateLocale {
    pub(super) fn new(tag: &str) -> Self {
        Self {
            tag: tag.to_owned(),
            // What a singleton adds is somebody's own agreement: `de-x-formal` is not for all who read `de`.
            language: Language::parse(tag).filter(|_| without_extension(tag).is_none()),
        }
    }

    fn is(&self, wanted: &Language) -> bool {
        self.language.as_ref() == Some(wanted)
    }

    fn is_kin(&self, wanted: &Language) -> bool {
        self.language.as_ref().is_some_and(|own| own.is_kin(wanted))
    }

    fn is_readable(&self, wanted: &Language) -> bool {
        let own = self.language.as_ref();
        own.is_some_and(|own| own.is_kin(wanted) && own.shares_script(wanted))
    }
}

/// Why a language was chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LocaleChoice {
    /// The person reads it.
    Recipient,
    /// It is the tenant's.
    Tenant,
    /// It is English, for want of those.
    English,
    /// It is near to one of those.
    Near,
    /// It is the first in the alphabet: there is nothing nearer.
    First,
}

/// The best of the available languages, by index, and why.
///
/// In this order: what the person reads, from the very tag to the bare language
/// ([`Language::fallbacks`]); the same for the tenant; English. Only then the person's language of
/// another region, in their script if there is one; English of any region; whatever comes first in the
/// alphabet. A message in another language beats no message.
pub(super) fn choose(
    available: &[TemplateLocale],
    recipient: Option<&str>,
    tenant: Option<&str>,
) -> Option<(usize, LocaleChoice)> {
    let wanted = [
        (recipient, LocaleChoice::Recipient),
        (tenant, LocaleChoice::Tenant),
        (Some("en"), LocaleChoice::English),
    ];
    let wanted = wanted
        .into_iter()
        .filter_map(|(tag, because)| Some((tag?, because)));
    let kin = wanted.clone().filter_map(|(tag, _)| Language::parse(tag));
    wanted
        .filter_map(|(tag, because)| Some((look_up(available, tag)?, because)))
        .next()
        .or_else(|| {
            kin.filter_map(|language| nearest_kin(available, &language))
                .next()
                .map(|index| (index, LocaleChoice::Near))
        })
        .or_else(|| {
            let first = available.iter().enumerate().min_by_key(|(_, one)| &one.tag);
            first.map(|(index, _)| (index, LocaleChoice::First))
        })
}

/// The best of some languages for a text in one of them.
#[must_use]
pub fn nearest_locale<'a>(
    available: &[&'a str],
    wanted: &str,
    tenant: Option<&str>,
) -> Option<&'a str> {
    let locales: Vec<TemplateLocale> = available
        .iter()
        .map(|tag| TemplateLocale::new(tag))
        .collect();
    let (index, _) = choose(&locales, Some(wanted), tenant)?;
    available.get(index).copied()
}

fn look_up(available: &[TemplateLocale], wanted: &str) -> Option<usize> {
    // Nearly always the very tag.
    let mut shortened = Some(wanted);
    while let Some(tag) = shortened {
        if let Some(index) = position(available, |one| same(&one.tag, tag)) {
            return Some(index);
        }
        shortened = without_extension(tag);
    }
    let language = Language::parse(wanted)?;
    language
        .fallbacks()
        .find_map(|fallback| position(available, |one| one.is(&fallback)))
}

fn nearest_kin(available: &[TemplateLocale], wanted: &Language) -> Option<usize> {
    position(available, |one| one.is_readable(wanted))
        .or_else(|| position(available, |one| one.is_kin(wanted)))
}

fn position(available: &[TemplateLocale], fits: impl Fn(&TemplateLocale) -> bool) -> Option<usize> {
    available.iter().position(fits)
}

/// A tag with one subtag less, and without the singleton that it would end with (RFC 4647, 3.4); `None`
/// when it has no singleton.
fn without_extension(tag: &str) -> Option<&str> {
    let subtags = || tag.split(['-', '_']);
    subtags().skip(1).find(|subtag| subtag.len() == 1)?;
    let mut shorter = tag;
    loop {
        let (rest, _) = shorter.rsplit_once(['-', '_'])?;
        shorter = rest;
        let last = rest.rsplit(['-', '_']).next().unwrap_or_default();
        if last.len() > 1 {
            return Some(shorter);
        }
    }
}

/// `de_AT` and `de-at` are the same.
fn same(a: &str, b: &str) -> bool {
    let plain = |c: u8| {
        if c == b'_' {
            b'-'
        } else {
            c.to_ascii_lowercase()
        }
    };
    a.len() == b.len() && a.bytes().map(plain).eq(b.bytes().map(plain))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(available: &[&'a str], recipient: &str, tenant: Option<&str>) -> Option<&'a str> {
        let written: Vec<_> = available
            .iter()
            .map(|tag| TemplateLocale::new(tag))
            .collect();
        let recipient = Some(recipient).filter(|tag| !tag.is_empty());
        choose(&written, recipient, tenant).map(|(index, _)| available[index])
    }

    #[test]
    fn a_person_gets_the_nearest_that_they_read_then_the_tenants_then_english() {
        let all = [
            "en", "de", "de-AT", "pt-PT", "zh-Hans", "zh-Hant", "sr", "sr-Latn", "fr",
        ];
        for (recipient, tenant, right) in [
            ("de_at", None, "de-AT"),
            ("de-CH", None, "de"),
            ("DE-at-u-co-phonebk", None, "de-AT"),
            ("zh-Hant-TW", None, "zh-Hant"),
            ("zh-TW", None, "zh-Hant"),
            ("zh-hk", None, "zh-Hant"),
            ("zh-CN", None, "zh-Hans"),
            ("zh", None, "zh-Hans"),
            ("sr-Latn-RS", None, "sr-Latn"),
            ("sr-RS", None, "sr"),
            ("sr-ME", None, "sr-Latn"),
            ("fi", Some("fr-CA"), "fr"),
            ("pt-BR", Some("fr"), "fr"),
            ("fi", Some("xx"), "en"),
            ("fi", None, "en"),
            ("nonsense tag", None, "en"),
            ("", None, "en"),
            ("", Some("de"), "de"),
        ] {
            assert_eq!(
                chosen(&all, recipient, tenant),
                Some(right),
                "{recipient} {tenant:?}"
            );
        }
    }

    #[test]
    fn tags_that_say_the_same_are_the_same() {
        assert_eq!(chosen(&["en", "zh-TW"], "zh-Hant-TW", None), Some("zh-TW"));
        assert_eq!(chosen(&["en", "zh-TW"], "zh-Hant", None), Some("zh-TW"));
        assert_eq!(chosen(&["en", "he"], "iw", None), Some("he"));
        assert_eq!(chosen(&["en", "no"], "nb-NO", None), Some("no"));
        assert_eq!(chosen(&["en", "zh-Hans"], "zh-Hant-TW", None), Some("en"));
    }

    #[test]
    fn an_extension_is_dropped_subtag_by_subtag_and_is_for_nobody_else() {
        let all = ["de-x-formal", "de", "en"];
        assert_eq!(chosen(&all, "de-x-formal-north", None), Some("de-x-formal"));
        assert_eq!(chosen(&all, "de_X_Formal", None), Some("de-x-formal"));
        assert_eq!(chosen(&all, "de-AT", None), Some("de"));
        assert_eq!(chosen(&all, "de-AT-x-formal", None), Some("de"));
        assert_eq!(chosen(&["de-x-formal", "en"], "de", None), Some("en"));
        assert_eq!(
            chosen(&["zh-Hant", "en"], "zh-TW-u-co-stroke-x-a", None),
            Some("zh-Hant")
        );
    }

    #[test]
    fn another_region_or_language_beats_no_message() {
        assert_eq!(chosen(&["sv", "pt-PT"], "pt-BR", None), Some("pt-PT"));
        assert_eq!(
            chosen(&["sr-Cyrl", "sr-Latn-BA"], "sr-Latn", None),
            Some("sr-Latn-BA")
        );
        assert_eq!(chosen(&["sv", "en-GB"], "fr", None), Some("en-GB"));
        assert_eq!(chosen(&["sv", "fi"], "fr", None), Some("fi"));
        assert_eq!(chosen(&[], "fr", None), None);
    }
}
