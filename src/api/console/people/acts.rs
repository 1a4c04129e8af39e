//! What may be done for a person.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};
use uuid::Uuid;

use super::{PATH, facts, person};
use crate::api::console::answer::{ConsoleError, id_of, see_other};
use crate::api::console::posted::ProvenForm;
use crate::api::console::typed::FieldKind;
use crate::api::users::preference;
use crate::domain::{ApiAction, ApiResource};
use crate::ops::control::{ChosenChange, DeskError, Desks};

/// What a person may say of something.
const FIELDS: &[(&str, FieldKind)] = &[
    ("channel", FieldKind::Text),
    ("category", FieldKind::Text),
    ("enabled", FieldKind::Flag),
    ("frequency_cap", FieldKind::Cap),
    ("quiet_hours", FieldKind::Text),
    ("quiet_hours_start", FieldKind::Text),
    ("quiet_hours_end", FieldKind::Text),
    ("quiet_hours_days", FieldKind::Words),
    ("timezone", FieldKind::Text),
];
/// What a switch says.
const SWITCH: &[(&str, FieldKind)] = &[
    ("channel", FieldKind::Text),
    ("category", FieldKind::Text),
    ("enabled", FieldKind::Flag),
];

/// Shows addresses, once that is written down.
pub(super) async fn reveal(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let visitor = &form.visitor;
    visitor.needs(ApiResource::Contents, ApiAction::Read)?;
    visitor.needs(ApiResource::Users, ApiAction::Read)?;
    let id = id_of(&id, "person")?;
    let stored = desks.people.get((visitor.tenant_id(), id)).await?;
    let whose = (stored.tenant_id, id);
    desks
        .sessions
        .note_shown("user", whose, visitor.by())
        .await?;
    let mut page = person(visitor, &desks, id, form.typed).await?;
    page.facts = facts(&stored, true);
    page.is_open = true;
    Ok(page.answer())
}

/// Switches something on or off.
pub(super) async fn switch(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    change(form, &desks, &id, SWITCH).await
}

/// Says something of something, as far as the form does.
pub(super) async fn prefer(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    change(form, &desks, &id, FIELDS).await
}

async fn change(
    form: ProvenForm,
    desks: &Desks,
    id: &str,
    fields: &[(&str, FieldKind)],
) -> Result<HttpResponse, ConsoleError> {
    let of = form.changes_of(ApiResource::Users, (id, "person"))?;
    let ProvenForm { visitor, mut typed } = form;
    let said = typed.as_api(fields, |sent| preference(sent, of.1, None));
    let mut mistake = None;
    if let Some(said) = said {
        let change = ChosenChange {
            preference: Some(said),
            timezone: None,
        };
        match desks.people.choose(of, change, visitor.by()).await {
            Ok(_) => return Ok(done(of.1)),
            Err(DeskError::Conflict(_, says)) => mistake = Some(says),
            Err(error) => return Err(error.into()),
        }
    }
    let mut page = person(&visitor, desks, of.1, typed).await?;
    page.mistake = mistake;
    Ok(page.answer())
}

fn done(id: Uuid) -> HttpResponse {
    see_other(&format!("{PATH}/{id}?done=preferred"))
}
