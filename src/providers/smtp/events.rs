//! What comes back by mail: handed over whole, by somebody who has a key.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::enhanced::Enhanced;
use super::report::{Feedback, MailReport, RecipientReport, find_decoded, report};
use super::return_path::{LEAST_SECRET, ReturnPath};
use super::told_later::{LateRefusal, late_refusal};
use crate::domain::address::ascii_domain;
use crate::domain::{
    Account, Channel, EventBlame, EventMatch, EventRefusal, HeardEvent, ProviderEvent,
    ReportedRecipient,
};
use crate::providers::heard::{EventHead, address_of, code, detail, hashed, moment, raw, setting};

/// Where mails come back to.
pub(super) const DOMAIN: &str = "return_path_domain";
/// With what that is signed.
pub(super) const SECRET: &str = "return_path_secret";
/// With what it was signed before.
pub(super) const SECRET_BEFORE: &str = "return_path_secret_before";

/// The return path of an account, if it has one.
pub(super) fn return_path(account: &Account) -> Option<ReturnPath> {
    let (domain, secret) = setting(account, DOMAIN).zip(setting(account, SECRET))?;
    let domain = ascii_domain(domain).filter(|_| secret.len() >= LEAST_SECRET)?;
    let before = setting(account, SECRET_BEFORE).filter(|it| it.len() >= LEAST_SECRET);
    Some(ReturnPath::new(&domain, secret).after(before))
}

/// Whether the account's mails can be told apart when they come back.
pub(crate) fn admit(account: &Account) -> Result<(), EventRefusal> {
    return_path(account).map(drop).ok_or(EventRefusal::NoKey)
}

/// What a mail tells of the mail that came back. Anybody may write one: without our return path nothing follows
/// from it.
pub(crate) fn read(
    account: &Account,
    head: &EventHead<'_>,
    body: &[u8],
) -> Result<Vec<HeardEvent>, EventRefusal> {
    let return_path = return_path(account).ok_or(EventRefusal::NoKey)?;
    let recipient = recipient(head.query);
    let ours = return_path
        .find(recipient.as_bytes())
        .or_else(|| return_path.find(body))
        .or_else(|| find_decoded(body, |part| return_path.find(part)));
    let heard = events(body, head.now).into_iter();
    Ok(heard
        .map(|event| match ours {
            // What somebody else has written before is another event.
            Some(id) => HeardEvent {
                event_id: hashed(format!("{id} {}", event.event_id).as_bytes()),
                named: Some((id, EventMatch::ReturnPath)),
                ..event
            },
            None => unproven(event),
        })
        .collect())
}

/// The envelope recipient, as whoever hands the mail over knows it.
fn recipient(query: &str) -> String {
    let mut pairs = url::form_urlencoded::parse(query.as_bytes());
    let found = pairs.find(|(name, _)| name == "recipient");
    found.map_or_else(String::new, |(_, address)| address.into_owned())
}

/// Nobody can say that it is true.
fn unproven(event: HeardEvent) -> HeardEvent {
    let words = format!("{}, without a signed return path", event.event);
    HeardEvent {
        event: ProviderEvent::Other,
        detail: Some(words),
        blame: None,
        address: None,
        raw: None,
        reported: None,
        ..event
    }
}

/// The events of a mail, whosever they are.
pub(crate) fn events(body: &[u8], now: Timestamp) -> Vec<HeardEvent> {
    let report = report(body);
    let at = report.written_at;
    let at = at.and_then(|seconds| Timestamp::from_second(seconds).ok());
    let at = moment(at, now);
    let heard = report.recipients.iter().enumerate();
    let mut heard: Vec<HeardEvent> = heard
        .map(|(number, it)| of_recipient(&report, (number, it), at))
        .collect();
    if let Some(feedback) = report.feedback {
        let event = match feedback {
            Feedback::Complaint => ProviderEvent::Complaint,
            Feedback::OptOut => ProviderEvent::Unsubscribe,
        };
        let id = hashed(format!("{event} {:?}", report.message_id).as_bytes());
        heard.push(HeardEvent::bare(event, id, at));
    }
    if heard.is_empty() {
        heard.push(HeardEvent {
            detail: Some("a mail that is no report came back".to_owned()),
            ..HeardEvent::bare(ProviderEvent::Other, hashed(body), at)
        });
    }
    heard
}

