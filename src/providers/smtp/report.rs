//! Delivery status notifications (RFC 3464, RFC 6533) and reports of abuse (RFC 5965), as a mail holds them.

mod groups;
mod spelling;

use mail_parser::{Encoding, Message, MessageParser, MessagePart, MimeHeaders, PartType};

use self::groups::{groups, typed, word};
use self::spelling::{from_xtext, unescaped};
use super::enhanced::Enhanced;

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
    /// What a person's provider says that the person did.
    pub(super) feedback: Option<Feedback>,
}

/// What a person did with a mail, as a report of abuse says it (RFC 5965). One that says "this is no spam" asks for
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feedback {
    /// Called it spam, or a fraud.
    Complaint,
    /// Wants no more of it.
    OptOut,
}

/// What became of one recipient.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct RecipientReport {
    /// `failed`, `delayed`, `delivered`, `relayed` or `expanded`; where none is said, what the status means.
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

/// Reads a mail. One that reports nothing has no recipients, and is no complaint.
pub(super) fn report(bytes: &[u8]) -> MailReport {
    let Some(mail) = MessageParser::default().parse(bytes) else {
        return MailReport::default();
    };
    let report = read(&mail);
    take_apart(mail);
    report
}

/// What is found first in the parts of a mail that are encoded, as they read: what is written in base64, or in lines that
/// are cut, does not stand in the mail's bytes.
pub(super) fn find_decoded<T>(bytes: &[u8], find: impl Fn(&[u8]) -> Option<T>) -> Option<T> {
    let mail = MessageParser::default().parse(bytes)?;
    let parts = mail.parts.iter().take(MOST_PARTS);
    let mut encoded = parts.filter(|part| part.encoding != Encoding::None);
    let found = encoded.find_map(|part| match &part.body {
        PartType::Message(nested) => find(nested.raw_message()),
        PartType::Multipart(_) => None,
        _ => find(part.contents()),
    });
    take_apart(mail);
    found
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
    let parts = |kinds: &'static [&'static str]| {
        let parts = mail.parts.iter().take(MOST_PARTS);
        parts.filter(|part| {
            let is_one = |kind: &&str| part.is_content_type("message", kind);
            kinds.iter().any(is_one)
        })
    };
    let recipients = parts(&["delivery-status", "global-delivery-status"]).flat_map(recipients);
    MailReport {
        message_id: mail.message_id().map(str::to_owned),
        written_at: mail.date().map(mail_parser::DateTime::to_timestamp),
        recipients: recipients.take(MOST_RECIPIENTS).collect(),
        feedback: parts(&["feedback-report"]).find_map(feedback),
    }
}

fn feedback(part: &MessagePart<'_>) -> Option<Feedback> {
    let groups = groups(part);
    let mut fields = groups.iter().flatten();
    let (_, said) = fields.find(|(name, _)| name.eq_ignore_ascii_case("feedback-type"))?;
    match word(said).as_str() {
        "abuse" | "fraud" => Some(Feedback::Complaint),
        "opt-out" | "opt-out-list" => Some(Feedback::OptOut),
        _ => None,
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
        let address = |name: &str| field(name).map(|text| unescaped(typed(text)).into_owned());
        let (original, address) = (address("original-recipient"), address("final-recipient"));
        let status = field("status").map(word);
        let diagnostic = field("diagnostic-code").map(|said| typed(said).to_owned());
        let action = field("action").map(word);
        let is_about_somebody = action.is_some() || original.is_some() || address.is_some();
        let action = action.or_else(|| {
            let said = [status.as_deref(), diagnostic.as_deref()];
            said.into_iter()
                .flatten()
                .find_map(meant)
                .map(str::to_owned)
        });
        is_about_somebody.then(|| RecipientReport {
            action: action.unwrap_or_default(),
            status,
            original,
            address,
            diagnostic,
        })
    });
    about.collect()
}

/// The action that a status or a server's answer stands for, where a report has forgotten it.
fn meant(words: &str) -> Option<&'static str> {
    let words = words.trim_start();
    let class = match Enhanced::of(words) {
        Some(enhanced) => enhanced.class,
        None => words.get(..3)?.parse::<u16>().ok()? / 100,
    };
    match class {
        2 => Some("delivered"),
        4 => Some("delayed"),
        5 => Some("failed"),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
