//! Endpoints: each is described where it is made. Routing, the scope that its callers need, and the OpenAPI
//! document all come of the description.

mod access;

use std::collections::BTreeMap;

use actix_web::http::Method;
use actix_web::{Handler, Responder, Route, guard, web};
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{Ref, RefOr};
use utoipa::{PartialSchema, ToSchema};

pub(super) use self::access::{Accesses, EndpointAccess};

use super::problem;
use crate::domain::{ApiAction, ApiResource, OwnResource, PersonGrant};

/// A schema with those that it refers to.
#[derive(Debug, Clone)]
pub(super) struct Described {
    pub(super) schema: RefOr<Schema>,
    pub(super) components: Vec<(String, RefOr<Schema>)>,
}

/// A parameter of a query, or a header.
#[derive(Debug, Clone)]
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) place: ParameterPlace,
    pub(super) details: &'static str,
    pub(super) schema: RefOr<Schema>,
}

/// Where a parameter is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ParameterPlace {
    Query,
    Header,
}

/// A good answer.
#[derive(Debug, Clone)]
pub(super) struct GoodAnswer {
    pub(super) status: u16,
    pub(super) details: &'static str,
    /// Its media type and its schema; `None` without a body.
    pub(super) body: Option<(&'static str, Described)>,
}

/// One method of one path.
pub(super) struct Endpoint {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) access: EndpointAccess,
    /// The name of the operation: `listApiKeys`.
    pub(super) name: &'static str,
    /// What it does, in a line.
    pub(super) summary: &'static str,
    /// What else is to be known of it.
    pub(super) details: &'static str,
    pub(super) parameters: Vec<Parameter>,
    /// The JSON body, and whether it must be there.
    pub(super) body: Option<(Described, bool)>,
    /// Bodies that are not ours to describe further, by their media types.
    pub(super) other_bodies: &'static [(&'static str, OtherBody)],
    pub(super) answers: Vec<GoodAnswer>,
    /// Codes of problems beside those that every endpoint of its kind has.
    pub(super) problems: Vec<(u16, &'static str)>,
    route: Route,
}

/// A body that others describe.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OtherBody {
    /// Names and texts.
    Fields,
    /// Objects of any fields.
    Objects,
    /// A form with one file.
    FileForm,
    /// Bytes of any kind.
    Bytes,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.method, self.path)
    }
}

/// The schema of a type, with those that it refers to.
pub(super) fn described<T: ToSchema>() -> Described {
    let mut components = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut components);
    Described {
        schema: RefOr::Ref(Ref::from_schema_name(T::name())),
        components,
    }
}

/// The schema of a list of a type, with those that it refers to.
pub(super) fn described_page<T: ToSchema>() -> Described {
    use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, SchemaType, Type};
    let Described { schema, components } = described::<T>();
    let next = ObjectBuilder::new()
        .schema_type(SchemaType::from_iter([Type::String, Type::Null]))
        .description(Some("the `after` of the next page; null on the last"));
    let page = ObjectBuilder::new()
        .property("data", ArrayBuilder::new().items(schema))
        .property("next", next)
        .required("data")
        .required("next");
    Described {
        schema: RefOr::T(page.build().into()),
        components,
    }
}

impl Endpoint {
    fn new<F, Args>(method: Method, path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        let route = web::route().to(handler);
        let route = match method {
            // HEAD has the headers of GET.
            Method::GET => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            ref other => route.method(other.clone()),
        };
        Self {
            method,
            path,
            access: EndpointAccess::Open,
            name: "",
            summary: "",
            details: "",
            parameters: vec![],
            body: None,
            other_bodies: &[],
            answers: vec![],
            problems: vec![],
            route,
        }
    }

