use mail_parser::MessageParser;
use proptest::prelude::*;

use super::*;
use crate::domain::carriage;
use crate::providers::testing::delivery;

fn sender(address: &str) -> SmtpSender {
    SmtpSender {
        name: Some("Herald".to_owned()),
        address: address.to_owned(),
    }
}

fn content(subject: &str, body: Option<&str>, html: Option<&str>) -> Content {
    Content {
        subject: Some(subject.to_owned()),
        body: body.map(str::to_owned),
        html: html.map(str::to_owned),
        ..Content::default()
    }
}

fn mail_of(content: &Content) -> SmtpMail {
    let delivery = delivery("ana@example.org", content);
    mail(&sender("hello@example.com"), None, &delivery).unwrap()
}

/// What a server keeps of the wire: without the final dot, and with single dots again.
fn received(mail: &SmtpMail) -> String {
    let text = mail.wire.strip_suffix(".\r\n").unwrap();
    text.replace("\r\n..", "\r\n.")
}

/// Plain text and HTML as a reader shows them, with `\n` for line ends.
fn shown(mail: &SmtpMail) -> (Option<String>, Option<String>) {
    let text = received(mail);
    let read = MessageParser::new().parse(text.as_bytes()).unwrap();
    let is_html = |at: u32| {
        read.part(at)
            .is_some_and(mail_parser::MessagePart::is_text_html)
    };
    let plain = read.text_body.iter().find(|at| !is_html(**at)).copied();
    let html = read.html_body.iter().find(|at| is_html(**at)).copied();
    let contents = |at: Option<u32>| {
        let text = read.part(at?)?.text_contents()?;
        Some(text.replace("\r\n", "\n"))
    };
    (contents(plain), contents(html))
}

fn assert_safe(mail: &SmtpMail) {
    assert!(mail.wire.is_ascii(), "{}", mail.wire);
    assert!(!mail.wire.replace("\r\n", "").contains(['\r', '\n']));
    assert!(mail.wire.lines().all(|line| line.len() <= LONGEST_LINE + 1));
    assert_eq!(mail.wire.matches("\r\n.\r\n").count(), 1, "one end");
    assert_eq!(mail.size, received(mail).len());
}

