//! The receiver's server: one request after the other of each connection.

use std::convert::Infallible;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use standardwebhooks::Webhook;
use tokio::net::TcpListener;

use super::book::Verified;
use super::{ReceiverBehaviour, ReceiverState};

/// How long to wait after a failed accept before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

pub(super) async fn accept_all(listener: StdListener, state: Arc<ReceiverState>) {
    // It is fresh and non-blocking, so that the runtime takes it.
    let Ok(listener) = TcpListener::from_std(listener) else {
        return;
    };
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        let _ = stream.set_nodelay(true);
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(move |request| answer(Arc::clone(&state), request));
            // A client that goes away is no error of ours.
            let _ = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

async fn answer(
    state: Arc<ReceiverState>,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return Ok(plain(400, "the body broke off\n"));
    };
    let body = body.to_bytes();
    if let Some(path) = parts.uri.path().strip_prefix("/_control/") {
        return Ok(control(&state, &parts, path, &body));
    }
    let Some(behaviour) = received(&state, &parts, &body) else {
        return Ok(plain(401, "no signature of a secret that is known here\n"));
    };
    if behaviour.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(behaviour.delay_ms)).await;
    }
    let mut answer = Response::builder().status(behaviour.status);
    for (name, value) in behaviour
        .headers
        .iter()
        .filter_map(|line| line.split_once(':'))
    {
        answer = answer.header(name, value.trim());
    }
    let answer = answer.body(Full::from(behaviour.body));
    Ok(answer.unwrap_or_else(|_| plain(500, "the behaviour is no answer\n")))
}

/// Writes down what came; how it is answered, if it is signed as it should be.
fn received(state: &ReceiverState, parts: &Parts, body: &[u8]) -> Option<ReceiverBehaviour> {
    let secrets = state.lock().secrets.clone();
    let is_signed = secrets
        .iter()
        .any(|secret| verifies(secret, &parts.headers, body));
    let mut inner = state.lock();
    if !is_signed {
        inner.book.invalid();
        return None;
    }
    let mut behaviour = inner.behaviour.clone();
    match &mut inner.behaviour.first {
        Some(0) => behaviour = ReceiverBehaviour::default(),
        Some(left) => *left -= 1,
        None => {}
    }
    let header = |name| {
        parts
            .headers
            .get(name)
            .and_then(|value| value.to_str().ok())
    };
    let verified = Verified {
        id: header("webhook-id").unwrap_or_default(),
        timestamp: header("webhook-timestamp").unwrap_or_default(),
        signatures: header("webhook-signature")
            .unwrap_or_default()
            .split(' ')
            .count(),
        body,
    };
    let is_accepted = (200..=299).contains(&behaviour.status);
    inner.book.told_of(&verified, is_accepted);
    Some(behaviour)
}

fn verifies(secret: &str, headers: &HeaderMap, body: &[u8]) -> bool {
    Webhook::new(secret).is_ok_and(|judge| judge.verify(body, headers).is_ok())
}

fn control(state: &ReceiverState, parts: &Parts, path: &str, body: &[u8]) -> Response<Full<Bytes>> {
    match (&parts.method, path) {
        (&Method::GET, "stats") => json(&state.lock().book.stats()),
        (&Method::GET, "ledger") => json(&state.lock().book.told()),
        (&Method::GET, "behaviour") => json(&state.lock().behaviour),
        (&Method::PUT, "behaviour") => match serde_json::from_slice(body) {
            Ok(behaviour) => {
                state.lock().behaviour = behaviour;
                plain(204, "")
            }
            Err(error) => plain(400, &format!("{error}\n")),
        },
        (&Method::PUT, "secrets") => match serde_json::from_slice(body) {
            Ok(secrets) => {
                state.lock().secrets = secrets;
                plain(204, "")
            }
            Err(error) => plain(400, &format!("{error}\n")),
        },
        _ => plain(404, "GET stats, ledger; GET|PUT behaviour; PUT secrets\n"),
    }
}

fn json(value: &impl serde::Serialize) -> Response<Full<Bytes>> {
    let text = serde_json::to_string(value).unwrap_or_default();
    plain(200, &format!("{text}\n"))
}

fn plain(status: u16, text: &str) -> Response<Full<Bytes>> {
    let mut answer = Response::new(Full::from(text.to_owned()));
    *answer.status_mut() = status.try_into().unwrap_or_default();
    answer
}
