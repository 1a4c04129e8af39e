//! `/v1/categories`: what is different about messages of a kind. They belong to the tenant of the request,
//! the default tenant for an operator who names none.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Query;
use super::problem::Problem;
use super::things;
use crate::domain::{ApiAction, ApiResource, Category, OnUnknown, OverCap, field};
use crate::ops::control::Desks;

/// Largest body.
const MOST_BYTES: usize = 16 * 1_024;

/// A category, all that is said of it where it is made.
#[derive(ToSchema)]
#[schema(as = NewCategory)]
#[expect(dead_code, reason = "it describes what `asked` reads")]
pub(super) struct AskedCategory {
    /// Its name.
    #[schema(max_length = 100, example = "orders")]
    name: String,
    /// Whether people may switch it off; true without it.
    may_disable: Option<bool>,
    /// What becomes of it over a daily cap: `cancel`, which it is without it, or `defer`.
    #[schema(example = "defer")]
    over_cap: Option<String>,
    /// After an unknown outcome: `retry` or `fail_over`; as the channel's setting says without it.
    on_unknown: Option<String>,
}

/// A category, all that is said of it where the path names it.
#[derive(ToSchema)]
#[schema(as = CategoryRules)]
#[expect(dead_code, reason = "it describes what `asked` reads")]
struct AskedRules {
    /// The path's, if it is here as well.
    #[schema(max_length = 100)]
    name: Option<String>,
    /// Whether people may switch it off; true without it.
    may_disable: Option<bool>,
    /// What becomes of it over a daily cap: `cancel`, which it is without it, or `defer`.
    #[schema(example = "defer")]
    over_cap: Option<String>,
    /// After an unknown outcome: `retry` or `fail_over`; as the channel's setting says without it.
    on_unknown: Option<String>,
}

/// A category.
#[derive(Serialize, ToSchema)]
#[schema(as = Category)]
struct ShownCategory<'a> {
    /// Its name, unique within the tenant.
    name: &'a str,
    /// Whose it is.
    tenant_id: Uuid,
    /// Whether people may switch it off.
    may_disable: bool,
    /// What becomes of it over a daily cap.
    #[schema(value_type = String)]
    over_cap: OverCap,
    /// What follows an unknown outcome; null: as the channel's setting says.
    #[schema(value_type = Option<String>)]
    on_unknown: Option<OnUnknown>,
}

impl<'a> From<&'a Category> for ShownCategory<'a> {
    fn from(category: &'a Category) -> Self {
        Self {
            name: &category.name,
            tenant_id: category.tenant_id,
            may_disable: category.may_disable,
            over_cap: category.over_cap,
            on_unknown: category.on_unknown,
        }
    }
}

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Categories;
    vec![
        Endpoint::get("/v1/categories", list)
            .named("listCategories", "A tenant's categories, by name")
            .scope(Categories, Read)
            .page::<ShownCategory<'_>>("categories"),
        Endpoint::post("/v1/categories", create)
            .named("createCategory", "Makes a category")
            .scope(Categories, Write)
            .body::<AskedCategory>()
            .problem(409, "name_taken")
            .answers::<ShownCategory<'_>>(201, "the category"),
        Endpoint::get("/v1/categories/{name}", get)
            .named("getCategory", "One category")
            .scope(Categories, Read)
            .answers::<ShownCategory<'_>>(200, "the category"),
        Endpoint::put("/v1/categories/{name}", put)
            .named("putCategory", "Makes a category, or says all of it anew")
            .scope(Categories, Write)
            .body::<AskedRules>()
            .answers::<ShownCategory<'_>>(200, "the category, which was there before")
            .answers::<ShownCategory<'_>>(201, "the category, which is new"),
        Endpoint::delete("/v1/categories/{name}", delete)
            .named("deleteCategory", "Removes a category that nothing names")
            .scope(Categories, Write)
            .problem(409, "in_use")
            .answers_other(204, "it is gone", None),
    ]
}

/// A tenant's categories.
async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let page = query.page::<String>("categories", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let categories = desks
        .categories
        .page(who.own_tenant(), page.after.clone(), page.limit + 1)
        .await?;
    let entries = categories.iter();
    let entries = entries.map(|it| (it.name.clone(), ShownCategory::from(it)));
    Ok(HttpResponse::Ok().json(page.answer(entries.collect())))
}

/// One category.
async fn get(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let category = desks
        .categories
        .get(who.own_tenant(), named(&name)?)
        .await?;
    Ok(HttpResponse::Ok().json(ShownCategory::from(&category)))
}

/// Makes a category.
async fn create(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    written(&who, &request, &desks, None, payload).await
}

/// Makes a category, or says all of it anew.
async fn put(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    written(&who, &request, &desks, Some(named(&name)?), payload).await
}

async fn written(
    who: &Authority,
    request: &HttpRequest,
    desks: &Desks,
    path: Option<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let mut sent = body::fields(request, payload, MOST_BYTES).await?;
    let category = asked(&mut sent, who.own_tenant(), path.as_deref());
    let category = sent.finish(category)?;
    let put = desks
        .categories
        .put(category.clone(), path.is_some(), who.by());
    let is_new = put.await?;
    let place = format!("/v1/categories/{}", things::encoded(&category.name));
    Ok(things::put_answer(
        is_new,
        place,
        ShownCategory::from(&category),
    ))
}

/// Removes a category.
async fn delete(
    who: Authority,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let deleted = desks
        .categories
        .delete(who.own_tenant(), named(&name)?, who.by());
    deleted.await?;
    Ok(HttpResponse::NoContent().finish())
}

pub(super) fn asked(
    sent: &mut SentFields,
    tenant_id: Uuid,
    path: Option<&str>,
) -> Option<Category> {
    let name = sent.text("name", |text| match (field::category(text), path) {
        (Ok(name), Some(path)) if name != path => Err("the path names another category".to_owned()),
        (name, _) => name.map_err(|unfit| unfit.to_string()),
    });
    let name = match path {
        Some(path) => Some(path.to_owned()),
        None => sent.required("name", name),
    };
    let may_disable = sent.flag("may_disable").unwrap_or(true);
    let over_cap = sent.text("over_cap", |word| {
        word.parse::<OverCap>().map_err(|error| error.to_string())
    });
    let on_unknown = sent.text("on_unknown", |word| {
        word.parse::<OnUnknown>().map_err(|error| error.to_string())
    });
    Some(Category {
        tenant_id,
        name: name?,
        may_disable,
        over_cap: over_cap.unwrap_or(OverCap::Cancel),
        on_unknown,
    })
}

/// What cannot be a name is no category.
fn named(name: &str) -> Result<String, Problem> {
    field::category(name).map_err(|_| Problem::not_found("category"))
}
