//! Who is signed in.

use std::net::IpAddr;

use actix_web::dev::Payload;
use actix_web::http::Method;
use actix_web::http::header::{COOKIE, HeaderValue};
use actix_web::web::Data;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::answer::ConsoleError;
use super::guard;
use crate::api::client_address;
use crate::api::console_parts::ConsoleParts;
use crate::api::request_id::RequestId;
use crate::api::server_settings::ServerSettings;
use crate::domain::{ApiAction, ApiResource, ApiScope, DEFAULT_TENANT, SessionToken};
use crate::ops::control::{ApiCaller, Desks, DoneBy, SignedIn};

/// The cookie of a session.
const NAME: &str = "herald_console";
/// Where it is sent.
const PATH: &str = "/console";
/// Paths that pages ask for by themselves: they do not keep a session from ending.
const LIVE: &str = "/console/live/";

/// Somebody who is signed in: a handler that takes it is called for nobody else.
#[derive(Debug)]
pub(super) struct ConsoleVisitor {
    signed: SignedIn,
    token: SessionToken,
    address: IpAddr,
    request_id: Option<Uuid>,
    pages: ConsoleParts,
}

impl ConsoleVisitor {
    /// Whether their key opens this.
    pub(super) fn may(&self, resource: ApiResource, action: ApiAction) -> bool {
        self.signed.caller.scopes.allow(resource, action)
    }

    /// Whether they may read this.
    pub(super) fn reads(&self, resource: ApiResource) -> bool {
        self.may(resource, ApiAction::Read)
    }

    /// Whether they may change this.
    pub(super) fn writes(&self, resource: ApiResource) -> bool {
        self.may(resource, ApiAction::Write)
    }

    /// Whether they belong to no tenant.
    pub(super) const fn is_operator(&self) -> bool {
        self.signed.caller.tenant_id.is_none()
    }

    /// Goes on only with a key that opens this.
    pub(super) fn needs(
        &self,
        resource: ApiResource,
        action: ApiAction,
    ) -> Result<(), ConsoleError> {
        match self.may(resource, action) {
            true => Ok(()),
            false => Err(ConsoleError::Scope(
                ApiScope::On(resource, action).to_string(),
            )),
        }
    }

    /// Goes on only with a key that belongs to no tenant.
    pub(super) const fn needs_operator(&self) -> Result<(), ConsoleError> {
        match self.is_operator() {
            true => Ok(()),
            false => Err(ConsoleError::Operator),
        }
    }

    /// The tenant that they look at; `None` is an operator who looks at all.
    pub(super) const fn tenant_id(&self) -> Option<Uuid> {
        self.signed.tenant_id
    }

    /// The tenant whose things they make and change: the default one for an operator who chose none.
    pub(super) fn own_tenant(&self) -> Uuid {
        self.signed.tenant_id.unwrap_or(DEFAULT_TENANT)
    }

    /// The key's name.
    pub(super) fn key_name(&self) -> &str {
        &self.signed.key_name
    }

    /// The name of the tenant that they look at.
    pub(super) fn tenant_name(&self) -> Option<&str> {
        self.signed.tenant_name.as_deref()
    }

    /// Their key.
    pub(super) const fn caller(&self) -> &ApiCaller {
        &self.signed.caller
    }

    /// What identifies the session.
    pub(super) const fn token(&self) -> &SessionToken {
        &self.token
    }

    /// The number of their request.
    pub(super) const fn request_id(&self) -> Option<Uuid> {
        self.request_id
    }

    /// From where they come.
    pub(super) const fn address(&self) -> IpAddr {
        self.address
    }

    /// The pages that there are.
    pub(super) const fn pages(&self) -> ConsoleParts {
        self.pages
    }

    /// What their forms must bring.
    pub(super) fn form_proof(&self) -> String {
        self.token.form_proof(self.signed.tenant_id)
    }

    /// Who does what is done, for the audit trail.
    pub(super) fn by(&self) -> DoneBy {
        DoneBy::key(self.signed.caller.key_id, self.address, self.request_id)
    }
}

