//! The access token for pushes: a signed assertion in, a token out. One lasts for an hour, which is
//! longer than any measurement.

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::header::{CONTENT_TYPE, HOST};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde::{Deserialize, Serialize};

use super::error::FloorError;
use super::http::Endpoint;
use super::request::escape;
use crate::marker::now_micros;
use crate::simulator::{TEST_CLIENT_EMAIL, test_private_key};

const LIFETIME_SECONDS: u64 = 3_600;
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";

#[derive(Serialize)]
struct Claims {
    iss: &'static str,
    scope: &'static str,
    aud: &'static str,
    iat: u64,
    exp: u64,
}

#[derive(Deserialize)]
struct Issued {
    access_token: String,
}

/// Asks for a token.
pub(super) async fn fetch(fcm: &Endpoint) -> Result<String, FloorError> {
    let wrong = |error: String| FloorError::Token(error);
    let now = now_micros() / 1_000_000;
    let claims = Claims {
        iss: TEST_CLIENT_EMAIL,
        scope: SCOPE,
        aud: AUDIENCE,
        iat: now,
        exp: now + LIFETIME_SECONDS,
    };
    let key = EncodingKey::from_rsa_pem(test_private_key().as_bytes())
        .map_err(|error| wrong(error.to_string()))?;
    let assertion = encode(&Header::new(Algorithm::RS256), &claims, &key)
        .map_err(|error| wrong(error.to_string()))?;
    let mut form =
        b"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion=".to_vec();
    escape(&mut form, &assertion);
    let request = Request::post("/token")
        .header(HOST, &fcm.host)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Full::new(Bytes::from(form)))
        .map_err(|error| wrong(error.to_string()))?;
    let answer = fcm.send(request).await?;
    let issued: Issued = serde_json::from_slice(&answer.body).map_err(|_| {
        let words = String::from_utf8_lossy(&answer.body);
        wrong(format!("{} answers {}: {words}", fcm.host, answer.status))
    })?;
    Ok(issued.access_token)
}
