//! User tokens: what they open, who may issue and sign them, and how they end.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use herald::cache::UserTokenCache;
use herald::cache::user_tokens::TokenRefusal;
use herald::domain::user_token::TokenFault;
use herald::runtime::clock;
use herald::store::seal::Sealer;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use loadtest::harness::http::Answer;
use serde_json::{Value, json};

use super::door::{OTHER, SHOP, ask_as, is, json_of, key, stage, told};
use crate::database::{PATIENCE, lines};
use crate::stage::Stage;

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
pub(super) const ANN: &str = "0190c1a0-0000-7000-8000-00000000a0a1";
pub(super) const BOB: &str = "0190c1a0-0000-7000-8000-00000000a0b2";
const SECRET: &str = "an example of thirty-two bytes, no secret";

fn preferences(person: &str) -> String {
    format!("/v1/users/{person}/preferences")
}

/// Makes a person; answers what issues tokens for them.
pub(super) async fn person(stage: &Stage, admin: &str, id: &str) {
    let body = json!({ "id": id }).to_string();
    let answer = ask_as(stage, admin, "POST", "/v1/users", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
}

/// A token that Herald issues.
pub(super) async fn issued(stage: &Stage, admin: &str, id: &str, asked: &Value) -> String {
    let path = format!("/v1/users/{id}/token");
    let answer = ask_as(stage, admin, "POST", &path, &asked.to_string()).await;
    assert_eq!(answer.status, 200, "{}", answer.text());
    assert_eq!(answer.headers["cache-control"], "no-store");
    let issued = json_of(&answer);
    assert_eq!(issued.as_object().unwrap().len(), 2, "{issued}");
    assert!(issued["expires_at"].is_string());
    issued["token"].as_str().unwrap().to_owned()
}

fn now() -> i64 {
    clock::now().as_second()
}

fn claims() -> Value {
    json!({ "sub": ANN, "tenant": SHOP, "iat": now(), "exp": now() + 600 })
}

/// A token that the tenant's own server signs.
fn signed(kid: &str, claims: &Value) -> String {
    let header = Header {
        kid: Some(kid.to_owned()),
        ..Header::new(Algorithm::HS256)
    };
    let key = EncodingKey::from_secret(SECRET.as_bytes());
    jsonwebtoken::encode(&header, claims, &key).unwrap()
}

async fn register(stage: &Stage, admin: &str, kid: &str) -> String {
    let body = json!({ "kid": kid, "algorithm": "HS256", "secret": SECRET }).to_string();
    let answer = ask_as(stage, admin, "POST", "/v1/token-keys", &body).await;
    assert_eq!(answer.status, 201, "{}", answer.text());
    let made = json_of(&answer);
    assert!(!answer.text().contains(SECRET) && made["public_key"].is_null());
    let id = made["id"].as_str().unwrap().to_owned();
    assert_eq!(answer.headers["location"], format!("/v1/token-keys/{id}"));
    id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_opens_what_is_the_persons_own_and_nothing_else() {
    let stage = stage().await;
    let (shop, other) = (
        key(&stage, "admin", Some(SHOP)),
        key(&stage, "admin", Some(OTHER)),
    );
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    person(&stage, &shop, BOB).await;
    let token = issued(&stage, &shop, ANN, &json!({ "ttl_seconds": 900 })).await;
    let ask = async |method: &str, path: &str, body: &str| {
        ask_as(&stage, &token, method, path, body).await
    };
    let own = ask("GET", &preferences(ANN), "").await;
    assert_eq!(own.status, 200, "{}", own.text());
    assert_eq!(own.headers["ratelimit-limit"], "600");
    let wish = json!([{ "channel": "email", "enabled": false }]).to_string();
    assert_eq!(ask("PUT", &preferences(ANN), &wish).await.status, 200);
    let device = json!({ "token": "of-ann", "platform": "web" }).to_string();
    let devices = format!("/v1/users/{ANN}/devices");
    let made = ask("POST", &devices, &device).await;
    assert_eq!(made.status, 201, "{}", made.text());
    assert_eq!(ask("GET", &devices, "").await.status, 200);
    let made = format!("{devices}/{}", json_of(&made)["id"].as_str().unwrap());
    assert_eq!(ask("DELETE", &made, "").await.status, 204);

    // Another's is not there, and nothing is written.
    let mut owner = stage.database.owner().await;
    let trail = "SELECT count(*)::text AS text FROM notification_schema.audit_logs";
    let before = lines(&mut owner, trail).await;
    for (method, path, body) in [
        ("GET", preferences(BOB), ""),
        ("PUT", preferences(BOB), &*wish),
        ("GET", format!("/v1/users/{BOB}/devices"), ""),
        ("POST", format!("/v1/users/{BOB}/devices"), &*device),
        ("GET", preferences("nobody"), ""),
        (
            "GET",
            preferences("0190c1a0-0000-7000-8000-00000000dead"),
            "",
        ),
    ] {
        let answer = ask(method, &path, body).await;
        assert_eq!(told(&answer), is(404, "not_found"), "{method} {path}");
    }
    for (method, path) in [
        ("GET", format!("/v1/users/{ANN}")),
        ("PATCH", format!("/v1/users/{ANN}")),
        ("GET", format!("/v1/users/{ANN}/export")),
        ("POST", format!("/v1/users/{ANN}/token")),
        ("GET", "/v1/users".to_owned()),
        ("GET", "/v1/notifications".to_owned()),
        ("POST", "/v1/notifications".to_owned()),
        ("GET", "/v1/tenants".to_owned()),
        ("POST", "/v1/token-keys".to_owned()),
    ] {
        let answer = ask(method, &path, "{}").await;
        assert_eq!(
            told(&answer),
            is(403, "user_token_not_allowed"),
            "{method} {path}"
        );
    }
    let garbage = format!("{}x", &token);
    let answer = ask_as(&stage, &garbage, "GET", "/v1/users", "").await;
    assert_eq!(told(&answer), is(401, "invalid_token"));
    assert_eq!(
        before,
        lines(&mut owner, trail).await,
        "something was written"
    );
    let by = "SELECT action || ' ' || actor AS text FROM notification_schema.audit_logs
              WHERE resource_id = '0190c1a0-0000-7000-8000-00000000a0a1' AND actor = 'person' ORDER BY 1";
    assert_eq!(
        lines(&mut owner, by).await.len(),
        3,
        "wish, device, no device"
    );

    // Another tenant issues none, and asks for none.
    let path = format!("/v1/users/{ANN}/token");
    let answer = ask_as(&stage, &other, "POST", &path, "{}").await;
    assert_eq!(told(&answer), is(404, "not_found"));
    let bearer = format!("Authorization: Bearer {token}");
    let headers = [&*bearer, &format!("Herald-Tenant: {OTHER}")];
    let answer = super::door::ask(&stage, "GET", &preferences(ANN), &headers, "").await;
    assert_eq!(told(&answer), is(404, "not_found"));

    let wrong =
        json!({ "ttl_seconds": 3_601, "grants": ["inbox:read", "inbox:fly", 7], "sub": BOB });
    let answer = ask_as(&stage, &shop, "POST", &path, &wrong.to_string()).await;
    assert_eq!(told(&answer), is(422, "invalid_body"));
    let problem = json_of(&answer);
    let errors = problem["errors"].as_array().unwrap().iter();
    let mut pointers: Vec<&str> = errors.map(|it| it["pointer"].as_str().unwrap()).collect();
    pointers.sort_unstable();
    assert_eq!(
        pointers,
        ["#/grants/1", "#/grants/2", "#/sub", "#/ttl_seconds"]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn grants_and_time_bound_a_token_and_a_person_is_held_to_a_limit() {
    let mut stage = stage().await;
    stage.set("HERALD__HTTP__PERSON_RATE", "5");
    let shop = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    person(&stage, &shop, BOB).await;
    let get = async |token: &str| ask_as(&stage, token, "GET", &preferences(ANN), "").await;
    let reads = json!({ "grants": ["preferences:read"] });
    let token = issued(&stage, &shop, ANN, &reads).await;
    assert_eq!(get(&token).await.status, 200);
    let answer = ask_as(&stage, &token, "PUT", &preferences(ANN), "[]").await;
    assert_eq!(told(&answer), is(403, "missing_grant"));
    assert!(answer.text().contains("preferences:write"));
    let nothing = issued(&stage, &shop, ANN, &json!({ "grants": [] })).await;
    assert_eq!(told(&get(&nothing).await), is(403, "missing_grant"));
    let short = issued(&stage, &shop, ANN, &json!({ "ttl_seconds": 1 })).await;
    let ended = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = get(&short).await;
            if answer.status == 401 {
                return told(&answer);
            }
        }
    });
    assert_eq!(ended.await.unwrap(), is(401, "token_expired"));
    // A person's limit is for all of their tokens, and for nobody else.
    let limited = tokio::time::timeout(PATIENCE, async {
        loop {
            let answer = get(&token).await;
            if answer.status == 429 {
                return answer;
            }
        }
    });
    let limited = limited.await.unwrap();
    assert_eq!(told(&limited), is(429, "rate_limited"));
    let header = |answer: &Answer, name: &str| -> u64 {
        answer.headers[name].to_str().unwrap().parse().unwrap()
    };
    assert_eq!(header(&limited, "ratelimit-limit"), 5);
    assert_eq!(header(&limited, "ratelimit-remaining"), 0);
    assert!((1..=60).contains(&header(&limited, "retry-after")));
    let bob = issued(&stage, &shop, BOB, &json!({})).await;
    let answer = ask_as(&stage, &bob, "GET", &preferences(BOB), "").await;
    assert_eq!(
        (answer.status, header(&answer, "ratelimit-remaining")),
        (200, 4)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_own_key_signs_until_it_is_revoked_and_for_no_other_tenant() {
    let stage = stage().await;
    let (shop, other) = (
        key(&stage, "admin", Some(SHOP)),
        key(&stage, "admin", Some(OTHER)),
    );
    let _engine = stage.start().await;
    person(&stage, &shop, ANN).await;
    let get = async |token: &str| ask_as(&stage, token, "GET", &preferences(ANN), "").await;
    let good = signed("mine", &claims());
    assert_eq!(
        told(&get(&good).await),
        is(401, "invalid_token"),
        "nobody knows the key"
    );
    let id = register(&stage, &shop, "mine").await;
    assert_eq!(get(&good).await.status, 200);
    let with = |name: &str, value: Value| {
        let mut claims = claims();
        claims[name] = value;
        signed("mine", &claims)
    };
    for (token, said) in [
        (with("exp", json!(now() + 3_700)), "longer than an hour"),
        (with("exp", Value::Null), "`exp`"),
        (with("iat", json!(now() + 120)), "in the future"),
        (with("sub", json!("ann")), "`sub`"),
        (with("sub", json!(BOB)), "no such person"),
        (with("tenant", json!(OTHER)), "no token key"),
        (signed("other", &claims()), "no token key"),
    ] {
        let answer = get(&token).await;
        assert_eq!(told(&answer), is(401, "invalid_token"), "{said}");
        assert!(answer.text().contains(said), "{}", answer.text());
        assert_eq!(
            answer.headers["www-authenticate"],
            "Bearer realm=\"herald\", error=\"invalid_token\""
        );
    }
    let answer = get(&with("exp", json!(now() - 1))).await;
    assert_eq!(told(&answer), is(401, "token_expired"));

    // The same name of another tenant's is another key, which opens nothing here.
    let taken = json!({ "kid": "mine", "algorithm": "HS256", "secret": SECRET }).to_string();
    let answer = ask_as(&stage, &shop, "POST", "/v1/token-keys", &taken).await;
    assert_eq!(told(&answer), is(409, "kid_taken"));
    let others = register(&stage, &other, "mine").await;
    let path = format!("/v1/token-keys/{others}");
    assert_eq!(
        told(&ask_as(&stage, &shop, "DELETE", &path, "").await),
        is(404, "not_found")
    );
    let path = format!("/v1/token-keys/{id}");
    assert_eq!(ask_as(&stage, &shop, "DELETE", &path, "").await.status, 204);
    let answer = get(&good).await;
    assert_eq!(told(&answer), is(401, "invalid_token"), "at once");
    assert!(answer.text().contains("revoked"));
    assert_eq!(
        told(&ask_as(&stage, &shop, "DELETE", &path, "").await),
        is(404, "not_found")
    );
    let listed = json_of(&ask_as(&stage, &shop, "GET", "/v1/token-keys", "").await);
    assert_eq!(listed["data"].as_array().unwrap().len(), 1);
    assert!(listed["data"][0]["revoked_at"].is_string());
    register(&stage, &shop, "mine").await;
    assert_eq!(get(&good).await.status, 200, "another key of the name");

    // Herald's own is revoked as well, and there is another one for the next token.
    let first = issued(&stage, &shop, ANN, &json!({})).await;
    let listed = json_of(&ask_as(&stage, &shop, "GET", "/v1/token-keys", "").await);
    let own = &listed["data"][0];
    assert_eq!(own["is_own"], true);
    let path = format!("/v1/token-keys/{}", own["id"].as_str().unwrap());
    assert_eq!(ask_as(&stage, &shop, "DELETE", &path, "").await.status, 204);
    assert_eq!(told(&get(&first).await), is(401, "invalid_token"));
    let second = issued(&stage, &shop, ANN, &json!({})).await;
    assert_eq!(get(&second).await.status, 200);

    // Whoever is erased is not there any more.
    let erased = ask_as(&stage, &shop, "DELETE", &format!("/v1/users/{ANN}"), "").await;
    assert!((200..300).contains(&erased.status), "{}", erased.text());
    for token in [&good, &second] {
        let answer = get(token).await;
        assert_eq!(told(&answer), is(401, "invalid_token"));
        assert!(answer.text().contains("no such person"));
    }
    let mut owner = stage.database.owner().await;
    let stored = "SELECT row_to_json(k)::text AS text FROM notification_schema.token_keys k
                  UNION ALL SELECT row_to_json(a)::text FROM notification_schema.audit_logs a";
    let stored = lines(&mut owner, stored).await;
    let hidden = |row: &String| !row.contains(SECRET) && !row.contains(&second);
    assert!(stored.iter().all(hidden), "{stored:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_keys_are_refused_with_all_that_is_wrong() {
    let stage = stage().await;
    let shop = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    let small = "-----BEGIN PUBLIC KEY-----\nMIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC9ZkuseQtisb+7bMpgNE5x4so3\n\
                 AhNhUhgYu1Wm1GwdxTHWHNntCRXDLT3HaPeazDR7q4AUrvzrCXLDOPt729aJP2tr\n\
                 5DwTeOXQwJZARC4hoXy5+xsYT0EwU5fUR4Tz0gYvDVKII53Tr/yD46GMX2+fditD\n\
                 tVLiOSs7H3aekvHMwQIDAQAB\n-----END PUBLIC KEY-----\n";
    for (body, pointers) in [
        (json!({}), vec!["#/algorithm"]),
        (
            json!({ "algorithm": "none", "secret": SECRET, "x": 1 }),
            vec!["#/algorithm", "#/x"],
        ),
        (
            json!({ "algorithm": "HS256", "secret": "short" }),
            vec!["#/secret"],
        ),
        (
            json!({ "algorithm": "HS256", "kid": "", "name": "a\u{0}" }),
            vec!["#/kid", "#/name", "#/secret"],
        ),
        (
            json!({ "algorithm": "HS256", "secret": SECRET, "public_key": small }),
            vec!["#/public_key"],
        ),
        (
            json!({ "algorithm": "RS256", "public_key": small }),
            vec!["#/public_key"],
        ),
        (
            json!({ "algorithm": "ES256", "public_key": small }),
            vec!["#/public_key"],
        ),
        (
            json!({ "algorithm": "RS256", "public_key": 7, "secret": SECRET }),
            vec!["#/public_key", "#/secret"],
        ),
        (
            json!({ "algorithm": "ES256", "public_key": { "kty": "EC" } }),
            vec!["#/public_key"],
        ),
    ] {
        let answer = ask_as(&stage, &shop, "POST", "/v1/token-keys", &body.to_string()).await;
        assert_eq!(told(&answer), is(422, "invalid_body"), "{body}");
        let problem = json_of(&answer);
        let errors = problem["errors"].as_array().unwrap().iter();
        let mut said: Vec<&str> = errors.map(|it| it["pointer"].as_str().unwrap()).collect();
        said.sort_unstable();
        assert_eq!(said, pointers, "{body}");
        assert!(!answer.text().contains(SECRET));
    }
    let listed = json_of(&ask_as(&stage, &shop, "GET", "/v1/token-keys", "").await);
    assert_eq!(listed["data"], json!([]));
}

/// Nobody listens here: what was read is believed for less than a second.
#[tokio::test]
async fn a_revoked_token_key_opens_nothing_a_second_later_where_no_notices_come() {
    let stage = stage().await;
    let mut owner = stage.database.owner().await;
    let seal = Sealer::new(&[[7; 32]]).unwrap();
    let cache = UserTokenCache::new(stage.database.pool().await, seal.clone(), 0);
    let id = {
        use herald::store::token_keys::{NewTokenKey, TokenMaterial, create};
        let new = NewTokenKey {
            tenant_id: SHOP.parse().unwrap(),
            kid: "mine",
            name: "mine",
            material: TokenMaterial::Secret(SECRET.as_bytes()),
        };
        let by = herald::store::audit::DoneBy::command_line();
        create(&mut owner, &seal, &new, &by).await.unwrap()
    };
    let add =
        format!("INSERT INTO notification_schema.users (id, tenant_id) VALUES ('{ANN}', '{SHOP}')");
    diesel_async::SimpleAsyncConnection::batch_execute(&mut owner, &add)
        .await
        .unwrap();
    let token = signed("mine", &claims());
    assert_eq!(cache.verify(&token, HERE).await.unwrap().key_id, id);
    let revoke = "UPDATE notification_schema.token_keys SET revoked_at = now()";
    diesel_async::SimpleAsyncConnection::batch_execute(&mut owner, revoke)
        .await
        .unwrap();
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(1)).await;
    tokio::time::resume();
    let refused = cache.verify(&token, HERE).await.unwrap_err();
    assert_eq!(refused, TokenRefusal::Fault(TokenFault::RevokedKey));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declared_key_signs_and_is_what_the_file_says() {
    let stage = stage().await;
    let admin = key(&stage, "admin", Some(SHOP));
    let _engine = stage.start().await;
    person(&stage, &admin, ANN).await;
    let declared = |secret: &str| {
        format!(
            "[[token_keys]]\ntenant_id = \"{SHOP}\"\nkid = \"mine\"\nalgorithm = \"HS256\"\nsecret = \"{secret}\"\n"
        )
    };
    let ids = "SELECT id::text AS text FROM notification_schema.token_keys WHERE revoked_at IS NULL AND kid = 'mine'";
    let mut owner = stage.database.owner().await;
    stage.apply(&declared(SECRET));
    let token = signed("mine", &claims());
    let path = preferences(ANN);
    assert_eq!(ask_as(&stage, &token, "GET", &path, "").await.status, 200);
    let first = lines(&mut owner, ids).await;
    stage.apply(&declared(SECRET));
    assert_eq!(
        lines(&mut owner, ids).await,
        first,
        "it is as declared already"
    );
    stage.apply(&declared("another example of more than thirty-two bytes"));
    let second = lines(&mut owner, ids).await;
    assert!(second.len() == 1 && second != first, "{second:?}");
    let refused = tokio::time::timeout(PATIENCE, async {
        while ask_as(&stage, &token, "GET", &path, "").await.status != 401 {}
    });
    refused.await.unwrap();
    let deeds = "SELECT action AS text FROM notification_schema.audit_logs
                 WHERE resource_type = 'token_key' AND actor = 'command line' ORDER BY created_at, action DESC";
    assert_eq!(
        lines(&mut owner, deeds).await,
        ["create", "revoke", "create"]
    );
}