impl FromRequest for ConsoleVisitor {
    type Error = ConsoleError;
    type Future = LocalBoxFuture<'static, Result<Self, ConsoleError>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move { visitor(&request).await })
    }
}

async fn visitor(request: &HttpRequest) -> Result<ConsoleVisitor, ConsoleError> {
    let desks = request.app_data::<Data<Desks>>();
    let desks = desks.ok_or(ConsoleError::Failed)?;
    let Some(token) = token(request) else {
        return Err(nobody(request));
    };
    let address = address(request);
    let acts = !request.path().starts_with(LIVE);
    let signed = desks.sessions.visit(&token, address, acts).await?;
    let Some(signed) = signed else {
        return Err(nobody(request));
    };
    if let Some(paid) = desks.keys.pay(&signed.caller, (1, 0)).await?
        && let Some(wait) = paid.refused_for
    {
        return Err(ConsoleError::TooMany(wait));
    }
    Ok(ConsoleVisitor {
        signed,
        token,
        address,
        request_id: request_id(request),
        pages: pages(request),
    })
}

/// Nobody is signed in, as far as their browser says.
fn nobody(request: &HttpRequest) -> ConsoleError {
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    if reads && guard::is_from_another_site(request) {
        return ConsoleError::AskAgain;
    }
    let back = match reads && !request.path().starts_with(LIVE) {
        true => request.uri().to_string(),
        false => PATH.to_owned(),
    };
    ConsoleError::SignIn(back)
}

/// The token that a browser brings.
fn token(request: &HttpRequest) -> Option<SessionToken> {
    let lines = request.headers().get_all(COOKIE);
    let lines = lines.filter_map(|line| line.to_str().ok());
    let mut cookies = lines.flat_map(|line| line.split(';'));
    let value = cookies.find_map(|it| it.trim().strip_prefix(NAME)?.strip_prefix('='))?;
    value.parse().ok()
}

/// From where they come.
pub(super) fn address(request: &HttpRequest) -> IpAddr {
    let settings = request.app_data::<Data<ServerSettings>>();
    let proxies = settings.map_or(&[][..], |settings| &settings.trusted_proxies);
    client_address::of(request, proxies)
}

/// The number of a request.
pub(super) fn request_id(request: &HttpRequest) -> Option<Uuid> {
    request.extensions().get::<RequestId>().map(|id| id.0)
}

/// The pages that there are.
fn pages(request: &HttpRequest) -> ConsoleParts {
    let settings = request.app_data::<Data<ServerSettings>>();
    let pages = settings.and_then(|settings| settings.console);
    pages.unwrap_or(ConsoleParts {
        engine: true,
        desk: true,
    })
}

/// How others reach us, if anybody was told.
pub(super) fn public_url(request: &HttpRequest) -> Option<String> {
    let settings = request.app_data::<Data<ServerSettings>>();
    settings.and_then(|settings| settings.public_url.clone())
}

/// The cookie that a browser is to keep for so many seconds: a script does not see it, and no other site makes it be
/// sent.
pub(super) fn cookie(
    request: &HttpRequest,
    token: &SessionToken,
    seconds: u64,
) -> Option<HeaderValue> {
    kept(request, token.expose(), seconds)
}

/// The cookie that makes a browser forget.
pub(super) fn no_cookie(request: &HttpRequest) -> Option<HeaderValue> {
    kept(request, "", 0)
}

fn kept(request: &HttpRequest, value: &str, seconds: u64) -> Option<HeaderValue> {
    let settings = request.app_data::<Data<ServerSettings>>();
    let secure = settings.is_some_and(|settings| {
        guard::is_https(settings.tls.is_some(), settings.public_url.as_deref())
    });
    let secure = if secure { "; Secure" } else { "" };
    let cookie = format!(
        "{NAME}={value}; Path={PATH}; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}"
    );
    HeaderValue::from_str(&cookie).ok()
}
