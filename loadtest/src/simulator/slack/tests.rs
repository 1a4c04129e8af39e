use super::super::judge::Refusal;
use super::super::testing::{answer_of, json_request, judge, refusal_of};
use super::*;

fn post(body: &Value) -> Verdict {
    let request = json_request("/api/chat.postMessage", "Bearer xoxb-1", body);
    judge(&Slack::new(None), &request)
}

fn hook(path: &str, body: &Value) -> (u16, String, Option<Refusal>) {
    let verdict = judge(&Slack::new(None), &json_request(path, "none", body));
    let answer = match &verdict {
        Verdict::Accept { answer, .. } => answer.clone(),
        Verdict::Serve { answer, .. } | Verdict::Refuse { answer, .. } => answer.clone(),
    };
    let text = String::from_utf8(answer.body.to_vec()).unwrap();
    (answer.status, text, refusal_of(&verdict))
}

#[test]
fn a_good_message_is_posted() {
    let id = Uuid::now_v7();
    let verdict = post(&json!({
        "channel": "C1", "text": "hk:1:2;", "unfurl_links": false,
        "metadata": { "event_type": "herald", "event_payload": { "notification_id": id } },
    }));
    assert_eq!(answer_of(&verdict).1["ok"], true);
    let Verdict::Accept { acceptances, .. } = verdict else {
        panic!("refused");
    };
    assert_eq!(acceptances[0].notification_id, Some(id));
    assert_eq!(acceptances[0].recipient, "C1");
}

#[test]
fn refusals_come_with_status_200_and_a_word() {
    let attachments = vec![json!({}); 101];
    for (body, word, refusal) in [
        (
            json!({ "text": "x" }),
            "channel_not_found",
            Refusal::Malformed,
        ),
        (json!({ "channel": "C1" }), "no_text", Refusal::Malformed),
        (json!("x"), "invalid_json", Refusal::Malformed),
        (
            json!({ "channel": "C1", "text": "x".repeat(40_001) }),
            "msg_too_long",
            Refusal::Malformed,
        ),
        (
            json!({ "channel": "C1", "attachments": attachments }),
            "too_many_attachments",
            Refusal::Malformed,
        ),
        (
            json!({ "channel": "missing-1", "text": "x" }),
            "channel_not_found",
            Refusal::Recipient,
        ),
        (
            json!({ "channel": "archived-1", "text": "x" }),
            "is_archived",
            Refusal::Recipient,
        ),
    ] {
        let verdict = post(&body);
        let (status, answer) = answer_of(&verdict);
        assert_eq!((status, &answer["error"]), (200, &json!(word)));
        assert_eq!(refusal_of(&verdict), Some(refusal), "{word}");
    }
}

#[test]
fn another_token_is_no_token() {
    let strict = Slack::new(Some("xoxb-right".into()));
    let body = json!({ "channel": "C1", "text": "x" });
    let wrong = json_request("/api/chat.postMessage", "Bearer xoxb-wrong", &body);
    assert_eq!(
        answer_of(&judge(&strict, &wrong)).1["error"],
        "invalid_auth"
    );
    let none = json_request("/api/chat.postMessage", "nothing", &body);
    assert_eq!(answer_of(&judge(&strict, &none)).1["error"], "not_authed");
}

#[test]
fn a_webhook_answers_in_plain_words() {
    let good = json!({ "text": "x" });
    assert_eq!(hook("/services/T1/B1/x", &good), (200, "ok".into(), None));
    for (path, body, status, word, refusal) in [
        (
            "/services/T1/B1",
            &good,
            404,
            "no_service",
            Refusal::Malformed,
        ),
        (
            "/services/T1/B1/x",
            &json!({}),
            400,
            "no_text",
            Refusal::Malformed,
        ),
        (
            "/services/T1/B1/x",
            &json!("x"),
            400,
            "invalid_payload",
            Refusal::Malformed,
        ),
        (
            "/services/T1/B1/gone",
            &good,
            404,
            "no_service",
            Refusal::Recipient,
        ),
        (
            "/services/T1/B1/archived",
            &good,
            410,
            "channel_is_archived",
            Refusal::Recipient,
        ),
        (
            "/services/T1/B1/restricted",
            &good,
            403,
            "action_prohibited",
            Refusal::Recipient,
        ),
    ] {
        assert_eq!(hook(path, body), (status, word.to_owned(), Some(refusal)));
    }
}

#[test]
fn a_rate_limit_is_a_real_429() {
    let answer = Slack::new(None).error(429).retry_after(Some(3));
    assert_eq!(answer.status, 429);
    assert_eq!(answer.headers[1].1, "3");
}
