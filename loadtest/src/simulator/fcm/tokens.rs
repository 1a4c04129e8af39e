//! The token endpoint: a signed assertion in, an access token out.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
use serde::Deserialize;
use serde_json::json;

use super::super::answer::Answer;
use super::super::judge::{Inbound, Verdict};
use super::account::{CLIENT_EMAIL, PUBLIC_KEY};
use crate::ledger::locked;
use crate::simulator::form::Form;

const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// Google's libraries sign this audience, whatever the endpoint they post to.
const GOOGLE_AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const SCOPES: [&str; 2] = [
    "https://www.googleapis.com/auth/firebase.messaging",
    "https://www.googleapis.com/auth/cloud-platform",
];
const LONGEST_ASSERTION_SECONDS: u64 = 3_600;
const DEFAULT_LIFETIME_SECONDS: u64 = 3_599;

#[derive(Deserialize)]
struct Claims {
    scope: String,
    iat: u64,
    exp: u64,
}

pub(super) struct Tokens {
    key: DecodingKey,
    validation: Validation,
    lifetime_seconds: AtomicU64,
    issued: AtomicU64,
    valid_until: Mutex<HashMap<String, Instant>>,
}

impl Tokens {
    pub(super) fn new(token_uri: String) -> Result<Self, String> {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_audience(&[GOOGLE_AUDIENCE, &token_uri]);
        validation.set_issuer(&[CLIENT_EMAIL]);
        validation.set_required_spec_claims(&["exp", "aud", "iss"]);
        let key = DecodingKey::from_rsa_pem(PUBLIC_KEY.as_bytes())
            .map_err(|error| format!("the test key of the FCM simulator: {error}"))?;
        Ok(Self {
            key,
            validation,
            lifetime_seconds: AtomicU64::new(DEFAULT_LIFETIME_SECONDS),
            issued: AtomicU64::new(0),
            valid_until: Mutex::default(),
        })
    }

    pub(super) fn set_lifetime(&self, seconds: u64) {
        self.lifetime_seconds.store(seconds, Ordering::Release);
    }

    pub(super) fn expire_all(&self) {
        locked(&self.valid_until).clear();
    }

    pub(super) fn is_valid(&self, token: &str) -> bool {
        locked(&self.valid_until)
            .get(token)
            .is_some_and(|until| *until > Instant::now())
    }

    pub(super) fn issue(&self, request: &Inbound<'_>) -> Verdict {
        if !request.is("application/x-www-form-urlencoded") {
            return refused("invalid_request", "the content type is not a form's");
        }
        let form = match Form::parse(request.body) {
            Ok(form) => form,
            Err(why) => return refused("invalid_request", &why),
        };
        if form.get("grant_type") != Some(GRANT) {
            return refused("unsupported_grant_type", "Invalid grant_type");
        }
        let Some(assertion) = form.get("assertion") else {
            return refused("invalid_request", "Missing required parameter: assertion");
        };
        match decode::<Claims>(assertion, &self.key, &self.validation) {
            Err(error) => refused("invalid_grant", &format!("Invalid JWT: {error}")),
            Ok(token) => self.judge_claims(&token.claims),
        }
    }

    fn judge_claims(&self, claims: &Claims) -> Verdict {
        if claims.exp > claims.iat.saturating_add(LONGEST_ASSERTION_SECONDS) {
            let why = "Invalid JWT: Token must be a short-lived token (60 minutes)";
            return refused("invalid_grant", why);
        }
        if !claims.scope.split(' ').any(|scope| SCOPES.contains(&scope)) {
            return refused("invalid_scope", "Invalid OAuth scope or ID token audience");
        }
        let number = self.issued.fetch_add(1, Ordering::Relaxed);
        let lifetime = self.lifetime_seconds.load(Ordering::Acquire);
        let token = format!("ya29.simulator-{number}");
        let until = Instant::now() + Duration::from_secs(lifetime);
        locked(&self.valid_until).insert(token.clone(), until);
        let body = json!({ "access_token": token, "expires_in": lifetime, "token_type": "Bearer" });
        Verdict::Serve {
            endpoint: "token",
            answer: Answer::json(200, &body),
        }
    }
}

fn refused(error: &str, why: &str) -> Verdict {
    let body = json!({ "error": error, "error_description": why });
    let answer = Answer::json(400, &body);
    if error == "invalid_grant" {
        Verdict::unauthorized(answer, why)
    } else {
        Verdict::malformed(answer, why)
    }
}
