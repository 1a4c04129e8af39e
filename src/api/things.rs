//! What the paths of all resources have in common: they name a thing by its id, and PUT makes it or replaces it.

use actix_web::HttpResponse;
use actix_web::http::header::LOCATION;
use serde::Serialize;
use uuid::Uuid;

use super::problem::Problem;

/// The id in a path; what is no UUID is no such thing.
pub(super) fn id_of(text: &str, thing: &str) -> Result<Uuid, Problem> {
    Uuid::parse_str(text).map_err(|_| Problem::not_found(thing))
}

/// A name as a part of a path.
pub(super) fn encoded(name: &str) -> String {
    let encoded: String = url::form_urlencoded::byte_serialize(name.as_bytes()).collect();
    encoded.replace('+', "%20")
}

/// 201 for a thing that is new, 200 for one that was there; with its path, and as it is now.
pub(super) fn put_answer(is_new: bool, place: String, shown: impl Serialize) -> HttpResponse {
    let mut answer = if is_new {
        HttpResponse::Created()
    } else {
        HttpResponse::Ok()
    };
    answer.insert_header((LOCATION, place)).json(shown)
}
