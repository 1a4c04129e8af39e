//! How the addresses of a report are written.

use std::borrow::Cow;

/// A text whose unusual characters stand as `+` and two digits; `None`: it has none.
pub(super) fn from_xtext(text: &str) -> Option<String> {
    let mut parts = text.split('+');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    let mut is_any = false;
    for part in parts {
        let digits = part.get(..2).filter(|it| !it.starts_with('+'));
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                is_any = true;
                bytes.push(byte);
                bytes.extend(part.as_bytes().iter().skip(2));
            }
            None => {
                bytes.push(b'+');
                bytes.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|_| is_any)
}

/// RFC 6533, 3: an address of which characters stand as `\x{E9}`.
pub(super) fn unescaped(text: &str) -> Cow<'_, str> {
    let mut parts = text.split("\\x{");
    let first = parts.next().unwrap_or_default();
    if first.len() == text.len() {
        return Cow::Borrowed(text);
    }
    let mut out = first.to_owned();
    for part in parts {
        let character = part.split_once('}').and_then(|(digits, rest)| {
            let number = u32::from_str_radix(digits, 16).ok()?;
            Some((char::from_u32(number)?, rest))
        });
        match character {
            Some((character, rest)) => {
                out.push(character);
                out.push_str(rest);
            }
            None => {
                out.push_str("\\x{");
                out.push_str(part);
            }
        }
    }
    Cow::Owned(out)
}
