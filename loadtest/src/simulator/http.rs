//! The server of the HTTP providers: read a request whole, have it judged, behave by the script.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::LOCATION;
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::answer::{Answer, AnswerBody};
use super::behaviour::Decision;
use super::control;
use super::counters::{Counters, Recorded};
use super::fault::{Fault, latin1};
use super::judge::{Inbound, Judge, Refusal, Verdict};
use super::state::{LastAnswer, State, Unanswered, garbage};
use super::wire::{Tune, Wire};
use crate::ledger::Acceptance;
use crate::marker::Marker;

/// The endpoint name of a token request.
const TOKEN: &str = "token";
/// The largest body that is read; providers allow 30 MB at most.
const LARGEST_BODY: usize = 31_000_000;
/// How long to wait after a failed accept (out of file descriptors) before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(10);

/// The connection is to be closed without an answer.
#[derive(Debug)]
struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the script closes the connection without an answer")
    }
}

impl std::error::Error for Cut {}

/// Hands each connection to `serve`, for ever.
pub(crate) async fn accept_all<F>(
    listener: TcpListener,
    state: Arc<State>,
    serve: impl Fn(TcpStream) -> F,
) where
    F: Future<Output = ()> + Send + 'static,
{
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                Counters::add(&state.counters.connections, 1);
                tokio::spawn(serve(stream));
            }
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// Serves one connection of an HTTP provider until it ends.
pub(crate) async fn serve(stream: TcpStream, state: Arc<State>, judge: Arc<dyn Judge>) {
    let (wire, tune) = Wire::new(stream);
    let peer = Arc::new(Peer {
        state,
        judge,
        tune,
        last: LastAnswer::default(),
    });
    let service = service_fn({
        let peer = peer.clone();
        move |request| answer(peer.clone(), request)
    });
    // A client that goes away, or a cut that the script asked for, is no error of ours.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service)
        .await;
    if peer.tune.was_reset() {
        peer.last.was_lost(&peer.state);
    }
}

/// What the requests of one connection share.
struct Peer {
    state: Arc<State>,
    judge: Arc<dyn Judge>,
    tune: Arc<Tune>,
    last: LastAnswer,
}

/// Serves one connection that takes control requests only.
pub(crate) async fn serve_control(stream: TcpStream, state: Arc<State>) {
    let (wire, _) = Wire::new(stream);
    let service = service_fn(move |request: Request<Incoming>| {
        let state = state.clone();
        async move {
            let (parts, body) = request.into_parts();
            let answer = match read(body).await {
                Some(body) => control::answer(&state, &parts.method, parts.uri.path(), &body),
                None => Answer::text(413, "body too large\n"),
            };
            Ok::<_, Cut>(answer.into_response())
        }
    });
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(wire), service)
        .await;
}

async fn read(body: Incoming) -> Option<Bytes> {
    let read = Limited::new(body, LARGEST_BODY).collect().await.ok()?;
    Some(read.to_bytes())
}

