//! The messages of PostgreSQL's protocol, followed through streams of bytes wherever they are cut.
//!
//! Each message is a tag of one byte, a length of four bytes that counts itself, and a body
//! (PostgreSQL's manual, "Message Formats"). Only the very first message of a client has no tag.

use super::super::sqlstate::SqlState;

/// Stands before an error's text, with the code and one of two marks after it.
const PREFIX: &str = "SQLSTATE ";
/// After the code.
const PLAIN: &str = ": ";
/// The same, when the error is about the size of a row.
const OF_A_ROW: &str = "! ";
/// What an error's text grows by.
const GROWTH: usize = PREFIX.len() + 5 + PLAIN.len();
/// Where PostgreSQL refuses a row for its size, or that of its entry in an index: its source files, which it
/// names in the error. The same code (54000) is also that of limits of the server, such as a full queue of
/// notices.
const ROW_SIZE: &[&str] = &[
    "nbtutils.c",
    "indextuple.c",
    "hio.c",
    "rewriteheap.c",
    "ginentrypage.c",
    "gist.c",
    "spgdoinsert.c",
    "brin_pageops.c",
    "hashinsert.c",
    "jsonb.c",
    "jsonb_util.c",
];
/// Most bytes of an error that are looked at: the code and the beginning of the text come first.
const MOST_HELD: usize = 64 * 1_024;
/// A tag and a length.
const HEADER: usize = 5;

const ERROR_RESPONSE: u8 = b'E';
const READY_FOR_QUERY: u8 = b'Z';

/// An error's text, with what was written before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) struct MarkedText<'a> {
    /// The code.
    pub(in super::super) state: SqlState,
    /// Whether it is about the size of a row.
    pub(in super::super) is_row_size: bool,
    /// What the server says.
    pub(in super::super) words: &'a str,
}

impl<'a> MarkedText<'a> {
    /// Reads what [`Answers`] write; `None` for a text that did not pass through them.
    pub(in super::super) fn read(text: &'a str) -> Option<Self> {
        let (code, rest) = text.strip_prefix(PREFIX)?.split_at_checked(5)?;
        let plain = rest.strip_prefix(PLAIN).map(|words| (false, words));
        let (is_row_size, words) = plain.or_else(|| Some((true, rest.strip_prefix(OF_A_ROW)?)))?;
        Some(Self {
            state: SqlState::parse(code)?,
            is_row_size,
            words,
        })
    }
}

/// Where a stream stands within its messages.
#[derive(Debug, Default)]
struct StreamPosition {
    header: [u8; HEADER],
    got: usize,
    left: usize,
}

impl StreamPosition {
    const fn is_between_messages(&self) -> bool {
        self.got == 0 && self.left == 0
    }

    /// Goes on by the next piece of `bytes`, of a header or of a body; says how long it was, and
    /// the tag of the message that ends with it.
    fn step(&mut self, bytes: &[u8]) -> (usize, Option<u8>) {
        if self.left > 0 {
            let piece = self.left.min(bytes.len());
            self.left -= piece;
            return (piece, (self.left == 0).then(|| self.tag()));
        }
        let Some((byte, slot)) = bytes.first().zip(self.header.get_mut(self.got)) else {
            return (0, None);
        };
        *slot = *byte;
        self.got += 1;
        if self.got < HEADER {
            return (1, None);
        }
        self.got = 0;
        self.left = body_length(&self.header);
        (1, (self.left == 0).then(|| self.tag()))
    }

    const fn tag(&self) -> u8 {
        self.header[0]
    }
}

/// How long the body is. A length that cannot be is the client library's to complain of.
fn body_length(header: &[u8; HEADER]) -> usize {
    let [_, length @ ..] = header;
    usize::try_from(u32::from_be_bytes(*length))
        .unwrap_or(usize::MAX)
        .saturating_sub(4)
}

/// What a client asks: counts what the server owes an answer to.
#[derive(Debug)]
pub(super) struct Requests {
    place: StreamPosition,
}

impl Requests {
    /// At the beginning of a connection: the first message has no tag.
    pub(super) fn new() -> Self {
        let place = StreamPosition {
            got: 1,
            ..StreamPosition::default()
        };
        Self { place }
    }

    /// How many requests end in these bytes: each is answered by one `ReadyForQuery`.
    pub(super) fn count(&mut self, mut bytes: &[u8]) -> u32 {
        let mut requests = 0;
        while !bytes.is_empty() {
            let (piece, ended) = self.place.step(bytes);
            bytes = bytes.get(piece..).unwrap_or_default();
            // Sync, Query, FunctionCall.
            requests += u32::from(matches!(ended, Some(b'S' | b'Q' | b'F')));
        }
        requests
    }
}

/// What a server answers, with the SQLSTATE of an error written before its text.
#[derive(Debug, Default)]
pub(super) struct Answers {
    place: StreamPosition,
    /// The error whose code has not been found yet.
    held: Vec<u8>,
    is_holding: bool,
    ready: u32,
    failed: Option<SqlState>,
}

