//! Which language a person gets when the template is not written in theirs.

/// The best of the available languages for a wanted one, by index.
///
/// In this order: the very language (`pt-BR`); the same language without the region (`pt`); the
/// same language of another region (`pt-PT`); English; whatever comes first in the alphabet. A
/// message in another language beats no message.
pub(super) fn choose(available: &[String], wanted: Option<&str>) -> Option<usize> {
    let find = |fits: &dyn Fn(&str) -> bool| available.iter().position(|locale| fits(locale));
    let wanted = wanted.unwrap_or("en");
    let exact = find(&|locale| same(locale, wanted));
    exact
        .or_else(|| find(&|locale| same(locale, language(wanted))))
        .or_else(|| find(&|locale| same(language(locale), language(wanted))))
        .or_else(|| find(&|locale| same(locale, "en")))
        .or_else(|| find(&|locale| same(language(locale), "en")))
        .or_else(|| {
            let first = available
                .iter()
                .enumerate()
                .min_by_key(|(_, locale)| *locale);
            first.map(|(index, _)| index)
        })
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

fn language(locale: &str) -> &str {
    locale.split(['-', '_']).next().unwrap_or(locale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen<'a>(available: &[&'a str], wanted: Option<&str>) -> Option<&'a str> {
        let owned: Vec<_> = available.iter().map(ToString::to_string).collect();
        choose(&owned, wanted).map(|index| available[index])
    }

    #[test]
    fn the_nearest_language_is_taken() {
        let all = ["en", "de", "de-AT", "pt-PT"];
        assert_eq!(chosen(&all, Some("de_at")), Some("de-AT"));
        assert_eq!(chosen(&all, Some("de-CH")), Some("de"));
        assert_eq!(chosen(&all, Some("pt-BR")), Some("pt-PT"));
        assert_eq!(chosen(&all, Some("fr")), Some("en"));
        assert_eq!(chosen(&all, None), Some("en"));
        assert_eq!(chosen(&["sv", "en-GB"], Some("fr")), Some("en-GB"));
        assert_eq!(chosen(&["sv", "fi"], Some("fr")), Some("fi"));
        assert_eq!(chosen(&[], Some("fr")), None);
    }
}
