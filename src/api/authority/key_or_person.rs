//! Whoever asks for what is a person's own: somebody with an API key, or the person.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;
use uuid::Uuid;

use super::bearer::{self, Bearer};
use super::{Authority, Person, authority, person};
use crate::api::problem::Problem;
use crate::api::things;
use crate::ops::control::{DoneBy, PersonOf};

/// Somebody who may ask for what is a person's own: a handler that takes it is called for nobody else.
#[derive(Debug)]
pub(in crate::api) enum KeyOrPerson {
    /// Somebody with a key, which has the scope.
    Key(Authority),
    /// The person, whose token has the grant.
    Person(Person),
}

impl KeyOrPerson {
    /// The person that a path names. What is no UUID is no user, and for a person there is nobody else.
    pub(in crate::api) fn of(&self, id: &str) -> Result<PersonOf, Problem> {
        let id = things::id_of(id, "user")?;
        match self {
            Self::Key(who) => Ok((who.tenant_id, id)),
            Self::Person(person) if person.user_id == id => Ok((Some(person.tenant_id), id)),
            Self::Person(_) => Err(Problem::not_found("user")),
        }
    }

    /// The tenant that is asked about; `None` is an operator who named none.
    pub(in crate::api) const fn tenant_id(&self) -> Option<Uuid> {
        match self {
            Self::Key(who) => who.tenant_id,
            Self::Person(person) => Some(person.tenant_id),
        }
    }

    /// Who does what is done, for the audit trail.
    pub(in crate::api) fn by(&self) -> DoneBy {
        match self {
            Self::Key(who) => who.by(),
            Self::Person(person) => person.by(),
        }
    }
}

/// Checks what was brought, and the scope or the grant that the endpoint's description names.
impl FromRequest for KeyOrPerson {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            match bearer::of(&request)? {
                Bearer::Token(token) => {
                    let person = person::person(&request, Some(token)).await?;
                    Ok(Self::Person(person))
                }
                Bearer::Key(_) => Ok(Self::Key(authority(&request).await?)),
            }
        })
    }
}
