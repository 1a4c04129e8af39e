//! A test message through an account.

use actix_web::web::{Data, Path, Payload};
use actix_web::{HttpRequest, HttpResponse};
use utoipa::ToSchema;

use super::{MOST_BYTES, named};
use crate::api::authority::Authority;
use crate::api::body;
use crate::api::problem::Problem;
use crate::ops::control::Desks;

/// Longest address.
const MOST_CHARS: usize = 2_048;

/// Where a test message goes.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it describes what `test` reads")]
pub(super) struct AskedTest {
    /// One of the addresses of `http.test_addresses`; left out for an account that posts into a place of its own.
    #[schema(max_length = 2_048, example = "ops@example.com")]
    to: Option<String>,
}

pub(super) async fn test(
    who: Authority,
    request: HttpRequest,
    desks: Data<Desks>,
    name: Path<String>,
    payload: Payload,
) -> Result<HttpResponse, Problem> {
    let name = named(name)?;
    let mut sent = body::fields(&request, payload, MOST_BYTES).await?;
    let to = sent.text("to", |text| {
        let text = text.trim();
        let good =
            (1..=MOST_CHARS).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        let why = || format!("an address of 1 to {MOST_CHARS} characters");
        good.then(|| text.to_owned()).ok_or_else(why)
    });
    let to = sent.finish(Some(to))?;
    let answered = desks.providers.test(name, to, who.by()).await?;
    Ok(HttpResponse::Ok().json(answered))
}
