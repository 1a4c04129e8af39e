//! The access token of a service account: asked for once, shared by every send, renewed early.
//!
//! Google: "Using OAuth 2.0 for Server to Server Applications".

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwapOption;
use hyper::Method;
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use jsonwebtoken::{Algorithm, Header};
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, MutexGuard};
use tokio::time::{Instant, timeout_at};

use super::settings::ServiceAccount;
use crate::domain::{Class, Reply, Subject};
use crate::providers::Leave;
use crate::providers::http::form::pair;
use crate::providers::http::{
    HttpAnswer, HttpClient, HttpEndpoint, HttpTransportError, ReplyContext, bearer,
};
use crate::providers::verdict::ResponseClass;
use crate::runtime::clock;

const SCOPE: &str = "https://www.googleapis.com/auth/firebase.messaging";
const GRANT: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";
/// What is signed, wherever the key file says to ask (google-auth signs it so).
const AUDIENCE: &str = "https://oauth2.googleapis.com/token";
const LIFETIME: Duration = Duration::from_secs(3_600);
/// How long before its end a token is renewed, while the old one still works.
const EARLY: Duration = Duration::from_secs(300);
/// After a failed early renewal the old token is used this long before the next try.
const PATIENCE: Duration = Duration::from_secs(10);

/// A token and its times.
pub(crate) struct AccessToken {
    /// `Bearer ...`, marked as sensitive.
    pub(crate) authorization: HeaderValue,
    renew_at: Instant,
    expires_at: Instant,
}

/// The token of one account.
pub(crate) struct AccessTokens {
    http: HttpClient,
    service: ServiceAccount,
    endpoint: HttpEndpoint,
    current: ArcSwapOption<AccessToken>,
    /// Held by the one who asks; remembers how the last asking failed, and when.
    asking: Mutex<Option<TokenFailure>>,
}

struct TokenFailure {
    at: Instant,
    reply: Reply,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    scope: &'static str,
    aud: &'static str,
    iat: i64,
    exp: i64,
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    #[serde(default)]
    expires_in: Option<u64>,
}

#[derive(Deserialize, Default)]
struct TokenRefused {
    #[serde(default)]
    error: Option<String>,
    #[serde(default)]
    error_description: Option<String>,
}

impl AccessTokens {
    pub(crate) fn new(http: HttpClient, service: ServiceAccount) -> Self {
        let mut headers = HeaderMap::new();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        headers.insert(CONTENT_TYPE, form);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        Self {
            http,
            endpoint: HttpEndpoint::new(service.token_uri.clone(), headers),
            service,
            current: ArcSwapOption::empty(),
            asking: Mutex::new(None),
        }
    }

    /// A token that works now. However many ask at once, one request goes out; near the end of a
    /// token's time one caller renews it and the others go on with the old one.
    ///
    /// `Err` is the reply for the message: it was not sent.
    pub(crate) async fn get(&self, deadline: Instant) -> Result<Arc<AccessToken>, Reply> {
        let now = clock::instant();
        let current = self.current.load_full();
        match current {
            Some(token) if now < token.renew_at => Ok(token),
            Some(token) if now < token.expires_at => Ok(self.renew_early(token, deadline).await),
            _ => {
                self.replace_if(|token| now >= token.expires_at, deadline)
                    .await
            }
        }
    }

    /// Another token than this one, which was refused.
    pub(crate) async fn replace(
        &self,
        refused: &Arc<AccessToken>,
        deadline: Instant,
    ) -> Result<Arc<AccessToken>, Reply> {
        self.replace_if(|token| Arc::ptr_eq(token, refused), deadline)
            .await
    }

    async fn renew_early(&self, old: Arc<AccessToken>, deadline: Instant) -> Arc<AccessToken> {
        let Ok(mut asking) = self.asking.try_lock() else {
            return old;
        };
        let failed = asking.as_ref().map(|failure| failure.at);
        if failed.is_some_and(|at| clock::instant() < at + PATIENCE) {
            return old;
        }
        self.ask(&mut asking, deadline).await.unwrap_or(old)
    }

    /// Waits for its turn, and asks only if the token in use by then is still a useless one. Who
    /// waited through a failure shares it: a dead token endpoint is not asked by one after another.
    async fn replace_if(
        &self,
        useless: impl Fn(&Arc<AccessToken>) -> bool,
        deadline: Instant,
    ) -> Result<Arc<AccessToken>, Reply> {
        let began = clock::instant();
        let Ok(mut asking) = timeout_at(deadline, self.asking.lock()).await else {
            return Err(not_sent("no access token within the timeout"));
        };
        if let Some(token) = self.current.load_full().filter(|token| !useless(token)) {
            return Ok(token);
        }
        if let Some(failure) = asking.as_ref().filter(|failure| failure.at >= began) {
            return Err(failure.reply.clone());
        }
        self.ask(&mut asking, deadline).await
    }

