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
    assert_eq!(report.feedback, None);
}

#[test]
fn each_part_and_each_group_of_a_report_counts_and_a_status_stands_for_an_action() {
    let of = |report: &str| -> Vec<(String, Option<String>)> {
        let recipients = super::report(report.as_bytes()).recipients;
        recipients
            .into_iter()
            .map(|it| (it.action, it.address))
            .collect()
    };
    let said = |action: &str, address: &str| (action.to_owned(), Some(address.to_owned()));
    let (failed, delayed) = (
        said("failed", "a.na@example.com"),
        said("delayed", "ben@example.com"),
    );
    let global = BOUNCE.replace("message/delivery-status", "message/global-delivery-status");
    let without = BOUNCE
        .replace("Action: failed\r\n", "")
        .replace("Action: Delayed\r\n", "");
    let by_answer = without.replace("Status: 5.1.1 (bad mailbox)\r\n", "");
    for report in [&global, &without, &by_answer] {
        assert_eq!(of(report), [failed.clone(), delayed.clone()], "{report}");
    }
    let nothing_said = by_answer
        .replace("smtp; 550 5.1.1", "smtp; never seen")
        .replace("Status: 4.4.1\r\n", "");
    let unsaid = [said("", "a.na@example.com"), said("", "ben@example.com")];
    assert_eq!(of(&nothing_said), unsaid);
    let two_parts = BOUNCE.replace(
        "\r\n\r\nFinal-Recipient: rfc822; ben",
        "\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Final-Recipient: rfc822; ben",
    );
    assert_eq!(of(&two_parts), [failed, delayed]);
    for (escaped, address) in [
        ("utf-8; caf\\x{E9}@example.com", "café@example.com"),
        ("utf-8; café@example.com", "café@example.com"),
        (
            "utf-8; a\\x{FFFFFF}\\x{zz}\\x{41@example.com",
            "a\\x{FFFFFF}\\x{zz}\\x{41@example.com",
        ),
    ] {
        let report = global.replace("rfc822; a.na@example.com", escaped);
        assert_eq!(of(&report)[0].1.as_deref(), Some(address), "{escaped}");
    }
}

#[test]
fn a_report_of_abuse_says_what_the_person_did_and_an_answer_is_nothing() {
    for (kind, expected) in [
        ("abuse", Some(Feedback::Complaint)),
        ("Fraud", Some(Feedback::Complaint)),
        ("opt-out", Some(Feedback::OptOut)),
        ("not-spam", None),
        ("virus", None),
        ("auth-failure", None),
    ] {
        let told = BOUNCE
            .replace("message/delivery-status", "message/feedback-report")
            .replace(
                "Reporting-MTA: dns; mx.example.org",
                &format!("Feedback-Type: {kind}"),
            );
        let told = report(told.as_bytes());
        assert_eq!(
            (told.feedback, told.recipients.len()),
            (expected, 0),
            "{kind}"
        );
    }
    for other in ["", "\0", "Subject: I am away\r\n\r\nUntil Monday.", "--x--"] {
        assert_eq!(report(other.as_bytes()), MailReport::default(), "{other:?}");
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
