//! `herald openapi`.

use super::{CommandFailure, say};

/// Prints the OpenAPI document of the HTTP API.
pub(super) fn openapi() -> Result<(), CommandFailure> {
    say::answer(herald::api::openapi_document().trim_end())
}