async fn answer(peer: Arc<Peer>, request: Request<Incoming>) -> Result<Response<AnswerBody>, Cut> {
    let Peer {
        state,
        judge,
        tune,
        last,
    } = &*peer;
    last.was_read();
    tune.dribble(0);
    let (parts, body) = request.into_parts();
    let body = read(body).await;
    if control::owns(parts.uri.path()) {
        let body = body.unwrap_or_default();
        let answer = control::answer(state, &parts.method, parts.uri.path(), &body);
        return Ok(answer.into_response());
    }
    Counters::add(&state.counters.requests, 1);
    let Some(body) = body else {
        Counters::add(&state.counters.malformed, 1);
        return Ok(judge.error(413).into_response());
    };
    state.records.keep(|| recorded(&parts, &body));
    let inbound = Inbound {
        method: &parts.method,
        path: parts.uri.path(),
        headers: &parts.headers,
        body: &body,
    };
    let (endpoint, acceptances, answer) = match judge.judge(&inbound) {
        Verdict::Accept {
            mut acceptances,
            answer,
        } => {
            complete(&mut acceptances, &inbound);
            ("send", acceptances, answer)
        }
        Verdict::Serve { endpoint, answer } => (endpoint, Vec::new(), answer),
        Verdict::Refuse {
            refusal,
            answer,
            why,
        } => {
            count_refusal(state, &parts, refusal, why);
            return Ok(answer.into_response());
        }
    };
    let decision = state.decide(endpoint, &acceptances);
    state.accept(&acceptances, &decision);
    if endpoint == TOKEN && decision.fault.is_none() {
        Counters::add(&state.counters.tokens_issued, 1);
    }
    if !decision.wait.is_zero() {
        // With a fault the ledger knows already whether the answer is lost.
        let told = decision.accepted && decision.fault.is_none();
        let acceptances = if told { acceptances } else { Vec::new() };
        let unanswered = Unanswered::new(state.clone(), acceptances);
        tokio::time::sleep(decision.wait).await;
        unanswered.answered(last);
    }
    misbehave(&**judge, tune, &inbound, &decision, answer).await
}

/// Fills in what the provider's own fields did not carry: the engine's header, the marker.
fn complete(acceptances: &mut [Acceptance], inbound: &Inbound<'_>) {
    let mut found = None;
    for acceptance in acceptances {
        if acceptance.notification_id.is_none() {
            acceptance.notification_id = inbound.notification_id();
        }
        if acceptance.marker.is_none() {
            acceptance.marker = *found.get_or_insert_with(|| Marker::find(inbound.body));
        }
    }
}

fn count_refusal(state: &State, parts: &Parts, refusal: Refusal, why: String) {
    let counter = match refusal {
        Refusal::Malformed => &state.counters.malformed,
        Refusal::Unauthorized => &state.counters.unauthorized,
        Refusal::Recipient => &state.counters.refused,
    };
    Counters::add(counter, 1);
    if refusal != Refusal::Recipient {
        state
            .counters
            .note(format!("{} {}: {why}", parts.method, parts.uri.path()));
    }
}

async fn misbehave(
    judge: &dyn Judge,
    tune: &Tune,
    inbound: &Inbound<'_>,
    decision: &Decision,
    answer: Answer,
) -> Result<Response<AnswerBody>, Cut> {
    let Some(fault) = &decision.fault else {
        return Ok(answer.into_response());
    };
    match fault {
        Fault::Status {
            status,
            retry_after_seconds,
            body,
        } => {
            let error = match body {
                Some(body) => Answer::text(*status, body.clone()),
                None => judge.error_about(*status, &decision.culprits, inbound),
            };
            let error = error.retry_after(*retry_after_seconds);
            let error = match status {
                300..=399 => error.header(LOCATION, "https://elsewhere.invalid/"),
                _ => error,
            };
            Ok(error.into_response())
        }
        Fault::Hang => std::future::pending().await,
        Fault::Reset => {
            tune.reset_at_end();
            Err(Cut)
        }
        Fault::DropAnswer => Err(Cut),
        Fault::Garbage { .. } => Ok(answer
            .body(garbage(fault).unwrap_or_default())
            .into_response()),
        Fault::Dribble { every_ms } => {
            tune.dribble(*every_ms);
            Ok(answer.into_response())
        }
        Fault::Latin1 { line } => Ok(answer.body(latin1(line)).into_response()),
        Fault::HugeBody { bytes } => Ok(answer.into_flood(*bytes)),
    }
}

fn recorded(parts: &Parts, body: &Bytes) -> Recorded {
    Recorded {
        method: parts.method.to_string(),
        path: parts
            .uri
            .path_and_query()
            .map(ToString::to_string)
            .unwrap_or_default(),
        headers: parts
            .headers
            .iter()
            .map(|(name, value)| {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                (name.to_string(), value)
            })
            .collect(),
        body: body.to_vec(),
    }
}

/// The base address of a server on this machine.
pub(crate) fn base_url(address: SocketAddr) -> String {
    format!("http://{address}")
}