fn of_recipient(
    report: &MailReport,
    (number, it): (usize, &RecipientReport),
    at: Timestamp,
) -> HeardEvent {
    let (event, blame) = kind(it);
    let addresses: Vec<String> = it
        .addresses()
        .filter_map(|text| address_of(Channel::Email, Some(&text)))
        .collect();
    let address = addresses.first().cloned();
    let said = [it.action.as_str(), it.status.as_deref().unwrap_or_default()];
    // The same report handed over twice is one; each recipient in it is another.
    let id = format!(
        "{:?} {:?} {number} {said:?} {address:?}",
        report.message_id, report.written_at
    );
    let fields = [
        ("action", Some(&it.action)),
        ("status", it.status.as_ref()),
        ("original_recipient", it.original.as_ref()),
        ("final_recipient", it.address.as_ref()),
        ("diagnostic_code", it.diagnostic.as_ref()),
        ("message_id", report.message_id.as_ref()),
    ];
    let fields: Map<String, Value> = fields
        .into_iter()
        .filter_map(|(name, value)| Some((name.to_owned(), json!(value?))))
        .collect();
    HeardEvent {
        code: code(it.status.as_deref()),
        detail: detail(it.diagnostic.as_deref(), address.as_deref()),
        address,
        blame,
        raw: raw(fields),
        reported: Some(ReportedRecipient {
            addresses,
            is_alone: report.recipients.len() == 1,
        }),
        ..HeardEvent::bare(event, hashed(id.as_bytes()), at)
    }
}

/// What happened, and whom a failure is about.
fn kind(it: &RecipientReport) -> (ProviderEvent, Option<EventBlame>) {
    match it.action.as_str() {
        "delivered" => (ProviderEvent::Delivered, None),
        "relayed" | "expanded" => (ProviderEvent::Processed, None),
        "delayed" => (ProviderEvent::Deferred, None),
        "failed" => {
            let status = it.status.as_deref().and_then(Enhanced::of);
            failed(it.diagnostic.as_deref().unwrap_or_default(), status)
        }
        _ => (ProviderEvent::Other, None),
    }
}

