//! What a server offers, as it answered to EHLO, and what a mail makes of it.

use super::answer::SmtpReply;
use super::request::SmtpMail;
use super::trouble::{Phase, SmtpCause, SmtpTransportError};

/// The lines after the first of an EHLO reply, in capitals.
#[derive(Debug, Default)]
pub(super) struct Offers(Vec<String>);

impl Offers {
    /// The first line is the server's name; keywords come in any case (RFC 5321, 2.4).
    pub(super) fn of(said: &SmtpReply) -> Self {
        let lines = said.lines.iter().skip(1);
        Self(lines.map(|line| line.to_ascii_uppercase()).collect())
    }

    pub(super) fn has(&self, keyword: &str) -> bool {
        self.words(keyword).is_some()
    }

    /// Whether there is this way to log in. `AUTH=` is how some old servers write it.
    pub(super) fn has_login(&self, mechanism: &str) -> bool {
        self.0.iter().any(|line| {
            let mut words = line.split([' ', '\t', '=']);
            words.next() == Some("AUTH") && words.any(|word| word == mechanism)
        })
    }

    /// What stands after MAIL FROM for a mail: its size where the server wants to know it (RFC 1870),
    /// and that an address is beyond ASCII, which needs a server that takes it (RFC 6531).
    pub(super) fn parameters(&self, mail: &SmtpMail) -> Result<String, SmtpTransportError> {
        let mut parameters = String::new();
        if self.has("SIZE") {
            self.fits(mail.size)?;
            parameters.push_str(&format!(" SIZE={}", mail.size));
        }
        if !mail.needs_utf8() {
            return Ok(parameters);
        }
        if !self.has("SMTPUTF8") {
            let words = "the server does not take addresses beyond ASCII (SMTPUTF8)";
            return Err(SmtpTransportError::lacks(Phase::Sender, words));
        }
        // Its headers are not ASCII then.
        if self.has("8BITMIME") {
            parameters.push_str(" BODY=8BITMIME");
        }
        parameters.push_str(" SMTPUTF8");
        Ok(parameters)
    }

    /// RFC 1870, 3: zero, or no number, is no fixed limit.
    fn fits(&self, size: usize) -> Result<(), SmtpTransportError> {
        let most = self.words("SIZE").and_then(|mut words| words.next());
        let most = most.and_then(|most| most.parse::<u64>().ok());
        let Some(most) = most.filter(|most| *most > 0) else {
            return Ok(());
        };
        if u64::try_from(size).is_ok_and(|size| size <= most) {
            return Ok(());
        }
        let words = format!("the mail has {size} bytes; the server takes at most {most} (SIZE)");
        Err(SmtpTransportError {
            phase: Phase::Sender,
            cause: SmtpCause::TooLarge(words),
        })
    }

    /// The words after a keyword, if it is offered.
    fn words(&self, keyword: &str) -> Option<std::str::SplitWhitespace<'_>> {
        self.0.iter().find_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some(keyword)).then_some(words)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offers(lines: &[&str]) -> Offers {
        let lines = ["mail.example.com"].iter().chain(lines);
        Offers::of(&SmtpReply {
            code: 250,
            lines: lines.map(ToString::to_string).collect(),
            is_whole: true,
        })
    }

    fn mail(to: &str, size: usize) -> SmtpMail {
        SmtpMail {
            from: "h@example.com".to_owned(),
            to: to.to_owned(),
            wire: String::new(),
            size,
            message_id: String::new(),
        }
    }

    #[test]
    fn keywords_come_in_any_case_and_stand_alone() {
        let offers = offers(&["smtputf8", "StartTLS ", "Auth plain LOGIN", "X-SIZE 1"]);
        for keyword in ["SMTPUTF8", "STARTTLS"] {
            assert!(offers.has(keyword), "{keyword}");
        }
        assert!(!offers.has("SIZE") && !offers.has("MAIL.EXAMPLE.COM"));
        assert!(offers.has_login("PLAIN") && offers.has_login("LOGIN"));
        assert!(!offers.has_login("XOAUTH2"));
    }

    #[test]
    fn a_mail_larger_than_the_server_takes_is_refused_with_words() {
        let trouble = offers(&["size 100"])
            .parameters(&mail("a@example.com", 101))
            .unwrap_err();
        insta::assert_snapshot!(trouble, @"the mail has 101 bytes; the server takes at most 100 (SIZE)");
        for (line, expected) in [
            ("SIZE 101", " SIZE=101"),
            ("SIZE 0", " SIZE=101"),
            ("SIZE", " SIZE=101"),
            ("SIZE 99999999999999999999999", " SIZE=101"),
            ("PIPELINING", ""),
        ] {
            let parameters = offers(&[line]).parameters(&mail("a@example.com", 101));
            assert_eq!(parameters.as_deref(), Ok(expected), "{line}");
        }
    }

    #[test]
    fn an_address_beyond_ascii_needs_a_server_that_takes_it() {
        let mail = mail("jörg@example.com", 1);
        let lacks = offers(&["8BITMIME"]).parameters(&mail).unwrap_err();
        assert!(matches!(lacks.cause, SmtpCause::Lacks(_)), "{lacks}");
        let taken = offers(&["8bitmime", "smtputf8"]).parameters(&mail);
        assert_eq!(taken.as_deref(), Ok(" BODY=8BITMIME SMTPUTF8"));
    }
}
