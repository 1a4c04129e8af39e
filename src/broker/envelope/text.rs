//! From a body to the text of its JSON: the common slips of publishers are mended here, once, at the
//! door; what is no UTF-8 is refused with words.
//!
//! - A byte order mark before the JSON is skipped.
//! - Half a surrogate pair, which is no character, becomes U+FFFD: as an escape (`\ud83d`) and as
//!   bytes, which old encoders write. Both halves as bytes are one character.
//! - U+0000 is dropped. JSON allows it, escaped; it carries no meaning in a message, and PostgreSQL
//!   stores none, neither in `text` nor in `jsonb`.

use std::borrow::Cow;

use super::Refusal;
use crate::domain::Rejection;

/// The text of a body, ready to be parsed.
///
/// # Errors
/// It is in another encoding, or compressed.
pub(in crate::broker) fn of(body: &[u8]) -> Result<Cow<'_, str>, Refusal> {
    if let Some(form) = foreign(body) {
        return Err(malformed(format!(
            "the body is {form}: publish it as plain UTF-8"
        )));
    }
    let body = without_mark(body);
    Ok(match std::str::from_utf8(body) {
        Ok(text) => mended(text),
        Err(_) => {
            let text = String::from_utf8(with_whole_characters(body));
            let text = text.map_err(|error| not_utf8(error.as_bytes(), &error.utf8_error()))?;
            Cow::Owned(mended(&text).into_owned())
        }
    })
}

fn malformed(detail: String) -> Refusal {
    Refusal::new(Rejection::MalformedJson, detail)
}

fn not_utf8(body: &[u8], error: &std::str::Utf8Error) -> Refusal {
    let at = error.valid_up_to();
    let byte = body.get(at).copied().unwrap_or_default();
    malformed(format!(
        "not UTF-8: the byte 0x{byte:02x} at position {at} belongs to no character"
    ))
}

/// What the body is instead of UTF-8, by its first bytes. JSON begins with a character of ASCII, so
/// that a NUL beside it tells the width of the others.
fn foreign(body: &[u8]) -> Option<&'static str> {
    match body {
        [0xff, 0xfe, 0, 0, ..] | [0, 0, 0xfe, 0xff, ..] => Some("UTF-32"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        [0, 0, 0, 1..=0xff, ..] | [1..=0xff, 0, 0, 0, ..] => Some("UTF-32"),
        [0, 1..=0xff, ..] | [1..=0xff, 0, ..] => Some("UTF-16"),
        [0x1f, 0x8b, ..] => Some("compressed (gzip)"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Some("compressed (zstd)"),
        [0x78, 0x01 | 0x5e | 0x9c | 0xda, ..] => Some("compressed (zlib)"),
        _ => None,
    }
}

fn without_mark(mut body: &[u8]) -> &[u8] {
    while let Some(rest) = body.strip_prefix(b"\xef\xbb\xbf") {
        body = rest;
    }
    body
}

/// Surrogates that were encoded as if they were characters (CESU-8): a pair becomes its character,
/// a single one U+FFFD. Everything else stays as it is.
fn with_whole_characters(body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some((&first, after)) = rest.split_first() {
        match (raw_unit(rest), rest.get(3..).and_then(raw_unit)) {
            (Some(high @ 0xd800..=0xdbff), Some(low @ 0xdc00..=0xdfff)) => {
                let pair = char::decode_utf16([high, low]).flatten();
                whole.extend(pair.collect::<String>().into_bytes());
                rest = rest.get(6..).unwrap_or_default();
            }
            (Some(_), _) => {
                whole.extend_from_slice(char::REPLACEMENT_CHARACTER.to_string().as_bytes());
                rest = rest.get(3..).unwrap_or_default();
            }
            (None, _) => {
                whole.push(first);
                rest = after;
            }
        }
    }
    whole
}

/// The surrogate that three bytes stand for.
fn raw_unit(bytes: &[u8]) -> Option<u16> {
    match bytes {
        [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, ..] => {
            Some(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f))
        }
        _ => None,
    }
}

