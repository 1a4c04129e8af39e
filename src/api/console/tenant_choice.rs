//! Which tenant an operator looks at.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{self, Data};
use askama::Template;
use uuid::Uuid;

use super::answer::{ConsoleError, html, see_other};
use super::frame::PageFrame;
use super::look;
use super::posted::ProvenForm;
use super::visitor::ConsoleVisitor;
use crate::domain::ApiResource;
use crate::ops::control::{DeskError, Desks, StoredTenant};

/// Most tenants of the list.
const MOST: usize = 200;

#[derive(Template)]
#[template(path = "console/tenants.html")]
struct TenantChoicePage {
    page: PageFrame,
    /// Those that the key may read.
    tenants: Vec<StoredTenant>,
    /// Whether there are more.
    more: bool,
    chosen: Option<Uuid>,
    typed: String,
    mistake: Option<&'static str>,
}

impl TenantChoicePage {
    fn is_chosen(&self, tenant: &StoredTenant) -> bool {
        self.chosen == Some(tenant.id)
    }
}

pub(super) fn routes(routes: &mut web::ServiceConfig) {
    let choice = web::resource("/tenant")
        .route(look(page))
        .route(web::post().to(choose));
    routes.service(choice);
}

async fn page(visitor: ConsoleVisitor, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    let page = choice(&visitor, &desks, String::new(), None).await?;
    Ok(html(StatusCode::OK, &page))
}

async fn choice(
    visitor: &ConsoleVisitor,
    desks: &Desks,
    typed: String,
    mistake: Option<&'static str>,
) -> Result<TenantChoicePage, ConsoleError> {
    visitor.needs_operator()?;
    let mut tenants = match visitor.reads(ApiResource::Tenants) {
        true => desks.tenants.page(None, None, MOST + 1).await?,
        false => vec![],
    };
    let more = tenants.len() > MOST;
    tenants.truncate(MOST);
    tenants.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(TenantChoicePage {
        page: PageFrame::new(visitor, "Choose a tenant", "/console/tenant"),
        tenants,
        more,
        chosen: visitor.tenant_id(),
        typed,
        mistake,
    })
}

async fn choose(form: ProvenForm, desks: Data<Desks>) -> Result<HttpResponse, ConsoleError> {
    let ProvenForm { visitor, typed } = form;
    visitor.needs_operator()?;
    let asked = Some(typed.value("tenant").trim()).filter(|asked| !asked.is_empty());
    let about = match asked.map(Uuid::parse_str).transpose() {
        Ok(about) => about,
        Err(_) => {
            let typed = asked.unwrap_or_default().to_owned();
            let mistake = Some("That is no tenant's id: write a UUID.");
            let page = choice(&visitor, &desks, typed, mistake).await?;
            return Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page));
        }
    };
    match desks.sessions.choose(visitor.token(), about).await {
        Ok(()) => Ok(see_other("/console?done=chosen")),
        Err(DeskError::NotFound(_)) => {
            let typed = asked.unwrap_or_default().to_owned();
            let page = choice(&visitor, &desks, typed, Some("There is no such tenant.")).await?;
            Ok(html(StatusCode::UNPROCESSABLE_ENTITY, &page))
        }
        Err(error) => Err(error.into()),
    }
}
