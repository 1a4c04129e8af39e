//! `application/x-www-form-urlencoded`, straight into the request's bytes (WHATWG URL, 5.2).

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// Appends `key=value`, with `&` before it unless it is the first.
pub(crate) fn pair(out: &mut Vec<u8>, key: &str, value: &str) {
    if !out.is_empty() {
        out.push(b'&');
    }
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    escape(out, value);
}

/// Appends the escaped text.
pub(crate) fn escape(out: &mut Vec<u8>, text: &str) {
    out.reserve(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'*' | b'-' | b'.' | b'_' => out.push(byte),
            b' ' => out.push(b'+'),
            _ => out.extend([b'%', digit(byte >> 4), digit(byte & 15)]),
        }
    }
}

fn digit(nibble: u8) -> u8 {
    HEX.get(usize::from(nibble)).copied().unwrap_or(b'0')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn form_round_trips(first in ".*", second in ".*") {
            let mut out = Vec::new();
            pair(&mut out, "A", &first);
            pair(&mut out, "B", &second);
            let url = format!("http://x/?{}", String::from_utf8(out).unwrap());
            let url = url::Url::parse(&url).unwrap();
            let read: Vec<_> = url.query_pairs().map(|(_, value)| value.into_owned()).collect();
            prop_assert_eq!(read, vec![first, second]);
        }
    }
}
