//! `/v1/tenants`: operators'. A key of one tenant may look at its own.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Page;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, field};
use crate::ops::control::{Desks, StoredTenant, TenantOrder};

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

/// A tenant, all that is said of it.
#[derive(ToSchema)]
#[schema(as = NewTenant)]
#[expect(dead_code, reason = "it describes what `order` reads")]
struct AskedTenant {
    /// Its id: in a body that makes one, a new one without it; else the path's.
    id: Option<Uuid>,
    /// Its unique name.
    #[schema(min_length = 1, max_length = 100, example = "shop")]
    name: String,
    /// The language of messages to people of whom none is known.
    #[schema(example = "de")]
    locale: Option<String>,
}

/// A tenant.
#[derive(Serialize, ToSchema)]
#[schema(as = Tenant)]
struct ShownTenant<'a> {
    /// Names it in paths, envelopes and the header `Herald-Tenant`.
    id: Uuid,
    /// Its unique name.
    name: &'a str,
    /// The language of messages to people of whom none is known.
    locale: Option<&'a str>,
    /// When it was made.
    created_at: Timestamp,
    /// When it was changed last.
    updated_at: Timestamp,
}

impl<'a> From<&'a StoredTenant> for ShownTenant<'a> {
    fn from(tenant: &'a StoredTenant) -> Self {
        Self {
            id: tenant.id,
            name: &tenant.name,
            locale: tenant.locale.as_deref(),
            created_at: tenant.created_at,
            updated_at: tenant.updated_at,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Tenants;
    vec![
        Endpoint::get("/v1/tenants", list)
            .named("listTenants", "All tenants, by falling id")
            .details("A key of one tenant sees its own.")
            .scope(Tenants, Read)
            .page::<ShownTenant<'_>>("tenants"),
        Endpoint::post("/v1/tenants", create)
            .named("createTenant", "Makes a tenant")
            .operator(Tenants, Write)
            .body::<AskedTenant>()
            .problem(409, "tenant_exists")
            .problem(409, "name_taken")
            .answers::<ShownTenant<'_>>(201, "the tenant"),
        Endpoint::get("/v1/tenants/{id}", get)
            .named("getTenant", "One tenant")
            .scope(Tenants, Read)
            .answers::<ShownTenant<'_>>(200, "the tenant"),
        Endpoint::put("/v1/tenants/{id}", put)
            .named("putTenant", "Makes a tenant, or says all of it anew")
            .operator(Tenants, Write)
            .body::<AskedTenant>()
            .problem(409, "name_taken")
            .answers::<ShownTenant<'_>>(200, "the tenant, which was there before")
            .answers::<ShownTenant<'_>>(201, "the tenant, which is new"),
        Endpoint::delete("/v1/tenants/{id}", delete)
            .named("deleteTenant", "Removes a tenant to which nothing belongs")
            .operator(Tenants, Write)
            .problem(409, "in_use")
            .answers_other(204, "it is gone", None),
    ]
}

/// All tenants; the own one for a key that belongs to one.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let page = Page::asked(&request, "tenants", who.tenant_id)?;
    let tenants = desks
        .tenants
        .page(who.tenant_id, page.after, page.limit + 1)
        .await?;
    let entries = tenants.iter().map(|it| (it.id, ShownTenant::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One tenant.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = named(&who, &id)?;
    let tenant = desks.tenants.get(id).await?;
    Ok(HttpResponse::Ok().json(ShownTenant::from(&tenant)))
}

/// Makes a tenant.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    written(&who, &request, &desks, None, payload).await
}

/// Makes a tenant, or says all of it anew.
async fn put(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    id: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let id = named(&who, &id)?;
    written(&who, &request, &desks, Some(id), payload).await
}

async fn written(
    who: &Authority,
    request: &HttpRequest,
    desks: &Desks,
    path: Option<Uuid>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(request, payload, MOST_BYTES).await?;
    let order = order(&mut sent, path);
    let order = sent.finish(order)?;
    let (tenant, is_new) = desks.tenants.put(order, who.by()).await?;
    Ok(things::put_answer(
        is_new,
        format!("/v1/tenants/{}", tenant.id),
        ShownTenant::from(&tenant),
    ))
}

/// Removes a tenant.
async fn delete(
    who: Authority,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = named(&who, &id)?;
    desks.tenants.delete(id, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

fn order(sent: &mut SentFields, path: Option<Uuid>) -> Option<TenantOrder> {
    let said = sent.text("id", |text| match (Uuid::parse_str(text), path) {
        (Err(_), _) => Err("a UUID, as 0190c1a0-0000-7000-8000-000000000001 is".to_owned()),
        (Ok(id), Some(path)) if id != path => Err("the path names another tenant".to_owned()),
        (Ok(id), _) => Ok(id),
    });
    let name = sent.text("name", |text| {
        field::line(text, field::LABEL_CHARS).map_err(|unfit| unfit.to_string())
    });
    let name = sent.required("name", name);
    let locale = sent.text("locale", |text| {
        field::locale(text).map_err(|unfit| unfit.to_string())
    });
    Some(TenantOrder {
        id: path.or(said).unwrap_or_else(Uuid::now_v7),
        name: name?,
        locale,
        may_replace: path.is_some(),
    })
}

/// What is no UUID is no tenant; others do not exist for whoever asks about one.
fn named(who: &Authority, id: &str) -> Result<Uuid, Problem> {
    let id = Uuid::parse_str(id).ok();
    let id = id.filter(|id| who.tenant_id.is_none_or(|own| own == *id));
    id.ok_or_else(|| Problem::not_found("tenant"))
}
