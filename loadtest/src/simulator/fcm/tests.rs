use std::time::{SystemTime, UNIX_EPOCH};

use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::Value;
use uuid::Uuid;

use super::super::judge::Refusal;
use super::super::testing::{answer_of, json_request, judge, refusal_of, request};
use super::*;

const TOKEN_URI: &str = "http://127.0.0.1:1/token";
const FORM: &str = "application/x-www-form-urlencoded";

fn fcm() -> Fcm {
    Fcm::new(TOKEN_URI.into()).unwrap()
}

fn claims() -> Value {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    json!({
        "iss": "simulator@herald-simulator.iam.gserviceaccount.com",
        "scope": "https://www.googleapis.com/auth/firebase.messaging",
        "aud": TOKEN_URI, "iat": now, "exp": now + 3600,
    })
}

fn ask_token(fcm: &Fcm, claims: &Value) -> Verdict {
    let key = EncodingKey::from_rsa_pem(account::private_key().as_bytes()).unwrap();
    let assertion = encode(&Header::new(Algorithm::RS256), claims, &key).unwrap();
    let grant = "urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer";
    let body = format!("grant_type={grant}&assertion={assertion}");
    judge(fcm, &request("/token", "none", FORM, body))
}

fn token(fcm: &Fcm) -> String {
    let (status, body) = answer_of(&ask_token(fcm, &claims()));
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

fn send_as(fcm: &Fcm, token: &str, body: &Value) -> Verdict {
    let path = "/v1/projects/herald-simulator/messages:send";
    judge(fcm, &json_request(path, &format!("Bearer {token}"), body))
}

fn send(body: &Value) -> Verdict {
    let fcm = fcm();
    let token = token(&fcm);
    send_as(&fcm, &token, body)
}

#[test]
fn a_signed_assertion_buys_a_token_and_a_token_sends() {
    let id = Uuid::now_v7();
    let verdict = send(&json!({ "message": {
        "token": "device-1",
        "notification": { "title": "T", "body": "hk:1:2;" },
        "data": { "notification_id": id },
        "android": { "priority": "HIGH", "ttl": "3600s", "collapseKey": "a", "notification": { "channelId": "x" } },
        "apns": { "headers": { "apns-priority": "10" }, "payload": { "aps": {} } },
        "webpush": { "fcmOptions": { "link": "https://x.example" } },
    } }));
    let name = answer_of(&verdict).1["name"].clone();
    assert!(
        name.as_str()
            .unwrap()
            .starts_with("projects/herald-simulator/messages/")
    );
    let Verdict::Accept { acceptances, .. } = verdict else {
        panic!("refused");
    };
    assert_eq!(acceptances[0].notification_id, Some(id));
    assert_eq!(acceptances[0].recipient, "device-1");
}

#[test]
fn assertions_are_checked() {
    let fcm = fcm();
    let google = json!("https://oauth2.googleapis.com/token");
    let cases = [
        ("aud", json!("https://elsewhere"), 400, "invalid_grant"),
        ("iss", json!("someone@else"), 400, "invalid_grant"),
        ("exp", json!(1_000), 400, "invalid_grant"),
        ("iat", json!(1_000), 400, "invalid_grant"),
        (
            "scope",
            json!("https://www.googleapis.com/auth/drive"),
            400,
            "invalid_scope",
        ),
        ("aud", google, 200, ""),
    ];
    for (claim, value, status, error) in cases {
        let mut claims = claims();
        claims[claim] = value;
        let (got, body) = answer_of(&ask_token(&fcm, &claims));
        assert_eq!(got, status, "{claim}: {body}");
        assert_eq!(body["error"].as_str().unwrap_or(""), error);
    }
    let unsigned = request("/token", "none", FORM, "grant_type=password&assertion=x");
    assert_eq!(
        answer_of(&judge(&fcm, &unsigned)).1["error"],
        "unsupported_grant_type"
    );
}

#[test]
fn without_a_living_token_nothing_is_sent() {
    let fcm = fcm();
    let good = json!({ "message": { "token": "device-1" } });
    let bought = token(&fcm);
    assert_eq!(refusal_of(&send_as(&fcm, &bought, &good)), None);
    fcm.expire_tokens();
    for token in [bought.as_str(), "stolen"] {
        let verdict = send_as(&fcm, token, &good);
        let (status, body) = answer_of(&verdict);
        assert_eq!(
            (status, &body["error"]["status"]),
            (401, &json!("UNAUTHENTICATED"))
        );
        assert_eq!(refusal_of(&verdict), Some(Refusal::Unauthorized));
    }
}

#[test]
fn malformed_messages_are_bad_requests() {
    let big = json!({ "token": "t", "data": { "a": "x".repeat(4_096) } });
    let topic = json!({ "topic": "t", "data": { "a": "x".repeat(2_048) } });
    let both = json!({ "token": "t", "android": {}, "androidV2": {} });
    for message in [
        json!({}),
        json!({ "token": "" }),
        json!({ "token": "t", "topic": "x" }),
        json!({ "token": "t", "data": { "n": 1 } }),
        json!({ "token": "t", "data": { "from": "x" } }),
        json!({ "token": "t", "data": { "google.x": "x" } }),
        json!({ "token": "t", "collapse_key": "x" }),
        json!({ "token": "t", "android": { "collapse_key": "x" } }),
        json!({ "token": "t", "android": { "priority": "urgent" } }),
        json!({ "token": "t", "android": { "ttl": "3600" } }),
        json!({ "token": "t", "android": { "notification": { "channel_id": "x" } } }),
        json!({ "token": "t", "webpush": { "fcmOptions": { "link": "http://x" } } }),
        json!({ "token": "t", "notification": { "titel": "x" } }),
        big,
        topic,
        both,
    ] {
        let verdict = send(&json!({ "message": message }));
        let (status, body) = answer_of(&verdict);
        assert_eq!(refusal_of(&verdict), Some(Refusal::Malformed), "{message}");
        assert_eq!(status, 400);
        assert_eq!(body["error"]["details"][0]["@type"], BAD_REQUEST);
    }
}

#[test]
fn dead_tokens_fail_as_documented() {
    for (device, status, code) in [
        ("unregistered-1", 404, "UNREGISTERED"),
        ("invalid-1", 400, "INVALID_ARGUMENT"),
        ("mismatch-1", 403, "SENDER_ID_MISMATCH"),
        ("quota-1", 429, "QUOTA_EXCEEDED"),
    ] {
        let verdict = send(&json!({ "message": { "token": device } }));
        let (got, body) = answer_of(&verdict);
        assert_eq!(
            (got, &body["error"]["details"][0]["errorCode"]),
            (status, &json!(code))
        );
        assert_eq!(body["error"]["details"][0]["@type"], FCM_ERROR);
        assert_eq!(refusal_of(&verdict), Some(Refusal::Recipient));
    }
}

#[test]
fn a_dry_run_sends_nothing() {
    let verdict = send(&json!({ "validateOnly": true, "message": { "token": "t" } }));
    assert!(matches!(verdict, Verdict::Serve { .. }));
}
