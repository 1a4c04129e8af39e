//! Whether the client library can read a message's properties, and what it reads instead if not.
//!
//! Stricter than the client library nowhere, more lenient nowhere, but for depth: it recurses, and
//! here a table within a table is one step more of a loop.

use super::super::unreadable;

/// Deepest nesting of tables and arrays in headers.
const DEEPEST: usize = 32;
/// Class, weight and body size, which stand before the properties.
const HEAD: usize = 12;
/// Longest part of the reason that is told.
const LONGEST_REASON: usize = 200;

const SHORT_STRING: u8 = 0;
const TABLE: u8 = 1;
const OCTET: u8 = 2;
const TIMESTAMP: u8 = 3;

/// The properties in the order of their flags, highest bit first.
const PROPERTIES: [(&str, u8); 14] = [
    ("content_type", SHORT_STRING),
    ("content_encoding", SHORT_STRING),
    ("headers", TABLE),
    ("delivery_mode", OCTET),
    ("priority", OCTET),
    ("correlation_id", SHORT_STRING),
    ("reply_to", SHORT_STRING),
    ("expiration", SHORT_STRING),
    ("message_id", SHORT_STRING),
    ("timestamp", TIMESTAMP),
    ("type", SHORT_STRING),
    ("user_id", SHORT_STRING),
    ("app_id", SHORT_STRING),
    ("cluster_id", SHORT_STRING),
];
const HEADERS: usize = 2;
const MESSAGE_ID: usize = 8;
const TIME: usize = 9;

/// Whether the client library reads the payload of a content header.
///
/// # Errors
/// What it could not read.
pub(super) fn check(payload: &[u8]) -> Result<(), String> {
    let mut rest = FieldCursor(payload);
    rest.take(HEAD)?;
    let flags = rest.flags()?;
    for (index, (name, kind)) in PROPERTIES.iter().enumerate() {
        if !is_set(flags, index) {
            continue;
        }
        match *kind {
            SHORT_STRING => {
                let text = rest.short_string()?;
                if std::str::from_utf8(text).is_err() {
                    return Err(format!("the property `{name}` is not UTF-8"));
                }
            }
            TABLE => table(rest.long_string()?)?,
            OCTET => rest.take(1).map(drop)?,
            _ => rest.take(8).map(drop)?,
        }
    }
    if rest.0.is_empty() {
        Ok(())
    } else {
        Err("more follows the properties than their flags announce".to_owned())
    }
}

/// A payload for the same body that can be read: says why, holds the original in at most `most` bytes, and
/// keeps what makes the message itself again.
pub(super) fn replaced(payload: &[u8], why: &str, most: usize) -> Vec<u8> {
    let original = payload.get(HEAD..).unwrap_or_default();
    let kept = original.get(..original.len().min(most)).unwrap_or(original);
    let why = why.get(..why.len().min(LONGEST_REASON)).unwrap_or(why);
    let mut headers = vec![];
    entry(&mut headers, unreadable::REASON, b'S', why.as_bytes());
    entry(&mut headers, unreadable::ORIGINAL, b'x', kept);

    let saved = Saved::of(original);
    let mut flags = flag(HEADERS);
    let mut rest = vec![];
    if let Some(id) = saved.message_id {
        flags |= flag(MESSAGE_ID);
        rest.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
        rest.extend_from_slice(id);
    }
    if let Some(time) = saved.timestamp {
        flags |= flag(TIME);
        rest.extend_from_slice(time);
    }
    let mut replaced = payload.get(..HEAD).unwrap_or(&[0; HEAD]).to_vec();
    replaced.extend_from_slice(&flags.to_be_bytes());
    long_string(&mut replaced, &headers);
    replaced.extend_from_slice(&rest);
    replaced
}

/// What is kept of properties that cannot be read: only what stands before the first broken length.
#[derive(Default)]
struct Saved<'a> {
    message_id: Option<&'a [u8]>,
    timestamp: Option<&'a [u8]>,
}

impl<'a> Saved<'a> {
    fn of(original: &'a [u8]) -> Self {
        let mut saved = Self::default();
        // An end before the end is what was to be found out.
        let _ = saved.read(FieldCursor(original));
        saved
    }

