//! What is thought of a mail: whether a machine wrote it, whether it comes from where it says, and who speaks by it.

use uuid::Uuid;

use crate::tickets::domain::{SenderProof, SupportTicket};

/// How machines call themselves, before `@`.
const MACHINES: &[&str] = &[
    "mailer-daemon",
    "postmaster",
    "no-reply",
    "noreply",
    "do-not-reply",
    "donotreply",
];
/// How subjects of absences begin, in lower case.
const ABSENCES: &[&str] = &[
    "automatic reply",
    "automated reply",
    "auto reply",
    "auto:",
    "autoreply",
    "out of office",
    "out of the office",
    "automatische antwort",
    "abwesenheitsnotiz",
    "abwesend:",
    "réponse automatique",
    "absence du bureau",
    "respuesta automática",
    "fuera de la oficina",
    "risposta automatica",
    "automatisch antwoord",
    "resposta automática",
    "odpowiedź automatyczna",
    "undeliverable:",
    "undelivered mail returned",
    "delivery status notification",
    "mail delivery failed",
];

/// What of a mail's head says whether a machine wrote it.
#[derive(Debug, Clone, Default)]
pub struct MailHead<'a> {
    /// Headers: names in lower case.
    pub headers: &'a [(String, String)],
    /// Where it comes back to; `Some("")` is nowhere.
    pub return_path: Option<&'a str>,
    /// Who wrote it, in lower case.
    pub from: Option<&'a str>,
    /// What it is about.
    pub subject: &'a str,
}

/// Whether a machine wrote a mail (RFC 3834, and what was usual before it): nobody is told of it, so that two machines
/// never talk to each other.
#[must_use]
pub fn is_automatic(head: &MailHead<'_>) -> bool {
    let said = |name: &str| {
        let mut all = head.headers.iter().filter(move |(known, _)| known == name);
        let value = all
            .next()
            .map(|(_, value)| value.trim().to_ascii_lowercase());
        value.filter(|value| !value.is_empty())
    };
    let submitted = said("auto-submitted").is_some_and(|it| first_word(&it) != "no");
    let precedence = said("precedence");
    let precedence =
        precedence.is_some_and(|it| matches!(&*it, "bulk" | "junk" | "list" | "auto_reply"));
    let suppressed = said("x-auto-response-suppress").is_some_and(|it| it != "none");
    let marked = [
        "x-autoreply",
        "x-autorespond",
        "x-autoreply-from",
        "x-mail-autoreply",
        "x-failed-recipients",
        "list-id",
        "list-unsubscribe",
        "feedback-id",
    ];
    let marked = marked
        .iter()
        .any(|name| said(name).is_some_and(|it| it != "no"));
    let report = said("content-type").is_some_and(|it| it.starts_with("multipart/report"));
    let nowhere = head
        .return_path
        .is_some_and(|it| matches!(it.trim(), "" | "<>"));
    let local = head.from.and_then(|from| from.split('@').next());
    let machine = local.is_some_and(|local| MACHINES.contains(&local));
    let subject = head.subject.trim_start().to_lowercase();
    let absence = ABSENCES.iter().any(|begin| subject.starts_with(begin));
    submitted || precedence || suppressed || marked || report || nowhere || machine || absence
}

fn first_word(value: &str) -> &str {
    value
        .split(|c: char| c == ';' || c.is_whitespace())
        .next()
        .unwrap_or_default()
}

/// Whether a mail came from where it says: signed by that domain (DKIM), or from a machine of it (SPF). `carrier` is what
/// whoever carried it says: `dkim` as `{@example.com : pass}`, `spf` as a word, and the envelope's sender.
#[must_use]
pub fn proof(
    from: Option<&str>,
    dkim: Option<&str>,
    (spf, return_path): (Option<&str>, Option<&str>),
) -> SenderProof {
    let domain = |address: &str| {
        let (_, domain) = address.trim_matches(['<', '>', ' ']).rsplit_once('@')?;
        Some(domain.to_ascii_lowercase())
    };
    let Some(from) = from.and_then(domain) else {
        return SenderProof::Unknown;
    };
    let signed = dkim.is_some_and(|said| signers(said).any(|signer| is_of(&from, &signer)));
    let spf = spf.map(|word| word.trim().to_ascii_lowercase());
    let sent_by = return_path.and_then(domain);
    let sent = spf.as_deref() == Some("pass")
        && sent_by.is_some_and(|sender| is_of(&from, &sender) || is_of(&sender, &from));
    match spf.as_deref() {
        _ if signed || sent => SenderProof::Proven,
        Some("fail" | "softfail") => SenderProof::Denied,
        _ => SenderProof::Unknown,
    }
}

/// Whether a domain is this one or below it. A signer such as `com` is nobody's.
fn is_of(domain: &str, of: &str) -> bool {
    of.contains('.')
        && (domain == of || domain.strip_suffix(of).is_some_and(|it| it.ends_with('.')))
}

