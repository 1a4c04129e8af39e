//! What may be done with a webhook.

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Path};

use super::{DISABLED, PATH, refused, webhook};
use crate::api::console::answer::{ConsoleError, html, see_other};
use crate::api::console::posted::ProvenForm;
use crate::domain::ApiResource;
use crate::ops::control::{Desks, WebhookDeskError, WebhookFields};

/// Sends it something to try it.
pub(super) async fn test(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::Webhooks, (&id, "webhook"))?;
    match desks.webhooks.test(of, form.visitor.by()).await {
        Ok(_) => Ok(see_other(&format!("{PATH}/{}?done=tried", of.1))),
        Err(WebhookDeskError::Disabled) if form.visitor.reads(ApiResource::Webhooks) => {
            let mut page = webhook(&form.visitor, &desks, of.1, form.typed).await?;
            page.mistake = Some(DISABLED.to_owned());
            Ok(html(StatusCode::CONFLICT, &page))
        }
        Err(error) => Err(refused(error)),
    }
}

/// Sends to it again.
pub(super) async fn enable(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    switch(&form, &desks, &id, true).await
}

/// Sends nothing more to it.
pub(super) async fn disable(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    switch(&form, &desks, &id, false).await
}

async fn switch(
    form: &ProvenForm,
    desks: &Desks,
    id: &str,
    is_active: bool,
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::Webhooks, (id, "webhook"))?;
    let change = move |fields| WebhookFields {
        is_active,
        ..fields
    };
    let changed = desks.webhooks.change(of, change, form.visitor.by());
    changed.await.map_err(refused)?;
    let word = if is_active { "enabled" } else { "disabled" };
    Ok(see_other(&format!("{PATH}/{}?done={word}", of.1)))
}
