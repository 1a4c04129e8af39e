//! `/v1/templates`: drafts, versions, and what a message would be made of.

mod asked;

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use serde_json::Map;

use super::authority::Authority;
use super::body;
use super::endpoint::Endpoint;
use super::fields::SentFields;
use super::page::Query;
use super::parameters::{one_of, words};
use super::problem::Problem;
use crate::domain::{ApiAction, ApiResource, Channel};
use crate::ops::control::{
    Desks, ListedTemplateLine, LocalTemplate, ShownPreview, ShownTemplateVersion, ShownTemplates,
    TemplateDeskError, TemplateOf,
};
use asked::{
    AskedTexts, LOCALE_CHARS, NewPreview, NewPublication, PublishedTemplates, TemplateUsers,
    chosen, draft, preview, publication,
};

/// Largest body: a part may have a megabyte.
const MOST_BYTES: usize = 2 * 1_048_576;
/// What stands between the parts of a cursor's key.
const SEPARATOR: char = '\u{1f}';

pub(super) fn endpoints() -> Vec<Endpoint> {
    use ApiAction::{Read, Write};
    use ApiResource::Templates;
    let chosen = |endpoint: Endpoint| {
        endpoint
            .query("channel", "of this channel only", one_of(Channel::ALL))
            .query("locale", "in this language only", words(LOCALE_CHARS))
    };
    vec![
        Endpoint::get("/v1/templates", list)
            .named("listTemplates", "The tenant's templates, by name, channel and language")
            .scope(Templates, Read)
            .page::<ListedTemplateLine>("templates, without their texts"),
        chosen(Endpoint::get("/v1/templates/{name}", get))
            .named("getTemplate", "The templates of a name, each with its draft")
            .scope(Templates, Read)
            .answers::<ShownTemplates>(200, "one for each channel and language"),
        chosen(Endpoint::put("/v1/templates/{name}", save))
            .named("saveTemplate", "Saves a draft")
            .details("It is checked as `herald apply` does. Nothing is sent from it before it is published.")
            .scope(Templates, Write)
            .body::<AskedTexts>()
            .answers::<LocalTemplate>(200, "the template with its draft"),
        chosen(Endpoint::delete("/v1/templates/{name}", delete))
            .named("deleteTemplate", "Removes templates with their drafts")
            .details("Their versions stay to be read.")
            .scope(Templates, Write)
            .problem(409, "in_use")
            .answers_other(204, "they are gone", None),
        chosen(Endpoint::post("/v1/templates/{name}/publish", publish))
            .named("publishTemplate", "Publishes drafts, or an older version anew")
            .details(
                "A draft that says what is published changes nothing. What includes the template is \
                 published anew with it.",
            )
            .scope(Templates, Write)
            .optional_body::<NewPublication>()
            .answers::<PublishedTemplates>(200, "the versions that are used now"),
        chosen(Endpoint::get("/v1/templates/{name}/versions", versions))
            .named("listTemplateVersions", "The versions of a name, the newest first")
            .scope(Templates, Read)
            .page::<ShownTemplateVersion>("versions, which never change"),
        chosen(Endpoint::get("/v1/templates/{name}/versions/{version}", version))
            .named("getTemplateVersion", "One version")
            .scope(Templates, Read)
            .answers::<ShownTemplateVersion>(200, "the version"),
        Endpoint::post("/v1/templates/{name}/preview", previewed)
            .named("previewTemplate", "What a message would be made of")
            .details("It says which version and language it is and why, and every variable that is missing.")
            .scope(Templates, Read)
            .optional_body::<NewPreview>()
            .answers::<ShownPreview>(200, "what would be sent, or why nothing would"),
        chosen(Endpoint::get("/v1/templates/{name}/used-by", used_by))
            .named("listTemplateUsers", "The templates and drafts that include this one")
            .scope(Templates, Read)
            .answers::<TemplateUsers>(200, "those that include it"),
    ]
}