fn failed(words: &str, status: Option<Enhanced>) -> (ProviderEvent, Option<EventBlame>) {
    match late_refusal(words, status) {
        LateRefusal::Dead => (ProviderEvent::Bounce, Some(EventBlame::Dead)),
        LateRefusal::Way => (ProviderEvent::Block, Some(EventBlame::Way)),
        LateRefusal::Content => (ProviderEvent::Block, None),
        LateRefusal::Mailbox | LateRefusal::Unsaid => (ProviderEvent::SoftBounce, None),
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;
    use crate::domain::ProviderKind;
    use crate::providers::events;
    use crate::providers::testing::{ID, account, now};

    fn bounce(to: &str, status: &str, said: &str) -> String {
        format!(
            "To: {to}\r\nMessage-ID: <1@mx>\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n\
             --x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
             Final-Recipient: rfc822; victim@example.com\r\nAction: failed\r\nStatus: {status}\r\n\
             Diagnostic-Code: smtp; {said}\r\n\r\n--x--\r\n"
        )
    }

    fn told(
        body: &str,
        query: &str,
        domain: Option<&str>,
    ) -> Result<Vec<HeardEvent>, EventRefusal> {
        let config = match domain {
            Some(domain) => json!({ DOMAIN: domain, SECRET: "another of many bytes",
                                    SECRET_BEFORE: "sixteen bytes and more" }),
            None => json!({}),
        };
        let account = account(ProviderKind::Smtp, None, None, config);
        let head = EventHead {
            url: None,
            query,
            headers: vec![],
            now: now(),
        };
        events::read(&account, &head, body.as_bytes())
    }

    #[test]
    fn only_a_signed_return_path_makes_a_report_true() {
        let path = ReturnPath::new("bounces.example.com", "sixteen bytes and more").of(ID);
        let domain = Some("bounces.example.com");
        let said = "550 5.1.1 no such user";
        let signed = told(&bounce(&path, "5.1.1", said), "", domain).unwrap();
        assert_eq!(signed[0].named, Some((ID, EventMatch::ReturnPath)));
        assert_eq!(signed[0].event, ProviderEvent::Bounce);
        assert_eq!(signed[0].blame, Some(EventBlame::Dead));
        // Whoever hands it over may know the envelope.
        let query = format!("x=1&recipient={}", path.replace('@', "%40"));
        let elsewhere = bounce("postmaster@example.com", "5.1.1", said);
        let by_envelope = told(&elsewhere, &query, domain).unwrap();
        assert_eq!(by_envelope[0].named, signed[0].named);
        assert_eq!(
            by_envelope[0].event_id, signed[0].event_id,
            "the same again"
        );
        // A report of abuse comes to another address, and what it is about may be written in any way.
        let original = format!("Return-Path: <{path}>\r\nSubject: Hi\r\n\r\nHello\r\n");
        let (cut, rest) = path.split_at(30);
        for (about, parts) in [
            (
                "",
                format!(
                    "--x\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n",
                    STANDARD.encode(original.as_bytes())
                ),
            ),
            (
                "Content-Transfer-Encoding: quoted-printable\r\n",
                format!(
                    "--x\r\nContent-Type: text/rfc822-headers\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
                     Return-Path: <{cut}=\r\n{rest}>\r\n\r\n"
                ),
            ),
        ] {
            let abuse = format!(
                "To: abuse@example.com\r\nMessage-ID: <2@mx>\r\nMIME-Version: 1.0\r\n\
                 Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n\
                 --x\r\nContent-Type: message/feedback-report\r\n{about}\r\nFeedback-Type: abuse\r\n\r\n\
                 {parts}--x--\r\n"
            );
            let complaint = told(&abuse, "", domain).unwrap();
            assert_eq!(complaint[0].event, ProviderEvent::Complaint, "{abuse}");
            assert_eq!(complaint[0].named, Some((ID, EventMatch::ReturnPath)));
        }
        let forged = told(&elsewhere, "recipient=b-0@bounces.example.com", domain).unwrap();
        assert_eq!(forged[0].event, ProviderEvent::Other);
        assert_eq!((forged[0].named, forged[0].blame), (None, None));
        assert_eq!((&forged[0].address, &forged[0].raw), (&None, &None));
        let no_path = told(&elsewhere, &query, None);
        assert_eq!(no_path, Err(EventRefusal::NoKey));
    }

    #[test]
    fn the_status_says_whether_the_address_is_dead() {
        use ProviderEvent::{Block, Bounce, SoftBounce};
        let dead = Some(EventBlame::Dead);
        for (status, said, expected, blame) in [
            ("5.1.1", "550 5.1.1 unknown", Bounce, dead),
            ("5.1.10", "556 null MX", Bounce, dead),
            ("5.2.1", "550 disabled", SoftBounce, None),
            ("5.2.2", "552 5.2.2 full", SoftBounce, None),
            ("4.4.7", "expired", SoftBounce, None),
            (
                "5.0.0",
                "550 5.7.1 blocked using a list",
                Block,
                Some(EventBlame::Way),
            ),
            (
                "5.7.26",
                "550 unauthenticated",
                Block,
                Some(EventBlame::Way),
            ),
            ("5.6.0", "550 bad content", Block, None),
            ("5.0.0", "550 no", SoftBounce, None),
            ("odd", "odd", SoftBounce, None),
        ] {
            let heard = events(bounce("x@y.z", status, said).as_bytes(), now());
            assert_eq!(
                (heard[0].event, heard[0].blame),
                (expected, blame),
                "{status} {said}"
            );
        }
        let told = bounce(
            "x@y.z",
            "5.1.1",
            "550 5.1.1 <secret.home@private.example> unknown",
        );
        let told = told.replace(
            "Final-Recipient: rfc822; victim@example.com",
            "Original-Recipient: rfc822;ana+2Bnews@example.com\r\n\
             Final-Recipient: rfc822; secret.home@private.example",
        );
        let heard = events(told.as_bytes(), now()).remove(0);
        assert_eq!(
            heard.detail.as_deref(),
            Some("550 5.1.1 <<address>> unknown")
        );
        let reported = heard.reported.unwrap();
        let named = [
            "ana+2bnews@example.com",
            "ana+news@example.com",
            "secret.home@private.example",
        ];
        assert_eq!(
            (&reported.addresses[..], reported.is_alone),
            (&named.map(str::to_owned)[..], true)
        );
        assert_eq!(
            events(b"Subject: away\r\n\r\nx", now())[0].event,
            ProviderEvent::Other
        );
    }
}
