//! People with tokens that their tenant signs.

use anyhow::{Result, ensure};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use serde_json::{Value, json};
use uuid::Uuid;

use super::now;
use crate::harness::http;

/// The tenant to which everybody belongs.
pub const TENANT: &str = "00000000-0000-7000-8000-000000000001";
/// People of one call.
const TOGETHER: usize = 100;

/// People, each with a token that is good for an hour.
#[derive(Debug)]
pub struct PersonTokens(pub Vec<(Uuid, String)>);

impl PersonTokens {
    /// Makes so many people at an engine (`http://host:port`), with a key of the scope `admin`.
    ///
    /// # Errors
    /// The engine refuses something.
    pub async fn make(engine: &str, key: &str, count: usize) -> Result<Self> {
        let secret = Uuid::new_v4().to_string();
        let body = json!({ "kid": "loadtest", "algorithm": "HS256", "secret": secret });
        post(engine, key, "/v1/token-keys", &body, 201).await?;
        let now = now() / 1_000_000;
        let signing = EncodingKey::from_secret(secret.as_bytes());
        let header = Header {
            kid: Some("loadtest".to_owned()),
            ..Header::new(Algorithm::HS256)
        };
        let people = (0..count).map(|_| {
            let id = Uuid::now_v7();
            let claims = json!({ "sub": id, "tenant": TENANT, "iat": now, "exp": now + 3_600 });
            Ok((id, jsonwebtoken::encode(&header, &claims, &signing)?))
        });
        let people: Vec<(Uuid, String)> = people.collect::<Result<_>>()?;
        for part in people.chunks(TOGETHER) {
            let users: Vec<Value> = part.iter().map(|(id, _)| json!({ "id": id })).collect();
            let body = json!({ "users": users });
            post(engine, key, "/v1/users/bulk", &body, 207).await?;
        }
        Ok(Self(people))
    }
}

async fn post(engine: &str, key: &str, path: &str, body: &Value, wanted: u16) -> Result<()> {
    let bearer = format!("Authorization: Bearer {key}");
    let headers = [&*bearer, "Content-Type: application/json"];
    let (url, body) = (format!("{engine}{path}"), body.to_string());
    let answer = http::request("POST", &url, &headers, body.as_bytes()).await?;
    let good = answer.status == wanted && !answer.text().contains("\"problem\"");
    ensure!(good, "{path}: {}", answer.text());
    Ok(())
}
