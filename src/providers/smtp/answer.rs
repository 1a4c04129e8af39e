//! A server's reply, read by its code (RFC 5321, 4.2): its words may be in any encoding, be missing, or
//! go on for as long as they like.

/// Most bytes of words that are kept.
const WORDS: usize = 2_000;
/// Most bytes that are read of one reply (Postfix: `line_length_limit` times `smtp_reply_lines`): what
/// goes on after that is not waited for.
const MOST: usize = 100_000;

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SmtpReply {
    /// 200 to 599.
    pub(super) code: u16,
    /// The words of its lines; what is not UTF-8 is replaced.
    pub(super) lines: Vec<String>,
    /// Whether it came to its end: else nothing more can be read on this connection.
    pub(super) is_whole: bool,
}

/// Something else than a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a reply of a mail server")]
pub(super) struct Garbage;

/// Puts a reply together from what comes.
#[derive(Debug, Default)]
pub(super) struct ReplyReader {
    code: Option<u16>,
    lines: Vec<String>,
    /// The present line, as far as it is kept.
    line: Vec<u8>,
    kept: usize,
    read: usize,
}

impl ReplyReader {
    /// Reads on; says how many of the bytes belong to this reply, and the reply when it is over.
    pub(super) fn read(&mut self, bytes: &[u8]) -> (usize, Option<Result<SmtpReply, Garbage>>) {
        for (at, byte) in bytes.iter().enumerate() {
            self.read += 1;
            if *byte != b'\n' {
                // The code of a line is always kept.
                if self.line.len() < 4 || self.kept < WORDS {
                    self.line.push(*byte);
                    self.kept += 1;
                }
            } else if let Some(is_last) = self.end_line() {
                if is_last {
                    return (at + 1, Some(self.so_far(true)));
                }
            } else {
                return (at + 1, Some(Err(Garbage)));
            }
            if self.read >= MOST {
                return (at + 1, Some(self.so_far(false)));
            }
        }
        (bytes.len(), None)
    }

    /// Nothing more will come: what it says so far, if that is known.
    pub(super) fn give_up(mut self) -> Result<SmtpReply, Garbage> {
        if !self.line.is_empty() {
            self.end_line();
        }
        self.so_far(false)
    }

    /// Whether this was the last line; `None` when it is none.
    fn end_line(&mut self) -> Option<bool> {
        let line = std::mem::take(&mut self.line);
        let line = line.strip_suffix(b"\r").unwrap_or(&line);
        let code = code_of(line);
        // Words with a line break in them are words all the same.
        let (words, is_last) = match (code, line) {
            (Some(_), [_, _, _, mark, words @ ..]) => (words, *mark != b'-'),
            (Some(_), _) => (&[][..], true),
            (None, words) => (words, false),
        };
        // The last code counts, and so do its words alone.
        if code.is_some_and(|code| self.code.is_some_and(|before| before != code)) {
            self.lines.clear();
        }
        self.code = code.or(self.code);
        self.lines.push(String::from_utf8_lossy(words).into_owned());
        self.code.is_some().then_some(is_last)
    }

    fn so_far(&mut self, is_whole: bool) -> Result<SmtpReply, Garbage> {
        Ok(SmtpReply {
            code: self.code.ok_or(Garbage)?,
            lines: std::mem::take(&mut self.lines),
            is_whole,
        })
    }
}

/// RFC 5321, 4.2: three digits, the first from 2 to 5.
fn code_of(line: &[u8]) -> Option<u16> {
    let [
        first @ b'2'..=b'5',
        second @ b'0'..=b'9',
        third @ b'0'..=b'9',
        ..,
    ] = line
    else {
        return None;
    };
    let digit = |byte: &u8| u16::from(*byte - b'0');
    Some(digit(first) * 100 + digit(second) * 10 + digit(third))
}

impl SmtpReply {
    /// Whether the server does what it was asked, or wants to hear more.
    pub(super) const fn is_good(&self) -> bool {
        self.code < 400
    }

