//! A person who opens a stream: `EventSource` sets no headers, so that the token may stand in the query.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::{Person, bearer, person};
use crate::api::problem::Problem;

/// The parameter that is the token.
pub(in crate::api) const TOKEN: &str = "access_token";

/// A person whose token opens the stream, wherever it stands. For no other route: what stands in a query is kept by
/// proxies.
#[derive(Debug)]
pub(in crate::api) struct StreamPerson(pub(in crate::api) Person);

impl FromRequest for StreamPerson {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let in_header = bearer::said(&request)?.is_some();
            let elsewhere = if in_header { None } else { in_query(&request) };
            Ok(Self(person::person(&request, elsewhere).await?))
        })
    }
}

fn in_query(request: &HttpRequest) -> Option<String> {
    let mut said = url::form_urlencoded::parse(request.query_string().as_bytes());
    let token = said.find(|(name, _)| name == TOKEN);
    token.map(|(_, token)| token.into_owned())
}
