//! A form that somebody who is signed in has posted: a handler that takes it is called for no other.

use actix_web::dev::Payload;
use actix_web::web;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::answer::{ConsoleError, id_of};
use super::sent_form::{PROOF, SentForm};
use super::typed::TypedFields;
use super::visitor::ConsoleVisitor;
use crate::domain::{ApiAction, ApiResource, is_same_proof};

/// A form, and who has posted it from a page of their session.
#[derive(Debug)]
pub(super) struct ProvenForm {
    /// Who.
    pub(super) visitor: ConsoleVisitor,
    /// What they typed.
    pub(super) typed: TypedFields,
}

impl ProvenForm {
    /// Goes on only with a key that may change this.
    pub(super) fn changes(&self, resource: ApiResource) -> Result<(), ConsoleError> {
        self.visitor.needs(resource, ApiAction::Write)
    }

    /// The same about the thing that a path names by its id: whose it is as far as they see, and the id.
    pub(super) fn changes_of(
        &self,
        resource: ApiResource,
        (id, thing): (&str, &'static str),
    ) -> Result<(Option<Uuid>, Uuid), ConsoleError> {
        self.changes(resource)?;
        Ok((self.visitor.tenant_id(), id_of(id, thing)?))
    }
}

impl FromRequest for ProvenForm {
    type Error = ConsoleError;
    type Future = LocalBoxFuture<'static, Result<Self, ConsoleError>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let visitor = ConsoleVisitor::from_request(request, &mut Payload::None);
        let payload = web::Payload::from_request(request, payload);
        let request = request.clone();
        Box::pin(async move {
            let visitor = visitor.await?;
            let payload = payload.await.map_err(|_| ConsoleError::Failed)?;
            let form = SentForm::from_here(&request, payload).await?;
            match is_same_proof(form.text(PROOF), &visitor.form_proof()) {
                true => Ok(Self {
                    visitor,
                    typed: TypedFields::of(form),
                }),
                false => Err(ConsoleError::Forged),
            }
        })
    }
}
