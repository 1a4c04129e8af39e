//! What may be done with an entry of a list.

use actix_web::HttpResponse;
use actix_web::web::{Data, Path};

use crate::api::console::answer::{ConsoleError, see_other};
use crate::api::console::posted::ProvenForm;
use crate::domain::ApiResource;
use crate::ops::control::Desks;

/// Takes a key back.
pub(super) async fn revoke(
    form: ProvenForm,
    desks: Data<Desks>,
    id: Path<String>,
) -> Result<HttpResponse, ConsoleError> {
    let (tenant_id, id) = form.changes_of(ApiResource::ApiKeys, (&id, "API key"))?;
    let revoked = desks.keys.revoke(id, tenant_id, form.visitor.by());
    revoked.await?;
    Ok(see_other("/console/keys?done=revoked"))
}
