//! API keys that are looked at, changed and rotated by HTTP.

use serde_json::json;

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use super::made;
use crate::database::lines;

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_changed_and_rotated_by_one_that_opens_as_much() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let keeper = key(
        &stage,
        "api-keys:read,api-keys:write,users:read",
        Some(SHOP),
    );
    let (id, text) = made(&stage, &["--scopes", "users:read", "--tenant", SHOP]);
    let (great, _) = made(&stage, &["--scopes", "users:write", "--tenant", SHOP]);
    let (others, _) = made(&stage, &["--scopes", "users:read", "--tenant", OTHER]);
    let _engine = stage.start().await;
    let path = format!("/v1/api-keys/{id}");
    let shown = json_of(&ask_as(&stage, &keeper, "GET", &path, "").await);
    assert_eq!(
        (&shown["name"], &shown["rate_limit"]),
        (&json!("shop"), &json!(null))
    );
    assert!(!shown.to_string().contains(text.expose()));
    let change = json!({
        "name": "desk", "networks": ["10.0.0.0/8"], "rate_limit": 7, "expires_at": "2099-01-01T00:00:00Z",
    });
    let answer = ask_as(&stage, &keeper, "PATCH", &path, &change.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    let shown = json_of(&answer);
    for (name, value) in change.as_object().unwrap() {
        assert_eq!(&shown[name], value);
    }
    assert_eq!(shown["scopes"], json!(["users:read"]), "the rest stays");
    let elsewhere = ask_as(&stage, text.expose(), "GET", "/v1/api-keys", "").await;
    assert_eq!(told(&elsewhere), is(403, "address_not_allowed"), "at once");
    let back = json!({ "networks": [], "rate_limit": null, "expires_at": null }).to_string();
    let shown = json_of(&ask_as(&stage, &keeper, "PATCH", &path, &back).await);
    let cleared = json!([shown["networks"], shown["rate_limit"], shown["expires_at"]]);
    assert_eq!(cleared, json!([[], null, null]));
    assert_eq!(shown["name"], "desk");
    for (path, body, expected) in [
        (
            &path,
            json!({ "scopes": ["users:write"] }),
            (422, "invalid_body"),
        ),
        (&path, json!({ "rate_limit": 0 }), (422, "invalid_body")),
        (&path, json!({ "rate_limit": 1e300 }), (422, "invalid_body")),
        (&path, json!({ "nmae": "x" }), (422, "invalid_body")),
        (
            &format!("/v1/api-keys/{great}"),
            json!({ "name": "x" }),
            (409, "key_opens_more"),
        ),
        (
            &format!("/v1/api-keys/{others}"),
            json!({ "name": "x" }),
            (404, "not_found"),
        ),
        (
            &format!("/v1/api-keys/{others}"),
            json!({ "nmae": "x" }),
            (404, "not_found"),
        ),
    ] {
        let answer = ask_as(&stage, &keeper, "PATCH", path, &body.to_string()).await;
        assert_eq!(told(&answer), is(expected.0, expected.1), "{path} {body}");
    }
    let rotate = format!("{path}/rotate");
    let answer = ask_as(
        &stage,
        &keeper,
        "POST",
        &rotate,
        "{\"overlap_seconds\":600}",
    )
    .await;
    assert_eq!(
        (answer.status, &answer.headers["cache-control"]),
        (200, &"no-store".parse().unwrap())
    );
    let new = json_of(&answer)["key"].as_str().unwrap().to_owned();
    let opens = async |key: &str| {
        let answer = ask_as(&stage, key, "GET", "/v1/api-keys", "").await;
        told(&answer) == is(403, "missing_scope")
    };
    assert!(opens(&new).await && opens(text.expose()).await, "both open");
    let answer = ask_as(&stage, &admin, "POST", &rotate, "{\"overlap_seconds\":0}").await;
    let newest = json_of(&answer)["key"].as_str().unwrap().to_owned();
    assert!(opens(&newest).await && !opens(&new).await && !opens(text.expose()).await);
    let mut owner = stage.database.owner().await;
    let audited = "SELECT action || ' ' || coalesce(changes::text, '') AS text
                   FROM notification_schema.audit_logs WHERE request_id IS NOT NULL ORDER BY created_at";
    let audited = lines(&mut owner, audited).await;
    assert_eq!(audited.len(), 4, "{audited:#?}");
    assert!(
        audited[0].contains("\"old\"") && audited[0].contains("desk"),
        "{audited:#?}"
    );
    let said = audited.concat();
    for secret in [&text.expose().to_owned(), &new, &newest] {
        assert!(!said.contains(secret.rsplit('_').next().unwrap()));
    }
}
