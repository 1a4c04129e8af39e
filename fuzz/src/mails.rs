//! What strangers write to the support desk.

use herald::app::mail_reader::READER;
use herald::tickets::domain::MailPart;
use herald::tickets::mail;
use herald::tickets::policy::{safe_name, without_quotes};

/// A mail, as it came and as a head with a text. What is made of it can be stored, and is the same again.
pub(crate) fn mail(bytes: &[u8]) {
    let field = |name: &str, bytes: &[u8]| MailPart {
        name: name.to_owned(),
        bytes: bytes.to_vec(),
        ..MailPart::default()
    };
    let cut = bytes.windows(4).position(|four| four == b"\r\n\r\n");
    let (head, text) = bytes.split_at(cut.unwrap_or(bytes.len()));
    for parts in [
        vec![field("email", bytes), field("envelope", text)],
        vec![
            field("headers", head),
            field("text", text),
            field("html", text),
            field("charsets", br#"{"text":"iso-8859-1"}"#),
            field("dkim", text),
            field("SPF", head),
        ],
    ] {
        let read = mail::read(parts.clone(), &READER);
        assert_eq!(mail::read(parts, &READER), read);
        let Some(mail) = read else { continue };
        assert!(!mail.text.contains('\0'));
        assert!(mail.from.is_none_or(|from| from.contains('@')));
        for file in mail.files {
            let name = safe_name(&file.name);
            assert!(
                !name.is_empty() && name.len() <= 255 && !name.contains(['/', '\\', '\0', '\n'])
            );
            assert_eq!(safe_name(&name), name);
        }
    }
}

/// A text. Nothing is made up: what is kept stands in it.
pub(crate) fn quotes(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let kept = without_quotes(&text);
    for line in kept.lines() {
        assert!(text.contains(line.trim()), "{line:?}");
    }
}
