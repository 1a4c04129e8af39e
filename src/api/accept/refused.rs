//! Why something is not accepted, as a problem.

use actix_web::http::{StatusCode, header};

use crate::api::problem::{FieldError, Problem};
use crate::domain::Rejection;
use crate::ops::control::{NotAccepted, Refusal, TWO_KEYS};

/// A message that cannot be accepted by its own words; `place` is where it stands in the body.
pub(in crate::api) fn refused(refusal: &Refusal, place: &str) -> Problem {
    use StatusCode as Is;
    let reason = refusal.reason;
    if !refusal.mistakes.is_empty() {
        return mistaken(refusal, place);
    }
    let (status, code, at) = match reason {
        Rejection::TooLarge => (Is::PAYLOAD_TOO_LARGE, "too_large", None),
        Rejection::KeyReused => {
            let at = Some("/idempotency_key");
            (Is::UNPROCESSABLE_ENTITY, "idempotency_key_reused", at)
        }
        Rejection::UnknownUser => (Is::UNPROCESSABLE_ENTITY, reason.as_str(), Some("/user_id")),
        Rejection::UnknownTemplate => {
            let at = Some("/template/name");
            (Is::UNPROCESSABLE_ENTITY, reason.as_str(), at)
        }
        Rejection::UnknownProvider => {
            (Is::UNPROCESSABLE_ENTITY, reason.as_str(), Some("/provider"))
        }
        Rejection::RecipientConflict => (
            Is::UNPROCESSABLE_ENTITY,
            reason.as_str(),
            Some("/recipient"),
        ),
        _ => (Is::BAD_REQUEST, Rejection::MalformedJson.as_str(), None),
    };
    let errors = at.map(|at| FieldError {
        pointer: format!("#{place}{at}"),
        code,
        detail: refusal.detail.clone(),
    });
    let problem = Problem::new(status, code, refusal.detail.clone());
    problem.with_errors(errors.into_iter().collect())
}

/// All mistakes; the code is that of all of them, where they have one.
fn mistaken(refusal: &Refusal, place: &str) -> Problem {
    let mistakes = &refusal.mistakes;
    let all = |reason: Rejection| mistakes.iter().all(|it| it.reason == reason);
    let (status, code) = if mistakes.iter().any(|it| it.code == TWO_KEYS) {
        (StatusCode::BAD_REQUEST, TWO_KEYS)
    } else if all(Rejection::TooLarge) {
        (StatusCode::PAYLOAD_TOO_LARGE, "too_large")
    } else if all(Rejection::BadAddress) {
        (StatusCode::UNPROCESSABLE_ENTITY, "bad_address")
    } else {
        (StatusCode::UNPROCESSABLE_ENTITY, "invalid_body")
    };
    let detail = "what was sent is not valid: see `errors`";
    Problem::new(status, code, detail).with_errors(errors_of(refusal, place).collect())
}

/// The mistakes of a message that stands at a place in the body.
pub(in crate::api) fn errors_of(
    refusal: &Refusal,
    place: &str,
) -> impl Iterator<Item = FieldError> {
    refusal.mistakes.iter().map(move |mistake| FieldError {
        pointer: format!("#{place}{}", mistake.pointer),
        code: mistake.code,
        detail: mistake.detail.clone(),
    })
}

/// A message that is not accepted.
pub(in crate::api) fn not_accepted(why: NotAccepted) -> Problem {
    not_accepted_at(why, "")
}

/// The same for one that stands at a place in the body.
pub(in crate::api) fn not_accepted_at(why: NotAccepted, place: &str) -> Problem {
    let again = |status, code, detail: &str| {
        Problem::new(status, code, detail).with(header::RETRY_AFTER, "1")
    };
    match why {
        NotAccepted::Refused(refusal) => refused(&refusal, place),
        NotAccepted::NoTenant => Problem::not_found("tenant"),
        NotAccepted::KeyInProgress => {
            let detail = "a message with this key is being worked on: try again";
            again(StatusCode::CONFLICT, "key_in_progress", detail)
        }
        NotAccepted::Overloaded => {
            let detail =
                "too many notifications wait to be accepted; nothing was stored, try again";
            again(StatusCode::SERVICE_UNAVAILABLE, "overloaded", detail)
        }
        NotAccepted::Unavailable(why) => {
            tracing::warn!(why, "a notification could not be accepted");
            let detail = "the database does not answer; with its key the same may be sent again";
            again(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
        NotAccepted::NoEngine => {
            let detail = "this node does not run the engine (`herald serve --only`): send it to one that does";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
        NotAccepted::Closed => {
            let detail = "the engine starts or stops; nothing was stored, try again";
            again(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }
}