#[test]
fn a_plain_mail() {
    let subject = "Grüße\r\nBcc: eve@example.com";
    let mail = mail_of(&content(subject, Some("Hello\n.hidden\n.\nend"), None));
    assert_safe(&mail);
    insta::assert_snapshot!(mail.wire.replace("\r\n", "\n"), @"
    From: Herald <hello@example.com>
    To: ana@example.org
    Subject: =?utf-8?b?R3LDvMOfZSBCY2M6IGV2ZUBleGFtcGxlLmNvbQ==?=
    Date: Fri, 20 Nov 2026 12:00:00 +0000
    Message-ID: <0190c1a0-0000-7000-8000-00000000000a@example.com>
    X-Herald-Notification-Id: 0190c1a0-0000-7000-8000-00000000000a
    Auto-Submitted: auto-generated
    X-Auto-Response-Suppress: DR, RN, NRN, OOF, AutoReply
    MIME-Version: 1.0
    Content-Type: text/plain; charset=utf-8
    Content-Transfer-Encoding: 7bit

    Hello
    ..hidden
    ..
    end
    .
    ");
}

#[test]
fn html_stands_beside_the_plain_text() {
    let both = mail_of(&content("Hi", Some("Hi"), Some("<p>Hi</p>")));
    let plain = both.wire.find("text/plain").unwrap();
    assert!(both.wire.contains("Content-Type: multipart/alternative;"));
    assert!(plain < both.wire.find("text/html").unwrap());
    let shown_both = (Some("Hi".to_owned()), Some("<p>Hi</p>".to_owned()));
    let trimmed = |text: Option<String>| text.map(|text| text.trim_end().to_owned());
    let (plain, html) = shown(&both);
    assert_eq!((trimmed(plain), trimmed(html)), shown_both);
    let html = mail_of(&content("Hi", None, Some("<p>Hi</p>")));
    assert!(html.wire.contains("Content-Type: text/html"));
}

#[test]
fn no_lone_cr_or_lf_and_no_long_line_is_on_the_wire() {
    for body in [
        "one\rtwo\nthree\r\nfour\r\r\nfive\n\r",
        "\rx",
        "\n.\r\n.\r.\n",
        "\r\n.\r\nMAIL FROM:<eve@example.com>\r\n",
        "x\n.\r.\n\n.",
        &"long ".repeat(1_000),
        &"x".repeat(5_000),
        &"ü".repeat(5_000),
        "bell \u{7}, form feed \u{c}, delete \u{7f}, escape \u{1b}[31m",
        "trailing blanks   \n\ttab\t\n",
        "\u{2028}\u{2029}\u{85}\u{feff}",
    ] {
        let mail = mail_of(&content("Hi", Some(body), Some(body)));
        assert_safe(&mail);
        let lines = body.replace("\r\n", "\n").replace('\r', "\n");
        let (plain, html) = shown(&mail);
        for shown in [plain, html] {
            let shown = shown.unwrap_or_default();
            assert_eq!(shown.trim_end_matches('\n'), lines.trim_end_matches('\n'));
        }
    }
}

#[test]
fn a_domain_is_in_ascii_and_only_a_local_part_needs_utf8() {
    let content = content("Hi", Some("Hi"), None);
    let to = |address: &str| {
        let from = sender("hello@xn--exmple-cua.org");
        mail(&from, None, &delivery(address, &content)).unwrap()
    };
    let idn = to("ana@exämple.org");
    assert_eq!(idn.to, "ana@xn--exmple-cua.org");
    assert!(!idn.needs_utf8());
    assert_safe(&idn);
    assert!(idn.message_id.ends_with("@xn--exmple-cua.org"));
    let local = to("jörg@exämple.org");
    assert_eq!(local.to, "jörg@xn--exmple-cua.org");
    assert!(local.needs_utf8());
    assert!(local.wire.contains("To: jörg@xn--exmple-cua.org\r\n"));
    assert_eq!(to("\"a b\"@example.org").to, "\"a b\"@example.org");
}

#[test]
fn unsendable_mail_is_not_sent() {
    let good = content("Hi", Some("Hi"), None);
    let empty = content("Hi", None, Some(" "));
    let no_subject = content(" ", Some("Hi"), None);
    for (address, content, reason) in [
        ("nobody", &good, Reason::InvalidRecipient),
        (
            "a@example.com\r\nRCPT TO:<b@example.com>",
            &good,
            Reason::InvalidRecipient,
        ),
        (
            "a@x.example> SIZE=1 <b@x.example",
            &good,
            Reason::InvalidRecipient,
        ),
        ("", &good, Reason::NoAddress),
        ("ana@example.org", &empty, Reason::ContentRefused),
        ("ana@example.org", &no_subject, Reason::ContentRefused),
    ] {
        let delivery = delivery(address, content);
        let refusal = mail(&sender("hello@example.com"), None, &delivery)
            .err()
            .unwrap();
        assert_eq!(refusal.reason, Some(reason), "{address:?}");
    }
}

#[test]
fn answers_go_where_the_content_says() {
    let content = Content {
        reply_to: Some("Reply+ABC@Desk.Example.com".to_owned()),
        ..content("Hi", Some("Text"), None)
    };
    let text = received(&mail_of(&content));
    let line = text.lines().find(|line| line.starts_with("Reply-To: "));
    assert_eq!(line, Some("Reply-To: reply+abc@desk.example.com"));
    for bad in [
        "none",
        "a@b\r\nBcc: eve@example.com",
        "a@example.com, b@example.com",
    ] {
        let content = Content {
            reply_to: Some(bad.to_owned()),
            ..content.clone()
        };
        assert!(carriage::check(Channel::Email, &content).is_err(), "{bad}");
    }
    assert!(carriage::check(Channel::Sms, &content).is_err());
}

#[test]
fn a_mail_that_may_be_ended_says_where_with_one_click() {
    let content = content("Hi", Some("Hello"), None);
    let url = format!("https://herald.example.com/u/{}", "a-_9".repeat(100));
    let told = Delivery {
        unsubscribe_url: Some(&url),
        ..delivery("ana@example.org", &content)
    };
    let mail = mail(&sender("hello@example.com"), None, &told).unwrap();
    assert_safe(&mail);
    let text = received(&mail);
    let (head, _) = text.split_once("\r\n\r\n").unwrap();
    let headers: Vec<&str> = head.split("\r\n").collect();
    assert!(
        headers.contains(&&*format!("List-Unsubscribe: <{url}>")),
        "{head}"
    );
    assert!(headers.contains(&"List-Unsubscribe-Post: List-Unsubscribe=One-Click"));
    let without = received(&mail_of(&content));
    assert!(!without.contains("List-Unsubscribe"));
}

proptest! {
    #[test]
    fn any_content_arrives_as_exactly_one_mail(
        body in "[\\PC\r\n\t.]{1,300}", html in proptest::option::of("[\\PC\r\n.]{1,200}"),
    ) {
        prop_assume!(!body.trim().is_empty());
        let mail = mail_of(&content("Hi", Some(&body), html.as_deref()));
        assert_safe(&mail);
        let lines = body.replace("\r\n", "\n").replace('\r', "\n");
        let (plain, _) = shown(&mail);
        let plain = plain.unwrap_or_default();
        prop_assert_eq!(plain.trim_end_matches('\n'), lines.trim_end_matches('\n'));
    }
}

#[test]
fn a_mail_comes_back_to_an_address_of_its_own() {
    let path = ReturnPath::new("bounces.example.com", "sixteen bytes and more");
    let content = Content {
        subject: Some("Hi".to_owned()),
        body: Some("Text".to_owned()),
        ..Content::default()
    };
    let delivery = delivery("ana@example.com", &content);
    let mail = mail(&sender("hello@example.com"), Some(&path), &delivery).unwrap();
    assert_eq!(mail.from, path.of(delivery.notification_id));
    assert!(mail.wire.contains("<hello@example.com>"));
    assert!(!mail.wire.contains("bounces.example.com"));
}