/// The text with each escape mended that stands for no character, or for U+0000.
fn mended(text: &str) -> Cow<'_, str> {
    let mut mended = String::new();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('\\')) {
        let start = at + found;
        let rest = text.as_bytes().get(start..).unwrap_or_default();
        let (length, instead) = escape(rest);
        at = start + length;
        if let Some(instead) = instead {
            mended.push_str(text.get(copied..start).unwrap_or_default());
            mended.push_str(instead);
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    mended.push_str(text.get(copied..).unwrap_or_default());
    Cow::Owned(mended)
}

/// The length of the escape that `rest` begins with, and what should stand there instead.
fn escape(rest: &[u8]) -> (usize, Option<&'static str>) {
    match unit(rest) {
        Some(0) => (6, Some("")),
        Some(0xd800..=0xdbff) if rest.get(6..).and_then(unit).is_some_and(is_low) => (12, None),
        Some(0xd800..=0xdfff) => (6, Some("\\ufffd")),
        Some(_) => (6, None),
        None => (2, None),
    }
}

const fn is_low(unit: u16) -> bool {
    matches!(unit, 0xdc00..=0xdfff)
}

/// The number in an escape such as `\ud83d`.
fn unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.strip_prefix(b"\\u")?.get(..4)?;
    digits.iter().try_fold(0, |unit: u16, digit| {
        let digit = char::from(*digit).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(body: impl AsRef<[u8]>) -> Result<String, String> {
        let read = of(body.as_ref()).map(Cow::into_owned);
        read.map_err(|refusal| refusal.detail)
    }

    #[test]
    fn a_byte_order_mark_is_skipped() {
        assert_eq!(text("\u{feff}{}").unwrap(), "{}");
        assert_eq!(
            text("{\"a\":\"\u{feff}\"}").unwrap(),
            "{\"a\":\"\u{feff}\"}"
        );
    }

    #[test]
    fn half_a_pair_becomes_the_replacement_character_and_a_whole_one_stays() {
        for (written, right) in [
            (r#""\ud83d""#, r#""\ufffd""#),
            (r#""\uDE00 x""#, r#""\ufffd x""#),
            (r#""\ud83d\ude00""#, r#""\ud83d\ude00""#),
            (r#""\ud83d\ud83d\ude00""#, r#""\ufffd\ud83d\ude00""#),
            (r#""\ude00\ud83d""#, r#""\ufffd\ufffd""#),
            (r#""\ud83d\n\ude00""#, r#""\ufffd\n\ufffd""#),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\\\ud83d""#, r#""\\\ufffd""#),
            (r#""a\u0000b\u0000""#, r#""ab""#),
            (r#""\ud83d\u0000\ude00""#, r#""\ufffd\ufffd""#),
            (r#""\u00e4\u000a""#, r#""\u00e4\u000a""#),
            (r#""\u+12f""#, r#""\u+12f""#),
        ] {
            assert_eq!(text(written).unwrap(), right, "{written}");
        }
    }

    #[test]
    fn surrogates_as_bytes_are_mended_too() {
        assert_eq!(
            text(b"\"\xed\xa0\xbd\xed\xb8\x80\"").unwrap(),
            "\"\u{1f600}\""
        );
        assert_eq!(text(b"\"\xed\xa0\xbd\"").unwrap(), "\"\u{fffd}\"");
        assert_eq!(
            text(b"\"\xed\xb8\x80\xed\xa0\xbd\"").unwrap(),
            "\"\u{fffd}\u{fffd}\""
        );
        assert_eq!(text("\"\u{d7ff}\"").unwrap(), "\"\u{d7ff}\"");
    }

    #[test]
    fn another_encoding_is_refused_with_its_name() {
        let wide = |text: &str, unit: fn(u16) -> [u8; 2]| -> Vec<u8> {
            text.encode_utf16().flat_map(unit).collect()
        };
        for (body, name) in [
            (wide("\u{feff}{}", u16::to_le_bytes), "UTF-16"),
            (wide("\u{feff}{}", u16::to_be_bytes), "UTF-16"),
            (wide("{}", u16::to_le_bytes), "UTF-16"),
            (wide("{}", u16::to_be_bytes), "UTF-16"),
            (b"{\0\0\0}\0\0\0".to_vec(), "UTF-32"),
            (b"\0\0\0{\0\0\0}".to_vec(), "UTF-32"),
            (b"\x1f\x8b\x08\0".to_vec(), "gzip"),
            (b"{\"a\":\"f\xfcr\"}".to_vec(), "0xfc at position 7"),
        ] {
            let detail = text(body).unwrap_err();
            assert!(detail.contains(name), "`{detail}` should name `{name}`");
        }
    }

    proptest! {
        #[test]
        fn good_text_without_nul_and_halves_stays_as_it_is(value: String) {
            let json = serde_json::to_string(&value.replace('\0', "")).unwrap();
            prop_assert_eq!(text(&json).unwrap(), json);
        }

        #[test]
        fn text_with_any_escapes_parses_after_mending(
            units in prop::collection::vec(prop_oneof![0xd7f0_u16..0xe010, any::<u16>()], 0..8),
        ) {
            let escaped: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let read: String = serde_json::from_str(&text(format!("\"{escaped}\"")).unwrap()).unwrap();
            prop_assert_eq!(read, String::from_utf16_lossy(&units).replace('\0', ""));
        }
    }
}
