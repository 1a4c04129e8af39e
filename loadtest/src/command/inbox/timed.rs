//! Calls that are timed, over a connection that stays open.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// Longest time that is told apart, in microseconds: a minute.
const LONGEST: u64 = 60_000_000;

/// Asks an engine, and notes how long each answer takes.
pub(in crate::command) struct TimedCalls {
    client: Client<HttpConnector, Full<Bytes>>,
    engine: String,
}

impl TimedCalls {
    /// Of an engine, `http://host:port`.
    pub(in crate::command) fn new(engine: String) -> Self {
        let client = Client::builder(TokioExecutor::new()).build_http();
        Self { client, engine }
    }

    /// Asks for a path with a header, and reads the answer to its end.
    pub(in crate::command) async fn get(
        &self,
        path: &str,
        (name, value): (&str, &str),
        times: &mut Histogram<u64>,
    ) -> Result<()> {
        let request = Request::get(format!("{}{path}", self.engine)).header(name, value);
        let request = request.body(Full::new(Bytes::new()))?;
        let began = Instant::now();
        let answer = self.client.request(request).await.context("asking")?;
        let (head, body) = answer.into_parts();
        let body = body.collect().await?.to_bytes();
        let took = u64::try_from(began.elapsed().as_micros()).unwrap_or(LONGEST);
        let text = String::from_utf8_lossy(&body);
        ensure!(head.status == 200, "{path}: {} {text}", head.status);
        times.saturating_record(took);
        Ok(())
    }
}

/// No times yet.
pub(in crate::command) fn times() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST, 3)?)
}

/// Half, 95 and 99 of 100, and the longest, in milliseconds.
pub(in crate::command) fn told(times: &Histogram<u64>) -> String {
    let at = |quantile| times.value_at_quantile(quantile) as f64 / 1_000.0;
    let longest = times.max() as f64 / 1_000.0;
    format!(
        "p50 {:.2} ms, p95 {:.2} ms, p99 {:.2} ms, longest {longest:.2} ms",
        at(0.5),
        at(0.95),
        at(0.99),
    )
}
