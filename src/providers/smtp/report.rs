//! Delivery status notifications (RFC 3464) and reports of abuse (RFC 5965), as a mail holds them.

use mail_parser::{HeaderValue, Message, MessageParser, MessagePart, MimeHeaders, PartType};

/// Parts of a mail that are looked at.
const MOST_PARTS: usize = 100;
/// Recipients of a report that are looked at.
const MOST_RECIPIENTS: usize = 100;

/// What a mail reports.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct MailReport {
    /// The mail's own id.
    pub(super) message_id: Option<String>,
    /// When the report was written, in seconds.
    pub(super) written_at: Option<i64>,
    /// What became of each recipient.
    pub(super) recipients: Vec<RecipientReport>,
    /// Somebody called it spam.
    pub(super) is_complaint: bool,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RecipientReport {
    /// `failed`, `delayed`, `delivered`, `relayed` or `expanded`.
    pub(super) action: String,
    /// `5.1.1`.
    pub(super) status: Option<String>,
    /// The address that the mail was sent to, as its sender named it.
    pub(super) original: Option<String>,
    /// The address that this is told of: perhaps one that it was passed on to.
    pub(super) address: Option<String>,
    /// What the server said that refused it.
    pub(super) diagnostic: Option<String>,
}

impl RecipientReport {
    /// All by which it is named; what our server wrote as `+2B` (RFC 3461, 4) also as it was.
    pub(super) fn addresses(&self) -> impl Iterator<Item = String> {
        let original = self.original.clone();
        let decoded = original.as_deref().and_then(from_xtext);
        let all = [original, decoded, self.address.clone()];
        all.into_iter().flatten()
    }
}

/// A text whose unusual characters stand as `+` and two digits; `None`: it has none.
fn from_xtext(text: &str) -> Option<String> {
    let mut parts = text.split('+');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    let mut is_any = false;
    for part in parts {
        let digits = part.get(..2).filter(|it| !it.starts_with('+'));
        match digits.and_then(|it| u8::from_str_radix(it, 16).ok()) {
            Some(byte) => {
                is_any = true;
                bytes.push(byte);
                bytes.extend(part.as_bytes().iter().skip(2));
            }
            None => {
                bytes.push(b'+');
                bytes.extend(part.as_bytes());
            }
        }
    }
    String::from_utf8(bytes).ok().filter(|_| is_any)
}

/// Reads a mail. One that reports nothing has no recipients, and is no complaint.
pub(super) fn report(bytes: &[u8]) -> MailReport {
    let Some(mail) = MessageParser::default().parse(bytes) else {
        return MailReport::default();
    };
    let report = read(&mail);
    take_apart(mail);
    report
}

/// Frees a mail level by level: anybody may write one with tens of thousands of mails in each other, and to free such a
/// one by recursion takes more stack than a thread has.
fn take_apart(mail: Message<'_>) {
    let mut left = vec![mail];
    while let Some(mut mail) = left.pop() {
        let nested = mail.parts.drain(..).filter_map(|part| match part.body {
            PartType::Message(nested) => Some(nested),
            _ => None,
        });
        left.extend(nested);
    }
}

fn read(mail: &Message<'_>) -> MailReport {
    let parts = || mail.parts.iter().take(MOST_PARTS);
    let status = parts().find(|part| part.is_content_type("message", "delivery-status"));
    let complaint = parts().find(|part| part.is_content_type("message", "feedback-report"));
    let fields = complaint.map(groups).unwrap_or_default();
    let mut feedback = fields.iter().flatten();
    MailReport {
        message_id: mail.message_id().map(str::to_owned),
        written_at: mail.date().map(mail_parser::DateTime::to_timestamp),
        recipients: status.map(recipients).unwrap_or_default(),
        is_complaint: feedback.any(|(name, value)| {
            name.eq_ignore_ascii_case("feedback-type") && value.eq_ignore_ascii_case("abuse")
        }),
    }
}

/// RFC 3464, 2.1: the first group is about the mail, each further one about a recipient.
fn recipients(part: &MessagePart<'_>) -> Vec<RecipientReport> {
    let groups = groups(part);
    let about = groups.iter().filter_map(|group| {
        let field = |name: &str| {
            let mut fields = group.iter();
            let found = fields.find(|(known, _)| known.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.trim())
        };
        let address = |name: &str| field(name).map(|text| typed(text).to_owned());
        Some(RecipientReport {
            action: word(field("action")?),
            status: field("status").map(word),
            original: address("original-recipient"),
            address: address("final-recipient"),
            diagnostic: field("diagnostic-code").map(|said| typed(said).to_owned()),
        })
    });
    about.take(MOST_RECIPIENTS).collect()
}

/// The first word: comments may follow.
fn word(text: &str) -> String {
    let mut words = text.split([' ', '\t', '(', ';']);
    words.next().unwrap_or_default().to_ascii_lowercase()
}

/// RFC 3464, 2.1.2: `rfc822; ana@example.com`.
fn typed(text: &str) -> &str {
    text.split_once(';').map_or(text, |(_, value)| value).trim()
}

