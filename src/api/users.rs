//! `/v1/users`: people, what they want, and their devices.

mod asked;
mod choices;
mod devices;
mod preferences;
mod shown;
mod token;
mod whole;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::page::Query;
use super::parameters::words;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, Channel, field};
use crate::ops::control::{Desks, PersonFilter, PersonOf, PersonOrder};
use asked::{AskedPerson, ChangedPerson, NewPerson};
pub(super) use preferences::{AskedPreference, preference};
use shown::ShownPerson;

/// Largest body about one person.
const MOST_BYTES: usize = 64 * 1_024;

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Users;
    let mut endpoints = vec![
        Endpoint::get("/v1/users", list)
            .named("listUsers", "The tenant's people")
            .details("By falling id. Filters must all hold. All people for an operator who names no tenant.")
            .scope(Users, Read)
            .query("email", "their e-mail address, in any spelling", words(field::ADDRESS_CHARS))
            .query("external_id", "their id in another system", words(field::EXTERNAL_ID_CHARS))
            .query("username", "their username", words(field::USERNAME_CHARS))
            .page::<ShownPerson>("people"),
        Endpoint::post("/v1/users", create)
            .named("createUser", "Makes a person")
            .details("Without an `id` they get one. Somebody who was erased is there again.")
            .scope(Users, Write)
            .body::<NewPerson>()
            .problem(409, "user_exists")
            .problem(409, "recipient_conflict")
            .problem(409, "too_many_devices")
            .answers::<ShownPerson>(201, "the person"),
        Endpoint::get("/v1/users/{id}", get)
            .named("getUser", "One person")
            .scope(Users, Read)
            .answers::<ShownPerson>(200, "the person"),
        Endpoint::put("/v1/users/{id}", put)
            .named("putUser", "Makes a person, or replaces all that is known of them")
            .details("What is absent is not kept. Preferences and devices stay; `devices` are added.")
            .scope(Users, Write)
            .body::<NewPerson>()
            .problem(409, "recipient_conflict")
            .problem(409, "too_many_devices")
            .answers::<ShownPerson>(200, "the person, who was there before")
            .answers::<ShownPerson>(201, "the person, who is new"),
        Endpoint::patch("/v1/users/{id}", change)
            .named("changeUser", "Changes what is said of a person; the rest stays")
            .details("`null` takes a field away.")
            .scope(Users, Write)
            .body::<ChangedPerson>()
            .problem(409, "recipient_conflict")
            .answers::<ShownPerson>(200, "the person as they are now"),
    ];
    endpoints.extend(choices::endpoints());
    endpoints.extend(preferences::endpoints());
    endpoints.extend(devices::endpoints());
    endpoints.extend(token::endpoints());
    endpoints.extend(whole::endpoints());
    endpoints
}

/// The people of a tenant; of all for an operator who names none.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let said = |unfit: field::Misfit| unfit.to_string();
    let filter = PersonFilter {
        email: query.text("email", |text| {
            field::address(Channel::Email, text).map_err(said)
        }),
        external_id: query.text("external_id", |text| {
            field::line(text, field::EXTERNAL_ID_CHARS).map_err(said)
        }),
        username: query.text("username", |text| {
            field::line(text, field::USERNAME_CHARS).map_err(said)
        }),
        phone: None,
    };
    let page = query.page("users", who.tenant_id);
    let page = query.finish(page)?;
    let people = desks
        .people
        .page(who.tenant_id, filter, page.after, page.limit + 1)
        .await?;
    let entries = people.iter().map(|it| (it.id, ShownPerson::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One person.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let person = desks.people.get(of(&who, &id)?).await?;
    Ok(HttpResponse::Ok().json(ShownPerson::from(&person)))
}

/// Makes a person.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let order = asked::order(&mut sent, &who, None);
    let order = sent.finish(order)?;
    written(&desks, order, &who).await
}

/// Makes a person, or replaces what is known of them.
async fn put(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let (_, id) = of(&who, &id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let order = asked::order(&mut sent, &who, Some(id));
    let order = sent.finish(order)?;
    written(&desks, order, &who).await
}

async fn written(
    desks: &Desks,
    order: PersonOrder,
    who: &Authority,
) -> Result<HttpResponse, Problem> {
    let (person, is_new) = desks.people.put(order, who.by()).await?;
    Ok(things::put_answer(
        is_new,
        format!("/v1/users/{}", person.id),
        ShownPerson::from(&person),
    ))
}

/// Changes what is said of a person; the rest stays.
async fn change(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &id)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let asked = AskedPerson::read(&mut sent);
    let asked = sent.finish(Some(asked))?;
    let change = move |fields| asked.upon(fields);
    let person = desks.people.change(of, change, who.by()).await?;
    Ok(HttpResponse::Ok().json(ShownPerson::from(&person)))
}

/// What is no UUID is no user.
fn of(who: &Authority, id: &str) -> Result<PersonOf, Problem> {
    let id = things::id_of(id, "user")?;
    Ok((who.tenant_id, id))
}
