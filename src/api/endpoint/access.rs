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
    /// A key with the scope of either resource, whichever the thing in the path is about: the handler looks.
    EitherScope((ApiResource, ApiResource), ApiAction),
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
            Self::EitherScope((resource, _), action) => Some((resource, action)),
            Self::ScopeOrSelf(scope, _) => Some(scope),
            Self::Open | Self::Person(_) => None,
        }
    }

    /// The grant that a user token needs; `None` where none opens.
    pub(in crate::api) const fn grant(self) -> Option<PersonGrant> {
        match self {
            Self::ScopeOrSelf(_, grant) | Self::Person(grant) => Some(grant),
            Self::Open | Self::Scope(..) | Self::EitherScope(..) | Self::Operator(..) => None,
        }
    }

    /// The scope that does as well.
    pub(in crate::api) const fn other_scope(self) -> Option<(ApiResource, ApiAction)> {
        match self {
            Self::EitherScope((_, resource), action) => Some((resource, action)),
            _ => None,
        }
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