    fn read(&mut self, mut rest: FieldCursor<'a>) -> Result<(), String> {
        let flags = rest.flags()?;
        for (index, (_, kind)) in PROPERTIES.iter().enumerate() {
            if !is_set(flags, index) {
                continue;
            }
            let value = match *kind {
                SHORT_STRING => rest.short_string()?,
                TABLE => rest.long_string()?,
                OCTET => rest.take(1)?,
                _ => rest.take(8)?,
            };
            match index {
                MESSAGE_ID => {
                    self.message_id = Some(value).filter(|id| std::str::from_utf8(id).is_ok());
                }
                TIME => self.timestamp = Some(value),
                _ => {}
            }
        }
        Ok(())
    }
}

/// A table or an array that is being read.
#[derive(Clone, Copy)]
struct Open<'a> {
    rest: FieldCursor<'a>,
    is_table: bool,
}

/// Reads a table with all that is in it.
fn table(bytes: &[u8]) -> Result<(), String> {
    let mut open = vec![Open {
        rest: FieldCursor(bytes),
        is_table: true,
    }];
    while let Some(top) = open.last_mut() {
        if top.rest.0.is_empty() {
            open.pop();
            continue;
        }
        if top.is_table && std::str::from_utf8(top.rest.short_string()?).is_err() {
            return Err("the name of a header is not UTF-8".to_owned());
        }
        if let Some(inner) = value(&mut top.rest)? {
            if open.len() == DEEPEST {
                return Err(format!("headers are nested more than {DEEPEST} deep"));
            }
            open.push(inner);
        }
    }
    Ok(())
}

/// Passes over a value; what holds others is still to be read.
fn value<'a>(rest: &mut FieldCursor<'a>) -> Result<Option<Open<'a>>, String> {
    let [kind] = *rest.take(1)? else {
        return Err(BREAKS_OFF.to_owned());
    };
    let fixed = match kind {
        b'V' => 0,
        b't' | b'b' | b'B' => 1,
        b's' | b'U' | b'u' => 2,
        b'I' | b'i' | b'f' => 4,
        b'D' => 5,
        b'L' | b'l' | b'd' | b'T' => 8,
        b'S' | b'x' => {
            rest.long_string()?;
            return Ok(None);
        }
        b'F' | b'A' => {
            return Ok(Some(Open {
                rest: FieldCursor(rest.long_string()?),
                is_table: kind == b'F',
            }));
        }
        _ => return Err(format!("a header has a value of an unknown type ({kind})")),
    };
    rest.take(fixed)?;
    Ok(None)
}

const BREAKS_OFF: &str = "the properties break off";

/// What is still to be read.
#[derive(Clone, Copy)]
struct FieldCursor<'a>(&'a [u8]);

impl<'a> FieldCursor<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], String> {
        let split = self.0.split_at_checked(count);
        let (taken, rest) = split.ok_or_else(|| BREAKS_OFF.to_owned())?;
        self.0 = rest;
        Ok(taken)
    }

    fn number<const N: usize>(&mut self) -> Result<[u8; N], String> {
        let taken = self.take(N)?;
        taken.try_into().map_err(|_| BREAKS_OFF.to_owned())
    }

    fn flags(&mut self) -> Result<u16, String> {
        self.number().map(u16::from_be_bytes)
    }

    fn short_string(&mut self) -> Result<&'a [u8], String> {
        let length = u8::from_be_bytes(self.number()?);
        self.take(length.into())
    }

    fn long_string(&mut self) -> Result<&'a [u8], String> {
        let length = u32::from_be_bytes(self.number()?);
        self.take(usize::try_from(length).unwrap_or(usize::MAX))
    }
}

const fn flag(index: usize) -> u16 {
    0x8000 >> index
}

const fn is_set(flags: u16, index: usize) -> bool {
    flags & flag(index) != 0
}

/// An entry of a table. The names are ours and short.
fn entry(table: &mut Vec<u8>, name: &str, kind: u8, value: &[u8]) {
    table.push(u8::try_from(name.len()).unwrap_or(u8::MAX));
    table.extend_from_slice(name.as_bytes());
    table.push(kind);
    long_string(table, value);
}

fn long_string(bytes: &mut Vec<u8>, text: &[u8]) {
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(text);
}

#[cfg(test)]
mod tests;
