//! Header lines: a text stands in one as it is only where every reader shows it so, else as encoded
//! words (RFC 2047).

use email_encoding::headers::rfc2047;
use email_encoding::headers::writer::EmailWriter;

/// RFC 5322, 2.1.1: a line should be no longer.
const LINE: usize = 76;
/// Longest word that stands as it is: a longer one would leave no place to fold at.
const WORD: usize = 60;
/// Longest name that stands as it is, in quotes.
const NAME: usize = 60;

/// A header of free text, folded.
pub(super) fn text(name: &str, text: &str) -> String {
    let start = name.len() + 2;
    let value = match is_plain(text) {
        true => folded(text, start),
        false => encoded(text, start),
    };
    format!("{name}: {value}\r\n")
}

/// A header with one mailbox.
pub(super) fn mailbox(name: &str, shown: Option<&str>, address: &str) -> String {
    let Some(shown) = shown else {
        return format!("{name}: {address}\r\n");
    };
    let phrase = phrase(shown, name.len() + 2);
    let last_line = phrase.rsplit("\r\n").next().unwrap_or_default().len();
    let gap = match name.len() + 2 + last_line + address.len() + 3 > LINE {
        true => "\r\n ",
        false => " ",
    };
    format!("{name}: {phrase}{gap}<{address}>\r\n")
}

/// RFC 5322, 3.2.5: words, or a text in quotes, or encoded words.
fn phrase(shown: &str, start: usize) -> String {
    if !is_plain(shown) || shown.len() > NAME {
        return encoded(shown, start);
    }
    let is_bare = |c: char| c.is_ascii_alphanumeric() || " -_'!#$%&*+/^`{|}~".contains(c);
    if shown.chars().all(is_bare) {
        return shown.to_owned();
    }
    let escaped = shown.replace('\\', "\\\\").replace('"', "\\\"");
    format!("\"{escaped}\"")
}

/// Whether every reader shows the text as it stands: printable ASCII, nothing that looks like an
/// encoded word, no blank that folding could lose, no word that cannot be folded.
fn is_plain(text: &str) -> bool {
    let is_printable = |byte: u8| matches!(byte, b' '..=b'~');
    text.bytes().all(is_printable)
        && !text.contains("=?")
        && text.split(' ').all(|word| (1..=WORD).contains(&word.len()))
}

/// Folds between words (RFC 5322, 2.2.3).
fn folded(text: &str, start: usize) -> String {
    let (mut folded, mut line) = (String::with_capacity(text.len() + 8), start);
    for (at, word) in text.split(' ').enumerate() {
        if at > 0 && line + 1 + word.len() > LINE {
            folded.push_str("\r\n");
            line = 0;
        }
        if at > 0 {
            folded.push(' ');
            line += 1;
        }
        folded.push_str(word);
        line += word.len();
    }
    folded
}

fn encoded(text: &str, start: usize) -> String {
    let mut words = String::with_capacity(text.len() * 2);
    // Writing to a text never fails.
    let _never = rfc2047::encode(text, &mut EmailWriter::new(&mut words, start, 0, false));
    words
}

#[cfg(test)]
mod tests {
    use mail_parser::MessageParser;
    use proptest::prelude::*;

    use super::*;

    /// The subject as a reader shows it.
    fn shown(subject: &str) -> String {
        let mail = format!("{}\r\n", text("Subject", subject));
        let read = MessageParser::new().parse(mail.as_bytes()).unwrap();
        read.subject().unwrap_or_default().to_owned()
    }

    /// The sender's name and address as a reader shows them.
    fn sender(name: &str) -> (String, String) {
        let mail = format!("{}\r\n", mailbox("From", Some(name), "hello@example.com"));
        let read = MessageParser::new().parse(mail.as_bytes()).unwrap();
        let from = read.from().and_then(|from| from.first()).unwrap();
        let part = |part: Option<&str>| part.unwrap_or_default().to_owned();
        (part(from.name()), part(from.address()))
    }

    fn assert_fits(header: &str) {
        assert!(header.is_ascii(), "{header}");
        assert!(header.ends_with("\r\n"));
        assert!(!header.replace("\r\n", "").contains(['\r', '\n']));
        for line in header.trim_end().split("\r\n") {
            assert!(!line.trim().is_empty() && line.len() <= 78, "{header}");
        }
    }

    #[test]
    fn a_reader_sees_what_was_written() {
        let long = "word ".repeat(300);
        for subject in [
            "Order A-17 is on its way",
            "=?utf-8?b?SGVsbG8=?=",
            "a =?utf-8?q?b?= c",
            "Grüße, 100 % günstig =?",
            "two  blanks",
            long.trim(),
            &"x".repeat(2_000),
            &"ü".repeat(900),
            "a: b; c, \"d\" <e@example.com> (f)",
            "\u{1f469}\u{200d}\u{1f680} and \u{5e9}\u{5dc}\u{5d5}\u{5dd}",
        ] {
            assert_fits(&text("Subject", subject));
            assert_eq!(shown(subject), subject);
        }
    }

    #[test]
    fn a_sender_is_shown_by_its_name_whatever_is_in_it() {
        for name in [
            "Herald",
            "Müller & Söhne, GmbH",
            "Doe, John \"JD\"",
            "back\\slash",
            "=?utf-8?b?SGVsbG8=?=",
            "a@b.example",
            "<script>",
            "(comment)",
            "long ".repeat(60).trim(),
        ] {
            assert_fits(&mailbox("From", Some(name), "hello@example.com"));
            let expected = (name.to_owned(), "hello@example.com".to_owned());
            assert_eq!(sender(name), expected);
        }
    }

    proptest! {
        #[test]
        fn no_subject_breaks_its_header(subject in "\\PC{1,200}") {
            prop_assume!(subject.trim() == subject);
            assert_fits(&text("Subject", &subject));
            prop_assert_eq!(shown(&subject), subject);
        }
    }
}
