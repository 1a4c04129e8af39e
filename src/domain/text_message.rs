//! How a text is cut into the segments of an SMS (3GPP TS 23.038 and 23.040).

use std::fmt;

/// How the characters of a text message are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Seven bits each, the alphabet of GSM; those of its extension table take two places.
    Gsm7,
    /// Sixteen bits each; those beyond, such as emoji, take two places.
    Ucs2,
}

impl Coding {
    /// Its name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Places of a message of one segment, and of a segment among several.
    const fn places(self) -> (usize, usize) {
        match self {
            Self::Gsm7 => (160, 153),
            Self::Ucs2 => (70, 67),
        }
    }
}

/// What a text becomes on its way to a phone: carriers count, and charge for, segments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// The coding: one character outside of the alphabet of GSM changes that of the whole text.
    pub coding: Coding,
    /// Places that its characters take.
    pub places: usize,
    /// How many segments.
    pub count: usize,
}

impl fmt::Display for Segments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alone, among) = self.coding.places();
        let (noun, each) = match self.count {
            1 => ("segment", alone),
            _ => ("segments", among),
        };
        let (count, coding, places) = (self.count, self.coding.as_str(), self.places);
        write!(
            f,
            "{count} {noun} of {each} places in {coding}, {places} places taken"
        )
    }
}

/// The segments of a text.
#[must_use]
pub fn segments(text: &str) -> Segments {
    let coding = match text.chars().all(|c| width(c).is_some()) {
        true => Coding::Gsm7,
        false => Coding::Ucs2,
    };
    let widths = || text.chars().map(|c| width_in(coding, c));
    let places = widths().sum();
    let (alone, among) = coding.places();
    let count = match places <= alone {
        true => 1,
        false => parts(widths(), among),
    };
    Segments {
        coding,
        places,
        count,
    }
}

/// A character of two places is never cut in two.
fn parts(widths: impl Iterator<Item = usize>, among: usize) -> usize {
    let (mut count, mut taken) = (1, 0);
    for width in widths {
        if taken + width > among {
            count += 1;
            taken = 0;
        }
        taken += width;
    }
    count
}

const fn width_in(coding: Coding, c: char) -> usize {
    match coding {
        Coding::Gsm7 if is_extension(c) => 2,
        Coding::Gsm7 => 1,
        Coding::Ucs2 => c.len_utf16(),
    }
}

/// Places of a character of the alphabet of GSM.
fn width(c: char) -> Option<usize> {
    let is_basic = c.is_ascii_alphanumeric()
        || " @£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ!\"#¤%&'()*+,-./:;<=>?¡ÄÖÑÜ§¿äöñüà".contains(c);
    match is_basic {
        true => Some(1),
        false => is_extension(c).then_some(2),
    }
}

const fn is_extension(c: char) -> bool {
    matches!(
        c,
        '\u{c}' | '^' | '{' | '}' | '\\' | '[' | '~' | ']' | '|' | '€'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (Coding, usize, usize) {
        let Segments {
            coding,
            places,
            count,
        } = segments(text);
        (coding, places, count)
    }

    #[test]
    fn the_alphabet_of_gsm_takes_seven_bits() {
        use Coding::Gsm7;
        assert_eq!(cut(""), (Gsm7, 0, 1));
        assert_eq!(cut(&"a".repeat(160)), (Gsm7, 160, 1));
        assert_eq!(cut(&"a".repeat(161)), (Gsm7, 161, 2));
        assert_eq!(cut(&"ä".repeat(306)), (Gsm7, 306, 2));
        assert_eq!(cut(&"ß".repeat(307)), (Gsm7, 307, 3));
        assert_eq!(cut("Ça coûte").0, Coding::Ucs2, "û is not in it");
        assert_eq!(cut("@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ¡ÄÖÑÜ§¿äöñüà").0, Gsm7);
        assert_eq!(cut("1 ç").0, Coding::Ucs2, "only the capital is in it");
    }

    #[test]
    fn gsm_extension_character_takes_two_places_and_is_not_split() {
        use Coding::Gsm7;
        assert_eq!(cut("5 €"), (Gsm7, 4, 1));
        assert_eq!(cut(&"€".repeat(80)), (Gsm7, 160, 1));
        assert_eq!(cut(&"€".repeat(81)), (Gsm7, 162, 2));
        // 153 is odd: the last place of each segment stays free.
        assert_eq!(cut(&"€".repeat(153)), (Gsm7, 306, 3));
        assert_eq!(cut("^{}\\[~]|€\u{c}"), (Gsm7, 20, 1));
    }

    #[test]
    fn character_outside_gsm_makes_the_text_ucs2() {
        use Coding::Ucs2;
        assert_eq!(cut(&"я".repeat(70)), (Ucs2, 70, 1));
        assert_eq!(cut(&"я".repeat(71)), (Ucs2, 71, 2));
        assert_eq!(cut(&format!("{}’", "a".repeat(70))), (Ucs2, 71, 2));
        assert_eq!(cut("[]’"), (Ucs2, 3, 1));
        assert_eq!(cut("`"), (Ucs2, 1, 1));
    }

    #[test]
    fn an_emoji_takes_two_places_and_is_not_cut() {
        use Coding::Ucs2;
        assert_eq!(cut("😀"), (Ucs2, 2, 1));
        assert_eq!(cut(&"😀".repeat(35)), (Ucs2, 70, 1));
        // 67 is odd: 33 in each.
        assert_eq!(cut(&"😀".repeat(67)), (Ucs2, 134, 3));
    }

    #[test]
    fn segments_are_told_in_words() {
        let told = segments(&"a".repeat(200)).to_string();
        insta::assert_snapshot!(told, @"2 segments of 153 places in GSM-7, 200 places taken");
    }
}