    pub(super) fn get<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::GET, path, handler)
    }

    pub(super) fn post<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::POST, path, handler)
    }

    pub(super) fn put<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::PUT, path, handler)
    }

    pub(super) fn patch<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::PATCH, path, handler)
    }

    pub(super) fn delete<F, Args>(path: &'static str, handler: F) -> Self
    where
        F: Handler<Args>,
        Args: actix_web::FromRequest + 'static,
        F::Output: Responder + 'static,
    {
        Self::new(Method::DELETE, path, handler)
    }

    /// The name of the operation, and what it does.
    pub(super) const fn named(mut self, name: &'static str, summary: &'static str) -> Self {
        self.name = name;
        self.summary = summary;
        self
    }

    /// What else is to be known, in Markdown.
    pub(super) const fn details(mut self, details: &'static str) -> Self {
        self.details = details;
        self
    }

    /// The scope that whoever asks needs.
    pub(super) const fn scope(mut self, resource: ApiResource, action: ApiAction) -> Self {
        self.access = EndpointAccess::Scope(resource, action);
        self
    }

    /// The scope of one of these resources, whichever the thing in the path is about: the handler looks.
    pub(super) const fn any_scope(
        mut self,
        resources: &'static [ApiResource],
        action: ApiAction,
    ) -> Self {
        self.access = EndpointAccess::AnyScope(resources, action);
        self
    }

    /// The scope that whoever asks needs, of a key that belongs to no tenant: others are told that there is
    /// nothing here.
    pub(super) const fn operator(mut self, resource: ApiResource, action: ApiAction) -> Self {
        self.access = EndpointAccess::Operator(resource, action);
        self
    }

    /// The person that the path names may ask as well, with a user token of this grant: call it after
    /// [`Self::scope`].
    pub(super) const fn or_self(mut self, resource: OwnResource, action: ApiAction) -> Self {
        if let Some(scope) = self.access.scope() {
            self.access = EndpointAccess::ScopeOrSelf(scope, PersonGrant(resource, action));
        }
        self
    }

    /// The grant that the user token of whoever asks needs: API keys are refused.
    pub(super) const fn person(mut self, resource: OwnResource, action: ApiAction) -> Self {
        self.access = EndpointAccess::Person(PersonGrant(resource, action));
        self
    }

    /// A parameter of the query.
    pub(super) fn query(
        self,
        name: &'static str,
        details: &'static str,
        schema: RefOr<Schema>,
    ) -> Self {
        self.parameter(name, ParameterPlace::Query, details, schema)
    }

    /// A header that may be sent.
    pub(super) fn header(
        self,
        name: &'static str,
        details: &'static str,
        schema: RefOr<Schema>,
    ) -> Self {
        self.parameter(name, ParameterPlace::Header, details, schema)
    }

    /// A parameter that may be there or not, as all are that are not of the path.
    fn parameter(
        mut self,
        name: &'static str,
        place: ParameterPlace,
        details: &'static str,
        schema: RefOr<Schema>,
    ) -> Self {
        self.parameters.push(Parameter {
            name,
            place,
            details,
            schema,
        });
        self
    }

    /// The JSON body that must be sent.
    pub(super) fn body<T: ToSchema>(mut self) -> Self {
        self.body = Some((described::<T>(), true));
        self
    }

    /// The JSON body that may be sent.
    pub(super) fn optional_body<T: ToSchema>(mut self) -> Self {
        self.body = Some((described::<T>(), false));
        self
    }

    /// A body that others describe must be sent, as one of these.
    pub(super) fn other_bodies(mut self, bodies: &'static [(&'static str, OtherBody)]) -> Self {
        self.other_bodies = bodies;
        self
    }

    /// A good answer in JSON.
    pub(super) fn answers<T: ToSchema>(self, status: u16, details: &'static str) -> Self {
        let body = Some(("application/json", described::<T>()));
        self.answer(status, details, body)
    }

    fn answer(
        mut self,
        status: u16,
        details: &'static str,
        body: Option<(&'static str, Described)>,
    ) -> Self {
        self.answers.push(GoodAnswer {
            status,
            details,
            body,
        });
        self
    }

    /// A good answer without a body, with one that is no JSON, or with a JSON object of any fields.
    pub(super) fn answers_other(
        self,
        status: u16,
        details: &'static str,
        kind: Option<&'static str>,
    ) -> Self {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let schema = match kind {
            Some("application/json") => {
                let object = ObjectBuilder::new().schema_type(Type::Object);
                RefOr::T(object.build().into())
            }
            _ => String::schema(),
        };
        let body = Described {
            schema,
            components: vec![],
        };
        self.answer(status, details, kind.map(|kind| (kind, body)))
    }

    /// A page of a list, with the parameters that choose it.
    pub(super) fn page<T: ToSchema>(self, details: &'static str) -> Self {
        use utoipa::openapi::schema::{ObjectBuilder, Type};
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(super::page::MOST))
            .default(Some(super::page::USUAL.into()));
        let limit = RefOr::T(limit.build().into());
        let after = "where the page begins: `next` of the page before";
        let body = Some(("application/json", described_page::<T>()));
        self.query("limit", "entries of the page", limit)
            .query("after", after, String::schema())
            .answer(200, details, body)
    }

    /// A problem beside those that every endpoint of its kind has.
    pub(super) fn problem(mut self, status: u16, code: &'static str) -> Self {
        self.problems.push((status, code));
        self
    }
}

/// Makes the routes of endpoints. Methods that a path has not are answered with those that it has.
pub(super) fn register(endpoints: Vec<Endpoint>, routes: &mut web::ServiceConfig) {
    let mut by_path: BTreeMap<&'static str, Vec<Endpoint>> = BTreeMap::new();
    for endpoint in endpoints {
        by_path.entry(endpoint.path).or_default().push(endpoint);
    }
    for (path, endpoints) in by_path {
        let methods = endpoints.iter().map(|it| match it.method {
            Method::GET => "GET, HEAD",
            ref other => other.as_str(),
        });
        let allowed = methods.collect::<Vec<_>>().join(", ");
        let mut resource = web::resource(path);
        for endpoint in endpoints {
            resource = resource.route(endpoint.route);
        }
        let refuse =
            move |method: Method| std::future::ready(problem::other_method(&method, &allowed));
        routes.service(resource.default_service(web::to(refuse)));
    }
}
