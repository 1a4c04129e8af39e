//! The control endpoint that each simulator has beside its provider's own paths.
//!
//! `GET|PUT /_control/behaviour` (JSON or TOML), `GET /_control/stats`, `GET|DELETE /_control/ledger`,
//! `GET /_control/ledger/{notification id}`.

use hyper::Method;
use serde_json::json;
use uuid::Uuid;

use super::answer::Answer;
use super::behaviour::Behaviour;
use super::state::State;

/// How many repeated messages `GET /_control/ledger` lists.
const REPEATED_SHOWN: usize = 100;

/// Whether a path belongs to the control endpoint.
pub(crate) fn owns(path: &str) -> bool {
    path.starts_with("/_control/")
}

pub(crate) fn answer(state: &State, method: &Method, path: &str, body: &[u8]) -> Answer {
    match (method.as_str(), path) {
        ("GET", "/_control/behaviour") => Answer::json(200, &state.behaviour()),
        ("PUT", "/_control/behaviour") => put_behaviour(state, body),
        ("GET", "/_control/stats") => Answer::json(200, &state.stats()),
        ("GET", "/_control/ledger") => ledger(state),
        ("DELETE", "/_control/ledger") => {
            state.ledger.clear();
            Answer::empty(204)
        }
        ("GET", path) => match path
            .strip_prefix("/_control/ledger/")
            .and_then(|id| id.parse::<Uuid>().ok())
        {
            Some(id) => one(state, id),
            None => unknown(),
        },
        _ => unknown(),
    }
}

fn unknown() -> Answer {
    let error = "no such control: use GET or PUT /_control/behaviour, GET /_control/stats, \
                 GET or DELETE /_control/ledger, GET /_control/ledger/{notification id}";
    Answer::json(404, &json!({ "error": error }))
}

fn put_behaviour(state: &State, body: &[u8]) -> Answer {
    match parse(body) {
        Ok(behaviour) => {
            state.behave(behaviour);
            Answer::json(200, &json!({ "seed": state.stats().seed }))
        }
        Err(error) => Answer::json(400, &json!({ "error": error })),
    }
}

/// A JSON object begins with a brace, which no TOML document does.
fn parse(body: &[u8]) -> Result<Behaviour, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("the body: {error}"))?;
    if text.trim_start().starts_with('{') {
        let behaviour: Behaviour = serde_json::from_str(text).map_err(|error| error.to_string())?;
        return behaviour.checked();
    }
    Behaviour::from_toml(text)
}

fn ledger(state: &State) -> Answer {
    let totals = state.ledger.totals();
    let latency = state.ledger.latency(None);
    let mut repeated = state.ledger.sent_twice();
    repeated.truncate(REPEATED_SHOWN);
    let value = json!({
        "totals": totals,
        "notifications": state.ledger.notifications(),
        "sequences": state.ledger.sequences(),
        "latency_micros": {
            "count": latency.len(),
            "p50": latency.value_at_quantile(0.5),
            "p90": latency.value_at_quantile(0.9),
            "p99": latency.value_at_quantile(0.99),
            "max": latency.max(),
        },
        "sent_twice": repeated,
    });
    Answer::json(200, &value)
}

fn one(state: &State, id: Uuid) -> Answer {
    let entries: Vec<_> = state
        .ledger
        .entries_of(id)
        .iter()
        .map(|entry| {
            json!({
                "provider": entry.provider(),
                "count": entry.count(),
                "answers_lost": entry.answers_lost(),
                "first_micros": entry.first_micros(),
            })
        })
        .collect();
    Answer::json(
        200,
        &json!({ "notification_id": id, "recipients": entries }),
    )
}
