//! Publishing by HTTP: single calls or batches, over connections that stay open.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde::Deserialize;
use serde::de::IgnoredAny;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout};

use super::{Draft, Expectations, Pace, Plan, Progress, Published};
use crate::ledger::new_histogram;

/// No answer within this time is a failure.
const ANSWERED_WITHIN: Duration = Duration::from_secs(15);

/// Publishes to engines in turn. Clones share the list of them.
#[derive(Clone, Debug)]
pub struct HttpPublisher {
    client: Client<HttpConnector, Full<Bytes>>,
    key: Arc<str>,
    engines: Arc<Mutex<Vec<String>>>,
    turn: Arc<AtomicUsize>,
}

/// How a load is published by HTTP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByHttp {
    /// Calls at the same time.
    pub connections: usize,
    /// Notifications in each call; one is a single call.
    pub batch: usize,
}

#[derive(Deserialize)]
struct BatchAnswer {
    results: Vec<BatchResult>,
}

#[derive(Deserialize)]
struct BatchResult {
    id: Option<IgnoredAny>,
}

impl HttpPublisher {
    /// A publisher with a key, to these engines (`http://host:port`).
    #[must_use]
    pub fn new(key: &str, engines: Vec<String>, connections: usize) -> Self {
        let client = Client::builder(TokioExecutor::new())
            .pool_max_idle_per_host(connections)
            .build_http();
        Self {
            client,
            key: key.into(),
            engines: Arc::new(Mutex::new(engines)),
            turn: Arc::default(),
        }
    }

    /// The engines are these from now on.
    pub fn goes_to(&self, engines: Vec<String>) {
        *self.engines.lock().unwrap_or_else(PoisonError::into_inner) = engines;
    }

    fn next(&self) -> Option<String> {
        let engines = self.engines.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = self.turn.fetch_add(1, Ordering::Relaxed);
        engines.get(turn % engines.len().max(1)).cloned()
    }

    /// Posts one message: whether it is accepted.
    ///
    /// # Errors
    /// When no engine answers.
    pub async fn post(&self, draft: &Draft) -> Result<bool> {
        let body = Bytes::copy_from_slice(&draft.body);
        let (status, _) = self.call("/v1/notifications", body).await?;
        Ok(status == 202)
    }

    /// Posts several in one call: which of them are accepted.
    ///
    /// # Errors
    /// When no engine answers, or not with a result for each.
    pub async fn post_all(&self, drafts: &[Draft]) -> Result<Vec<bool>> {
        let mut body = b"{\"notifications\":[".to_vec();
        for (at, draft) in drafts.iter().enumerate() {
            body.extend(if at > 0 { &b","[..] } else { b"" });
            body.extend_from_slice(&draft.body);
        }
        body.extend(b"]}");
        let (status, answer) = self.call("/v1/notifications/batch", body.into()).await?;
        if status != 207 {
            bail!("{status}: {}", String::from_utf8_lossy(&answer));
        }
        let answer: BatchAnswer = serde_json::from_slice(&answer)?;
        ensure!(answer.results.len() == drafts.len(), "a result for each");
        let results = answer.results.iter();
        Ok(results.map(|result| result.id.is_some()).collect())
    }

    async fn call(&self, path: &str, body: Bytes) -> Result<(u16, Bytes)> {
        let engine = self.next().context("no engine to publish to")?;
        let request = Request::post(format!("{engine}{path}"))
            .header("authorization", format!("Bearer {}", self.key))
            .header("content-type", "application/json")
            .body(Full::new(body))?;
        let call = async {
            let answer = self.client.request(request).await?;
            let status = answer.status().as_u16();
            anyhow::Ok((status, answer.into_body().collect().await?.to_bytes()))
        };
        timeout(ANSWERED_WITHIN, call).await.context("no answer")?
    }

    /// Publishes `count` messages of `plan` at `pace`, over so many connections.
    ///
    /// # Errors
    /// When no engine answers; single refusals are counted in the result instead.
    pub async fn run(
        &self,
        plan: &mut Plan,
        count: u64,
        pace: Pace,
        by: ByHttp,
        progress: &Arc<Progress>,
    ) -> Result<Published> {
        let (drafts, waiting) = mpsc::channel::<Draft>(by.connections * by.batch);
        let waiting = Arc::new(tokio::sync::Mutex::new(waiting));
        let first = plan.first();
        let callers: Vec<_> = (0..by.connections)
            .map(|_| {
                let (publisher, waiting) = (self.clone(), Arc::clone(&waiting));
                let progress = Arc::clone(progress);
                tokio::spawn(async move {
                    let mut published = Published {
                        expected: Expectations::starting_at(first),
                        ..Published::default()
                    };
                    publisher
                        .keep_calling(&waiting, by.batch, &mut published, &progress)
                        .await;
                    published
                })
            })
            .collect();
        let began = Instant::now();
        for number in 0..count {
            if pace.is_over() {
                break;
            }
            let draft = plan.draft(pace.due(number).await);
            drafts.send(draft).await.context("every caller has ended")?;
        }
        drop(drafts);
        let mut all = Published {
            expected: Expectations::starting_at(first),
            ..Published::default()
        };
        for caller in callers {
            all.add(caller.await.context("a caller")?);
        }
        all.answered_in = began.elapsed();
        Ok(all)
    }

    async fn keep_calling(
        &self,
        waiting: &tokio::sync::Mutex<mpsc::Receiver<Draft>>,
        batch: usize,
        published: &mut Published,
        progress: &Progress,
    ) {
        let mut drafts = Vec::with_capacity(batch);
        loop {
            drafts.clear();
            if waiting.lock().await.recv_many(&mut drafts, batch).await == 0 {
                return;
            }
            let many = drafts.len() as u64;
            progress.published.fetch_add(many, Ordering::Relaxed);
            published.published += many;
            let called = Instant::now();
            let accepted = match (drafts.as_slice(), batch) {
                ([draft], 1) => self.post(draft).await.map(|accepted| vec![accepted]),
                (drafts, _) => self.post_all(drafts).await,
            };
            let micros = u64::try_from(called.elapsed().as_micros()).unwrap_or(u64::MAX);
            let answers = published.answer_micros.get_or_insert_with(new_histogram);
            answers.saturating_record(micros);
            let accepted = accepted.unwrap_or_else(|error| {
                published
                    .first_error
                    .get_or_insert_with(|| error.to_string());
                vec![false; drafts.len()]
            });
            for (draft, accepted) in drafts.iter().zip(accepted) {
                if accepted {
                    published.confirmed += 1;
                    progress.confirmed.fetch_add(1, Ordering::Relaxed);
                    published
                        .expected
                        .add(draft.sequence, draft.lane, draft.acceptances);
                } else {
                    published.failed += 1;
                    let words = || "a notification was not accepted".to_owned();
                    published.first_error.get_or_insert_with(words);
                }
            }
        }
    }
}
