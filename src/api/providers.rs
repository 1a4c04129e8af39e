//! `/v1/providers`: accounts. They belong to all tenants, so that only operators ask.

mod asked;
mod pausing;
mod trial;

use actix_web::http::header::LOCATION;
use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Map;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Query;
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{
    Desks, ProviderDeskError, ShownProvider, ShownProviderHealth, ShownProviderTest,
};
pub(super) use asked::AskedProvider;
use asked::{ChangedProvider, NewProvider};
use pausing::AskedPause;
use trial::AskedTest;

/// Largest body: a service account's JSON has three kilobytes.
const MOST_BYTES: usize = 64 * 1_024;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Providers;
    vec![
        Endpoint::get("/v1/providers", list)
            .named("listProviders", "The accounts, by name")
            .operator(Providers, Read)
            .page::<ShownProvider>("accounts, without their secrets"),
        Endpoint::post("/v1/providers", create)
            .named("createProvider", "Makes an account")
            .details("The provider's own code checks the settings. Nodes use the account within a second.")
            .operator(Providers, Write)
            .body::<NewProvider>()
            .problem(409, "name_taken")
            .answers::<ShownProvider>(201, "the account, without its secrets"),
        Endpoint::get("/v1/providers/{name}", get)
            .named("getProvider", "One account")
            .operator(Providers, Read)
            .answers::<ShownProvider>(200, "the account, without its secrets"),
        Endpoint::patch("/v1/providers/{name}", change)
            .named(
                "changeProvider",
                "Changes what is said of an account; the rest stays",
            )
            .details(
                "A null takes away: a credential, the limit, a key of `config`. A name or a kind does not \
                 change: make another account.",
            )
            .operator(Providers, Write)
            .body::<ChangedProvider>()
            .problem(409, "unreadable")
            .answers::<ShownProvider>(200, "the account as it is now, without its secrets"),
        Endpoint::delete("/v1/providers/{name}", delete)
            .named("deleteProvider", "Removes an account, and its secrets for good")
            .operator(Providers, Write)
            .answers_other(204, "it is gone", None),
        Endpoint::get("/v1/providers/{name}/health", health)
            .named("getProviderHealth", "How an account stands on every node")
            .operator(Providers, Read)
            .answers::<ShownProviderHealth>(200, "its circuit, pace, queues and troubles"),
        Endpoint::post("/v1/providers/{name}/pause", pausing::pause)
            .named("pauseProvider", "Stops an account for a while")
            .details(
                "It holds on every node within a second, over restarts, and ends by itself. A pause that the \
                 account has gives way.",
            )
            .operator(Providers, Write)
            .body::<AskedPause>()
            .answers::<ShownProvider>(200, "the account as it is now"),
        Endpoint::post("/v1/providers/{name}/resume", pausing::resume)
            .named("resumeProvider", "Ends the pause of an account")
            .operator(Providers, Write)
            .answers::<ShownProvider>(200, "the account as it is now"),
        Endpoint::post("/v1/providers/{name}/test", trial::test)
            .named(
                "testProvider",
                "Sends a test message, and says what the provider answers",
            )
            .details(
                "The answer is 200 whatever the provider says: `accepted` tells whether it took the message. An \
                 account that is not active can be tested, too. Whatever comes of it, nothing changes of how the \
                 account stands; its rate limit holds.",
            )
            .operator(Providers, Write)
            .body::<AskedTest>()
            .problem(409, "test_address_not_allowed")
            .problem(409, "paused")
            .problem(409, "limit_used_up")
            .problem(409, "unreadable")
            .answers::<ShownProviderTest>(200, "what the provider said"),
    ]
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let page = query.page::<String>("providers", who.tenant_id);
    let page = query.finish(page)?;
    let found = desks
        .providers
        .page(page.after.clone(), page.limit + 1)
        .await?;
    let entries = found.into_iter().map(|it| (it.name.clone(), it)).collect();
    Ok(HttpResponse::Ok().json(page.answer(entries)))
}

async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let asked = AskedProvider::read(&mut sent);
    let fields = asked.made(&mut sent);
    let fields = sent.finish(fields)?;
    let place = format!("/v1/providers/{}", in_path(&fields.name));
    let made = desks.providers.make(fields, who.by()).await?;
    Ok(HttpResponse::Created()
        .insert_header((LOCATION, place))
        .json(made))
}

async fn get(
    _: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let provider = desks.providers.get(named(name)?).await?;
    Ok(HttpResponse::Ok().json(provider))
}

async fn change(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let change = AskedProvider::read(&mut sent).change();
    let change = sent.finish(Some(change))?;
    let provider = desks.providers.change(name, change, who.by()).await?;
    Ok(HttpResponse::Ok().json(provider))
}

async fn delete(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    desks.providers.delete(named(name)?, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn health(
    _: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let health = desks.providers.health(named(name)?).await?;
    Ok(HttpResponse::Ok().json(health))
}

/// What the database cannot hold is no name of an account.
fn named(name: Path<String>) -> Result<String, Problem> {
    let name = name.into_inner();
    match name.contains('\0') {
        true => Err(Problem::not_found("provider")),
        false => Ok(name),
    }
}

/// A name as it stands in a path.
fn in_path(name: &str) -> String {
    url::form_urlencoded::byte_serialize(name.as_bytes())
        .collect::<String>()
        .replace('+', "%20")
}

impl From<ProviderDeskError> for Problem {
    fn from(error: ProviderDeskError) -> Self {
        match error {
            ProviderDeskError::Desk(error) => error.into(),
            ProviderDeskError::Settings(wrong) => {
                let mut sent = SentFields::of(Map::new());
                for (path, words) in wrong.places() {
                    sent.wrong(&path, "invalid", words);
                }
                sent.refused("invalid_body")
            }
        }
    }
}