/// The fields of a part, in groups that empty lines separate.
fn groups(part: &MessagePart<'_>) -> Vec<Vec<(String, String)>> {
    let text = match &part.body {
        PartType::Text(text) | PartType::Html(text) => text.clone().into_owned(),
        PartType::Binary(bytes) | PartType::InlineBinary(bytes) => {
            String::from_utf8_lossy(bytes).into_owned()
        }
        PartType::Message(nested) => String::from_utf8_lossy(nested.raw_message()).into_owned(),
        PartType::Multipart(_) => return vec![],
    };
    let text = text.replace("\r\n", "\n");
    let groups = text.split("\n\n").map(str::trim);
    let groups = groups.filter(|group| !group.is_empty());
    groups
        .take(MOST_RECIPIENTS + 1)
        .map(|group| {
            let parser = MessageParser::default();
            let lines = format!("{group}\n\n");
            let headers = parser.parse_headers(lines.as_bytes());
            headers.as_ref().map(fields).unwrap_or_default()
        })
        .collect()
}

fn fields(headers: &Message<'_>) -> Vec<(String, String)> {
    let fields = headers.headers().iter().filter_map(|header| {
        let value = match header.value() {
            HeaderValue::Text(text) => text.clone().into_owned(),
            HeaderValue::TextList(texts) => texts.join(", "),
            _ => return None,
        };
        Some((header.name().to_owned(), value))
    });
    fields.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNCE: &str = "From: MAILER-DAEMON@mx.example.org\r\nTo: <b-x@bounces.example.com>\r\n\
        Subject: Undelivered Mail\r\nMessage-ID: <1@mx.example.org>\r\nDate: Fri, 20 Nov 2026 11:59:00 +0000\r\n\
        MIME-Version: 1.0\r\nContent-Type: multipart/report; report-type=delivery-status; boundary=\"x\"\r\n\r\n\
        --x\r\nContent-Type: text/plain\r\n\r\nI am sorry.\r\n\
        --x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\
        Arrival-Date: Fri, 20 Nov 2026 11:58:00 +0000\r\n\r\nOriginal-Recipient: rfc822;ana@example.com\r\n\
        Final-Recipient: rfc822; a.na@example.com\r\nAction: failed\r\nStatus: 5.1.1 (bad mailbox)\r\n\
        Diagnostic-Code: smtp; 550 5.1.1 <ana@example.com>:\r\n  no such user\r\n\r\n\
        Final-Recipient: rfc822; ben@example.com\r\nAction: Delayed\r\nStatus: 4.4.1\r\n\r\n\
        --x\r\nContent-Type: message/rfc822\r\n\r\nSubject: Hello\r\nMessage-ID: <o@example.com>\r\n\r\nText\r\n--x--\r\n";

    #[test]
    fn a_report_says_what_became_of_each_recipient() {
        let report = report(BOUNCE.as_bytes());
        assert_eq!(report.message_id.as_deref(), Some("1@mx.example.org"));
        assert_eq!(report.written_at, Some(1_795_175_940));
        let [failed, delayed] = report.recipients.as_slice() else {
            panic!("{report:?}");
        };
        assert_eq!(
            *failed,
            RecipientReport {
                action: "failed".to_owned(),
                status: Some("5.1.1".to_owned()),
                original: Some("ana@example.com".to_owned()),
                address: Some("a.na@example.com".to_owned()),
                diagnostic: failed.diagnostic.clone(),
            }
        );
        let said = failed.diagnostic.as_deref().unwrap();
        assert!(
            said.starts_with("550 5.1.1") && said.ends_with("no such user"),
            "{said}"
        );
        assert_eq!(
            (delayed.action.as_str(), delayed.status.as_deref()),
            ("delayed", Some("4.4.1"))
        );
        assert!(!report.is_complaint);
    }

    #[test]
    fn a_report_of_abuse_is_a_complaint_and_an_answer_is_nothing() {
        let abuse = BOUNCE
            .replace("message/delivery-status", "message/feedback-report")
            .replace("Reporting-MTA: dns; mx.example.org", "Feedback-Type: abuse");
        let abuse = report(abuse.as_bytes());
        assert!(abuse.is_complaint && abuse.recipients.is_empty());
        for other in ["", "\0", "Subject: I am away\r\n\r\nUntil Monday.", "--x--"] {
            let report = report(other.as_bytes());
            assert!(
                !report.is_complaint && report.recipients.is_empty(),
                "{other:?}"
            );
        }
    }

    #[test]
    fn mails_in_mails_without_end_cost_no_stack() {
        let one = "Content-Type: message/rfc822\r\n\r\n";
        let mail = one.repeat(40_000);
        let on_little_stack = std::thread::Builder::new().stack_size(256 * 1_024);
        let read = on_little_stack
            .spawn(move || report(mail.as_bytes()))
            .unwrap();
        assert_eq!(read.join().unwrap().recipients, []);
    }
}
