//! The status of an answer, heard at the wire: it counts even when the rest of the answer cannot be read.

use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Longest status line that is read, in bytes: of what comes after the code nobody needs anything.
const LONGEST: usize = 64;

/// The status that was heard in answer to one request; nothing until its line has ended.
#[derive(Debug, Clone, Default)]
pub(super) struct HeardStatus(Arc<AtomicU16>);

/// What listens on one connection. Clones listen as one.
#[derive(Debug, Clone, Default)]
pub(super) struct StatusListener(Arc<Mutex<Hearing>>);

/// How far one answer has come.
#[derive(Debug, Default)]
struct Hearing {
    heard: HeardStatus,
    part: AnswerPart,
    line: Vec<u8>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum AnswerPart {
    /// Nobody asked anything yet, or the status is known.
    #[default]
    Ignored,
    StatusLine,
    /// The rest of an interim answer (1xx); another one follows.
    InterimHeaders,
}

impl HeardStatus {
    pub(super) fn code(&self) -> Option<u16> {
        let code = self.0.load(Ordering::Acquire);
        (code != 0).then_some(code)
    }
}

impl StatusListener {
    /// A request is about to be written: what comes now is its answer.
    pub(super) fn begin(&self, heard: &HeardStatus) {
        *self.lock() = Hearing {
            heard: heard.clone(),
            part: AnswerPart::StatusLine,
            line: vec![],
        };
    }

    /// What was read.
    pub(super) fn hear(&self, bytes: &[u8]) {
        let mut hearing = self.lock();
        for byte in bytes {
            if hearing.part == AnswerPart::Ignored {
                return;
            }
            hearing.hear(*byte);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Hearing> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Hearing {
    fn hear(&mut self, byte: u8) {
        if byte != b'\n' {
            if self.line.len() < LONGEST {
                self.line.push(byte);
            }
            return;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.trim_ascii_end();
        self.part = match (self.part, status_of(line)) {
            // Empty lines before an answer are ignored (RFC 9112, 2.2).
            (AnswerPart::StatusLine, _) if line.is_empty() => AnswerPart::StatusLine,
            (AnswerPart::StatusLine, Some(100 | 102..=199)) => AnswerPart::InterimHeaders,
            (AnswerPart::StatusLine, Some(code)) => {
                self.heard.0.store(code, Ordering::Release);
                AnswerPart::Ignored
            }
            (AnswerPart::InterimHeaders, _) if line.is_empty() => AnswerPart::StatusLine,
            (AnswerPart::InterimHeaders, _) => AnswerPart::InterimHeaders,
            (AnswerPart::StatusLine, None) | (AnswerPart::Ignored, _) => AnswerPart::Ignored,
        };
    }
}

/// The code of a status line (RFC 9112, 4): `HTTP/1.1 202 Accepted`.
fn status_of(line: &[u8]) -> Option<u16> {
    let rest = line.strip_prefix(b"HTTP/1.")?;
    let (_minor, rest) = rest
        .split_first()
        .filter(|(minor, _)| minor.is_ascii_digit())?;
    let code = rest.strip_prefix(b" ")?;
    let (code, reason) = code.split_at_checked(3)?;
    let is_whole = reason.first().is_none_or(|next| *next == b' ');
    let code: u16 = std::str::from_utf8(code).ok()?.parse().ok()?;
    (is_whole && (100..=599).contains(&code)).then_some(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(answer: &str) -> Option<u16> {
        let (listener, heard) = (StatusListener::default(), HeardStatus::default());
        listener.hear(b"HTTP/1.1 408 of before\r\n");
        listener.begin(&heard);
        for byte in answer.as_bytes() {
            listener.hear(&[*byte]);
        }
        heard.code()
    }

    #[test]
    fn a_status_is_heard_once_its_line_has_ended() {
        for (answer, wanted) in [
            ("HTTP/1.1 202 Accepted\r\n", Some(202)),
            ("HTTP/1.0 503\n", Some(503)),
            ("\r\nHTTP/1.1 200 OK\r\n", Some(200)),
            ("HTTP/1.1 200 OK\r\n\r\nHTTP/1.1 500 no\r\n", Some(200)),
            (
                "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 429 Slow\r\n",
                Some(429),
            ),
            ("HTTP/1.1 103 Early Hints\r\n", None),
            ("HTTP/1.1 202 Accepted", None),
            ("HTTP/1.1 2021\r\n", None),
            ("HTTP/1.1 999 what\r\n", None),
            ("\0\0 nonsense\r\nHTTP/1.1 200 OK\r\n", None),
        ] {
            assert_eq!(heard(answer), wanted, "{answer:?}");
        }
    }

    #[test]
    fn a_line_without_an_end_costs_no_memory() {
        let (listener, heard) = (StatusListener::default(), HeardStatus::default());
        listener.begin(&heard);
        let long = format!("HTTP/1.1 200 {}", "x".repeat(100_000));
        listener.hear(long.as_bytes());
        assert_eq!(listener.lock().line.len(), LONGEST);
        listener.hear(b"\r\n");
        assert_eq!(heard.code(), Some(200));
    }
}