    /// The words in one line.
    pub(super) fn words(&self) -> String {
        self.lines.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(bytes: &[u8]) -> (usize, Option<(u16, String, bool)>) {
        let (used, said) = ReplyReader::default().read(bytes);
        let said = said.and_then(Result::ok);
        (
            used,
            said.map(|said| (said.code, said.words(), said.is_whole)),
        )
    }

    #[test]
    fn the_code_counts_however_the_words_look() {
        for (bytes, code, words) in [
            (&b"250 ok\r\n"[..], 250, "ok"),
            (
                b"250 fertig f\xfcr heute\r\n",
                250,
                "fertig f\u{fffd}r heute",
            ),
            (
                b"550 5.1.1 gibt's nicht \xe4\r\n",
                550,
                "5.1.1 gibt's nicht \u{fffd}",
            ),
            (b"250\r\n", 250, ""),
            (b"250 \r\n", 250, ""),
            (b"250\n", 250, ""),
            (b"250\tok\r\n", 250, "ok"),
            (b"250-one\r\n250 two\r\n", 250, "one two"),
            (b"250-one\r\n250\r\n", 250, "one "),
            (
                b"250-\xff\r\nno code here\r\n250 two\r\n",
                250,
                "\u{fffd} no code here two",
            ),
            (b"354 go on\r\n", 354, "go on"),
        ] {
            let expected = Some((code, words.to_owned(), true));
            assert_eq!(read(bytes), (bytes.len(), expected), "{words}");
        }
    }

    #[test]
    fn bytes_after_a_reply_belong_to_the_next_reply() {
        assert_eq!(read(b"250 ok\r\n221 bye\r\n").0, 8);
    }

    #[test]
    fn line_without_a_code_is_no_reply() {
        for bytes in [
            &b"garbage\r\n"[..],
            b"\r\n",
            b"25 ok\r\n",
            b"199 x\r\n",
            b"650 x\r\n",
        ] {
            assert_eq!(ReplyReader::default().read(bytes).1, Some(Err(Garbage)));
        }
    }

    #[test]
    fn a_reply_that_breaks_off_counts_as_far_as_it_came() {
        for (bytes, code) in [
            (&b"250 queued as"[..], Some(250)),
            (b"250", Some(250)),
            (b"250-queued\r\n", Some(250)),
            (b"25", None),
            (b"", None),
        ] {
            let mut reader = ReplyReader::default();
            assert_eq!(reader.read(bytes), (bytes.len(), None));
            let said = reader.give_up();
            assert_eq!(said.as_ref().map(|said| said.code).ok(), code);
            assert!(said.is_ok_and(|said| !said.is_whole) || code.is_none());
        }
    }

    #[test]
    fn a_reply_without_an_end_is_not_waited_for() {
        let line = [b"250-".as_slice(), &[b'x'; 996], b"\r\n"].concat();
        let mut reader = ReplyReader::default();
        let said = (0..200).find_map(|_| reader.read(&line).1);
        let said = said.unwrap().unwrap();
        assert_eq!((said.code, said.is_whole), (250, false));
        assert!(said.words().len() < 10_000);
        let long = [b"550 ".as_slice(), &[b'x'; 50_000], b"\r\n"].concat();
        let (_, said) = read(&long);
        assert!(
            said.is_some_and(|(code, words, whole)| code == 550 && whole && words.len() <= WORDS)
        );
    }

    proptest! {
        #[test]
        fn however_it_is_cut_up_it_reads_the_same(
            code in 200..600_u16, words in proptest::collection::vec(any::<u8>(), 0..100),
            cut in 0..100_usize,
        ) {
            let words: Vec<u8> = words.into_iter().filter(|byte| *byte != b'\n').collect();
            let bytes = [format!("{code} ").as_bytes(), &words, b"\r\n"].concat();
            let whole = ReplyReader::default().read(&bytes).1;
            let (first, second) = bytes.split_at(cut.min(bytes.len() - 1));
            let mut reader = ReplyReader::default();
            prop_assert_eq!(reader.read(first), (first.len(), None));
            let said = reader.read(second).1;
            prop_assert_eq!(&said, &whole);
            prop_assert_eq!(said.unwrap().unwrap().code, code);
        }
    }
}