async fn list(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request);
    let page = query.page::<String>("templates", Some(who.own_tenant()));
    let page = query.finish(page)?;
    let after = page.after.clone().unwrap_or_default();
    let mut parts = after.split(SEPARATOR).map(str::to_owned);
    let mut part = || parts.next().unwrap_or_default();
    let after = (part(), part(), part());
    let tenant_id = who.own_tenant();
    let found = desks
        .templates
        .page(tenant_id, after, page.limit + 1)
        .await?;
    let key = |it: &ListedTemplateLine| {
        format!(
            "{}{SEPARATOR}{}{SEPARATOR}{}",
            it.name, it.channel, it.locale
        )
    };
    let entries = found.into_iter().map(|it| (key(&it), it)).collect();
    Ok(HttpResponse::Ok().json(page.answer(entries)))
}

async fn get(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    Ok(HttpResponse::Ok().json(desks.templates.get(of).await?))
}

async fn save(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let fields = draft(&mut sent, of);
    let fields = sent.finish(fields)?;
    let saved = desks.templates.save(fields, who.by()).await?;
    Ok(HttpResponse::Ok().json(saved))
}

async fn delete(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    desks.templates.delete(of, who.by()).await?;
    Ok(HttpResponse::NoContent().finish())
}

async fn publish(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    let mut sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let asked = publication(&mut sent, of);
    let (of, version) = sent.finish(Some(asked))?;
    let published = desks.templates.publish(of, version, who.by()).await?;
    Ok(HttpResponse::Ok().json(PublishedTemplates { published }))
}

async fn versions(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let name = name.into_inner();
    let mut query = Query::of(&request);
    let of = chosen(&mut query, who.own_tenant(), name.clone());
    let page =
        query.page::<uuid::Uuid>(&format!("template-versions {name}"), Some(who.own_tenant()));
    let page = query.finish(page)?;
    let of = readable(of)?;
    let found = desks
        .templates
        .versions(of, page.after, page.limit + 1)
        .await?;
    Ok(HttpResponse::Ok().json(page.answer(found)))
}

async fn version(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, Problem> {
    let (name, number) = path.into_inner();
    let of = of(&who, &request, name)?;
    let number = number.parse().map_err(|_| Problem::not_found("version"))?;
    Ok(HttpResponse::Ok().json(desks.templates.version(of, number).await?))
}

async fn previewed(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    let mut sent = body::fields_or_none(&request, payload, MOST_BYTES).await?;
    let asked = preview(&mut sent, of);
    let asked = sent.finish(Some(asked))?;
    Ok(HttpResponse::Ok().json(desks.templates.preview(asked).await?))
}

async fn used_by(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
) -> Result<HttpResponse, Problem> {
    let of = of(&who, &request, name.into_inner())?;
    let templates = desks.templates.used_by(of).await?;
    Ok(HttpResponse::Ok().json(TemplateUsers { templates }))
}

/// Which templates a request is about.
fn of(who: &Authority, request: &HttpRequest, name: String) -> Result<TemplateOf, Problem> {
    let mut query = Query::of(request);
    let of = chosen(&mut query, who.own_tenant(), name);
    readable(query.finish(of)?)
}

/// What the database cannot hold is no name.
fn readable(of: TemplateOf) -> Result<TemplateOf, Problem> {
    match of.name.contains('\0') {
        true => Err(Problem::not_found("template")),
        false => Ok(of),
    }
}

impl From<TemplateDeskError> for Problem {
    fn from(error: TemplateDeskError) -> Self {
        let said = error.to_string();
        let mut sent = SentFields::of(Map::new());
        match error {
            TemplateDeskError::Desk(error) => return error.into(),
            TemplateDeskError::Mistakes(mistakes) => {
                for mistake in mistakes {
                    sent.wrong(&[mistake.field], "invalid", mistake.words);
                }
            }
            TemplateDeskError::Several => sent.wrong(&["channel"], "required", said),
        }
        sent.refused("invalid_body")
    }
}
