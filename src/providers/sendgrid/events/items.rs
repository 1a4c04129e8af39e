//! The items of a list, also of one that is not quite JSON: what is broken takes nothing else with it.

use serde_json::value::RawValue;

/// Broken items that are looked behind; what follows then is one.
const MOST_BROKEN: usize = 100;

/// The items of a JSON array, each as it stands there; of a text that is none, the values that are in it, and what
/// lies between them.
pub(super) fn items(text: &str) -> Vec<&str> {
    match serde_json::from_str::<Vec<&RawValue>>(text) {
        Ok(each) => each.into_iter().map(RawValue::get).collect(),
        Err(_) => of_broken(text.trim()),
    }
}

fn of_broken(text: &str) -> Vec<&str> {
    let mut rest = text.strip_prefix('[').unwrap_or(text);
    let (mut items, mut broken) = (vec![], 0);
    loop {
        rest = rest.trim_start_matches(|it: char| it.is_whitespace() || it == ',');
        if matches!(rest, "" | "]") {
            return items;
        }
        let whole = value(rest);
        broken += usize::from(whole.is_none());
        let length = match whole {
            Some(value) => value.len(),
            None if broken > MOST_BROKEN => rest.len(),
            None => broken_length(rest),
        };
        let (item, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        items.push(item.trim_end());
        rest = behind;
    }
}

/// The value that a text begins with.
fn value(text: &str) -> Option<&str> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
    values.next()?.ok().map(RawValue::get)
}

/// How far a broken item goes, in bytes: to the bracket that closes it; else to the next line that begins with an
/// object, for SendGrid writes one a line; else to the end.
fn broken_length(text: &str) -> usize {
    let next_line = || {
        let mut lines = text.match_indices('\n');
        let next = lines.find(|(at, _)| {
            let behind = text.get(at + 1..).unwrap_or_default();
            behind.trim_start().starts_with('{')
        });
        next.map_or(text.len(), |(at, _)| at)
    };
    closed_at(text).unwrap_or_else(next_line)
}

/// Behind the bracket that closes the one that a text begins with.
fn closed_at(text: &str) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_item_takes_no_other_with_it() {
        for (text, expected) in [
            (r#"[{"a":1},{"b":2}]"#, &[r#"{"a":1}"#, r#"{"b":2}"#][..]),
            ("", &[]),
            (" [] ", &[]),
            ("[", &[]),
            // One by itself, and one a line.
            (r#"{"a":1}"#, &[r#"{"a":1}"#]),
            ("{\"a\":1}\r\n{\"b\":2}\r\n", &[r#"{"a":1}"#, r#"{"b":2}"#]),
            // A control character, a word without quotes, one comma too many, and brackets in a text.
            (
                "[{\"a\":\"\u{1}}]\"},{\"b\":2}]",
                &["{\"a\":\"\u{1}}]\"}", r#"{"b":2}"#],
            ),
            (
                r#"[{"a":nan},{"b":2},{"c":3},]"#,
                &[r#"{"a":nan}"#, r#"{"b":2}"#, r#"{"c":3}"#],
            ),
            (
                r#"[{"a":"\"}","x"},{"b":2}]"#,
                &[r#"{"a":"\"}","x"}"#, r#"{"b":2}"#],
            ),
            // What is not closed goes to the next line.
            (
                "[{\"a\":\"x},\r\n{\"b\":2},\r\n{\"c\":3}",
                &["{\"a\":\"x},", r#"{"b":2}"#, r#"{"c":3}"#],
            ),
            ("[nul,\n {\"b\":2}]", &["nul,", r#"{"b":2}"#]),
            // Cut off.
            (r#"[{"a":1},{"b":"#, &[r#"{"a":1}"#, r#"{"b":"#]),
            ("no JSON at all", &["no JSON at all"]),
            ("é}{\"a\":1}", &["é}{\"a\":1}"]),
        ] {
            assert_eq!(items(text), expected, "{text}");
        }
        let many = "{\"a\":[\n".repeat(200_000);
        assert_eq!(items(&many).len(), MOST_BROKEN + 1);
    }
}
