//! Who may ask: somebody with an API key, a person with a user token, or everybody.

use std::collections::HashMap;

use actix_web::http::Method;

use crate::domain::{ApiAction, ApiResource, PersonGrant};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::api) enum EndpointAccess {
    /// Everybody.
    Open,
    /// A key with this scope.
    Scope(ApiResource, ApiAction),
    /// A key with the scope of one of these resources, whichever the thing in the path is about: the handler looks.
    AnyScope(&'static [ApiResource], ApiAction),
    /// A key with this scope that belongs to no tenant.
    Operator(ApiResource, ApiAction),
    /// A key with this scope; or the person that the path names, with a user token of this grant.
    ScopeOrSelf((ApiResource, ApiAction), PersonGrant),
    /// A person with a user token of this grant, and no key.
    Person(PersonGrant),
}

impl EndpointAccess {
    /// The scope that a key needs; `None` where no key opens.
    pub(in crate::api) const fn scope(self) -> Option<(ApiResource, ApiAction)> {
        match self {
            Self::Scope(resource, action) | Self::Operator(resource, action) => {
                Some((resource, action))
            }
            Self::AnyScope([resource, ..], action) => Some((*resource, action)),
            Self::AnyScope([], _) => None,
            Self::ScopeOrSelf(scope, _) => Some(scope),
            Self::Open | Self::Person(_) => None,
        }
    }

    /// The grant that a user token needs; `None` where none opens.
    pub(in crate::api) const fn grant(self) -> Option<PersonGrant> {
        match self {
            Self::ScopeOrSelf(_, grant) | Self::Person(grant) => Some(grant),
            Self::Open | Self::Scope(..) | Self::AnyScope(..) | Self::Operator(..) => None,
        }
    }

    /// The scopes that do as well.
    pub(in crate::api) fn other_scopes(self) -> impl Iterator<Item = (ApiResource, ApiAction)> {
        let (resources, action) = match self {
            Self::AnyScope([_, others @ ..], action) => (others, action),
            _ => (&[][..], ApiAction::Read),
        };
        resources.iter().map(move |resource| (*resource, action))
    }
}

/// Who may ask, by method and path.
#[derive(Debug, Clone)]
pub(in crate::api) struct Accesses(HashMap<(Method, String), EndpointAccess>);

impl Accesses {
    /// Of all endpoints, by method and path pattern.
    pub(in crate::api) fn of(
        all: impl IntoIterator<Item = ((Method, String), EndpointAccess)>,
    ) -> Self {
        Self(all.into_iter().collect())
    }

    /// Of the endpoint that this method and path pattern lead to.
    pub(in crate::api) fn get(&self, method: &Method, path: String) -> Option<EndpointAccess> {
        let method = match *method {
            Method::HEAD => Method::GET,
            ref other => other.clone(),
        };
        self.0.get(&(method, path)).copied()
    }
}
