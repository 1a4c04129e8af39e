//! Rendered text, stopped at a limit.

use std::io;

/// Collects what a template writes and refuses what goes beyond the limit.
pub(super) struct Output {
    text: Vec<u8>,
    limit: usize,
    is_full: bool,
}

impl Output {
    /// Room for at most `limit` bytes, of which `expected` are set aside at once.
    pub(super) fn new(limit: usize, expected: usize) -> Self {
        Self {
            text: Vec::with_capacity(expected.min(limit)),
            limit,
            is_full: false,
        }
    }

    /// Whether something was refused.
    pub(super) const fn is_full(&self) -> bool {
        self.is_full
    }

    /// What was written. The engine writes whole strings, so that this is always UTF-8.
    pub(super) fn into_text(self) -> String {
        String::from_utf8(self.text)
            .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
    }
}

impl io::Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.text.len().saturating_add(bytes.len()) > self.limit {
            self.is_full = true;
            return Err(io::Error::other("the output limit is reached"));
        }
        self.text.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Line breaks and other control characters become spaces, a break with both only one.
pub(super) fn on_one_line(text: String) -> String {
    let breaks = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    if !text.contains(breaks) {
        return text;
    }
    let folded = text.replace("\r\n", "\n");
    folded.replace(breaks, " ").trim().to_owned()
}
