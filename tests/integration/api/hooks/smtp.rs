//! Mails that came back, handed over.

use uuid::Uuid;

use super::super::door::{SHOP, ask, is, told};
use super::Hooks;

fn report(to: &str, status: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx\r\nTo: <{to}>\r\nMessage-ID: <{status}@mx>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n\
         Final-Recipient: rfc822; victim@example.com\r\nAction: failed\r\nStatus: {status}\r\n\r\n--x--\r\n"
    )
}

/// The envelope sender of a mail, made as the sender makes it.
fn return_path(id: Uuid) -> String {
    let secret = b"sixteen bytes and more";
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
    let tag = aws_lc_rs::hmac::sign(&key, id.as_bytes());
    let digits: String = tag
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("b-{}-{}@bounces.example.com", id.simple(), &digits[..20])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_comes_back_to_its_signed_path_is_believed_and_no_other() {
    let hooks = Hooks::open().await;
    let operator = hooks.key("provider-events:write", None);
    let shop = hooks.key("provider-events:write", Some(SHOP));
    let _engine = hooks.stage.start().await;
    let sent = hooks.sent("post", "").await;
    let hand_over = async |key: &str, path: &str, kind: &str, mail: &str| {
        let headers = [
            format!("Authorization: Bearer {key}"),
            format!("Content-Type: {kind}"),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        ask(&hooks.stage, "POST", path, &headers, mail).await
    };
    let (door, mail) = ("/hooks/smtp/post", "message/rfc822");
    let forged = report(
        "b-0190c1a000007000800000000000000a-00000000000000000000@bounces.example.com",
        "5.1.1",
    );
    assert_eq!(hand_over(&operator, door, mail, &forged).await.status, 204);
    assert!(hooks.suppressed().await.is_empty(), "nobody believes it");
    let real = report(&return_path(sent), "5.1.1");
    assert_eq!(hand_over(&operator, door, mail, &real).await.status, 204);
    assert_eq!(hand_over(&operator, door, mail, &real).await.status, 204);
    assert_eq!(hooks.events().await, ["bounce return_path t", "other - f"]);
    let dead = ["email ana@example.com hard_bounce - t 1"];
    assert_eq!(
        hooks.suppressed().await,
        dead,
        "the address is the notification's"
    );
    // Mail servers know to whom it came.
    let path = format!("{door}?recipient={}", return_path(sent).replace('@', "%40"));
    let full = report("postmaster@example.com", "5.2.2");
    assert_eq!(hand_over(&operator, &path, mail, &full).await.status, 204);
    assert!(
        hooks
            .events()
            .await
            .contains(&"soft_bounce return_path t".to_owned())
    );

    for (key, path, kind, refused) in [
        (
            &operator,
            door,
            "application/json",
            is(415, "unsupported_media_type"),
        ),
        (&shop, door, mail, is(403, "operator_required")),
        (&operator, "/hooks/smtp/mail", mail, is(404, "not_found")),
    ] {
        assert_eq!(told(&hand_over(key, path, kind, &real).await), refused);
    }
    let nobody = ask(
        &hooks.stage,
        "POST",
        door,
        &["Content-Type: message/rfc822"],
        &real,
    )
    .await;
    assert_eq!(told(&nobody), is(401, "missing_key"));
}

/// A report about several: to, and for each what became of whom.
fn report_of(to: &str, id: &str, groups: &[(&str, &str, &str)]) -> String {
    let groups: Vec<String> = groups
        .iter()
        .map(|(address, action, status)| {
            format!(
                "Final-Recipient: rfc822; {address}\r\nAction: {action}\r\nStatus: {status}\r\n\r\n"
            )
        })
        .collect();
    format!(
        "From: MAILER-DAEMON@mx\r\nTo: <{to}>\r\nMessage-ID: <{id}@mx>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n\r\n--x\r\n\
         Content-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx\r\n\r\n{}--x--\r\n",
        groups.concat()
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_became_of_somebody_else_says_nothing_of_our_recipient() {
    let hooks = Hooks::open().await;
    let operator = hooks.key("provider-events:write", None);
    let _engine = hooks.stage.start().await;
    let hand_over = async |mail: String| {
        let headers = [
            format!("Authorization: Bearer {operator}"),
            "Content-Type: message/rfc822".to_owned(),
        ];
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let answer = ask(&hooks.stage, "POST", "/hooks/smtp/post", &headers, &mail).await;
        assert_eq!(answer.status, 204);
    };
    let (ana, gone) = ("ana@example.com", "gone@elsewhere.example");
    let failed = (gone, "failed", "5.1.1");
    let of_both = return_path(hooks.sent("post", "").await);
    let delivered = (ana, "delivered", "2.0.0");
    hand_over(report_of(&of_both, "1", &[delivered, failed])).await;
    // Passed on, and then told of alone.
    let passed_on = return_path(hooks.sent("post", "").await);
    hand_over(report_of(&passed_on, "2", &[(ana, "expanded", "2.0.0")])).await;
    hand_over(report_of(&passed_on, "3", &[failed])).await;
    assert!(hooks.suppressed().await.is_empty());
    assert_eq!(
        hooks.events().await,
        [
            "delivered return_path t",
            "other return_path t",
            "other return_path t",
            "processed return_path t"
        ]
    );
    // Ours among others, and one that is told of alone though we know it by another name.
    for (id, groups) in [
        ("4", &[failed, (ana, "failed", "5.1.1")][..]),
        ("5", &[failed][..]),
    ] {
        let sent = return_path(hooks.sent("post", "").await);
        hand_over(report_of(&sent, id, groups)).await;
        let dead = ["email ana@example.com hard_bounce - t 1"];
        assert_eq!(hooks.suppressed().await, dead, "{id}");
        assert_eq!(
            hooks
                .lines("DELETE FROM suppressions RETURNING reason AS text")
                .await
                .len(),
            1
        );
    }
}

/// A report of abuse about the mail of a return path.
fn report_of_abuse(path: &str, kind: &str) -> String {
    format!(
        "From: fbl@isp.example\r\nTo: <fbl@example.com>\r\nMessage-ID: <{kind}@isp>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=x\r\n\r\n--x\r\n\
         Content-Type: message/feedback-report\r\n\r\nFeedback-Type: {kind}\r\nUser-Agent: isp/1\r\n\r\n--x\r\n\
         Content-Type: message/rfc822\r\n\r\nReturn-Path: <{path}>\r\nSubject: Hello\r\n\r\nText\r\n--x--\r\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_to_report_a_mail_has_its_consequence() {
    let hooks = Hooks::open().await;
    let operator = hooks.key("provider-events:write", None);
    let _engine = hooks.stage.start().await;
    let (authorization, kind) = (
        format!("Authorization: Bearer {operator}"),
        "Content-Type: message/rfc822",
    );
    let news = "category = 'news'";
    let international = |report: String| {
        let global = report.replace("message/delivery-status", "message/global-delivery-status");
        global.replace("rfc822; victim", "utf-8; v\\x{69}ctim")
    };
    let without_action = |report: String| report.replace("Action: failed\r\n", "");
    let bounce = |path: &str| report(path, "5.1.1");
    let abuse = |kind: &'static str| move |path: &str| report_of_abuse(path, kind);
    let dead = &["email ana@example.com hard_bounce - t 1"][..];
    type ReportCase<'a> = (&'a dyn Fn(&str) -> String, &'a str, &'a [&'a str]);
    let cases: [ReportCase<'_>; 6] = [
        (&|path| international(bounce(path)), "bounce", dead),
        (&|path| without_action(bounce(path)), "bounce", dead),
        (
            &abuse("abuse"),
            "complaint",
            &["email ana@example.com complaint - f 1"],
        ),
        (
            &abuse("opt-out"),
            "unsubscribe",
            &["email ana@example.com unsubscribe news f 1"],
        ),
        (&abuse("not-spam"), "other", &[]),
        (&abuse("virus"), "other", &[]),
    ];
    for (mail, event, suppressed) in cases {
        let sent = hooks.sent("post", news).await;
        let mail = mail(&return_path(sent));
        let headers = [authorization.as_str(), kind];
        let answer = ask(&hooks.stage, "POST", "/hooks/smtp/post", &headers, &mail).await;
        assert_eq!(answer.status, 204, "{mail}");
        let stored = format!(
            "SELECT event || ' ' || matched_by AS text FROM email_logs WHERE notification_id = '{sent}'"
        );
        assert_eq!(
            hooks.lines(&stored).await,
            [format!("{event} return_path")],
            "{mail}"
        );
        assert_eq!(hooks.suppressed().await, suppressed, "{mail}");
        hooks
            .lines("DELETE FROM suppressions RETURNING reason AS text")
            .await;
    }
}