    /// Asks, and keeps what comes of it. Takes half of the time that is left at most, so that the
    /// message gets its turn.
    async fn ask(
        &self,
        asking: &mut MutexGuard<'_, Option<TokenFailure>>,
        deadline: Instant,
    ) -> Result<Arc<AccessToken>, Reply> {
        let now = clock::instant();
        let half = deadline.saturating_duration_since(now) / 2;
        match self.fetch(now + half).await {
            Ok(token) => {
                let token = Arc::new(token);
                self.current.store(Some(Arc::clone(&token)));
                **asking = None;
                Ok(token)
            }
            Err(reply) => {
                **asking = Some(TokenFailure {
                    at: clock::instant(),
                    reply: reply.clone(),
                });
                Err(reply)
            }
        }
    }

    async fn fetch(&self, deadline: Instant) -> Result<AccessToken, Reply> {
        let body = self.assertion()?;
        let request = self.endpoint.bare(Method::POST, body);
        match self.http.call(request, Leave::for_good(), deadline).await {
            Ok(answer) => read(&answer),
            // Whatever became of this request, the message was not sent.
            Err(trouble) => {
                let is_ours = matches!(trouble, HttpTransportError::Lack(_));
                let reply = not_sent(&format!("the token endpoint: {}", trouble.into_words()));
                Err(match is_ours {
                    true => reply.about(Subject::Node),
                    false => reply,
                })
            }
        }
    }

    /// The form with the signed claims.
    fn assertion(&self) -> Result<Vec<u8>, Reply> {
        let now = clock::now().as_second();
        let claims = Claims {
            iss: &self.service.client_email,
            scope: SCOPE,
            aud: AUDIENCE,
            iat: now,
            exp: now.saturating_add(LIFETIME.as_secs().cast_signed()),
        };
        let header = Header {
            kid: self.service.key_id.clone(),
            ..Header::new(Algorithm::RS256)
        };
        let jwt = jsonwebtoken::encode(&header, &claims, &self.service.key).map_err(|_| {
            let words = "the service account's private key cannot sign".to_owned();
            ResponseClass::CREDENTIALS.reply("private_key", Some(words))
        })?;
        let mut body = Vec::with_capacity(jwt.len() + 128);
        pair(&mut body, "grant_type", GRANT);
        pair(&mut body, "assertion", &jwt);
        Ok(body)
    }
}

/// The token endpoint's answer. A success that cannot be read is no token: try again later.
fn read(answer: &HttpAnswer) -> Result<AccessToken, Reply> {
    if !answer.is_success() {
        return Err(refusal(answer));
    }
    let granted = answer.json::<Granted>();
    let garbled = || not_sent("the token endpoint: an answer without a token");
    let granted = granted.ok_or_else(garbled)?;
    let authorization = bearer(&granted.access_token).map_err(|_| garbled())?;
    let lifetime = granted.expires_in.map_or(LIFETIME, Duration::from_secs);
    let lifetime = lifetime.min(LIFETIME);
    let now = clock::instant();
    Ok(AccessToken {
        authorization,
        renew_at: now + lifetime.saturating_sub(EARLY.min(lifetime / 5)),
        expires_at: now + lifetime,
    })
}

/// Google: 400 `invalid_grant` is a wrong or revoked key (or a wrong clock); so is every other 4xx
/// our credentials' fault, save those that ask to come again.
fn refusal(answer: &HttpAnswer) -> Reply {
    let body = answer.json::<TokenRefused>().unwrap_or_default();
    // Whatever became of this request, the message was not sent.
    let verdict = match ResponseClass::of_status(answer.status) {
        later @ (ResponseClass::TRANSIENT | ResponseClass::THROTTLED | ResponseClass::SETTINGS) => {
            later
        }
        ResponseClass::UNKNOWN => ResponseClass::TRANSIENT,
        _ => ResponseClass::CREDENTIALS,
    };
    let error = body.error.as_deref().unwrap_or("an answer without a word");
    let about = body.error_description.unwrap_or_default();
    let status = answer.status;
    let words = format!("the token endpoint: HTTP {status}: {error} {about}");
    let seen = ReplyContext {
        address: "",
        now: clock::now(),
    };
    answer.refused(verdict, body.error.clone(), Some(words.trim()), seen)
}

fn not_sent(words: &str) -> Reply {
    Reply::of(Class::Transient, None, Some(words.to_owned()))
}