/// The domains whose signatures are right.
fn signers(said: &str) -> impl Iterator<Item = String> {
    let parts = said.trim().trim_matches(['{', '}']).split(',');
    parts.filter_map(|part| {
        let (domain, result) = part.rsplit_once(':')?;
        let is_right = result.trim().eq_ignore_ascii_case("pass");
        let domain = domain.trim().trim_start_matches('@').to_ascii_lowercase();
        is_right.then_some(domain)
    })
}

/// Who speaks by a mail: whoever asked for the ticket and who follows it, unless it is known that they did not send it;
/// somebody who works on it, if it is known that they did. Anybody else may have got the address from them.
#[must_use]
pub fn speaker(
    person: Option<Uuid>,
    ticket: &SupportTicket,
    works_on_it: bool,
    proof: SenderProof,
) -> Option<Uuid> {
    let person = person?;
    let is_of_ticket = person == ticket.requester_id || ticket.followers.contains(&person);
    match proof {
        SenderProof::Proven => (is_of_ticket || works_on_it).then_some(person),
        SenderProof::Unknown => is_of_ticket.then_some(person),
        SenderProof::Denied => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &[(&str, &str)]) -> bool {
        let own = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        let headers: Vec<(String, String)> = headers.iter().map(own).collect();
        is_automatic(&MailHead {
            headers: &headers,
            return_path: Some("ana@example.com"),
            from: Some("ana@example.com"),
            subject: "Re: The printer",
        })
    }

    #[test]
    fn machines_are_known_by_what_they_say_of_themselves() {
        for told in [
            ("auto-submitted", "auto-replied"),
            ("auto-submitted", "auto-generated; owner-email=a@b.c"),
            ("precedence", "Bulk"),
            ("precedence", "junk"),
            ("precedence", "list"),
            ("x-auto-response-suppress", "All"),
            ("x-auto-response-suppress", "OOF, AutoReply"),
            ("x-autoreply", "yes"),
            ("list-id", "<a.example.com>"),
            (
                "content-type",
                "multipart/report; report-type=delivery-status",
            ),
        ] {
            assert!(head(&[told]), "{told:?}");
        }
        for told in [
            ("auto-submitted", "no"),
            ("auto-submitted", "No ; comment"),
            ("precedence", "first-class"),
            ("x-auto-response-suppress", "None"),
            ("content-type", "multipart/alternative"),
            ("x-mailer", "Autoreply 3000"),
        ] {
            assert!(!head(&[told]), "{told:?}");
        }
        let plain = MailHead {
            from: Some("ana@example.com"),
            subject: "Out of paper",
            ..MailHead::default()
        };
        assert!(!is_automatic(&plain));
        for nowhere in ["", "<>"] {
            let return_path = Some(nowhere);
            assert!(is_automatic(&MailHead {
                return_path,
                ..plain.clone()
            }));
        }
        for subject in [
            "Automatic reply: Your ticket",
            "Abwesenheitsnotiz",
            "Réponse automatique : x",
        ] {
            assert!(
                is_automatic(&MailHead {
                    subject,
                    ..plain.clone()
                }),
                "{subject}"
            );
        }
        let from = Some("mailer-daemon@example.com");
        assert!(is_automatic(&MailHead { from, ..plain }));
    }

    #[test]
    fn a_sender_is_proven_by_their_own_domain_alone() {
        use SenderProof::{Denied, Proven, Unknown};
        let ana = Some("ana@mail.example.com");
        let at = |dkim, spf, path| proof(ana, dkim, (spf, path));
        assert_eq!(at(Some("{@example.com : pass}"), None, None), Proven);
        assert_eq!(
            at(Some("{@mail.example.com : PASS}"), Some("fail"), None),
            Proven
        );
        assert_eq!(
            at(Some("{@evil.com : pass, @example.com : fail}"), None, None),
            Unknown
        );
        assert_eq!(at(Some("{@ample.com : pass}"), None, None), Unknown);
        assert_eq!(at(Some("{@com : pass}"), None, None), Unknown);
        assert_eq!(
            at(Some("none"), Some("pass"), Some("b@example.com")),
            Proven
        );
        assert_eq!(at(None, Some("pass"), Some("bounce@evil.com")), Unknown);
        assert_eq!(at(None, Some("pass"), None), Unknown);
        assert_eq!(
            at(None, Some("softfail"), Some("ana@mail.example.com")),
            Denied
        );
        assert_eq!(at(None, Some("fail"), None), Denied);
        assert_eq!(at(None, Some("none"), None), Unknown);
        assert_eq!(at(None, None, None), Unknown);
        assert_eq!(proof(None, Some("{@a.b : pass}"), (None, None)), Unknown);
    }
}
