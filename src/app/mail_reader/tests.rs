use super::*;
use crate::tickets::domain::{InboundMail, MailPart, SenderProof};
use crate::tickets::mail;

fn read(parts: Vec<MailPart>) -> Option<InboundMail> {
    mail::read(parts, &READER)
}

fn field(name: &str, text: &str) -> MailPart {
    MailPart {
        name: name.to_owned(),
        bytes: text.as_bytes().to_vec(),
        ..MailPart::default()
    }
}

const HEAD: &str = "From: Ana Example <Ana@Example.com>\r\nTo: desk@x.y\r\nSubject: Re: The printer\r\n\
                    Message-ID: <1@example.com>\r\nDate: Mon, 30 Nov 2026 09:00:00 +0000";

fn in_parts() -> Vec<MailPart> {
    vec![
        field("headers", HEAD),
        field("dkim", "{@example.com : pass}"),
        field("SPF", "pass"),
        field(
            "envelope",
            r#"{"to":["Reply+ABC@desk.example.com"],"from":"ana@example.com"}"#,
        ),
        field("text", "It burns."),
        field("html", "<p>It burns.</p>"),
        field("charsets", r#"{"text":"utf-8"}"#),
        MailPart {
            name: "attachment1".to_owned(),
            file_name: Some("smoke.txt".to_owned()),
            kind: Some("text/plain".to_owned()),
            bytes: b"smoke".to_vec(),
        },
    ]
}

#[test]
fn both_forms_of_a_mail_are_one_mail() {
    let read_before = read(in_parts()).unwrap();
    assert_eq!(read_before.from.as_deref(), Some("ana@example.com"));
    assert_eq!(read_before.recipients, ["reply+abc@desk.example.com"]);
    assert_eq!(
        (&*read_before.text, read_before.is_automatic),
        ("It burns.", false)
    );
    assert_eq!(read_before.proof, SenderProof::Proven);
    assert_eq!(read_before.files[0].name, "smoke.txt");
    let whole = format!(
        "{HEAD}\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\n\
         It burns.\r\n--b\r\nContent-Type: text/plain; name=smoke.txt\r\n\
         Content-Disposition: attachment; filename=smoke.txt\r\n\r\nsmoke\r\n--b--\r\n"
    );
    let mut parts = in_parts();
    parts.retain(|part| matches!(&*part.name, "dkim" | "SPF" | "envelope"));
    parts.push(field("email", &whole));
    let raw = read(parts).unwrap();
    assert_eq!(raw.text.trim(), "It burns.");
    assert_eq!(raw.files, read_before.files);
    assert_eq!(
        (raw.identity, raw.from, raw.proof, raw.recipients),
        (
            read_before.identity,
            read_before.from,
            read_before.proof,
            read_before.recipients
        )
    );
}

#[test]
fn html_becomes_text_and_other_letters_are_read() {
    let mut parts = in_parts();
    parts.retain(|part| !matches!(&*part.name, "text" | "charsets"));
    let mail = read(parts.clone()).unwrap();
    assert_eq!(mail.text.trim(), "It burns.");
    parts.push(field("charsets", r#"{"text":"iso-8859-1"}"#));
    parts.push(MailPart {
        bytes: b"Gr\xfc\xdfe\0".to_vec(),
        ..field("text", "")
    });
    assert_eq!(read(parts).unwrap().text, "Grüße");
}

#[test]
fn a_report_of_a_mail_server_is_a_machines() {
    let mut parts = in_parts();
    parts.retain(|part| part.name != "envelope");
    parts.push(field("envelope", r#"{"to":["a@b.c"],"from":""}"#));
    assert!(read(parts).unwrap().is_automatic);
}

#[test]
fn what_is_no_mail_is_none() {
    assert_eq!(read(vec![]), None);
    assert_eq!(read(vec![field("text", "Hello")]), None);
    for odd in ["", "\0", "a", "\r\n\r\n", "From: \r\n\r\n"] {
        let read = read(vec![field("email", odd)]);
        assert!(read.is_none_or(|mail| mail.from.is_none()), "{odd:?}");
    }
}