impl Answers {
    /// How many answers were complete since this was asked last.
    pub(super) fn take_ready(&mut self) -> u32 {
        std::mem::take(&mut self.ready)
    }

    /// The last error since this was asked last.
    pub(super) const fn take_failed(&mut self) -> Option<SqlState> {
        self.failed.take()
    }

    /// Whether what was passed on so far is whole.
    pub(super) const fn is_between_messages(&self) -> bool {
        !self.is_holding && self.place.is_between_messages()
    }

    /// How many of these bytes may be passed on as they are: up to where an error begins. What
    /// comes after must go through [`Self::rewrite`].
    pub(super) fn pass(&mut self, bytes: &[u8]) -> usize {
        let mut passed = 0;
        if self.is_holding {
            return passed;
        }
        while let Some(rest) = bytes.get(passed..).filter(|rest| !rest.is_empty()) {
            if self.place.is_between_messages() && rest.first() == Some(&ERROR_RESPONSE) {
                break;
            }
            let (piece, ended) = self.place.step(rest);
            passed += piece;
            self.ready += u32::from(ended == Some(READY_FOR_QUERY));
        }
        passed
    }

    /// Takes bytes, and gives out what is to be passed on instead of them.
    pub(super) fn rewrite(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while !bytes.is_empty() {
            let passed = self.pass(bytes);
            let (plain, rest) = bytes.split_at(passed.min(bytes.len()));
            out.extend_from_slice(plain);
            bytes = rest;
            if !bytes.is_empty() {
                bytes = self.hold(bytes, out);
            }
        }
    }

    /// Holds an error back until it is complete, or as much of it as is looked at.
    fn hold<'a>(&mut self, bytes: &'a [u8], out: &mut Vec<u8>) -> &'a [u8] {
        self.is_holding = true;
        let mut taken = 0;
        while let Some(rest) = bytes.get(taken..).filter(|rest| !rest.is_empty()) {
            let (piece, ended) = self.place.step(rest);
            self.held
                .extend_from_slice(rest.get(..piece).unwrap_or_default());
            taken += piece;
            if ended.is_some() || self.held.len() >= MOST_HELD {
                self.is_holding = false;
                self.failed = marked(&self.held, out).or(self.failed);
                self.held.clear();
                break;
            }
        }
        bytes.get(taken..).unwrap_or_default()
    }
}

/// Writes an error, or its beginning, with its code before its text. One without both is left as it
/// is.
fn marked(error: &[u8], out: &mut Vec<u8>) -> Option<SqlState> {
    let Some((code, text_at, is_row_size)) = code_and_text(error) else {
        out.extend_from_slice(error);
        return None;
    };
    let (before, text) = error.split_at(text_at);
    if let Some((header, rest)) = before.split_first_chunk::<HEADER>() {
        let length = body_length(header).saturating_add(4 + GROWTH);
        out.push(ERROR_RESPONSE);
        out.extend_from_slice(&u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
        out.extend_from_slice(rest);
    }
    out.extend_from_slice(PREFIX.as_bytes());
    out.extend_from_slice(code.as_str().as_bytes());
    let mark = if is_row_size { OF_A_ROW } else { PLAIN };
    out.extend_from_slice(mark.as_bytes());
    out.extend_from_slice(text);
    Some(code)
}

/// An error as a server would tell it that is cut off: 08006, and why. For whoever waits for an answer.
pub(super) fn lost(why: &str) -> Vec<u8> {
    const CODE: &str = "08006";
    let words: String = why.chars().filter(|c| *c != '\0').collect();
    let text = format!("SFATAL\0VFATAL\0C{CODE}\0M{PREFIX}{CODE}: {words}\0\0");
    let length = u32::try_from(text.len() + 4).unwrap_or(u32::MAX);
    [
        &[ERROR_RESPONSE],
        &length.to_be_bytes()[..],
        text.as_bytes(),
    ]
    .concat()
}

/// The code of an error, where its text begins, and whether it is about the size of a row. A body is a list
/// of fields: a letter and a text that ends with a zero byte. The file comes after the text.
fn code_and_text(error: &[u8]) -> Option<(SqlState, usize, bool)> {
    let (mut code, mut text_at, mut at) = (None, None, HEADER);
    let mut is_row_size = false;
    while let Some((kind, rest)) = error.get(at..).and_then(<[u8]>::split_first) {
        let value = rest.split(|byte| *byte == 0).next().unwrap_or_default();
        match kind {
            b'C' => code = SqlState::parse(std::str::from_utf8(value).ok()?),
            b'M' => text_at = Some(at + 1),
            b'F' => is_row_size = ROW_SIZE.iter().any(|file| file.as_bytes() == value),
            0 => break,
            _ => {}
        }
        let may_be_row_size = code.is_none_or(|code| code.as_str() == "54000");
        if code.is_some() && text_at.is_some() && !may_be_row_size {
            break;
        }
        at += 1 + value.len() + 1;
    }
    let code = code?;
    Some((code, text_at?, is_row_size && code.as_str() == "54000"))
}

#[cfg(test)]
mod tests;
