use super::super::judge::Refusal;
use super::super::testing::{answer_of, judge, refusal_of, request};
use super::*;

const PATH: &str = "/2010-04-01/Accounts/AC00000000000000000000000000000001/Messages.json";
const GOOD: &str = "To=%2B4915112345678&From=%2B15005550006&Body=Hello+hk%3A1%3A2%3B";
const ID: &str = "0190c1a0-0000-7000-8000-000000000001";

fn basic(credentials: &str) -> String {
    format!("Basic {}", STANDARD.encode(credentials))
}

fn send(body: &str) -> Verdict {
    let request = request(PATH, &basic("AC:secret"), CONTENT_TYPE, body.to_owned());
    judge(&Twilio::new(None), &request)
}

#[test]
fn a_good_message_is_created_and_shown_in_full() {
    let callback =
        format!("StatusCallback=https%3A%2F%2Fx.example%2Fh%3Fnotification_id%3D{ID}%23rc%3D3");
    let verdict = send(&format!("{GOOD}&{callback}"));
    let (status, shown) = answer_of(&verdict);
    assert_eq!(status, 201);
    assert_eq!(shown["status"], "queued");
    assert_eq!(shown["num_segments"], "1");
    assert_eq!(shown["to"], "+4915112345678");
    assert!(shown["error_code"].is_null());
    assert!(rules::is_sid(shown["sid"].as_str().unwrap(), "SM"));
    let Verdict::Accept { acceptances, .. } = verdict else {
        panic!("refused");
    };
    assert_eq!(acceptances[0].notification_id, ID.parse().ok());
    assert_eq!(acceptances[0].recipient, "+4915112345678");
}

#[test]
fn a_messaging_service_replaces_the_sender() {
    let body = "To=%2B4915112345678&MessagingServiceSid=MG00000000000000000000000000000001&Body=x";
    assert_eq!(answer_of(&send(body)).1["status"], "accepted");
}

#[test]
fn each_malformed_class_has_its_code() {
    let long = format!("{GOOD}{}", "x".repeat(1_600));
    let media = format!("{GOOD}{}", "&MediaUrl=https://x.example/a.png".repeat(11));
    let cases = [
        ("From=%2B15005550006&Body=x", 21604),
        ("To=12345&From=%2B15005550006&Body=x", 21211),
        ("To=%2B0123&From=%2B15005550006&Body=x", 21211),
        ("To=%2B4915112345678&Body=x", 21603),
        ("To=%2B4915112345678&From=what%21is%21this%21&Body=x", 21212),
        ("To=%2B4915112345678&MessagingServiceSid=MG1&Body=x", 21705),
        ("To=%2B4915112345678&From=%2B15005550006&Body=", 21602),
        (&long, 21617),
        (&media, 21623),
        (&format!("{GOOD}&StatusCallback=ftp://x"), 21609),
        (
            &format!("{GOOD}&StatusCallback=https://a_b.example/"),
            21609,
        ),
        (&format!("{GOOD}&ValidityPeriod=0"), 20001),
        (&format!("{GOOD}&SmartEncoded=yes"), 20001),
        (&format!("{GOOD}&RiskCheck=maybe"), 20001),
        (&format!("{GOOD}&body=x"), 20001),
        (&format!("{GOOD}&SendAt=2027-01-01T00:00:00Z"), 35114),
        ("To=%zz", 20001),
    ];
    for (body, code) in cases {
        let verdict = send(body);
        let (status, error) = answer_of(&verdict);
        assert_eq!(refusal_of(&verdict), Some(Refusal::Malformed), "{body}");
        assert_eq!((status, &error["code"]), (400, &json!(code)), "{body}");
        assert_eq!(error["status"], 400);
        assert!(
            error["more_info"]
                .as_str()
                .unwrap()
                .ends_with(&code.to_string())
        );
    }
}

#[test]
fn the_documented_test_numbers_fail_as_documented() {
    for (number, code) in [
        ("1", 21211),
        ("2", 21612),
        ("3", 21408),
        ("4", 21610),
        ("9", 21614),
    ] {
        let verdict = send(&format!(
            "To=%2B1500555000{number}&From=%2B15005550006&Body=x"
        ));
        assert_eq!(refusal_of(&verdict), Some(Refusal::Recipient));
        assert_eq!(answer_of(&verdict).1["code"], code);
    }
    for (number, code) in [("1", 21212), ("7", 21606), ("8", 21611)] {
        let verdict = send(&format!(
            "To=%2B4915112345678&From=%2B1500555000{number}&Body=x"
        ));
        assert_eq!(answer_of(&verdict).1["code"], code);
    }
}

#[test]
fn credentials_paths_and_content_types_are_checked() {
    let strict = Twilio::new(Some("SK1:right".into()));
    let wrong = request(PATH, &basic("SK1:wrong"), CONTENT_TYPE, GOOD);
    let verdict = judge(&strict, &wrong);
    assert_eq!(refusal_of(&verdict), Some(Refusal::Unauthorized));
    assert_eq!(answer_of(&verdict).0, 401);
    assert_eq!(answer_of(&verdict).1["code"], 20003);
    let json = request(PATH, &basic("SK1:right"), "application/json", "{}");
    assert_eq!(answer_of(&judge(&strict, &json)).0, 415);
    for path in [
        "/2010-04-01/Accounts/AC1/Messages.json",
        &PATH.replace(".json", ""),
    ] {
        let lost = request(path, &basic("SK1:right"), CONTENT_TYPE, GOOD);
        assert_eq!(answer_of(&judge(&strict, &lost)).1["code"], 20404);
    }
}
